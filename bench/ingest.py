"""What one control process takes in, on one core.

    python bench/ingest.py [--batches 15]

Batches as gateways send them (msgpack, columns), decoded, stored, folded and told apart from repetitions, each
in one transaction of SQLite; once with units that are one request alone, once with units that all must be remembered.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from pathlib import Path

import msgspec

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "src")]

from tests.fakes.observations import observation  # noqa: E402

from tidegate.controller.clock import SystemClock  # noqa: E402
from tidegate.controller.ingest import Ingest  # noqa: E402
from tidegate.delivery.observation import ObservationBatch, decode_batch  # noqa: E402
from tidegate.registry import schema  # noqa: E402
from tidegate.registry.database import Database  # noqa: E402

ROWS = 2_000


def batches(count: int, *, alone: bool) -> list[bytes]:
    chance, made = random.Random(0), []
    for number in range(count):
        rows = []
        for n in range(ROWS):
            variant = "candidate" if chance.random() < 0.25 else "stable"
            rows.append(
                observation(
                    request_id=f"req_{number:06d}{n:06d}abcdefgh",
                    started_at_us=1_789_473_600_000_000 + number * ROWS + n,
                    release=f"rel_{n % 5}",
                    variant=variant,
                    served=variant,
                    unit_hash=chance.getrandbits(64),
                    has_own_unit=alone,
                    propensity=2_500 if variant == "candidate" else 7_500,
                    stream=True,
                    ttft_us=int(chance.lognormvariate(12, 0.5)),
                    tpot_us=20_000,
                    duration_us=int(chance.lognormvariate(14, 0.7)),
                    assigned_outcome="ok" if chance.random() < 0.98 else "timeout",
                )
            )
        made.append(msgspec.msgpack.encode(ObservationBatch.of("a", f"boot{alone}", number, rows)))
    return made


async def ingest(encoded: list[bytes]) -> tuple[float, float]:
    """CPU and wall seconds of everything after the first batch."""
    with tempfile.TemporaryDirectory() as folder:
        database = Database(f"sqlite:///{folder}/observations.db", durability="normal")
        async with database.engine.begin() as connection:
            await connection.run_sync(schema.observations.create_all)
        control = Ingest(database, SystemClock())
        await control.store(decode_batch(encoded[0]))
        cpu, wall = time.process_time(), time.perf_counter()
        for data in encoded[1:]:
            await control.store(decode_batch(data))
        taken = time.process_time() - cpu, time.perf_counter() - wall
        await database.close()
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=15)
    given = parser.parse_args()
    rows = (given.batches - 1) * ROWS
    for title, alone in (("units of one request", True), ("units to remember", False)):
        cpu, wall = asyncio.run(ingest(batches(given.batches, alone=alone)))
        print(
            f"ingest, {title}: {rows / cpu:,.0f} observations a second of CPU ({cpu / rows * 1e6:.1f} us each; wall {rows / wall:,.0f}/s)"
        )


if __name__ == "__main__":
    main()
