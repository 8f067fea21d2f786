"""What one control process takes in, and what a pass over many releases costs, on one core.

    python bench/ingest.py [--batches 15] [--releases 500]

Ingest: batches as gateways send them (msgpack, columns), decoded, stored, folded and told apart from repetitions, each
in one transaction of SQLite; once with units that are one request alone, once with units that all must be remembered.
Pass: every release in a split with five guardrails, decided on counts of both arms, without the database.
"""

from __future__ import annotations

import argparse
import asyncio
import random
import sys
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "src")]

from tests.fakes.observations import observation  # noqa: E402

from tidegate.controller.clock import SystemClock  # noqa: E402
from tidegate.controller.ingest import Ingest  # noqa: E402
from tidegate.delivery.decide import decide  # noqa: E402
from tidegate.delivery.evidence.summary import Summary  # noqa: E402
from tidegate.delivery.facts import Facts, StepCounts  # noqa: E402
from tidegate.delivery.observation import ObservationBatch  # noqa: E402
from tidegate.delivery.release import Phase, SubPhase, new_release  # noqa: E402
from tidegate.delivery.release_file import parse_release  # noqa: E402
from tidegate.registry import schema  # noqa: E402
from tidegate.registry.database import Database  # noqa: E402

ROWS = 2_000
FIVE = [
    {"metric": "error_rate", "max_increase": "1%", "hard": "> 10%"},
    {"metric": "latency", "max_increase": "15%"},
    {"metric": "ttft", "stat": "p50", "max_increase": "15%"},
    {"metric": "cost_per_request", "max_increase": "10%"},
    {"metric": "refusal_rate", "max_change": "1%"},
]


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
        await control.store(msgspec.msgpack.decode(encoded[0], type=ObservationBatch))
        cpu, wall = time.process_time(), time.perf_counter()
        for data in encoded[1:]:
            await control.store(msgspec.msgpack.decode(data, type=ObservationBatch))
        taken = time.process_time() - cpu, time.perf_counter() - wall
        await database.close()
    return taken


def decide_all(releases: int) -> float:
    """CPU seconds of one pass in which every guardrail of every release is judged."""
    now = datetime(2026, 9, 15, 12, tzinfo=UTC)
    document = {"service": "bot", "version": "v1", "strategy": "canary", "guardrails": FIVE}
    spec = parse_release(document)
    arms = {variant: arm_of(variant) for variant in ("stable", "candidate")}
    counts = tuple(
        StepCounts(attempt=1, step=0, variant=variant, total=arm, window=arm, compared=arm)
        for variant, arm in arms.items()
    )
    facts = Facts(epoch=1, stable="a", revision_written=1, candidate_ready=True, counts=counts)
    states = []
    for n in range(releases):
        made = new_release(release_id=f"rel_{n}", service="bot", candidate="b", stable="a", now=now)
        states.append(
            msgspec.structs.replace(
                made,
                phase=Phase.PROGRESSING,
                sub_phase=SubPhase.SOAKING,
                split={"candidate": 2_500},
                shares={"candidate": 2_500},
                started_at=now,
                deadline_at=now + timedelta(days=1),
                awaited_epoch=1,
                awaited_revision=1,
                window_opened_at=now,
                soak_until=now + timedelta(hours=1),
            )
        )
    began = time.process_time()
    decided = [decide(spec, state, (), facts, now + timedelta(seconds=30)) for state in states]
    took = time.process_time() - began
    assert all(len(decision.state.verdicts) >= len(FIVE) for decision in decided)
    return took


def arm_of(variant: str) -> Summary:
    chance, total = random.Random(1), Summary()
    for n in range(1_000):
        fields = {"stream": True, "ttft_us": int(chance.lognormvariate(12, 0.5)), "tpot_us": 20_000}
        duration = int(chance.lognormvariate(14, 0.7))
        total += Summary.of(observation(unit_hash=n, variant=variant, served=variant, duration_us=duration, **fields))
    return total


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--batches", type=int, default=15)
    parser.add_argument("--releases", type=int, default=500)
    given = parser.parse_args()
    rows = (given.batches - 1) * ROWS
    for title, alone in (("units of one request", True), ("units to remember", False)):
        cpu, wall = asyncio.run(ingest(batches(given.batches, alone=alone)))
        print(
            f"ingest, {title}: {rows / cpu:,.0f} observations a second of CPU ({cpu / rows * 1e6:.1f} us each; wall {rows / wall:,.0f}/s)"
        )
    took = decide_all(given.releases)
    print(
        f"pass over {given.releases} releases, {len(FIVE)} metrics each: {took:.2f} s of CPU, {took / given.releases * 1e3:.2f} ms a release"
    )


if __name__ == "__main__":
    main()
