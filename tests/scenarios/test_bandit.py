"""A bandit from its submission to its end: the better arm gets the traffic and wins, equal ones do not, a harmful one goes,
rewards come late, and nothing is weighed anew while the release is held."""

import random
from collections import Counter, deque
from collections.abc import Callable
from datetime import timedelta
from itertools import pairwise
from typing import Any

import pytest
from tests.scenarios.world import ALICE, World

from tidegate.cli.views.experiments import results_lines
from tidegate.delivery.evidence.opinions import Opinions
from tidegate.delivery.release import ReleaseState
from tidegate.delivery.release_file import parse_release
from tidegate.errors import InvalidInputError
from tidegate.registry.observations import read_counts
from tidegate.registry.releases import read_release

VARIANTS = {"control": "@stable", "short": "v1.1.0", "long": "v1.2.0"}
PROMOTE = {"bake": "3s", "keep_warm": "0s"}


@pytest.fixture
def world_settings():
    return {"gateways": 1}


async def bandit(world: World, *, strategy: dict[str, Any] | None = None, **fields: Any):
    """A bandit of two arms beside control; returns the references by variant, and the view."""
    references = await world.service("bot", "1.0.0", "1.1.0", "1.2.0")
    settings = {"epoch": "3s", "horizon": "90s", "promote": PROMOTE, **(strategy or {})}
    document = {
        "kind": "Release",
        "service": "bot",
        "probe": {"requests": 2},
        "variants": VARIANTS,
        "strategy": {"bandit": settings},
        "guardrails": [{"metric": "error_rate", "hard": "> 20%"}],
        "analysis": {"interval": "1s", "min_samples": 100},
        **fields,
    }
    view = await world.control.operations.submit_release(parse_release(document), actor=ALICE, reason="try them")
    return dict(zip(("stable", "short", "long"), references, strict=True)), view


def costs(seed: int = 1, **means: float) -> Callable[[str, int], int]:
    """Nano-USD of a request by version, normal around a mean; those not named cost 1000."""
    chance = random.Random(seed)
    return lambda version, _: max(
        0, round(chance.gauss(next((m for v, m in means.items() if v in version), 1_000), 400))
    )


def users(world: World, each: int = 200, **more: Any) -> Callable[[], Any]:
    return lambda: world.gateways[0].serve("bot", each, **more)


async def state_of(world: World, release: str) -> ReleaseState:
    async with world.control.state.read() as connection:
        return (await read_release(connection, release)).state


async def test_the_better_arm_gets_the_traffic_and_wins(world):
    refs, submitted = await bandit(world, strategy={"reward": "cost_per_request"})
    seen: list[dict[str, int]] = []
    asked = users(world, cost_nano=costs(**{"v1.2.0": 850, "v1.1.0": 950}))

    async def each() -> None:
        seen.append(world.weights("bot"))
        await asked()

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == refs["long"]
    codes = await world.codes(submitted.id)
    assert codes.count("reweighted") >= 2
    assert [code for code in codes if code in {"decided", "winner_found", "promoted"}] == [
        "decided",
        "winner_found",
        "promoted",
    ]
    trial = [weights for weights in seen if len(weights) == 3 and weights[refs["long"]] < 10_000]
    assert trial[-1][refs["long"]] > 6_000
    assert all(sum(weights.values()) == 10_000 for weights in seen)  # I1
    assert min(weight for weights in trial[4:] for weight in weights.values()) >= 500  # the floor
    moves = [abs(after[ref] - before[ref]) for before, after in pairwise(trial[4:]) for ref in after]
    assert max(moves) <= 2_001  # no more at once, but for rounding
    told = await world.control.experiments.results(submitted.id)
    assert (told.strategy, told.outcome, told.winner) == ("bandit", "winner_found", "long")
    assert told.bandit is not None
    assert told.bandit.rounds[-1].weights == {
        "control": trial[-1][refs["stable"]],
        "short": trial[-1][refs["short"]],
        "long": trial[-1][refs["long"]],
    }
    assert len(told.bandit.rounds) == codes.count("reweighted") + 1
    assert told.bandit.next_epoch_at is None
    assert max(told.bandit.variants, key=lambda each: each.value or -1).variant == "long"
    shown = "\n".join(str(line) for line in results_lines(told, world.clock.now()))
    assert "thompson by cost_per_request" in shown
    assert "Regret so far" in shown
    assert await world.is_audit_whole()


