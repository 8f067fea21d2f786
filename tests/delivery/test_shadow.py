"""Shadow and chains: what is written, what it compiles to, what is refused, and how the engine walks it."""

from __future__ import annotations

import pytest
from tests.delivery.release_world import NEW, OLD, World, names, traffic
from tests.fakes.pairs import counted

from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.release import Phase, SubPhase
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.steps import Mirror, Split
from tidegate.delivery.strategy import compile_program, strategy_name
from tidegate.errors import InvalidInputError

PROMOTE = {"bake": "30s"}
CANARY = {"canary": {"steps": [{"split": "20%", "soak": "30s"}], "promote": PROMOTE}}


def parsed(strategy):
    return parse_release({"service": "bot", "version": "v1", "strategy": strategy})


def test_a_shadow_mirrors_and_finishes_by_default():
    spec = parsed("shadow")
    program = compile_program(spec.strategy)
    assert program.steps == (Mirror(mirroring=Mirroring(share=1_000), soak=1_800),)
    assert (program.finishes, program.needs_stable, program.min_samples, program.judgings) == (True, True, 200, 1)
    assert program.planned == 1_800


def test_every_key_of_a_shadow_has_its_effect():
    spec = parsed(
        {
            "shadow": {
                "percent": "2.5%",
                "soak": "5m",
                "max_cost": "1.25 USD",
                "max_tokens": 9_000,
                "max_concurrency": 4,
                "require": ["error_rate"],
                "then": "continue",
                "promote": PROMOTE,
            }
        }
    )
    program = compile_program(spec.strategy)
    bounds = Mirroring(share=250, max_concurrency=4, max_cost=1_250_000_000, max_tokens=9_000)
    assert program.steps == (Mirror(mirroring=bounds, soak=300, require=("error_rate",)),)
    assert (program.finishes, program.promote.bake, program.judgings) == (False, 30, 2)


def test_a_split_may_mirror_at_once():
    steps = [{"split": "1%", "mirror": "5%", "soak": "20m", "max_cost": "20 USD"}]
    (step,) = compile_program(parsed({"canary": {"steps": steps}}).strategy).steps
    assert step == Split(weight=100, soak=1_200, mirroring=Mirroring(share=500, max_cost=20 * 10**9))


def test_a_chain_is_one_program_and_each_part_keeps_its_criteria():
    spec = parsed(["shadow", CANARY, "blue_green"])
    program = compile_program(spec.strategy)
    assert [type(step) for step in program.steps] == [Mirror, Split]
    assert strategy_name(spec.strategy) == "shadow, canary, blue_green"
    assert [program.criteria_at(step).min_samples for step in range(3)] == [200, 200, 1]
    assert [program.criteria_at(step).on_no_data for step in range(3)] == ["pause", "pause", "promote"]
    assert (program.finishes, program.promote.bake, program.judgings) == (False, 600, 3)
    assert spec.probe.requests == 25  # blue_green warms it up


