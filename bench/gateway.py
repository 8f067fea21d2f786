"""CPU of the gateway per request and per streamed chunk, beside nginx as a plain reverse proxy, in one run.

    python bench/gateway.py [--rounds 3] [--seconds 4] [--json FILE]

The gateway under test is pinned to core 0; the model server and the load generator share core 1. CPU is user
and system time of the whole process tree from /proc, divided by what the load generator completed, because
that figure survives a noisy machine; latencies are shown for a fixed rate. nginx and Tidegate take turns, and
each figure is the median over rounds. Tidegate has its whole path on: key, assignment, prompt and parameter
insertion, observation, metrics. Loopback only; everything started here is stopped here.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HERE = Path(__file__).parent
KEY = "bench-key-0123456789abcdef"
TICK = os.sysconf("SC_CLK_TCK")

CASES: dict[str, tuple[str, list[str]]] = {
    "json": ("32 connections, ordinary prompt", ["--connections", "32"]),
    "large": ("32 connections, 56 KB prompt", ["--connections", "32", "--large"]),
    "stream": ("64 streams, 5 ms between chunks", ["--connections", "64", "--stream"]),
    "streams": ("256 streams, 5 ms between chunks", ["--connections", "256", "--stream"]),
    "rate": ("200 requests/s, Poisson", ["--connections", "64", "--rate", "200"]),
}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def tree(root: int) -> list[int]:
    children: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parent = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, IndexError):
                continue
            children.setdefault(parent, []).append(int(entry.name))
    found, todo = [], [root]
    while todo:
        pid = todo.pop()
        found.append(pid)
        todo += children.get(pid, [])
    return found


def cpu_seconds(root: int) -> float:
    total = 0
    for pid in tree(root):
        try:
            total += sum(map(int, Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]))
        except OSError:
            continue
    return total / TICK


def resident_mb(root: int) -> float:
    kilobytes = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    return kilobytes / 1024


@contextmanager
def running(core: int, command: list[str], port: int, folder: Path) -> Iterator[tuple[int, float]]:
    """Start a server on a core; gives its pid and the seconds until it accepted a connection."""
    begun = time.perf_counter()
    log = (folder / f"{port}.log").open("wb")
    process = subprocess.Popen(["taskset", "-c", str(core), *command], stdout=log, stderr=log, cwd=folder)
    try:
        while True:
            if process.poll() is not None:
                sys.exit(f"{command[0]} ended with {process.returncode}:\n{(folder / f'{port}.log').read_text()}")
            try:
                socket.create_connection(("127.0.0.1", port), 0.2).close()
                break
            except OSError:
                time.sleep(0.005)
            if time.perf_counter() - begun > 20:
                sys.exit(f"{command[0]} did not listen on {port}:\n{(folder / f'{port}.log').read_text()}")
        yield process.pid, time.perf_counter() - begun
    finally:
        process.send_signal(signal.SIGTERM)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        log.close()


def load(port: int, arguments: list[str], seconds: float) -> dict[str, float]:
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "load.py"), str(port), "--key", KEY]
    done = subprocess.run(
        [*command, *arguments, "--seconds", str(seconds)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(done.stderr)
    return json.loads(done.stdout)


def measure(pid: int, port: int, case: str, seconds: float) -> dict[str, float]:
    load(port, CASES[case][1], 0.7)
    before = cpu_seconds(pid)
    result = load(port, CASES[case][1], seconds)
    used = cpu_seconds(pid) - before
    if result["errors"]:
        sys.exit(f"{case}: {result['errors']} errors; a figure over errors means nothing")
    per = result["events"] if "stream" in case else result["done"]
    return {
        "cpu_us": 1e6 * used / per,
        "rss_mb": resident_mb(pid),
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
    }


def nginx_command(port: int, upstream: int, folder: Path) -> list[str]:
    text = (HERE / "nginx.conf").read_text().replace("@PORT@", str(port)).replace("@UPSTREAM@", str(upstream))
    (folder / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", f"{folder}/", "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--cases", default=",".join(CASES))
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases = options.cases.split(",")
    figures: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        upstream = free_port()
        with running(1, [sys.executable, str(HERE / "upstream.py"), str(upstream)], upstream, folder):
            for _ in range(options.rounds):
                for server in ("nginx", "tidegate"):
                    port = free_port()
                    command = (
                        nginx_command(port, upstream, folder)
                        if server == "nginx"
                        else [
                            sys.executable,
                            str(HERE / "gateway_process.py"),
                            "--port",
                            str(port),
                            "--upstream",
                            f"http://127.0.0.1:{upstream}/v1",
                            "--key",
                            KEY,
                        ]
                    )
                    with running(0, command, port, folder) as (pid, start):
                        figures.setdefault((server, "start", "seconds"), []).append(start)
                        for case in cases:
                            for figure, value in measure(pid, port, case, options.seconds).items():
                                figures.setdefault((server, case, figure), []).append(value)
    medians = {key: statistics.median(values) for key, values in figures.items()}
    report(medians, cases)
    if options.json:
        options.json.write_text(
            json.dumps({"/".join(key): round(value, 3) for key, value in medians.items()}, indent=1) + "\n"
        )


def report(medians: dict[tuple[str, str, str], float], cases: list[str]) -> None:
    print("| case | figure | nginx | tidegate | ratio |\n|---|---|---|---|---|")
    for case in cases:
        unit = "chunk" if "stream" in case else "request"
        n, t = medians["nginx", case, "cpu_us"], medians["tidegate", case, "cpu_us"]
        print(f"| {CASES[case][0]} | CPU µs per {unit} | {n:.1f} | {t:.1f} | {t / n:.2f} |")
        if case == "rate":
            for figure, label in (("p50_us", "p50 µs"), ("p99_us", "p99 µs")):
                n, t = medians["nginx", case, figure], medians["tidegate", case, figure]
                print(f"| {CASES[case][0]} | {label} | {n:.0f} | {t:.0f} | {t / n:.2f} |")
        if case == "streams":
            n, t = medians["nginx", case, "rss_mb"], medians["tidegate", case, "rss_mb"]
            print(f"| {CASES[case][0]} | RSS MB | {n:.0f} | {t:.0f} | |")
    n, t = medians["nginx", "start", "seconds"], medians["tidegate", "start", "seconds"]
    print(f"| start | seconds until it accepts | {n:.2f} | {t:.2f} | |")


if __name__ == "__main__":
    main()
