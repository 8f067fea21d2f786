"""CPU of the gateway per request and per streamed chunk, beside nginx as a plain reverse proxy, in one run.

    python bench/gateway.py [--rounds 3] [--seconds 4] [--tls] [--json FILE]

The gateway under test is pinned to core 0; the model server and the load generator share core 1. CPU is user
and system time of the whole process tree from /proc, divided by what the load generator completed, because
that figure survives a noisy machine; latencies are shown for a fixed rate. nginx and Tidegate take turns, and
each figure is the median over rounds. Tidegate has its whole path on: key, assignment, prompt and parameter
insertion, observation, metrics. Loopback only; everything started here is stopped here.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from pathlib import Path

from measuring import (
    OWN_CASES,
    BenchError,
    Certificate,
    free_port,
    measure,
    nginx_command,
    running,
    tidegate_command,
    upstream_command,
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--cases", default=",".join(OWN_CASES))
    parser.add_argument("--tls", action="store_true", help="the model server speaks TLS, and both verify it")
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    cases = options.cases.split(",")
    try:
        figures = figures_of(cases, options.rounds, options.seconds, is_tls=options.tls)
    except BenchError as error:
        sys.exit(str(error))
    medians = {key: statistics.median(values) for key, values in figures.items()}
    report(medians, cases)
    if options.json:
        options.json.write_text(
            json.dumps({"/".join(key): round(value, 3) for key, value in medians.items()}, indent=1) + "\n"
        )


def figures_of(
    cases: list[str], rounds: int, seconds: float, *, is_tls: bool
) -> dict[tuple[str, str, str], list[float]]:
    """Every figure of every round, by (server, case, figure)."""
    figures: dict[tuple[str, str, str], list[float]] = {}
    with tempfile.TemporaryDirectory(prefix="tidegate-bench-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        upstream = free_port()
        tls = Certificate.made(folder) if is_tls else None
        with running(1, upstream_command(upstream, tls), upstream, folder):
            for _ in range(rounds):
                for server in ("nginx", "tidegate"):
                    port = free_port()
                    is_nginx = server == "nginx"
                    command = (
                        nginx_command(port, upstream, folder, tls)
                        if is_nginx
                        else tidegate_command(port, upstream, tls)
                    )
                    with running(0, command, port, folder) as (pid, start):
                        figures.setdefault((server, "start", "seconds"), []).append(start)
                        for case in cases:
                            for figure, value in measure(pid, port, case, seconds).items():
                                figures.setdefault((server, case, figure), []).append(value)
    return figures


def report(medians: dict[tuple[str, str, str], float], cases: list[str]) -> None:
    print("| case | figure | nginx | tidegate | ratio |\n|---|---|---|---|---|")
    for case in cases:
        unit = "chunk" if "stream" in case else "request"
        n, t = medians["nginx", case, "cpu_us"], medians["tidegate", case, "cpu_us"]
        print(f"| {OWN_CASES[case][0]} | CPU µs per {unit} | {n:.1f} | {t:.1f} | {t / n:.2f} |")
        if case == "rate":
            for figure, label in (("p50_us", "p50 µs"), ("p99_us", "p99 µs")):
                n, t = medians["nginx", case, figure], medians["tidegate", case, figure]
                print(f"| {OWN_CASES[case][0]} | {label} | {n:.0f} | {t:.0f} | {t / n:.2f} |")
        if case in {"streams", "slow_stream"}:
            n, t = medians["nginx", case, "peak_mb"], medians["tidegate", case, "peak_mb"]
            print(f"| {OWN_CASES[case][0]} | RSS MB, the highest so far | {n:.0f} | {t:.0f} | |")
    n, t = medians["nginx", "start", "seconds"], medians["tidegate", "start", "seconds"]
    print(f"| start | seconds until it accepts | {n:.2f} | {t:.2f} | |")


if __name__ == "__main__":
    main()
