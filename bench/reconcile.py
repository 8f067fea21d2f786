"""What a whole pass over many running releases costs: gather, decide, keep what was learnt, publish; on one core.

    python bench/reconcile.py [--releases 500] [--passes 5] [--profile]

Every release is in the first split of a canary with five guardrails. Two kinds of passes are measured: one in which all
of them have new counts and every guardrail is judged, and one in which nothing is due. The database is SQLite as
``tidegate up`` has it; time is moved by hand, so that what is due is due in every pass.
"""

from __future__ import annotations

import argparse
import asyncio
import cProfile
import pstats
import random
import statistics
import sys
import tempfile
import time
from datetime import timedelta
from pathlib import Path

sys.path[:0] = [str(Path(__file__).parents[1]), str(Path(__file__).parents[1] / "src")]

import structlog  # noqa: E402
from tests.fakes.observations import observation  # noqa: E402
from tests.scenarios.half_way import half_way, release_id  # noqa: E402
from tests.scenarios.world import World  # noqa: E402

from tidegate.delivery.evidence.summary import Summary  # noqa: E402
from tidegate.delivery.release_file import parse_release  # noqa: E402
from tidegate.delivery.release_spec import ReleaseSpec  # noqa: E402
from tidegate.registry import observations  # noqa: E402
from tidegate.registry.observations import Counted  # noqa: E402

INTERVAL = 10  # seconds between two analyses
FIVE = [
    {"metric": "error_rate", "max_increase": "1%", "hard": "> 10%"},
    {"metric": "latency", "max_increase": "15%"},
    {"metric": "ttft", "stat": "p50", "max_increase": "15%"},
    {"metric": "cost_per_request", "max_increase": "10%"},
    {"metric": "refusal_rate", "max_change": "1%"},
]


def arm_of(variant: str) -> Summary:
    chance, total = random.Random(1), Summary()
    for n in range(1_000):
        fields = {"stream": True, "ttft_us": int(chance.lognormvariate(12, 0.5)), "tpot_us": 20_000}
        duration = int(chance.lognormvariate(14, 0.7))
        total += Summary.of(observation(unit_hash=n, variant=variant, served=variant, duration_us=duration, **fields))
    return total


def spec_of(n: int) -> ReleaseSpec:
    strategy = {"canary": {"steps": [{"split": "50%", "soak": "1d"}, {"split": "60%", "soak": "1d"}]}}
    document = {"service": f"bot-{n:04d}", "version": "v1.1.0", "strategy": strategy, "guardrails": FIVE}
    return parse_release(document | {"analysis": {"interval": f"{INTERVAL}s"}, "rollback": {"deadline": "10d"}})


async def count(world: World, releases: int, part: Counted) -> None:
    """One more batch in both arms of every release."""
    async with world.control.observed.write() as connection:
        keys = [(release_id(n), 1, 0, 0, variant) for n in range(releases) for variant in ("stable", "candidate")]
        await observations.add_counts(connection, dict.fromkeys(keys, part))


async def measure(world: World) -> tuple[float, float]:
    """CPU and wall seconds of one pass."""
    cpu, wall = time.process_time(), time.perf_counter()
    await world.control.controller.reconcile()
    return time.process_time() - cpu, time.perf_counter() - wall


async def run(releases: int, passes: int, *, is_profiled: bool) -> None:
    with tempfile.TemporaryDirectory() as folder:
        world = await World.create(Path(folder), gateways=2)
        await half_way(world, [spec_of(n) for n in range(releases)])
        await world.settle()
        arm = arm_of("candidate")
        part = Counted(window=arm, compared=arm)
        await count(world, releases, part)
        await world.settle()
        judged, calm = [], []
        profile = cProfile.Profile()
        for _ in range(passes):
            await count(world, releases, part)
            world.clock.advance(timedelta(seconds=INTERVAL))
            world.beat()
            judged.append(await measure(world))
            world.clock.advance(timedelta(seconds=1))
            world.beat()
            if is_profiled:
                profile.enable()
            calm.append(await measure(world))
            profile.disable()
        view = await world.look(release_id(0))
        assert len(view.verdicts) >= len(FIVE), view
        assert (view.phase, view.pause_reasons) == ("progressing", ()), view
        await world.close()
    for title, times in (("everything is judged", judged), ("nothing is due", calm)):
        cpu, wall = (statistics.median(each) for each in zip(*times, strict=True))
        print(f"pass over {releases} releases, {len(FIVE)} metrics each, {title}: {cpu:.2f} s of CPU ({wall:.2f} s)")
    if is_profiled:
        pstats.Stats(profile).sort_stats("cumulative").print_stats(45)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--releases", type=int, default=500)
    parser.add_argument("--passes", type=int, default=5)
    parser.add_argument("--profile", action="store_true")
    given = parser.parse_args()
    structlog.configure(processors=[], wrapper_class=structlog.make_filtering_bound_logger(50))
    asyncio.run(run(given.releases, given.passes, is_profiled=given.profile))


if __name__ == "__main__":
    main()