@pytest.mark.parametrize(
    ("strategy", "sentence"),
    [
        ([{"shadow": {"then": "finish"}}, CANARY], "strategy[0]: shadow ends the release here"),
        (["blue_green", CANARY], "strategy[0]: blue_green gives everybody the candidate"),
        ([CANARY, "shadow"], "strategy[1]: shadow comes too late"),
        ([CANARY, CANARY], "strategy[1]: its split of 20% comes after one of 20%, and a ramp only rises"),
        ([CANARY, {"shadw": {}}], "strategy[1]: unknown strategy 'shadw' (did you mean 'shadow'"),
        ({"shadow": {"percent": "0%"}}, "strategy.shadow.percent: 0% is no share of requests to copy"),
        ({"shadow": {"max_concurrency": 0}}, "max_concurrency of 0 copies nothing"),
        ({"shadow": {"then": "stop"}}, "then: invalid enum value 'stop'"),
        ({"shadow": {"max_cost": "much"}}, "max_cost: 'much' is not an amount of money"),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_place(strategy, sentence):
    with pytest.raises(InvalidInputError) as caught:
        parsed(strategy)
    assert sentence in str(caught.value)


def test_the_mirror_lasts_for_its_step_and_is_no_weight():
    world = World(strategy=["shadow", CANARY]).reach(Phase.PROGRESSING, SubPhase.SOAKING)
    assert world.published.release.mirroring == Mirroring(share=1_000)
    assert {variant.version: variant.weight for variant in world.published.variants} == {OLD: 10_000, NEW: 0}
    world.ask("promote")
    while world.place != (Phase.PROGRESSING, SubPhase.SOAKING) or world.state.step == 0:
        world.step()
        world.acknowledge()
    assert world.state.weight == 2_000
    assert world.published.release.mirroring is None


@pytest.mark.parametrize("kind", ["abort", "rollback"])
def test_the_way_back_removes_the_mirror_with_the_routing_write(kind):
    world = World(strategy="shadow").reach(Phase.PROGRESSING, SubPhase.SOAKING)
    decision = world.ask(kind)
    assert names(decision)[-1] == "WriteRouting"
    assert world.state.mirroring is None
    assert world.published.release is None


def test_a_shadow_that_finishes_moves_no_pointer_and_tears_the_candidate_down():
    world = World(strategy="shadow").reach(Phase.PROGRESSING, SubPhase.SOAKING)
    world.ask("promote")
    world.step()
    assert world.place == (Phase.SUCCEEDED, None)
    assert world.stable == OLD
    assert world.published.release is None
    assert "T7 finished_forced" in world.history()
    assert "TearDown" in names(world.last) + names(world.log[-2])


def test_a_shadow_needs_a_stable_version():
    world = World(strategy="shadow", stable=None)
    world.step()
    assert world.state.phase is Phase.REJECTED


def mirroring(world, pairs, seconds=31):
    """Copies come, the soak ends, the controller decides as long as there is something to decide."""
    world.mirror(pairs)
    world.wait(seconds)
    world.step()
    world.acknowledge()
    return world


def soaking(strategy="shadow", **document):
    shadow = {"shadow": {"soak": "30s", "max_cost": "1 USD"}}
    return World(strategy=shadow if strategy == "shadow" else strategy, **document).reach(
        Phase.PROGRESSING, SubPhase.SOAKING
    )


def test_good_pairs_finish_the_shadow_and_nobody_was_exposed():
    world = mirroring(soaking(), counted(400))
    assert world.place == (Phase.SUCCEEDED, None)
    assert (world.stable, world.state.samples, world.state.exposed_requests) == (OLD, 400, 0)
    assert [v.code for v in world.state.verdicts] == ["within_limit", "pairs_not_worse"]
    assert "T7 finished" in world.history()
    assert "over 400 pairs" in world.last.transitions[-1].sentence


def test_bad_pairs_roll_it_back_at_once_with_an_incident_and_no_exposed_user():
    world = soaking()
    world.mirror(counted(60) + counted(30, candidate={"outcome": "timeout"}))
    world.wait(1)
    decision = world.step()
    assert world.state.phase is Phase.ROLLING_BACK
    assert names(decision) == ["OpenIncident", "Notify", "WriteRouting"]
    incident = decision.commands[0]
    assert (incident.exposed_requests, incident.trigger) == (0, "hard_limit")
    world.acknowledge()
    world.step()
    assert world.place == (Phase.ROLLED_BACK, None)


def test_too_few_pairs_are_no_data():
    world = mirroring(soaking(), counted(20))
    assert (world.state.phase, world.state.pause_reasons) == (Phase.PROGRESSING, ("no_data",))
    assert world.state.verdict == "no_data"


def test_pairs_from_before_every_gateway_mirrors_are_no_samples():
    world = World(strategy={"shadow": {"soak": "30s"}}).reach(Phase.PROGRESSING, SubPhase.VERIFYING)
    world.mirror(counted(400))
    mirroring(world.reach(Phase.PROGRESSING, SubPhase.SOAKING), counted(5))
    assert world.state.samples == 5
    assert world.state.verdict == "no_data"


def test_a_chain_goes_on_to_the_canary_when_the_pairs_pass():
    world = mirroring(soaking([{"shadow": {"soak": "30s"}}, CANARY]), counted(400))
    world.step()
    assert (world.state.step, world.state.weight, world.state.mirroring) == (1, 2_000, None)
    assert all(verdict.samples == 0 for verdict in world.state.verdicts)  # evidence belongs to its step


def test_when_the_money_is_spent_the_mirror_stops_and_the_pairs_so_far_are_judged():
    world = soaking()
    world.mirror(counted(302, candidate={"cost_nano_usd": 33 * 10**5}))  # two gateways could start two more
    world.wait(1)
    world.step()
    assert "T6 mirror_spent" in world.history()
    assert world.published.release is None or world.published.release.mirroring is None
    assert world.place == (Phase.SUCCEEDED, None)


def test_money_spent_on_too_few_pairs_is_not_extended_in_vain():
    world = soaking(analysis={"on_no_data": "extend", "then": "rollback", "interval": "1s"})
    world.mirror(counted(10, candidate={"cost_nano_usd": 10**8}))
    world.wait(1)
    world.step()
    world.acknowledge()
    world.step()
    assert "T8 no_data" in world.history()
    assert "T8 extended" not in world.history()


SPLIT_TOO = {"canary": {"steps": [{"split": "20%", "mirror": "5%", "soak": "30s", "max_cost": "1 USD"}]}}


def test_a_split_that_mirrors_waits_for_no_pair():
    world = soaking(SPLIT_TOO, analysis={"min_samples": 100, "interval": "1s"})
    world.serve(traffic(400), traffic(1_600))
    mirroring(world, counted(3))
    assert world.state.phase is Phase.PROMOTING


def test_bad_pairs_fail_a_split_that_mirrors():
    world = soaking(SPLIT_TOO, analysis={"min_samples": 100, "interval": "1s"})
    world.serve(traffic(400), traffic(1_600))
    mirroring(world, counted(300) + counted(60, candidate={"outcome": "timeout"}), seconds=1)
    assert world.state.phase is Phase.ROLLING_BACK
    assert world.state.breach.evidence[0].metric == "error_rate (pairs)"


def test_a_split_soaks_on_when_its_copies_have_spent_their_money():
    world = soaking(SPLIT_TOO, analysis={"min_samples": 100, "interval": "1s"})
    mirroring(world, counted(100, candidate={"cost_nano_usd": 10**7}), seconds=1)
    assert world.place == (Phase.PROGRESSING, SubPhase.SOAKING)
    assert world.published.release.mirroring is None
    assert (world.state.mirroring, world.state.weight) == (None, 2_000)
    assert "N1 mirror_ended" in world.history()


@pytest.mark.parametrize(
    ("part", "sentence"),
    [
        ({"guardrails": [{"metric": "ttft", "hard": "> 1s"}]}, "no guardrail can be decided by the copies of shadow"),
        (
            {"guardrails": [{"metric": "ttft", "hard": "> 1s"}, {"metric": "error_rate", "hard": "> 5%"}]},
            "copies cannot decide 'ttft', which a step of shadow requires",
        ),
    ],
)
def test_what_copies_can_never_decide_is_refused(part, sentence):
    with pytest.raises(InvalidInputError, match=sentence):
        parse_release({"service": "bot", "version": "v1", "strategy": {"shadow": {"require": ["ttft"]}}, **part})


CHEAPER = [{"metric": "output_tokens", "max_increase": "10%"}]


def test_an_objective_must_pass_before_a_shadow_finishes():
    world = mirroring(soaking(objectives=CHEAPER), counted(400))
    assert world.place == (Phase.SUCCEEDED, None)
    assert [(v.metric, v.verdict) for v in world.state.verdicts if v.is_objective] == [("output_tokens.mean", "pass")]


@pytest.mark.parametrize("then", ["finish", "continue"])
def test_an_objective_that_copies_surely_miss_takes_the_shadow_back(then):
    strategy = {"shadow": {"soak": "30s", "then": then}}
    longer = counted(400, candidate={"output_tokens": 900}, stable={"output_tokens": 100})
    world = mirroring(soaking(strategy, objectives=CHEAPER), longer)
    assert world.state.breach.trigger == "objective"


def test_an_objective_waits_for_users_where_a_canary_follows():
    longer = counted(400, candidate={"output_tokens": 900}, stable={"output_tokens": 100})
    world = mirroring(soaking([{"shadow": {"soak": "30s"}}, CANARY], objectives=CHEAPER), longer)
    world.step()
    assert world.state.step == 1


@pytest.mark.parametrize(
    "objective", [{"metric": "latency", "max_increase": "5%"}, {"metric": "feedback:thumbs_up", "max_decrease": "2%"}]
)
def test_an_objective_that_copies_can_never_decide_is_refused(objective):
    document = {"service": "bot", "version": "v1", "objectives": [objective]}
    with pytest.raises(InvalidInputError, match="the copies of shadow cannot decide the objective") as caught:
        parse_release({**document, "strategy": "shadow"})
    assert "objectives" in caught.value.where
    parse_release({**document, "strategy": [{"shadow": {}}, "canary"]})
    parse_release({**document, "strategy": "shadow", "objectives": [{**objective, "dry_run": True}]})
