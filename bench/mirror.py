"""What users pay for a mirror: CPU and latency of their requests with no copies, with 10 %, and with 10 % to a candidate
that never answers.

    python bench/mirror.py [--rounds 3] [--seconds 4]

At a fixed rate copies are made and the CPU of the process is theirs too; with all connections busy the gateway sheds
them and users keep what there is. Gateway on core 0, model server and load on core 1; medians over rounds, in turns.
"""

from __future__ import annotations

import argparse
import re
import socket
import statistics
import sys
import tempfile
import threading
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from measuring import BenchError, free_port, measure, running, tidegate_command, upstream_command

CASES = ("rate", "json")
TITLES = {"rate": "200 requests/s, Poisson", "json": "32 connections, as fast as they can"}
MODES = ("no copies", "10 % copied", "10 % copied to a candidate that hangs")
_RESULT = re.compile(r'tidegate_mirrors_total\{.*result="(\w+)"\} (\d+)')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    options = parser.parse_args()
    try:
        figures = figures_of(options.rounds, options.seconds)
    except BenchError as error:
        sys.exit(str(error))
    print("| load | mirror | CPU µs per request | p50 µs | p99 µs | requests/s | copies, and requests left out |")
    print("|---|---|---|---|---|---|---|")
    for case in CASES:
        for mode in MODES:
            found = figures[case, mode]
            median = {name: statistics.median(each[name] for each, _ in found) for name in found[0][0]}
            told = ", ".join(f"{name} {count}" for name, count in sorted(found[-1][1].items())) or "none"
            print(
                f"| {TITLES[case]} | {mode} | {median['cpu_us']:.1f} | {median['p50_us']:.0f} | {median['p99_us']:.0f} "
                f"| {median['per_second']:.0f} | {told} |"
            )


Found = list[tuple[dict[str, float], dict[str, int]]]


def figures_of(rounds: int, seconds: float) -> dict[tuple[str, str], Found]:
    figures: dict[tuple[str, str], Found] = {(case, mode): [] for case in CASES for mode in MODES}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name, hanging() as hole:
        folder, upstream = Path(name), free_port()
        with running(1, upstream_command(upstream), upstream, folder):
            for _ in range(rounds):
                for mode, more in zip(MODES, (["0"], ["1000"], ["1000", "--mirror-upstream", hole]), strict=True):
                    for case in CASES:
                        port = free_port()
                        command = [*tidegate_command(port, upstream), "--mirror", *more]
                        with running(0, command, port, folder) as (pid, _start):
                            found = measure(pid, port, case, seconds)
                            figures[case, mode].append((found, results(port)))
    return figures


def results(port: int) -> dict[str, int]:
    """What became of the sampled requests."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5).read().decode()
    return {result: int(count) for result, count in _RESULT.findall(page)}


@contextmanager
def hanging() -> Iterator[str]:
    """A server that takes every connection and never says a word."""
    with socket.create_server(("127.0.0.1", 0), backlog=1024) as listener:
        held: list[socket.socket] = []

        def take() -> None:
            try:
                while True:
                    held.append(listener.accept()[0])
            except OSError:
                return

        threading.Thread(target=take, daemon=True).start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}/v1"
        for each in held:
            each.close()


if __name__ == "__main__":
    main()
