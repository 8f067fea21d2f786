"""What the dashboard costs where much has happened: server time of each page, weight, and fifty open windows.

    python bench/dashboard.py [--services 1000] [--versions 10000] [--requests 10000000] [--folder DIR]

Fills two SQLite files the way years would, serves control and dashboard over a real socket from this process, and asks
for every page. Times are those of whole answers on loopback, the median of twenty; the target is 150 ms.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import resource
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx2
import msgspec

sys.path.insert(0, str(Path(__file__).parents[1]))
sys.path.insert(0, str(Path(__file__).parents[1] / "src"))

from tests.fakes.control_server import serving
from tests.fakes.observations import observation

from tidegate.delivery.bundle import Bundle, Lineage
from tidegate.delivery.release import Phase, new_release
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.service import ServiceSpec
from tidegate.delivery.tally import FINEST_SECONDS, Tally, TallyKey, tally
from tidegate.delivery.version import VersionNumber
from tidegate.documents import Document
from tidegate.registry.releases import insert_release
from tidegate.registry.services import put_service, set_first_stable
from tidegate.registry.traffic import add_traffic
from tidegate.registry.versions import insert_version

REPEATS = 20
TARGET_MS = 150.0
WATCHERS = 50
WATCHED_SECONDS = 15.0
FINE = timedelta(hours=2)  # of stretches of ten seconds, for a twentieth of the services; the others have five minutes


async def fill_state(server, services: int, versions: int) -> str:
    """Services with versions and releases; the newest release."""
    now = datetime.now(UTC)
    latest = ""
    async with server.control.state.write() as connection:
        for index in range(services):
            name = f"service-{index:04}"
            await put_service(connection, name, ServiceSpec(), actor="bench", at=now)
            refs = []
            for minor in range(max(1, versions // services)):
                made = await insert_version(
                    connection,
                    name,
                    VersionNumber(1, minor, 0),
                    Bundle(model=f"sim/model-{minor}"),
                    manifest=(),
                    digest=hashlib.sha256(f"{name}{minor}".encode()).hexdigest(),
                    lineage=Lineage(),
                    actor="bench",
                    at=now,
                )
                refs.append(made.ref)
            await set_first_stable(connection, name, refs[0], actor="bench", at=now)
            for number, ref in enumerate(refs[1:4]):
                latest = f"rel_{index:06}{number:04}"
                state = new_release(release_id=latest, service=name, candidate=ref, stable=refs[0], now=now)
                ended = msgspec.structs.replace(state, phase=Phase.SUCCEEDED, started_at=now, ended_at=now)
                spec = parse_release(Document({"service": name, "version": ref}, "bench"))
                await insert_release(connection, spec=spec, state=ended, actor="bench", reason="bench")
    return latest


async def fill_traffic(server, services: int) -> None:
    """Two hours of ten-second stretches for some services, five minutes for all."""
    now = int(time.time()) // FINEST_SECONDS * FINEST_SECONDS
    rows = [observation(ttft_us=1000 * n, stream=True, duration_us=3000 * n, propensity=10_000) for n in range(20, 60)]
    (counted,) = tally(rows).values()
    for index in range(services):
        name = f"service-{index:04}"
        seconds = FINE.total_seconds() if index % 20 == 0 else 300
        version = f"{name}/v1.0.0-{hashlib.sha256(f'{name}0'.encode()).hexdigest()[:8]}"
        starts = range(now - int(seconds), now + 60, FINEST_SECONDS)
        added: dict[TallyKey, Tally] = {
            TallyKey(name, FINEST_SECONDS, start, version, "stable", ""): counted for start in starts
        }
        await server.control.observed.transact(lambda connection, added=added: add_traffic(connection, added))


def fill_requests(path: Path, services: int, requests: int) -> None:
    """Requests as ingest stores them, made by the database itself from one of them."""
    encoded = msgspec.json.encode(observation(request_id="req_bench")).decode()
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA synchronous=OFF")
        columns = [row[1] for row in connection.execute("PRAGMA table_info(requests)")]
        made = {
            "request_id": "printf('req_%09d', n)",
            "started_at_us": f"{int(time.time() * 1e6)} - ({requests} - n) * 1000",
            "service": f"printf('service-%04d', n % {services})",
            "release": "''",
            "outcome": "CASE WHEN n % 100 THEN 'ok' ELSE 'timeout' END",
            "variant": "'stable'",
            "version": f"printf('service-%04d/v1.0.0-00000000', n % {services})",
            "duration_us": "200000 + n % 900000",
            "cost_nano_usd": "1500",
            "unit_hash": "n",
            "counted": "0",
            "is_rated": "n % 1000 = 0",
            "row": f"replace('{encoded}', 'req_bench', printf('req_%09d', n))",
        }
        known = {name: made[name] for name in columns if name in made}
        connection.execute(
            f"WITH RECURSIVE counter(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM counter WHERE n < {requests}) "
            f"INSERT INTO requests ({', '.join(known)}) SELECT {', '.join(known.values())} FROM counter"
        )
    connection.close()


def pages(release: str, version: str, request: str) -> Iterator[str]:
    """One address of each page, and the ways deep into lists."""
    yield from (
        "/",
        "/?after=service-0500",
        "/?contains=99",
        "/services/service-0040",
        "/services/service-0040?last=7d",
    )
    yield from (f"/releases/{release}", f"/versions/{version}", "/incidents", "/audit", "/settings")
    yield from ("/requests?outcome=timeout", "/requests?slower_than=30", "/requests?rated=1&service=service-0040")
    yield from ("/requests", "/requests?service=service-0040", f"/requests?id={request}", f"/requests/{request}")


async def time_pages(url: str, addresses: list[str]) -> bool:
    """Print server time and weight of each page; whether all are within the target."""
    worst = 0.0
    async with httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=120) as http:
        for address in addresses:
            taken, used, weight = [], _cpu(), 0
            for _ in range(REPEATS):
                begun = time.perf_counter()
                answer = await http.get(address)
                taken.append((time.perf_counter() - begun) * 1000)
                assert answer.status_code == 200, (address, answer.status_code, answer.text[:300])
                weight = len(answer.content)
            middle = statistics.median(taken)
            worst = max(worst, middle)
            cpu = (_cpu() - used) / REPEATS * 1000
            print(
                f"{middle:8.1f} ms {min(taken):8.1f} at best {cpu:8.1f} CPU {weight / 1000:7.1f} kB  {address}",
                flush=True,
            )
    print(f"worst {worst:.1f} ms; the target is {TARGET_MS:.0f} ms")
    return worst <= TARGET_MS


async def watch(url: str, address: str) -> None:
    """Hold a stream open and read it."""
    async with (
        httpx2.AsyncClient(base_url=url, trust_env=False, verify=False, timeout=120) as http,
        http.stream("GET", f"/live{address}") as answer,
    ):
        async for _ in answer.aiter_raw():
            pass


async def watch_all(url: str, addresses: list[str]) -> None:
    """Fifty windows."""
    await asyncio.gather(*(watch(url, addresses[number % len(addresses)]) for number in range(WATCHERS)))


async def cost_of_watchers(server, addresses: list[str]) -> None:
    """CPU of control while fifty windows of another process are open and something happens each second."""
    quiet = await used_cpu(server)
    arguments = (__file__, "--watch", server.url, *addresses)
    windows = await asyncio.create_subprocess_exec(sys.executable, *arguments)
    await asyncio.sleep(5)
    busy = await used_cpu(server)
    windows.kill()
    await windows.wait()
    print(f"{WATCHERS} open windows on {len(addresses)} pages, news each second: {busy - quiet:.1%} of a core")
    print(f"control without any window, clean-up included: {quiet:.1%}")


async def used_cpu(server) -> float:
    """Part of a core that this process uses while something happens each second."""
    before, begun = _cpu(), time.perf_counter()
    while time.perf_counter() - begun < WATCHED_SECONDS:
        server.control.news.tell()
        await asyncio.sleep(1)
    return (_cpu() - before) / (time.perf_counter() - begun)


def _cpu() -> float:
    usage = resource.getrusage(resource.RUSAGE_SELF)
    return usage.ru_utime + usage.ru_stime


async def run(folder: Path, services: int, versions: int, requests: int) -> bool:
    """Fill, serve, measure."""
    async with serving(folder) as server:
        begun = time.perf_counter()
        release = await fill_state(server, services, versions)
        await fill_traffic(server, services)
        await asyncio.to_thread(fill_requests, folder / "observed.db", services, requests)
        print(
            f"filled in {time.perf_counter() - begun:.0f} s: {services} services, {versions} versions, {requests} requests"
        )
        async with server.client() as client:
            version = (await client.release_by_id(release)).version
        addresses = list(pages(release, version, f"req_{requests - 77:09}"))
        is_quick = await time_pages(server.url, addresses)
        await cost_of_watchers(server, ["/", f"/releases/{release}", "/services/service-0040"])
        return is_quick


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--services", type=int, default=1_000)
    parser.add_argument("--versions", type=int, default=10_000)
    parser.add_argument("--requests", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path)
    parser.add_argument(
        "--watch", nargs="+", metavar=("URL", "PAGE"), help="only hold fifty streams of these pages open"
    )
    given = parser.parse_args()
    if given.watch:
        asyncio.run(watch_all(given.watch[0], given.watch[1:]))
        return
    with tempfile.TemporaryDirectory(prefix="bench-dashboard-", dir=given.folder) as folder:
        is_quick = asyncio.run(run(Path(folder), given.services, given.versions, given.requests))
    sys.exit(0 if is_quick else 1)


if __name__ == "__main__":
    main()
