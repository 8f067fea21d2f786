"""Whatever happens, in whatever order, with crashes between any two lines: the invariants hold."""

from __future__ import annotations

from datetime import timedelta

import msgspec
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.delivery.release_world import NEW, OLD, START, World, traffic
from tests.fakes.pairs import counted

from tidegate.delivery.commands import CommitStable, Notify, TearDown
from tidegate.delivery.decide import decide
from tidegate.delivery.facts import NewerRelease, ProbeResult
from tidegate.delivery.release import CANDIDATE, Phase, SubPhase, encode_state
from tidegate.delivery.snapshot import Cutoff
from tidegate.delivery.strategy import compile_program
from tidegate.delivery.transitions import NOTES, find

FORWARD = frozenset({"T1", "T2", "T4", "T5", "T6", "T7", "T10"})
WAITING = frozenset({"T2", "T4", "T6", "T7", "T10"})
KINDS = ["promote", "pause", "resume", "abort", "rollback", "retry", "approve", "reject"]
INTENTS = st.one_of(st.just([]), st.just([]), st.just(["resume"]), st.lists(st.sampled_from(KINDS), max_size=3))


STEPS = [
    {"split": "20%", "soak": "30s"},
    {"approve": "boss", "timeout": "1h"},
    {"split": "50%", "soak": "30s"},
]
STRATEGIES = {
    "direct": lambda promote: {"direct": {"promote": promote}},
    "blue_green": lambda promote: {"blue_green": {"warm_up": 2, "promote": {"bake": "30s", **promote}}},
    "canary": lambda promote: {"canary": {"steps": STEPS, "promote": promote}},
}
MIRROR = {"shadow": {"percent": "10%", "soak": "30s", "max_cost": "1 USD", "then": "finish"}}
AND_THEN = {"shadow": {"percent": "10%", "soak": "30s", "max_cost": "1 USD"}}
BOTH = [{"mirror": "5%", "soak": "30s"}, {"split": "20%", "mirror": "5%", "soak": "30s", "max_cost": "1 USD"}]
STRATEGIES |= {
    "shadow": lambda promote: MIRROR,
    "chain": lambda promote: [AND_THEN, {"canary": {"steps": BOTH, "promote": promote}}],
}
BEFORE_SPLITS = [(Phase.PENDING, None), (Phase.GATING, None)]
IN_SPLITS = [(Phase.PROGRESSING, sub) for sub in (SubPhase.APPLYING, SubPhase.VERIFYING, SubPhase.SOAKING)]


