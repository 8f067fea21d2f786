"""Looks for requests among many millions in SQLite: fills a database by SQL, then times pages of the real queries.

    python bench/requests_at_scale.py --rows 10000000 --folder /tmp/requests

A filled folder is used again. Exits with 1 when the slowest page took longer than --most-milliseconds.
"""

from __future__ import annotations

import argparse
import asyncio
import sqlite3
import statistics
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

from tidegate.delivery.observation import Observation
from tidegate.registry.database import Database
from tidegate.registry.migrate import migrate
from tidegate.registry.requests import RequestFilter, find_requests, latest_of_units, of_requests

NEWEST = datetime(2026, 9, 15, tzinfo=UTC)
APART_US = 100_000  # ten requests a second: ten million are twelve days
SERVICES = 50


def fill(file: Path, rows: int) -> None:
    """Rows that differ in everything that is looked for; a realistic length of the stored observation."""
    plain = Observation(
        *("@ID@", 0, "shop-backend", "service-00", "/v1/chat/completions", "", 1, 0, 12, "stable"),
        *("service-00/v1.4.0-3fa9c1d2", "stable", "service-00/v1.4.0-3fa9c1d2", 1, 10_000, "ok", "ok", 200, True),
        *(350_000, 21_000, 2_400_000, 310, 812, 143, 0, 0, False, 138_200, 1, 0, 0, "stop", "gpt-4.1-mini"),
    )
    before, after = msgspec.json.encode(plain).decode().split("@ID@")
    connection = sqlite3.connect(file)
    connection.executescript("PRAGMA journal_mode=OFF; PRAGMA synchronous=OFF; PRAGMA cache_size=-400000")
    first = int(NEWEST.timestamp() * 1e6) - rows * APART_US
    statement = f"""
        WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i + 1 < {rows})
        INSERT INTO requests (request_id, started_at_us, service, release, outcome, variant, version, duration_us,
                              cost_nano_usd, unit_hash, counted, is_rated, "row")
        SELECT 'req_' || i, {first} + i * {APART_US},
               'service-' || printf('%02d', i * 7919 % {SERVICES}),
               CASE WHEN i % 40 = 0 THEN 'rel_' || (i / 400000) ELSE '' END,
               CASE WHEN i % 997 = 0 THEN 'timeout' WHEN i % 100003 = 0 THEN 'filtered' ELSE 'ok' END,
               CASE WHEN i % 20 = 0 THEN 'candidate' ELSE 'stable' END,
               'service-00/v1.' || (i / 1000000) || '.0-3fa9c1d2',
               CASE WHEN i % 5003 = 0 THEN 12000000 ELSE 400000 + i % 3000000 END,
               CASE WHEN i % 7001 = 0 THEN 200000000 ELSE 100000 + i % 900000 END,
               i * 2654435761 % 1000003, 0, i % 2011 = 0, '{before}' || 'req_' || i || '{after}'
        FROM n"""
    connection.execute(statement)
    connection.commit()
    connection.close()


QUESTIONS = {
    "newest": {},
    "of a service": {"service": "service-07"},
    "of a release": {"release": "rel_3"},
    "timeouts": {"outcome": "timeout"},
    "timeouts of a service": {"outcome": "timeout", "service": "service-07"},
    "filtered (one in 100,000)": {"is_filtered": True},
    "at least 10 s": {"slower_than_us": 10_000_000},
    "at least 3 s (common)": {"slower_than_us": 3_000_000},
    "at least 5 s (rare, no index)": {"slower_than_us": 5_000_000},
    "at least 0.10 USD": {"costlier_than_nano": 100_000_000},
    "rated": {"is_rated": True},
    "an old version (nothing near)": {"version": "service-00/v1.0.0-3fa9c1d2"},
    "candidate of a service": {"service": "service-07", "variant": "candidate"},
    "an hour of last week": {
        "since_us": int((NEWEST - timedelta(days=7)).timestamp() * 1e6),
        "until_us": int((NEWEST - timedelta(days=7, hours=-1)).timestamp() * 1e6),
    },
}


async def measure(database: Database, rows: int) -> float:
    """Time the first and the tenth page of each question; returns the slowest, in milliseconds.

    What is told is the process's own time, of all threads: others on the machine do not count.
    """
    slowest = 0.0
    print(f"{'question':<32} {'first ms':>9} {'tenth ms':>9} {'rows':>5}")
    async with database.read() as connection:
        for name, fields in QUESTIONS.items():
            times, cursor, found = [], None, 0
            for page_number in range(10):
                began = time.process_time()
                page = await find_requests(connection, RequestFilter(**fields), after=cursor, limit=50)
                times.append((time.process_time() - began) * 1000)
                found += len(page.rows)
                cursor = page.next
                if cursor is None or page_number == 9:
                    break
            slowest = max(slowest, *times)
            print(f"{name:<32} {times[0]:>9.1f} {times[-1]:>9.1f} {found:>5}")
        for name, look in (
            ("one by its id", lambda: of_requests(connection, [f"req_{rows // 3}"])),
            (
                "latest of a unit",
                lambda: latest_of_units(
                    connection, "service-07", {12345}, started_after_us=0, started_before_us=1 << 60, among=200_000
                ),
            ),
        ):
            times = []
            for _ in range(5):
                began = time.process_time()
                await look()
                times.append((time.process_time() - began) * 1000)
            slowest = max(slowest, statistics.median(times))
            print(f"{name:<32} {times[0]:>9.1f} {times[-1]:>9.1f}")
    return slowest


async def run(arguments: argparse.Namespace) -> int:
    """Fill if needed, then measure."""
    arguments.folder.mkdir(parents=True, exist_ok=True)
    file = arguments.folder / f"requests-{arguments.rows}.db"
    is_filled = file.exists()
    database = Database(f"sqlite:///{file}", durability="normal")
    if not is_filled:
        await migrate(database, "observations")
        await database.close()
        began = time.perf_counter()
        fill(file, arguments.rows)
        print(f"filled {arguments.rows} rows in {time.perf_counter() - began:.0f} s, {file.stat().st_size >> 20} MiB")
        database = Database(f"sqlite:///{file}", durability="normal")
    slowest = await measure(database, arguments.rows)
    await database.close()
    print(f"slowest page: {slowest:.1f} ms")
    return int(slowest > arguments.most_milliseconds)


def main() -> None:
    """Parse and run."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=10_000_000)
    parser.add_argument("--folder", type=Path, default=Path("/tmp/tidegate-requests"))
    parser.add_argument("--most-milliseconds", type=float, default=150.0)
    raise SystemExit(asyncio.run(run(parser.parse_args())))


if __name__ == "__main__":
    main()
