"""An interleaving from its submission to its end: the better version wins, an equal one does not, a harmful one goes."""

from __future__ import annotations

from typing import Any

import pytest
from tests.scenarios.interleaved import Crowd, prefers
from tests.scenarios.world import ALICE, World

from tidegate.delivery.release_file import parse_release
from tidegate.errors import ConflictError

LOOSE = [{"metric": "error_rate", "hard": "> 20%"}]  # passes with few pairs
PROMOTE = {"bake": "5s", "keep_warm": "0s"}


async def interleave(world: World, *, strategy: dict[str, Any] | None = None, **fields: Any):
    """An interleaving of two versions; returns (stable, candidate, view)."""
    old, new = await world.service("bot", "1.0.0", "1.1.0")
    document = {
        "kind": "Release",
        "service": "bot",
        "version": "v1.1.0",
        "probe": {"requests": 2},
        "strategy": {"interleave": {"horizon": "10s", "promote": PROMOTE, **(strategy or {})}},
        "analysis": {"interval": "1s"},
        **fields,
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE, reason="compare them")
    return old, new, view


def bake(world: World, crowd: Crowd, each: int = 40):
    """Users who see two answers, and everybody else's requests."""

    async def second() -> None:
        await crowd.see_two(each)
        await world.gateways[1].serve("bot", 30)

    return second


async def test_the_preferred_version_wins_and_is_promoted_through_the_bake(world):
    _, new, submitted = await interleave(world)
    ended = await world.until(submitted.id, "succeeded", each=bake(world, Crowd(world, prefers(0.8, ties=0.2))))
    assert await world.stable("bot") == new
    codes = await world.codes(submitted.id)
    assert [code for code in codes if code in {"decided", "winner_found", "stable_kept"}] == ["decided", "winner_found"]
    assert ended.exposed_requests > 0
    assert await world.control.queries.incidents() == []
    explained = await world.control.queries.explain(submitted.id)
    assert any("a win rate of 0." in event.sentence for event in explained.events)


async def test_an_equal_version_does_not_win_and_stable_stays(world):
    old, _, submitted = await interleave(world)
    await world.until(submitted.id, "succeeded", each=bake(world, Crowd(world, prefers(0.5, ties=0.2))))
    assert await world.stable("bot") == old
    assert "stable_kept" in await world.codes(submitted.id)


async def test_with_a_margin_an_equal_version_is_promoted(world):
    _, new, submitted = await interleave(
        world,
        strategy={"horizon": "20s"},
        objectives=[{"metric": "win_rate", "max_decrease": "10%"}],
    )
    crowd = Crowd(world, prefers(0.5, ties=0.6))
    await world.until(submitted.id, "succeeded", each=bake(world, crowd, 100))
    assert await world.stable("bot") == new


async def test_a_disliked_version_ends_early_with_stable_and_without_an_incident(world):
    old, _, submitted = await interleave(world)
    await world.until(submitted.id, "succeeded", each=bake(world, Crowd(world, prefers(0.1))), at_most=20)
    assert await world.stable("bot") == old
    assert await world.control.queries.incidents() == []


async def test_a_bound_on_the_win_rate_rolls_a_disliked_version_back(world):
    old, _, submitted = await interleave(
        world,
        strategy={"stop": "horizon"},
        guardrails=[{"metric": "win_rate"}, {"metric": "error_rate", "hard": "> 20%"}],
    )
    ended = await world.until(submitted.id, "rolled_back", each=bake(world, Crowd(world, prefers(0.1))))
    assert (ended.breach.trigger, await world.stable("bot")) == ("guardrail", old)


async def test_a_harmful_version_is_removed_with_an_incident_however_much_it_is_liked(world):
    old, _, submitted = await interleave(world)
    crowd = Crowd(world, prefers(0.9))
    crowd.fails = lambda number: number % 3 == 0
    ended = await world.until(submitted.id, "rolled_back", each=bake(world, crowd))
    assert await world.stable("bot") == old
    (incident,) = await world.control.queries.incidents()
    assert incident.exposed_requests == ended.exposed_requests > 0
    assert incident.trigger in {"hard_limit", "guardrail"}


async def test_a_taste_for_the_first_place_harms_neither_version(world):
    old, _, submitted = await interleave(world)
    await world.until(submitted.id, "succeeded", each=bake(world, Crowd(world, prefers(0.5, first=0.8))))
    assert await world.stable("bot") == old
    assert "stable_kept" in await world.codes(submitted.id)


async def test_a_conversation_has_one_vote_however_often_it_is_asked(world):
    old, _, submitted = await interleave(world, guardrails=LOOSE)
    crowd = Crowd(world, prefers(1.0))
    crowd.conversation = lambda number: number % 5
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(8, bake(world, crowd, 20))
    view = await world.look(submitted.id)
    assert view.phase == "progressing"
    assert await world.stable("bot") == old
    await world.advance(10)
    assert (await world.look(submitted.id)).pause_reasons == ("no_data",)  # five conversations decide nothing


async def test_a_report_promotes_nobody(world):
    old, _, submitted = await interleave(world, strategy={"decide": "report_only", "stop": "horizon"})
    await world.until(submitted.id, "succeeded", each=bake(world, Crowd(world, prefers(0.9))))
    assert await world.stable("bot") == old
    assert "reported" in await world.codes(submitted.id)