class ReleaseLaws(RuleBasedStateMachine):
    """Random facts, intents and crashes against one release."""

    kinds = ("direct", "direct", "blue_green")  # strategies of the examples

    @initialize(
        is_first=st.booleans(),
        pick=st.integers(0, 2),
        keep_warm=st.sampled_from(["0s", "60s"]),
        on_no_data=st.sampled_from(["promote", "extend", "pause", "rollback"]),
        place=st.sampled_from(
            [(Phase.PENDING, None), (Phase.GATING, None), (Phase.DRAINING, None), (Phase.ROLLING_BACK, None)]
            + [(Phase.PROMOTING, sub) for sub in (SubPhase.APPLYING, SubPhase.VERIFYING, SubPhase.SOAKING)]
        ),
        split_place=st.sampled_from([*BEFORE_SPLITS, *IN_SPLITS, *IN_SPLITS]),
    )
    def begin(self, is_first, pick, keep_warm, on_no_data, place, split_place):
        strategy = self.kinds[pick % len(self.kinds)]
        compares = strategy in {"canary", "shadow", "chain"}
        if compares:
            place = split_place
        self.world = World(
            stable=None if is_first and strategy == "direct" else OLD,
            strategy=STRATEGIES[strategy]({"keep_warm": keep_warm}),
            guardrails=[{"metric": "error_rate", "max_increase": "20%", "hard": "> 5%"}] if compares else [],
            analysis={"on_no_data": on_no_data, "interval": "1s", "min_samples": 3},
            rollback={"deadline": "2h", "max_paused": "1h", "cooldown": "1m"},
        )
        self.records: set[str] = set()
        self.committed_at = None
        self.arrive(*place)

    def arrive(self, phase, sub_phase):
        world = self.world
        if phase is Phase.DRAINING:
            world.reach(Phase.PROMOTING, SubPhase.SOAKING).serve(traffic(10))
            world.wait(30)
            world.step()
        elif phase is Phase.ROLLING_BACK:
            world.reach(Phase.PROMOTING, SubPhase.SOAKING).ask("abort")
        else:
            world.reach(phase, sub_phase)
        assert world.place == (phase, sub_phase)
        for decision in world.log:
            self.check_records(None, decision, world.now)

    # The world moves ----------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([0.0, 0.5, 1, 10, 31, 400, 4_000]))
    def time_passes(self, seconds):
        self.world.wait(seconds)
        self.decide()

    @rule(names=st.sampled_from([("gw0",), ("gw1",), ("gw0", "gw1")]))
    def gateways_acknowledge(self, names):
        self.world.acknowledge(*names)
        self.decide()

    @rule()
    def a_gateway_forgets_what_it_served(self):
        self.world.acknowledged["gw1"] = (1, 1)

    @rule()
    def routing_is_edited_by_hand(self):
        self.world.published = msgspec.structs.replace(self.world.published, salt="edited")
        self.world.revision += 1

    @rule()
    def the_publisher_repairs_it(self):
        self.world.publish()

    @rule(failed=st.sampled_from([0, 0, 0, 1]))
    def probes_end(self, failed):
        self.world.answer_probes(failed)

    @rule()
    def an_old_probe_result_arrives(self):
        self.world.probe = ProbeResult(attempt=self.world.state.attempt - 1, answered=99, failed=0)

    @rule(ok=st.integers(0, 50), failed=st.sampled_from([0, 0, 0, 20]))
    def users_are_served(self, ok, failed):
        if self.world.published.release and self.world.state.weight:
            self.world.serve(traffic(ok, failed=failed), self.beside(ok))
            self.decide(is_crashing=bool(failed))

    @rule(ok=st.integers(0, 50), failed=st.sampled_from([0, 0, 0, 20]), cost=st.sampled_from([1, 10**7]))
    def requests_are_copied(self, ok, failed, cost):
        release = self.world.published.release
        if release and release.mirroring:
            good, bad = {"cost_nano_usd": cost}, {"outcome": "timeout", "cost_nano_usd": cost}
            self.world.mirror(counted(ok, candidate=good) + counted(failed, candidate=bad))
            self.decide()

    @rule(ready=st.sampled_from([True, True, True, None, False]))
    def the_candidate_is(self, ready):
        self.world.ready = ready

    @rule(old=st.integers(0, 2), new=st.integers(0, 2), spool=st.sampled_from([0, 0, 4]))
    def requests_are_under_way(self, old, new, spool):
        self.world.in_flight, self.world.spool = {OLD: old, NEW: new}, spool

    @rule(is_frozen=st.booleans())
    def a_freeze_is_set(self, is_frozen):
        self.world.is_frozen = is_frozen

    @rule(attempt=st.integers(1, 2), is_reported=st.sampled_from([False, False, True]))
    def a_cutoff_is_reported(self, attempt, is_reported):
        cutoff = Cutoff(
            service="bot", release="rel_1", attempt=attempt, variant=CANDIDATE, failures=5, reason="timeout"
        )
        self.world.cutoffs = (cutoff,) if is_reported else ()

    @rule(newer=st.sampled_from([None, None, "queue", "supersede"]))
    def a_newer_release_waits(self, newer):
        found = NewerRelease(id="rel_2", candidate="bot/v2.0.0-33333333", when_running=newer) if newer else None
        self.world.newer = found

    @rule(are_readable=st.booleans())
    def the_observations_can_be_read(self, are_readable):
        self.world.are_counts_readable = are_readable

    @rule(minutes=st.sampled_from([-60, 60]))
    def the_clock_jumps(self, minutes):
        self.world.jump += timedelta(minutes=minutes)
        self.world.now += timedelta(minutes=minutes)

    @rule()
    def a_new_leader_takes_over(self):
        self.world.epoch += 1
        self.world.revision += 1

    # The controller -----------------------------------------------------------------------------------------

    @rule(kinds=INTENTS, is_crashing=st.booleans(), full=st.booleans())
    def the_controller_decides(self, kinds, is_crashing, full):
        self.decide(kinds, is_crashing=is_crashing, full=full)

    @rule(seconds=st.sampled_from([1, 31, 61]), passes=st.integers(1, 4))
    def all_is_well_for_a_while(self, seconds, passes):
        for _ in range(passes):
            self.world.publish()
            self.world.acknowledge()
            self.decide()
            self.world.wait(seconds)

    def beside(self, ok):
        """What stable serves meanwhile, as the share of the step has it."""
        state = self.world.state
        share = sum(state.shares.values()) / 10_000 if state.phase is Phase.PROGRESSING else 1.0
        return traffic(round(ok * (1 - share) / share)) if share else traffic()

    @rule(seconds=st.sampled_from([1, 31]), passes=st.integers(1, 3), ok=st.sampled_from([40, 100]))
    def users_come_and_all_is_well(self, seconds, passes, ok):
        for _ in range(passes):
            self.world.publish()
            self.world.acknowledge()
            release = self.world.published.release
            if release and self.world.state.weight:
                self.world.serve(traffic(ok), self.beside(ok))
            if release and release.mirroring:
                self.world.mirror(counted(ok))
            self.decide(["approve"] if self.world.state.sub_phase is SubPhase.WAITING else [])
            self.world.wait(seconds)

    def decide(self, kinds=(), *, is_crashing=False, full=False):
        world = self.world
        before, facts, now = world.state, world.facts(), world.now
        settings_of = {"promote": {"full": full}, "approve": {"roles": ("boss",)}, "reject": {"roles": ("boss",)}}
        intents = [world.intent(kind, **settings_of.get(kind, {})) for kind in kinds]
        foreseen = decide(world.spec, before, intents, facts, now)
        decision = world.step(*intents, carry_out=not is_crashing)
        assert decision == foreseen  # pure: the same arguments, the same answer
        self.check_transitions(before, decision, facts, intents, now)
        self.check_records(before, decision, now)
        self.check_effects(before, decision, kinds)

    @rule()
    @precondition(lambda self: hasattr(self, "world"))
    def fifty_restarts_change_nothing_more(self):
        world = self.world
        for _ in range(50):  # whatever is due happens at most once; then nothing until the world moves
            previous = world.stored
            world.step(carry_out=False)
            self.check_records(None, world.last, world.now)
            if world.stored == previous:
                return
        raise AssertionError("the state never comes to rest")

    def check_transitions(self, before, decision, facts, intents, now):
        moved = [record for record in decision.transitions if record.number.startswith("T")]
        at = (before.phase, before.sub_phase)
        for record in decision.transitions:
            assert (record.source, record.source_sub_phase) == at
            at = (record.target, record.target_sub_phase)
            if record.code not in NOTES:
                row = find((record.source, record.source_sub_phase), record.code)
                assert at in row.targets  # the table is the law
        assert at == (decision.state.phase, decision.state.sub_phase)
        assert {record.intent for record in decision.transitions} >= {intent.id for intent in intents}
        for record in moved:
            if record.number in FORWARD and record.number != "T1":
                assert facts.stable == before.stable  # I15
            if record.number == "T12":
                assert before.keep_warm_until + facts.clock_jump <= now  # I7
            if record.number == "T5":
                assert facts.has_gateways
                epoch, revision = decision.state.awaited_epoch, decision.state.awaited_revision
                assert epoch is None or facts.is_acknowledged(epoch, revision)
            if record.number == "T10":
                assert before.probe_samples >= 5  # I6
                assert before.window_opened_at is not None or any(r.number == "T5" for r in moved)  # I5
        was_paused = bool(before.pause_reasons) and not any(r.number == "P2" for r in decision.transitions)
        assert not (was_paused and any(r.number in WAITING and r.code != "approved" for r in moved))
        if before.attempt == decision.state.attempt and decision.state.phase not in {
            Phase.ROLLING_BACK,
            Phase.REJECTED,
        }:
            is_over = before.phase is Phase.ROLLING_BACK or before.phase.is_terminal
            assert is_over or decision.state.weight >= before.weight  # I12
        if before.attempt == decision.state.attempt:
            assert decision.state.step - before.step in {0, 1}  # I4
        if before.phase.is_terminal and not any(r.number == "T17" for r in moved):
            assert encode_state(decision.state) == encode_state(before)  # I11
        if any(r.number == "T17" for r in moved):
            fresh = decision.state
            assert (fresh.verdicts, fresh.verdict, fresh.probe_samples, fresh.breach) == ((), None, 0, None)  # I11
            assert fresh.attempt == before.attempt + 1

    def check_records(self, before, decision, now):
        keys = [command.key for command in decision.commands]
        assert len(keys) == len(set(keys))
        for command in decision.commands:
            if command.is_record and not isinstance(command, Notify):
                assert command.key not in self.records  # I10: never twice
                self.records.add(command.key)
            if isinstance(command, CommitStable):
                self.committed_at = now
            if isinstance(command, TearDown) and command.version == OLD:  # I7
                assert decision.state.phase is Phase.SUCCEEDED
                assert self.committed_at is not None

    def check_effects(self, before, decision, kinds):
        effects = [type(command).__name__ for command in decision.commands if not command.is_record]
        if decision.state.phase is Phase.ROLLING_BACK and before.phase is not Phase.ROLLING_BACK:
            assert effects[0] == "WriteRouting"  # I8: nothing stands before it
        if before.phase.is_running and {"abort", "rollback"} & set(kinds):
            has_way_back = before.phase is not Phase.DRAINING or before.stable is not None
            if has_way_back:
                ended = {Phase.ROLLING_BACK, Phase.REJECTED, Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.PENDING}
                assert decision.state.phase in ended  # unconditional, wins every race

    @invariant()
    def weights_are_whole(self):
        if not hasattr(self, "world"):
            return
        world, state = self.world, self.world.state
        route = world.wanted_route()
        weights = [variant.weight for variant in route.variants]
        assert all(weight >= 0 for weight in weights)
        is_unserved = world.stable is None and (state.phase not in {Phase.PROMOTING, Phase.DRAINING} or world.is_frozen)
        assert sum(weights) == (0 if is_unserved else 10_000)  # I1
        served = {variant.version for variant in route.variants if variant.weight}
        if state.phase in {Phase.PENDING, Phase.GATING, Phase.ROLLING_BACK, Phase.REJECTED}:
            assert NEW not in served  # I2, I9
        finishes = compile_program(world.spec.strategy).finishes
        if finishes:
            assert NEW not in served  # a shadow alone never serves anybody
        if state.phase in {Phase.SUCCEEDED, Phase.DRAINING}:
            assert world.stable == (OLD if finishes else NEW)
        if state.mirroring is not None:
            assert state.phase is Phase.PROGRESSING
        if route.release is not None and state.phase is not Phase.PROGRESSING:
            assert route.release.mirroring is None
        if state.phase in {Phase.ROLLED_BACK, Phase.SUPERSEDED, Phase.REJECTED}:
            assert world.stable != NEW
        if state.sub_phase is SubPhase.SOAKING:
            assert (state.soak_until is None) == state.is_paused  # I13: one clock, and it stands while paused
        if state.phase is Phase.ROLLING_BACK:
            assert state.weight == 0
            assert not state.is_paused
        assert state.created_at == START


class SplitLaws(ReleaseLaws):
    """The same against programs of splits and approvals."""

    kinds = ("canary",)


class MirrorLaws(ReleaseLaws):
    """The same against programs that mirror: a shadow, and a chain that splits after it and mirrors within a split."""

    kinds = ("shadow", "chain")


ReleaseLaws.TestCase.settings = settings(max_examples=200, stateful_step_count=40, deadline=None, derandomize=True)
TestReleaseLaws = ReleaseLaws.TestCase
SplitLaws.TestCase.settings = ReleaseLaws.TestCase.settings
TestSplitLaws = SplitLaws.TestCase
MirrorLaws.TestCase.settings = settings(max_examples=100, stateful_step_count=40, deadline=None, derandomize=True)
TestMirrorLaws = MirrorLaws.TestCase