async def test_equal_arms_end_at_the_horizon_with_stable(world):
    refs, submitted = await bandit(
        world, strategy={"reward": "cost_per_request", "algorithm": "top_two", "horizon": "20s"}
    )
    ended = await world.until(submitted.id, "succeeded", each=users(world, cost_nano=costs()))
    assert await world.stable("bot") == refs["stable"]
    assert ended.weights == {refs["stable"]: 10_000, refs["short"]: 0, refs["long"]: 0}
    assert "stable_kept" in await world.codes(submitted.id)
    assert await world.control.queries.incidents() == []


async def test_a_harmful_arm_is_taken_out_at_once_and_its_weight_goes_to_the_others(world):
    refs, submitted = await bandit(world, strategy={"reward": "cost_per_request", "algorithm": "track_and_stop"})
    cheap = costs(**{"v1.1.0": 900})
    ask = users(world, 100, fails=lambda version: version == refs["long"], cost_nano=cheap)
    seen: list[dict[str, int]] = []

    async def each() -> None:
        await ask()
        await world.settle()
        seen.append(world.weights("bot"))

    await world.until(submitted.id, "succeeded", each=each)
    assert await world.stable("bot") == refs["short"]
    (incident,) = await world.control.queries.incidents()
    assert (incident.variant, incident.trigger) == ("long", "hard_limit")
    codes = await world.codes(submitted.id)
    assert codes.index("arm_removed") < codes.index("reweighted")
    on_trial = [weights for weights in seen if refs["short"] in weights and weights[refs["short"]] < 10_000]
    gone = next(i for i, weights in enumerate(on_trial) if weights.get(refs["long"]) == 0)
    assert all(weights.get(refs["long"], 0) == 0 for weights in on_trial[gone:])
    assert on_trial[-1][refs["short"]] > on_trial[0][refs["short"]]


async def test_rewards_that_come_late_count_for_the_round_their_unit_was_drawn_in(world):
    refs, submitted = await bandit(world, strategy={"reward": "feedback:liked", "stop": "horizon"})
    gateway, waiting = world.gateways[0], deque()
    drawn: list[Counter[str]] = []

    async def each() -> None:
        assert gateway.snapshot is not None
        route = gateway.snapshot.services["bot"]
        before = route.release.round if route.release else 0
        await gateway.serve("bot", 12)
        waiting.append({request: version == refs["long"] for request, version in gateway.answered.items()})
        while len(drawn) <= before:
            drawn.append(Counter())
        drawn[before].update(gateway.answered.values())
        if len(waiting) > 5:
            await gateway.say(waiting.popleft(), "liked")

    await world.until(submitted.id, "progressing.soaking")
    await world.advance(14, each)
    while waiting:
        await gateway.say(waiting.popleft(), "liked")
    async with world.control.observed.read() as connection:
        counts = (await read_counts(connection, [submitted.id]))[submitted.id]
    assert len(drawn) > 2
    told = {(key[3], key[4]): counted.compared.opinions.get("liked", Opinions()) for key, counted in counts.items()}
    for number, versions in enumerate(drawn):
        for variant, ref in refs.items():
            said = told.get((number, variant), Opinions())
            expected = versions[ref]
            assert (said.yes, said.no) == ((expected, 0) if variant == "long" else (0, expected))
    state = await state_of(world, submitted.id)
    assert state.experiment.shares[-1]["long"] > state.experiment.shares[0]["long"]


async def test_a_crash_between_decision_and_routing_neither_loses_nor_repeats_a_round(world):
    _, submitted = await bandit(world, strategy={"reward": "cost_per_request", "stop": "horizon"})
    ask = users(world, 200, cost_nano=costs(**{"v1.2.0": 850}))
    await world.until(submitted.id, "progressing.soaking")
    for _ in range(2):
        before = await state_of(world, submitted.id)
        await world.advance(2, ask)
        while (await state_of(world, submitted.id)).round == before.round:
            await ask()
            world.clock.advance(timedelta(seconds=1))
            world.beat()
            await world.control.controller.reconcile()  # committed, and nothing carried out
        await world.restart()
        await world.settle()
        after = await state_of(world, submitted.id)
        assert after.round == before.round + 1 == len(after.experiment.shares) - 1
        assert sorted(world.weights("bot").values()) == sorted(after.weights.values())
        assert not after.is_paused
    assert (await world.codes(submitted.id)).count("reweighted") == 2