@pytest.mark.parametrize("mode", ["side_by_side", "turn"])
async def test_without_a_vote_nobody_is_promoted_but_on_request(world, mode):
    old, new, submitted = await interleave(world, strategy={"mode": mode}, guardrails=LOOSE)
    crowd = Crowd(world, prefers(0.5))
    crowd.is_silent = True

    async def each() -> None:
        await (crowd.see_two(40) if mode == "side_by_side" else crowd.take_turns(40, lambda *_: True))
        await world.gateways[1].serve("bot", 30)

    held = await world.until(submitted.id, "progressing.judging", each=each)
    assert held.pause_reasons == ("no_data",)
    await world.advance(10, each)
    assert await world.stable("bot") == old
    await world.control.operations.command(submitted.id, "promote", actor=ALICE, reason="go", if_match=held.etag)
    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == new  # who asks for it by name knows that nobody voted
    assert "winner_forced" in await world.codes(submitted.id)


async def test_a_report_without_a_vote_ends_as_one(world):
    _, _, submitted = await interleave(world, strategy={"decide": "report_only"})
    await world.until(submitted.id, "succeeded")
    assert "reported" in await world.codes(submitted.id)


async def test_stable_against_itself_only_reports(world):
    (old,) = await world.service("bot", "1.0.0")
    document = {
        "kind": "Release",
        "service": "bot",
        "variants": {"control": "@stable", "again": "@stable"},
        "strategy": {"interleave": {"horizon": "8s", "stop": "horizon"}},
        "analysis": {"interval": "1s"},
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE)
    ended = await world.until(view.id, "succeeded", each=bake(world, Crowd(world, prefers(0.5))))
    assert (ended.weights, await world.stable("bot")) == ({old: 10_000}, old)
    assert "reported" in await world.codes(view.id)


async def test_votes_survive_a_restart_of_control(world):
    _, new, submitted = await interleave(world, guardrails=LOOSE)
    crowd = Crowd(world, prefers(0.8))
    second, seconds = bake(world, crowd, 20), 0

    async def each() -> None:
        nonlocal seconds
        seconds += 1
        if seconds % 3 == 0:
            await world.restart()
        await second()

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == new


async def test_turns_are_compared_within_a_conversation(world):
    _, new, submitted = await interleave(world, strategy={"mode": "turn"})
    crowd = Crowd(world, prefers(0.5))

    async def each() -> None:
        await crowd.take_turns(50, lambda chance, variant: chance.random() < (0.8 if variant == "candidate" else 0.4))
        await world.gateways[1].serve("bot", 30)

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == new
    assert "winner_found" in await world.codes(submitted.id)


async def test_equal_turns_end_with_stable(world):
    old, _, submitted = await interleave(world, strategy={"mode": "turn"})
    crowd = Crowd(world, prefers(0.5))

    async def each() -> None:
        await crowd.take_turns(30, lambda chance, _: chance.random() < 0.6)

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == old


async def test_where_it_stands_is_told_at_any_time(world):
    _, _, submitted = await interleave(world, strategy={"stop": "horizon"}, guardrails=LOOSE)
    crowd = Crowd(world, prefers(0.7, ties=0.2, first=0.3))
    crowd.fails = lambda number: number % 20 == 0
    await world.until(submitted.id, "progressing.soaking")
    await world.advance(5, bake(world, crowd))
    found = await world.control.experiments.results(submitted.id)
    told = found.preferences
    assert told.pairs == 200
    assert told.void == 10
    assert told.wins + told.ties + told.losses == told.votes == 190
    assert told.lower < told.win_rate < told.upper
    assert told.first_share > 0.5
    assert 0 < told.p_value <= 1
    assert told.sentence in found.headline or told.sentence[1:] in found.headline
    assert any("10 of 200 pairs are void" in sentence for sentence in found.sentences)
    assert found.effects == ()
    assert {arm.variant: arm.requests for arm in found.arms} == {"control": 200, "candidate": 200}
    explained = await world.control.queries.explain(submitted.id)
    assert any("a win rate of" in sentence for sentence in explained.sentences)
    assert any("get one of each version, in random order" in sentence for sentence in explained.summary)
    view = await world.look(submitted.id)
    assert [verdict.metric for verdict in view.verdicts] == ["error_rate", "win_rate"]


async def test_results_of_turns_say_when_a_conversation_votes_and_what_carries_over(world):
    _, _, submitted = await interleave(world, strategy={"mode": "turn"}, guardrails=LOOSE)
    crowd = Crowd(world, prefers(0.5))
    await world.until(submitted.id, "progressing.soaking")
    await crowd.take_turns(30, lambda chance, _: chance.random() < 0.6)
    found = await world.control.experiments.results(submitted.id)
    assert "A conversation votes once answers of both versions in it were rated." in found.sentences
    assert any("what carries over" in sentence for sentence in found.sentences)
    assert (found.preferences.votes, found.preferences.pairs, found.preferences.first_share) == (30, 0, None)
    assert found.unit == "conversation"


async def test_votes_are_not_told_by_segment(world):
    _, _, submitted = await interleave(world)
    await world.until(submitted.id, "progressing.soaking")
    with pytest.raises(ConflictError, match="not told by segment"):
        await world.control.experiments.by_segment(submitted.id, "segment")
