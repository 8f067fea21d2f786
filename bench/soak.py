"""Minutes of steady load on one gateway worker, watching for what grows.

    python bench/soak.py [--minutes 10] [--share 0.8] [--json FILE]

First a closed loop measures the capacity of one worker, then whole answers and streams arrive by Poisson at a
share of it. Every few seconds a sample is taken: resident memory, open descriptors, pending asyncio tasks of the
gateway, and the latencies of the seconds before. A robust line (the median of the slopes between all pairs of
samples after the warm-up, Theil and Sen) is laid through each; the run fails when one rises by more than noise
explains over the run, or when any request failed. Loopback only; everything started here is stopped here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from measuring import (
    HERE,
    KEY,
    BenchError,
    cpu_seconds,
    free_port,
    load,
    resident_mb,
    running,
    tidegate_command,
    upstream_command,
)

SLICE_SECONDS = 5.0
WARM_UP = 0.25  # of the samples: pools, caches and the allocator fill
STREAM_SHARE = 0.02  # of the whole answers' rate; one stream of 100 chunks costs as much as some forty answers


class Sample(NamedTuple):
    """What was seen at the end of one slice."""

    seconds: float
    memory_mb: float
    descriptors: float
    tasks: float
    cpu_percent: float
    p50_us: float
    p99_us: float


class Watched(NamedTuple):
    """A figure that must not grow, and what it may rise over a whole run without being a leak."""

    name: str
    unit: str
    share: float
    floor: float


WATCHED = (
    Watched("memory_mb", "MB", share=0.05, floor=3.0),
    Watched("descriptors", "", share=0.10, floor=8.0),
    Watched("tasks", "", share=0.10, floor=8.0),
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=10.0)
    parser.add_argument("--share", type=float, default=0.8, help="of the measured capacity")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    try:
        samples, failed = soak(options.minutes, options.share)
    except BenchError as error:
        sys.exit(str(error))
    if options.json:
        options.json.write_text(json.dumps([sample._asdict() for sample in samples], indent=1) + "\n")
    growing = report(samples)
    if failed:
        sys.exit(f"{failed} requests failed")
    if growing:
        sys.exit(f"growing: {', '.join(growing)}")


def soak(minutes: float, share: float) -> tuple[list[Sample], int]:
    """Run it all; the samples and how many requests failed."""
    with tempfile.TemporaryDirectory(prefix="tidegate-soak-") as name:
        folder = Path(name)
        upstream, port = free_port(), free_port()
        with (
            running(1, upstream_command(upstream), upstream, folder),
            running(0, [*tidegate_command(port, upstream), "--tasks-file", str(folder / "tasks")], port, folder) as (
                pid,
                _,
            ),
        ):
            capacity = load(port, ["--connections", "32", "--key", KEY], 4.0)
            per_second = share * capacity["done"] / 4.0
            streams = STREAM_SHARE * per_second
            whole = per_second - 40 * streams
            print(
                f"capacity {capacity['done'] / 4.0:.0f} requests/s; load {whole:.0f} whole and {streams:.0f} streamed a second"
            )
            return _sampled(pid, port, whole, streams, minutes * 60, folder / "tasks")


def _sampled(
    pid: int, port: int, whole: float, streams: float, seconds: float, tasks_file: Path
) -> tuple[list[Sample], int]:
    samples: list[Sample] = []
    failed = 0
    begun = time.monotonic()
    while (elapsed := time.monotonic() - begun) < seconds:
        used, at = cpu_seconds(pid), time.monotonic()
        pair = [
            _start_load(port, ["--connections", "64", "--rate", f"{whole:.1f}"]),
            _start_load(port, ["--connections", "256", "--rate", f"{streams:.1f}", "--stream"]),
        ]
        time.sleep(SLICE_SECONDS * 0.8)
        tasks = float(tasks_file.read_text() or 0)
        descriptors = len(list(Path(f"/proc/{pid}/fd").iterdir()))
        results = [_result(process) for process in pair]
        failed += int(sum(result["errors"] for result in results))
        busy = 100 * (cpu_seconds(pid) - used) / (time.monotonic() - at)
        samples.append(
            Sample(elapsed, resident_mb(pid), descriptors, tasks, busy, results[0]["p50_us"], results[0]["p99_us"])
        )
    return samples, failed


def _start_load(port: int, arguments: list[str]) -> subprocess.Popen[bytes]:
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "load.py"), str(port), "--key", KEY]
    return subprocess.Popen([*command, *arguments, "--seconds", str(SLICE_SECONDS)], stdout=subprocess.PIPE)


def _result(process: subprocess.Popen[bytes]) -> dict[str, float]:
    output, _ = process.communicate()
    if process.returncode:
        raise BenchError(f"the load generator ended with {process.returncode}")
    return json.loads(output)


def report(samples: list[Sample]) -> list[str]:
    """Print the table; gives the names of what grows."""
    print("\n| s | RSS MB | descriptors | tasks | CPU % | p50 µs | p99 µs |\n|---|---|---|---|---|---|---|")
    for sample in samples[:: max(1, len(samples) // 20)]:
        print("| " + " | ".join(f"{value:.0f}" for value in sample) + " |")
    steady = samples[int(len(samples) * WARM_UP) :]
    if len(steady) < 6:
        raise BenchError("too short to tell a trend: run for longer")
    print("\n| figure | median | rises over the run by | may |\n|---|---|---|---|")
    growing = []
    for watched in WATCHED:
        values = [getattr(sample, watched.name) for sample in steady]
        median = statistics.median(values)
        rise = slope([sample.seconds for sample in steady], values) * (steady[-1].seconds - steady[0].seconds)
        allowed = max(watched.floor, watched.share * median)
        print(f"| {watched.name} | {median:.1f} | {rise:+.2f} {watched.unit} | {allowed:.1f} |")
        if rise > allowed:
            growing.append(watched.name)
    return growing


def slope(at: list[float], values: list[float]) -> float:
    """The median of the slopes between all pairs (Theil 1950, Sen 1968): single outliers do not move it."""
    points = list(zip(at, values, strict=True))
    return statistics.median((b[1] - a[1]) / (b[0] - a[0]) for a, b in combinations(points, 2))


if __name__ == "__main__":
    main()
