"""By how much a large body keeps a gateway from everybody else.

    python bench/stall.py [--megabytes 20] [--bodies 8]

Bodies of that size come one after the other while the gateway's loop notes the longest of its turns, in CPU time of
its thread. It fails above 20 ms, which is what the others may have to wait.
"""

from __future__ import annotations

import argparse
import json
import socket
import sys
import tempfile
from pathlib import Path

from measuring import KEY, BenchError, free_port, load, running, tidegate_command, upstream_command

MOST_SECONDS = 0.020
PATIENCE_SECONDS = 120.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--megabytes", type=float, default=20.0)
    parser.add_argument("--bodies", type=int, default=8)
    options = parser.parse_args()
    try:
        usual, longest = longest_turns(int(options.megabytes * 1e6), options.bodies)
    except BenchError as error:
        sys.exit(str(error))
    print(f"longest turn with ordinary requests: {1e3 * usual:.1f} ms of CPU")
    print(f"longest turn with {options.bodies} bodies of {options.megabytes:g} MB: {1e3 * longest:.1f} ms of CPU")
    if longest > MOST_SECONDS:
        sys.exit(f"that is more than {1e3 * MOST_SECONDS:g} ms")


def longest_turns(size: int, bodies: int) -> tuple[float, float]:
    """Seconds, before the large bodies and with them."""
    with tempfile.TemporaryDirectory(prefix="tidegate-stall-") as name:
        folder = Path(name)
        upstream, port, turns = free_port(), free_port(), folder / "turns"
        with (
            running(1, upstream_command(upstream), upstream, folder),
            running(0, [*tidegate_command(port, upstream), "--turns-file", str(turns)], port, folder),
        ):
            load(port, ["--connections", "8", "--key", KEY], 1.0)
            usual = float(turns.read_text())
            for _ in range(bodies):
                send(port, size)
            return usual, float(turns.read_text())


def send(port: int, size: int) -> None:
    """One request of ``size`` bytes.

    Raises:
        BenchError: it was not answered well.
    """
    turns = [{"role": "user", "content": "z" * size}]
    body = json.dumps({"model": "chat-default", "messages": turns}).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: bench\r\nauthorization: Bearer {KEY}\r\nconnection: close\r\n"
    with socket.create_connection(("127.0.0.1", port), PATIENCE_SECONDS) as channel:
        channel.sendall(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
        answer = b"".join(iter(lambda: channel.recv(65_536), b""))
    if not answer.startswith(b"HTTP/1.1 200 "):
        raise BenchError(f"a body of {size} bytes: {answer[:200]!r}")


if __name__ == "__main__":
    main()
