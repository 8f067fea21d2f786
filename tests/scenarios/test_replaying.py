"""Replaying a recorded release says what the live one said, and other policies say what they would have said."""

from __future__ import annotations

import random
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest
from tests.scenarios.world import World

from tidegate.cli.exporting import open_sink
from tidegate.cli.observation_files import windows_of
from tidegate.controller.replaying import replay
from tidegate.delivery.observation import Observation
from tidegate.errors import InvalidInputError
from tidegate.registry.releases import read_release
from tidegate.registry.requests import RequestFilter, find_requests

STEPS = [{"split": "10%", "soak": "10s"}, {"split": "50%", "soak": "10s"}]
GUARDRAILS = [
    {"metric": "error_rate", "max_ratio": 1.5, "hard": "> 30%"},
    {"metric": "latency", "stat": "p90", "max_increase": "20%"},
    {"metric": "cost_per_request", "max_increase": "10%"},
]


async def recorded(world: World, release: str) -> list[Observation]:
    rows, after = [], None
    while True:
        async with world.control.observed.read() as connection:
            page = await find_requests(connection, RequestFilter(release=release), after=after, limit=5_000)
        rows += [found.observation for found in page.rows]
        if page.next is None:
            return rows
        after = page.next


async def live(world: World, **traffic):
    """A canary lived through; (state at its end, its spec, its rows, its windows)."""
    await world.service("bot", "1.0.0", "1.1.0")
    submitted = await world.release(
        "bot",
        "v1.1.0",
        strategy={"canary": {"steps": STEPS, "promote": {"bake": "2s", "keep_warm": "0s"}}},
        guardrails=GUARDRAILS,
        analysis={
            "interval": "1s",
            "min_samples": 100,
            "max_extensions": 1,
            "on_inconclusive": "extend",
            "then": "promote",
        },
    )
    seen = {}

    async def each():
        async with world.control.state.read() as connection:
            row = await read_release(connection, submitted.id)
        if row.state.verdicts and row.phase.value == "progressing":
            seen[row.state.attempt, row.state.step] = row
        await world.gateways[0].serve("bot", 200, **traffic)

    await world.advance(24, each)
    explained = await world.control.queries.explain(submitted.id)
    return seen, await recorded(world, submitted.id), windows_of(explained.events)


def failing(new_part: int):
    calls = {"n": 0}

    def fails(version: str) -> bool:
        calls["n"] += 1
        return calls["n"] % (new_part if "v1.1.0" in version else 25) == 0

    return fails


@pytest.mark.parametrize("part", [25, 4])
async def test_a_replay_gives_the_verdicts_of_the_live_release(world, part):
    seen, rows, windows = await live(world, fails=failing(part), latency_us=lambda _, unit: 200_000 + unit * 700)
    spec = next(iter(seen.values())).spec
    replayed = replay(spec, rows, windows=windows)
    assert {(step.attempt, step.step) for step in replayed.steps} == set(seen)
    for step in replayed.steps:
        lived = seen[step.attempt, step.step].state
        until = [row for row in rows if (row.attempt, row.step) <= (step.attempt, step.step)]
        known = [row for row in until if _stored(row) <= lived.analysed_at.timestamp()]
        again = replay(spec, known, windows=windows).steps[-1]
        assert again.verdicts == lived.verdicts
        assert again.verdict == lived.verdict
    if part == 4:
        assert replayed.steps[0].failed is not None
        assert any("error_rate" in sentence or "errors" in sentence for sentence in replayed.steps[0].failed.sentences)


def _stored(row: Observation) -> float:
    return row.started_at_us / 1e6


async def test_a_replay_is_deterministic_and_other_policies_decide_otherwise(world, tmp_path):
    seen, rows, windows = await live(world, fails=failing(4))
    spec = next(iter(seen.values())).spec
    once = msgspec.json.encode(replay(spec, rows, windows=windows))
    for seed in range(3):
        shuffled = random.Random(seed).sample(rows, len(rows)) + rows[: len(rows) // 3]
        assert msgspec.json.encode(replay(spec, shuffled, windows=windows)) == once
    redo(rows, windows[1, 0], tmp_path)
    lenient = msgspec.structs.replace(spec.guardrails[0], max_ratio=20.0, hard=None)
    assert replay(spec, rows, windows=windows).steps[0].failed is not None
    assert replay(msgspec.structs.replace(spec, guardrails=(lenient,)), rows, windows=windows).steps[0].failed is None
    with pytest.raises(InvalidInputError, match="candidate"):
        replay(spec, [row for row in rows if row.variant == "stable"])
    arms = [msgspec.structs.replace(row, variant="short") for row in rows if row.variant != "stable"]
    with pytest.raises(InvalidInputError, match=r"an experiment's arms \(short\)"):
        replay(spec, arms)
    with pytest.raises(InvalidInputError, match="service"):
        replay(msgspec.structs.replace(spec, service="other"), rows)
    with pytest.raises(InvalidInputError, match="2 releases"):
        replay(spec, [*rows, *(msgspec.structs.replace(row, release="rel_other") for row in rows)])


def redo(rows: list[Observation], began_us: int, folder: Path) -> None:
    """The example redoes the decision from the exported rows, with tidegate.stats alone."""
    file = folder / "requests.csv"
    kinds = {"int": int, "bool": bool}
    fields = msgspec.structs.fields(Observation)
    with open_sink(
        file, "csv", {each.name: kinds.get(getattr(each.type, "__name__", ""), str) for each in fields}
    ) as sink:
        for row in rows:
            sink.write(msgspec.structs.asdict(row) | {"trail": "[]", "later_attempts_us": "[]"})
    script = Path(__file__).parents[2] / "examples/redo_a_decision.py"
    alpha = 0.05 / 3 / 4  # two splits and the bake; four conditions that act
    options = ["--max-ratio", "1.5", "--alpha", str(alpha), "--began-us", str(began_us)]
    ran = subprocess.run([sys.executable, script, file, *options], capture_output=True, text=True, check=True)
    assert "verdict: fail" in ran.stdout
    assert (
        "verdict: pass"
        in subprocess.run(
            [sys.executable, script, file, "--max-ratio", "40", "--began-us", str(began_us)],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
    )
