"""Votes of a judge that compares: they decide an interleaving, and steps of other strategies that mirror."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scenarios.interleaved import Crowd, prefers
from tests.scenarios.world import ALICE, World

from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.service import ContentSpec, ServiceSpec
from tidegate.errors import InvalidInputError
from tidegate.registry.judges import put_judge
from tidegate.registry.services import put_service

LOOSE = {"metric": "error_rate", "hard": "> 20%"}
NO_WORSE = {"metric": "judge:kind", "max_decrease": "20%"}
PROMOTE = {"bake": "3s", "keep_warm": "0s"}
SHADOW = {"shadow": {"percent": "50%", "soak": "5s", "then": "continue", "promote": PROMOTE}}
INTERLEAVED = {"interleave": {"mode": "judged", "judge": "kind", "horizon": "10s", "promote": PROMOTE}}


async def release(world: World, strategy: Any, *, mode: str = "pairwise", keeps: bool = True, **fields: Any):
    """A release judged by a judge of this mode; returns (stable, candidate, view)."""
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    content = ContentSpec(keep="redacted" if keeps else "off", sample=1.0)
    async with world.control.state.write() as connection:
        await put_service(connection, "bot", ServiceSpec(content=content), actor="t", at=world.clock.now())
        spec = JudgeSpec(service="judge", rubric="Is it kind?", mode=mode, sample=1.0, lag=0.0)
        await put_judge(connection, "kind", spec, actor="t", at=world.clock.now())
    document = {
        "kind": "Release",
        "service": "bot",
        "version": "v1.1.0",
        "probe": {"requests": 2},
        "strategy": strategy,
        "guardrails": [LOOSE],
        "analysis": {"interval": "1s", "min_samples": 20},
        **fields,
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE, reason="compare")
    return old, new, view


def seconds(world: World, crowd: Crowd):
    async def second() -> None:
        await crowd.be_judged(20)
        await world.gateways[1].serve("bot", 30)

    return second


async def test_what_the_judge_prefers_wins_an_interleaving_that_no_user_sees(world):
    _, new, submitted = await release(world, INTERLEAVED)
    exposed = []

    async def second() -> None:
        view = await world.look(submitted.id)
        exposed.append(view.exposed_requests if view.phase == "progressing" else 0)
        await seconds(world, crowd)()

    crowd = Crowd(world, prefers(0.8))
    await world.until(submitted.id, "succeeded", each=second)
    assert await world.stable("bot") == new
    assert set(exposed) == {0}
    told = (await world.control.experiments.results(submitted.id)).preferences
    assert (told.question, told.mode, told.standing) == ("judge:kind", "judged", "better")
    assert told.ties > 0  # where it contradicted itself


async def test_a_judge_that_takes_the_first_makes_ties_and_decides_nothing(world):
    old, _, submitted = await release(world, INTERLEAVED)
    await world.until(submitted.id, "succeeded", each=seconds(world, Crowd(world, prefers(0.5, first=1.0))))
    assert await world.stable("bot") == old
    told = (await world.control.experiments.results(submitted.id)).preferences
    assert (told.wins, told.losses, told.first_share) == (0, 0, 1.0)


async def test_a_shadow_whose_answers_the_judge_dislikes_is_rolled_back(world):
    old, _, submitted = await release(world, SHADOW, guardrails=[LOOSE, NO_WORSE])
    ended = await world.until(submitted.id, "rolled_back", each=seconds(world, Crowd(world, prefers(0.1))))
    assert await world.stable("bot") == old
    assert "judge:kind.win_rate" in ended.breach.sentence


async def test_a_shadow_whose_answers_the_judge_finds_as_good_goes_on(world):
    _, new, submitted = await release(world, SHADOW, guardrails=[LOOSE, NO_WORSE])
    await world.until(submitted.id, "succeeded", each=seconds(world, Crowd(world, prefers(0.6))))
    assert await world.stable("bot") == new


async def test_a_shadow_can_come_before_an_interleaving(world):
    _, new, submitted = await release(world, [{"shadow": {"percent": "50%", "soak": "3s"}}, INTERLEAVED])
    await world.until(submitted.id, "succeeded", each=seconds(world, Crowd(world, prefers(0.8))))
    assert await world.stable("bot") == new
    assert "winner_found" in await world.codes(submitted.id)


async def test_a_shadow_without_a_vote_does_not_pass(world):
    _, _, submitted = await release(world, SHADOW, guardrails=[LOOSE, NO_WORSE])

    async def second() -> None:
        await world.gateways[0].mirror("bot", 100)

    await world.until(submitted.id, "progressing.judging", each=second)
    assert (await world.look(submitted.id)).pause_reasons == ("no_data",)


async def test_a_canary_that_mirrors_is_judged_by_votes_where_it_mirrors(world):
    steps = [{"mirror": "50%", "soak": "4s"}, {"split": "50%", "soak": "4s", "require": ["error_rate"]}]
    strategy = {"canary": {"steps": steps, "promote": PROMOTE}}
    old, _, submitted = await release(world, strategy, guardrails=[LOOSE, NO_WORSE])
    ended = await world.until(submitted.id, "rolled_back", each=seconds(world, Crowd(world, prefers(0.1))))
    assert (ended.step, ended.exposed_requests, await world.stable("bot")) == (0, 0, old)


@pytest.mark.parametrize(
    ("strategy", "fields", "message"),
    [
        (INTERLEAVED, {"mode": "score"}, "scores single answers, and has no win rate"),
        (INTERLEAVED, {"keeps": False}, "needs kept prompts and answers"),
        ({"interleave": {"mode": "judged", "judge": "nobody"}}, {}, "there is no judge 'nobody'"),
        (
            {"canary": {"steps": [{"split": "5%", "soak": "1m"}]}},
            {"guardrails": [NO_WORSE]},
            "this release copies none",
        ),
        (SHADOW, {"mode": "score", "guardrails": [LOOSE, {**NO_WORSE, "stat": "win_rate"}]}, "has no win rate"),
    ],
)
async def test_what_a_judge_could_never_decide_is_refused_at_submission(world, strategy, fields, message):
    with pytest.raises(InvalidInputError, match=message):
        await release(world, strategy, **fields)


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"strategy": {"interleave": {"mode": "judged"}}}, "who judges?"),
        ({"strategy": {"interleave": {"judge": "kind"}}}, "nobody judges where mode is side_by_side"),
        ({"strategy": {"interleave": {"mode": "turn", "sample": "5%"}}}, "sample bounds second answers"),
        ({"strategy": {"interleave": {"feedback": "rating"}}}, "compared between turns"),
        ({"strategy": {"interleave": {"sample": "0%"}}}, "no share of requests"),
        ({"strategy": {"interleave": {"horizon": "0s"}}}, "takes time"),
        ({"strategy": "interleave", "objectives": [{"metric": "error_rate"}]}, "one objective is win_rate"),
        ({"strategy": "interleave", "objectives": [{"metric": "win_rate", "hard": "< 0.4"}]}, "has no bound, or"),
        ({"strategy": "interleave", "analysis": {"on_no_data": "promote"}}, "promoted without a vote"),
        ({"strategy": "interleave", "version": ""}, "compares something"),
        (
            {"strategy": "interleave", "variants": {"control": "@stable", "a": "v1.1.0", "b": "v1.2.0"}},
            "there are more arms",
        ),
        ({"strategy": "canary", "guardrails": [{"metric": "win_rate"}]}, "needs votes on two answers"),
        ({"strategy": [{"canary": {}}, {"interleave": {}}]}, "comes too late"),
        ({"strategy": [{"interleave": {}}, {"canary": {}}]}, "nothing can follow it"),
        ({"strategy": "interleave", "guardrails": [{"metric": "win_rate", "stat": "p95"}]}, "has no p95"),
    ],
)
def test_what_is_no_interleaving_is_refused_with_its_place(fields, message):
    with pytest.raises(InvalidInputError, match=message):
        parse_release({"kind": "Release", "service": "bot", "version": "v1.1.0", **fields})