async def test_a_pause_and_a_freeze_hold_the_weights(world):
    _, submitted = await bandit(world, strategy={"reward": "cost_per_request", "stop": "horizon"})
    ask = users(world, 100, cost_nano=costs(**{"v1.2.0": 900}))
    await world.until(submitted.id, "progressing.soaking")
    await world.control.operations.command(submitted.id, "pause", actor=ALICE)
    await world.advance(8, ask)
    held = await state_of(world, submitted.id)
    summary = " ".join((await world.control.queries.explain(submitted.id)).summary)
    assert "Weights of new units follow cost_per_request by thompson: every 3 s, from 5% to 95%" in summary
    assert "they stand still while it is paused" in summary
    assert (held.round, held.pause_reasons) == (0, ("manual",))
    etag = (await world.look(submitted.id)).etag
    await world.control.operations.command(submitted.id, "resume", actor=ALICE, if_match=etag)
    await world.advance(2, ask)
    moved = await state_of(world, submitted.id)
    assert moved.round == 1
    await world.control.operations.freeze("bot", actor=ALICE, reason="black friday")
    await world.advance(6, ask)
    assert (await state_of(world, submitted.id)).round == 1
    await world.control.operations.unfreeze("bot", actor=ALICE, reason="over")
    await world.advance(5, ask)
    assert (await state_of(world, submitted.id)).round == 2


async def test_a_report_promotes_nobody(world):
    refs, submitted = await bandit(
        world, strategy={"reward": "cost_per_request", "decide": "report_only", "horizon": "12s"}
    )
    await world.until(submitted.id, "succeeded", each=users(world, cost_nano=costs(**{"v1.2.0": 700})))
    assert await world.stable("bot") == refs["stable"]
    assert "reported" in await world.codes(submitted.id)


async def test_without_a_word_of_feedback_nobody_is_promoted_not_even_on_request(world):
    refs, submitted = await bandit(world, strategy={"reward": "feedback:liked", "horizon": "9s"})
    held = await world.until(submitted.id, "progressing.judging", each=users(world))
    for _ in range(2):
        assert held.pause_reasons == ("no_data",)
        await world.control.operations.command(submitted.id, "promote", actor=ALICE, reason="go", if_match=held.etag)
        await world.advance(3, users(world))
        held = await world.look(submitted.id)
        assert (held.phase, held.sub_phase) == ("progressing", "judging")
    assert await world.stable("bot") == refs["stable"]


async def test_a_report_without_data_ends_as_one(world):
    _, submitted = await bandit(world, strategy={"reward": "feedback:liked", "decide": "report_only", "horizon": "6s"})
    await world.until(submitted.id, "succeeded", each=users(world))
    assert "reported" in await world.codes(submitted.id)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"floor": "40%"}, "a floor of 40% for each of 3 variants"),
        ({"floor": "0%"}, "a floor of 0%"),
        ({"ceiling": "20%"}, "leaves users over"),
        ({"max_change": "0%"}, "cannot change by 0%"),
        ({"epoch": "10s", "horizon": "7d"}, "60,480 epochs"),
        ({"weights": {"control": "96%", "short": "2%", "long": "2%"}}, "outside floor and ceiling"),
        ({"reward": "latencyy"}, "unknown metric"),
        ({"reward": "cache_hit_rate"}, "ratio of two sums"),
        ({"reward": "output_tokens"}, "better in neither direction"),
        ({"reward": {"metric": "latency", "cost_weight": -1}}, "would reward what costs more"),
        ({"reward": {"metric": "latency", "stat": "p95"}}, "stat"),
        ({"algorithm": "ucb"}, "algorithm: invalid enum value"),
    ],
)
def test_what_is_no_bandit_is_refused_with_its_place(settings, message):
    document = {"kind": "Release", "service": "bot", "variants": VARIANTS, "strategy": {"bandit": settings}}
    with pytest.raises(InvalidInputError, match=message):
        parse_release(document)
