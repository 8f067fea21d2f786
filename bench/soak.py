"""Minutes of steady load on one gateway worker, watching for what grows.

    python bench/soak.py [--minutes 10] [--share 0.8] [--json FILE]

The gateway has one core, the model server and the load generator have the other. First the rate is searched at
which the gateway uses a share of its core (``load_search.py``); then whole answers and streams arrive by Poisson at
that rate until the end, over connections that stay. Every few seconds a sample is taken: CPU, resident memory, open
descriptors and pending asyncio tasks of the gateway, and the latencies of the seconds before. A robust line (the
median of the slopes between all pairs of samples after the warm-up, Theil and Sen) is laid through each; the run
fails when one rises by more than noise explains over the run, when any request failed, or when the gateway was not
kept as busy as it was told. Loopback only; everything started here is stopped here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import combinations
from pathlib import Path
from typing import NamedTuple

from load_search import Seen, find_load
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
PROBE_SECONDS = 1.5
LATE = 0.05  # seconds' worth of arrivals that may wait for a connection: more is a queue that grows
WARM_UP = 0.25  # of the samples: pools, caches and the allocator fill
STREAM_SHARE = 0.02  # of all arrivals; one stream of 100 chunks costs as much as some forty answers
MISSED = 0.10  # of the core, by which the run may be less busy than it was told


Generator = subprocess.Popen[bytes]


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
    problems = [f"growing: {name}" for name in report(samples)]
    if failed:
        problems.append(f"{failed} requests failed")
    busy = statistics.median(sample.cpu_percent for sample in samples) / 100
    if busy < options.share - MISSED:
        problems.append(f"the gateway used {busy:.0%} of its core where {options.share:.0%} were asked for")
    if problems:
        sys.exit("; ".join(problems))


class Bench(NamedTuple):
    """The gateway under load.

    Attributes:
        tasks_file: where it writes the number of its tasks.
    """

    pid: int
    port: int
    tasks_file: Path

    def probe(self, per_second: float) -> Seen:
        """The share of its core that the gateway uses under this load."""
        with loading(self.port, per_second, 4 * PROBE_SECONDS, PROBE_SECONDS) as (whole, streams):
            _next(whole), _next(streams)  # connections stand and streams overlap as they will
            used, at = cpu_seconds(self.pid), time.monotonic()
            for _ in range(2):
                told = [_next(whole), _next(streams)]
            busy = (cpu_seconds(self.pid) - used) / (time.monotonic() - at)
        is_held = sum(figures["waiting"] for figures in told) < LATE * per_second
        print(f"{per_second:,.0f} arrivals/s: {busy:.0%} of the core{'' if is_held else ', too many'}", flush=True)
        return Seen(per_second, busy, is_held)

    def search(self, share: float) -> Seen:
        """Begin with what a closed loop costs per request.

        Raises:
            BenchError: no load keeps the gateway as busy.
        """
        used = cpu_seconds(self.pid)
        done = load(self.port, ["--connections", "32", "--key", KEY], 2 * PROBE_SECONDS)["done"]
        per_request = (cpu_seconds(self.pid) - used) / done
        found = find_load(self.probe, 0.5 * share / per_request, share)
        if found.busy < share - MISSED:
            raise BenchError(
                f"{found.per_second:,.0f} arrivals/s are the most that can be brought, and they keep the gateway busy "
                f"for {found.busy:.0%} of its core: other work has the rest; soak it on a machine at rest"
            )
        return found

    def sample(self, per_second: float, seconds: float) -> tuple[list[Sample], int]:
        """Hold the load; the samples and how many requests failed."""
        samples: list[Sample] = []
        failed, begun = 0, time.monotonic()
        with loading(self.port, per_second, seconds + 4 * SLICE_SECONDS, SLICE_SECONDS) as (whole, streams):
            used, at = cpu_seconds(self.pid), begun
            while at - begun < seconds:
                told = [_next(whole), _next(streams)]
                now, cpu = time.monotonic(), cpu_seconds(self.pid)
                failed += int(sum(figures["errors"] for figures in told))
                samples.append(self._seen(now - begun, 100 * (cpu - used) / (now - at), told[0]))
                used, at = cpu, now
        return samples, failed

    def _seen(self, elapsed: float, busy: float, told: dict[str, float]) -> Sample:
        descriptors = len(list(Path(f"/proc/{self.pid}/fd").iterdir()))
        tasks = float(self.tasks_file.read_text() or 0)
        return Sample(elapsed, resident_mb(self.pid), descriptors, tasks, busy, told["p50_us"], told["p99_us"])


def soak(minutes: float, share: float) -> tuple[list[Sample], int]:
    """Run it all; the samples and how many requests failed."""
    with tempfile.TemporaryDirectory(prefix="tidegate-soak-") as name:
        folder = Path(name)
        upstream, port, tasks = free_port(), free_port(), folder / "tasks"
        gateway = [*tidegate_command(port, upstream), "--tasks-file", str(tasks)]
        with (
            running(1, upstream_command(upstream), upstream, folder),
            running(0, gateway, port, folder) as (pid, _),
        ):
            bench = Bench(pid, port, tasks)
            found = bench.search(share)
            streams = STREAM_SHARE * found.per_second
            print(
                f"held: {found.per_second - streams:,.0f} whole and {streams:,.0f} streamed answers a second",
                flush=True,
            )
            return bench.sample(found.per_second, minutes * 60)


@contextmanager
def loading(port: int, per_second: float, seconds: float, every: float) -> Iterator[tuple[Generator, Generator]]:
    """A generator of whole answers and one of streams, which together bring ``per_second`` arrivals."""
    streams = STREAM_SHARE * per_second
    times = ["--seconds", str(seconds), "--every", str(every)]
    pair = (
        _generator(port, ["--connections", "128", "--rate", f"{per_second - streams:.1f}", *times]),
        _generator(port, ["--connections", "512", "--rate", f"{streams:.1f}", "--stream", *times]),
    )
    try:
        yield pair
    finally:
        for generator in pair:
            generator.terminate()
            generator.communicate()


def _generator(port: int, arguments: list[str]) -> Generator:
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "load.py"), str(port), "--key", KEY]
    return subprocess.Popen([*command, *arguments], stdout=subprocess.PIPE)


def _next(generator: Generator) -> dict[str, float]:
    assert generator.stdout is not None
    line = generator.stdout.readline()
    if not line:
        raise BenchError("the load generator lost a connection that nothing should have closed")
    return json.loads(line)


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
