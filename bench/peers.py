"""CPU, latency, memory and start of other gateways beside nginx and Tidegate, in one run.

    python bench/peers.py [--install] [--rounds 2] [--seconds 3] [--only Envoy,LiteLLM] [--write docs/explanation/peers.md]

The same cases and the same way of measuring as bench/gateway.py. A server that cannot be installed or does not
answer stands in the table with its reason. Loopback only; everything started here is stopped here.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from pathlib import Path

from measuring import (
    CASES,
    BenchError,
    cpu_seconds,
    free_port,
    load,
    machine_cpu_seconds,
    measure,
    running,
    upstream_command,
)
from peer_report import Measured, page
from peer_servers import SERVERS, Server, Start

START_LIMIT_SECONDS = 90.0
SETTLE_SECONDS = 15.0


def settle(pid: int) -> None:
    """Wait until a server has nothing left to do, so that no case pays for streams that an earlier one abandoned."""
    end = time.monotonic() + SETTLE_SECONDS
    while time.monotonic() < end:
        before = cpu_seconds(pid)
        time.sleep(0.3)
        if cpu_seconds(pid) - before < 0.03:
            return


def run_round(measured: Measured, upstream: int, folder: Path, seconds: float) -> None:
    """Start one server, put every case to it, stop it."""
    server = measured.server
    start = Start(free_port(), upstream, folder)
    with running(
        0,
        server.command(start),
        start.port,
        folder,
        environment=server.environment,
        start_limit_seconds=START_LIMIT_SECONDS,
        port_file=start.port_file if server.chooses_port else None,
    ) as (pid, started):
        measured.add("start", "seconds", started)
        port = int(start.port_file.read_text()) if server.chooses_port else start.port
        asking = server.asking(upstream)
        load(port, [*CASES["json"][1], *asking], 2 * server.warm_up_seconds)  # what is imported on first use
        settle(pid)
        for case in CASES:
            try:
                load(port, [*CASES[case][1], *asking], server.warm_up_seconds)
                settle(pid)
                figures = measure(pid, port, case, seconds * server.patience, asking, warm_up_seconds=0)
            except BenchError as error:
                measured.reasons[case] = str(error)
                settle(pid)
                continue
            for figure, value in figures.items():
                measured.add(case, figure, value)
            settle(pid)


def run(servers: list[Server], rounds: int, seconds: float) -> tuple[list[Measured], float]:
    """Everything measured, and the cores that others kept busy meanwhile (mean)."""
    results = [Measured(server) for server in servers]
    began, machine, own = time.monotonic(), machine_cpu_seconds(), sum(os.times()[:4])
    with tempfile.TemporaryDirectory(prefix="tidegate-peers-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        upstream = free_port()
        with running(1, upstream_command(upstream), upstream, folder):
            for _ in range(rounds):
                for measured in results:
                    if measured.server.missing:
                        measured.reasons["start"] = measured.server.missing
                        continue
                    print(f"{measured.server.name} …", file=sys.stderr, flush=True)
                    try:
                        run_round(measured, upstream, folder, seconds)
                    except BenchError as error:
                        measured.reasons["start"] = str(error)
    # times() counts this process and its children that ended, which by now are all servers and loads
    others = (machine_cpu_seconds() - machine) - (sum(os.times()[:4]) - own)
    return results, others / (time.monotonic() - began)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--install", action="store_true", help="make the scratch environments that are missing")
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--only", default="", help="names, with commas between them")
    parser.add_argument("--write", type=Path, help="write the page here, too")
    options = parser.parse_args()
    names = set(filter(None, options.only.split(",")))
    servers = [server for server in SERVERS if not names or server.name in names]
    if options.install:
        for server in servers:
            server.install()
    results, others = run(servers, options.rounds, options.seconds)
    text = page(results, rounds=options.rounds, seconds=options.seconds, others=others)
    print(text)
    if options.write:
        options.write.write_text(text)


if __name__ == "__main__":
    main()
