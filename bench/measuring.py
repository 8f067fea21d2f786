"""Runs servers one at a time on core 0, puts load on them from core 1, and reads what they used.

CPU is user and system time of the whole process tree from /proc, divided by what the load generator
completed, because that figure survives a noisy machine. Everything started here is stopped here.
"""

from __future__ import annotations

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

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


OWN_CASES: dict[str, tuple[str, list[str]]] = {
    **CASES,
    "conversation": ("32 connections, 2,000 messages (230 KB)", ["--connections", "32", "--turns", "2000"]),
    "slow_stream": (
        "1,000 streams, 100 ms between chunks",
        ["--connections", "1000", "--stream", "--user", "slow-0"],
    ),
}
"""Those of the page about peers, and what is measured beside nginx alone."""


class BenchError(Exception):
    """A server that did not start, or answered with errors: there is no figure."""


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


def machine_cpu_seconds() -> float:
    """Seconds that all cores were busy since boot."""
    fields = [int(field) for field in Path("/proc/stat").read_text().splitlines()[0].split()[1:]]
    return (fields[0] + fields[1] + fields[2] + sum(fields[5:8])) / TICK


def resident_mb(root: int) -> float:
    kilobytes = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("Rss:"))
    return kilobytes / 1024


def peak_mb(root: int) -> float:
    """The most it has held since it started."""
    kilobytes = 0
    for pid in tree(root):
        try:
            lines = Path(f"/proc/{pid}/status").read_text().splitlines()
        except OSError:
            continue
        kilobytes += sum(int(line.split()[1]) for line in lines if line.startswith("VmHWM:"))
    return kilobytes / 1024


@contextmanager
def running(
    core: int,
    command: Sequence[str],
    port: int,
    folder: Path,
    *,
    environment: Mapping[str, str] | None = None,
    start_limit_seconds: float = 20.0,
    port_file: Path | None = None,
) -> Iterator[tuple[int, float]]:
    """Start a server on a core; gives its pid and the seconds until it accepted a connection.

    Args:
        port: where it was told to listen; names its log too.
        port_file: where it writes the port it chose by itself.

    Raises:
        BenchError: it ended, or does not listen in time.
    """
    begun = time.perf_counter()
    log = (folder / f"{port}.log").open("wb")
    process = subprocess.Popen(
        ["taskset", "-c", str(core), *command],
        stdout=log,
        stderr=log,
        cwd=folder,
        env={**os.environ, **environment} if environment else None,
        start_new_session=True,
    )
    try:
        while True:
            if process.poll() is not None:
                raise BenchError(f"{command[0]} ended with {process.returncode}:\n{_tail(folder, port)}")
            try:
                chosen = int(port_file.read_text()) if port_file else port
                socket.create_connection(("127.0.0.1", chosen), 0.2).close()
                break
            except (OSError, ValueError):
                time.sleep(0.005)
            if time.perf_counter() - begun > start_limit_seconds:
                raise BenchError(f"{command[0]} did not listen on {port}:\n{_tail(folder, port)}")
        yield process.pid, time.perf_counter() - begun
    finally:
        _end(process)
        log.close()
        if port_file:
            port_file.unlink(missing_ok=True)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGTERM)
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    try:
        os.killpg(process.pid, signal.SIGKILL)  # children that outlived it; the group is this server's own
    except ProcessLookupError:
        return


def _tail(folder: Path, port: int) -> str:
    return (folder / f"{port}.log").read_text(errors="replace")[-2000:]


def load(port: int, arguments: Sequence[str], seconds: float) -> dict[str, float]:
    command = ["taskset", "-c", "1", sys.executable, str(HERE / "load.py"), str(port)]
    done = subprocess.run(
        [*command, *arguments, "--seconds", str(seconds)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        raise BenchError(done.stderr)
    return json.loads(done.stdout)


def measure(
    pid: int,
    port: int,
    case: str,
    seconds: float,
    arguments: Sequence[str] = ("--key", KEY),
    warm_up_seconds: float = 0.7,
) -> dict[str, float]:
    """The figures of one case; ``arguments`` say how this server wants to be asked, no warm-up that it is warm.

    Raises:
        BenchError: a request failed; a figure over errors means nothing.
    """
    asking = [*OWN_CASES[case][1], *arguments]
    if warm_up_seconds:
        load(port, asking, warm_up_seconds)
    before = cpu_seconds(pid)
    result = load(port, asking, seconds)
    used = cpu_seconds(pid) - before
    if result["errors"]:
        raise BenchError(f"{case}: {result['errors']} errors")
    per = result["events"] if "stream" in case else result["done"]
    if not per:
        raise BenchError(f"{case}: nothing was answered in {seconds:g} s")
    return {
        "cpu_us": 1e6 * used / per,
        "rss_mb": resident_mb(pid),
        "peak_mb": peak_mb(pid),
        "p50_us": result["p50_us"],
        "p99_us": result["p99_us"],
        "per_second": per / seconds,
    }


class Certificate(NamedTuple):
    """A self-made one: who signed it, and what the server shows."""

    authority: Path
    server: Path

    @classmethod
    def made(cls, folder: Path) -> Certificate:
        """One for 127.0.0.1, and for a name, because nginx looks for addresses in none."""
        import trustme  # noqa: PLC0415 - of the development environment, and only measurements with TLS need it

        authority, made = trustme.CA(), cls(folder / "authority.pem", folder / "server.pem")
        authority.cert_pem.write_to_path(str(made.authority))
        authority.issue_cert("127.0.0.1", "localhost").private_key_and_cert_chain_pem.write_to_path(str(made.server))
        return made


def nginx_command(port: int, upstream: int, folder: Path, certificate: Certificate | None = None) -> list[str]:
    text = (HERE / "nginx.conf").read_text().replace("@PORT@", str(port)).replace("@UPSTREAM@", str(upstream))
    tls = ""
    if certificate is not None:  # verifying, as the gateway always does
        tls = f" proxy_ssl_verify on; proxy_ssl_name localhost; proxy_ssl_trusted_certificate {certificate.authority};"
    text = text.replace("@SCHEME@", "https" if certificate else "http").replace("@TLS@", tls)
    (folder / "nginx.conf").write_text(text)
    nginx = shutil.which("nginx") or "/usr/sbin/nginx"
    return [nginx, "-p", f"{folder}/", "-c", str(folder / "nginx.conf"), "-e", "stderr"]


def tidegate_command(port: int, upstream: int, certificate: Certificate | None = None) -> list[str]:
    command = [sys.executable, str(HERE / "gateway_process.py"), "--port", str(port), "--key", KEY]
    if certificate is not None:
        command += ["--ca-file", str(certificate.authority)]
    scheme = "http" if certificate is None else "https"
    return [*command, "--upstream", f"{scheme}://127.0.0.1:{upstream}/v1"]


def upstream_command(port: int, certificate: Certificate | None = None) -> list[str]:
    command = [sys.executable, str(HERE / "upstream.py"), str(port)]
    return command if certificate is None else [*command, "--certificate", str(certificate.server)]
