"""Whatever happens to the whole of control (real controller, real SQLite), with crashes anywhere: the invariants hold.

The laws of one decision are tests/delivery/test_release_laws.py; here they are asked of what is stored and published.
"""

from __future__ import annotations

import asyncio
import tempfile
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule
from tests.scenarios.world import ALICE, World, cutoff

from tidegate.controller import loop
from tidegate.delivery.release import Phase
from tidegate.errors import TidegateError
from tidegate.registry import audit, schema
from tidegate.registry.releases import list_releases

STRATEGIES = {
    "direct": {"direct": {"promote": {"bake": "5s", "keep_warm": "20s", "drain": "20s"}}},
    "blue_green": {"blue_green": {"warm_up": 1, "promote": {"bake": "5s", "keep_warm": "20s", "drain": "20s"}}},
    "canary": {
        "canary": {
            "steps": [{"split": "20%", "soak": "5s"}, {"split": "50%", "soak": "5s"}],
            "promote": {"bake": "5s", "keep_warm": "0s", "drain": "20s"},
        }
    },
}
KINDS = st.sampled_from(["promote", "pause", "resume", "abort", "rollback", "retry"])


pytestmark = pytest.mark.timeout(300)


class PulledPlugError(Exception):
    """The process died here."""


class ControlLaws(RuleBasedStateMachine):
    """Random events against one service and two gateways."""

    def __init__(self) -> None:
        super().__init__()
        self.runner = asyncio.Runner()
        self.folder = tempfile.TemporaryDirectory(prefix="tidegate-laws-")
        self.ended: dict[tuple[str, int], str] = {}  # (release, attempt) -> its state when it ended
        self.steps: dict[tuple[str, int], int] = {}
        self.served: dict[str, tuple[int, int]] = {}

    def do(self, work):
        return self.runner.run(work)

    @initialize()
    def begin(self):
        self.world = self.do(World.create(Path(self.folder.name)))
        self.do(self.world.service("bot", "1.0.0", "1.1.0", "1.2.0"))

    def teardown(self):
        if hasattr(self, "world"):
            self.do(self.world.close())
        self.runner.close()
        self.folder.cleanup()

    # Events -------------------------------------------------------------------------------------------------

    @rule(
        version=st.sampled_from(["v1.0.0", "v1.1.0", "v1.2.0"]),
        strategy=st.sampled_from(sorted(STRATEGIES)),
        policy=st.sampled_from(["queue", "supersede", "reject"]),
    )
    def somebody_releases(self, version, strategy, policy):
        analysis = {"min_samples": 5, "interval": "1s", "on_no_data": "promote", "max_extensions": 1}
        fields = {"strategy": STRATEGIES[strategy], "when_running": policy, "analysis": analysis}
        self.refusable(self.world.release("bot", version, **fields))
        self.do(self.world.settle())

    @rule(kind=KINDS, is_full=st.booleans())
    def somebody_commands(self, kind, is_full):
        release = self.do(self.world.control.queries.status("bot")).release
        if release is not None:
            more = {"full": is_full} if kind == "promote" else {}
            self.refusable(
                self.world.control.operations.command(
                    release.id, kind, actor=ALICE, reason="because", if_match=release.etag, **more
                )
            )

    @rule()
    def somebody_rolls_the_service_back(self):
        self.refusable(self.world.control.operations.rollback("bot", actor=ALICE, reason="because"))

    def refusable(self, work):
        try:
            self.do(work)
        except TidegateError:
            return

    @rule(is_on=st.booleans())
    def a_freeze(self, is_on):
        operations = self.world.control.operations
        change = operations.freeze if is_on else operations.unfreeze
        self.do(change("bot", actor=ALICE, reason="because"))

    @rule(seconds=st.sampled_from([1, 1, 6, 25]))
    def time_passes_and_all_is_well(self, seconds):
        self.do(self.world.advance(seconds))

    @rule(seconds=st.sampled_from([3, 40, 4_000]))
    def nobody_looks_for_a_while(self, seconds):
        self.world.clock.advance(timedelta(seconds=seconds))

    @rule(hours=st.sampled_from([-1, 1]))
    def the_clock_jumps(self, hours):
        self.world.clock.jump(timedelta(hours=hours))

    @rule(units=st.integers(1, 40), is_bad=st.sampled_from([False, False, True]))
    def users_come(self, units, is_bad):
        stable = self.do(self.world.stable("bot"))
        for gateway in self.world.gateways:
            if gateway.snapshot is not None:
                self.refusable(gateway.serve("bot", units, fails=lambda version: is_bad and version != stable))

    @rule(number=st.sampled_from([0, 1]), is_reachable=st.booleans())
    def a_gateway_is_cut_off_from_control(self, number, is_reachable):
        self.world.gateways[number].is_reachable = is_reachable

    @rule(in_flight=st.integers(0, 2))
    def requests_are_under_way(self, in_flight):
        release = self.do(self.world.control.queries.status("bot")).release
        if release is not None:
            self.world.gateways[0].in_flight = {release.version: in_flight}

    @rule(is_on=st.sampled_from([False, False, True]))
    def a_candidate_fails_hard(self, is_on):
        release = self.do(self.world.control.queries.status("bot")).release
        found = (cutoff(release.id, "bot", release.attempt),) if is_on and release is not None else ()
        self.world.gateways[1].cutoffs = found

    # Crashes ------------------------------------------------------------------------------------------------

    @rule()
    def the_process_dies_and_comes_back(self):
        self.do(self.world.restart())

    @rule()
    def the_process_dies_in_the_middle_of_a_commit(self):
        real = loop.commit_decision

        async def die(*arguments, **more):
            await real(*arguments, **more)
            raise PulledPlugError

        loop.commit_decision = die
        try:
            self.do(self.world.control.controller.reconcile())
        finally:
            loop.commit_decision = real
        self.do(self.world.restart())

    @rule()
    def the_process_dies_after_a_commit_before_it_publishes(self):
        publisher = self.world.control.publisher

        async def die():
            raise PulledPlugError

        real, publisher.refresh = publisher.refresh, die
        try:
            self.do(self.world.control.controller.reconcile())
        except PulledPlugError:
            pass
        finally:
            publisher.refresh = real
        self.do(self.world.restart())

    @rule()
    def another_process_takes_over_and_the_old_one_wakes_up_late(self):
        asleep = self.world.control
        self.do(self.world.start())
        self.world.beat()
        self.do(self.world.settle())
        assert not self.do(asleep.controller.reconcile())  # it decides nothing any more
        self.do(asleep.effects.stop())
        self.do(self.world.close_databases(asleep))

    # Laws ---------------------------------------------------------------------------------------------------

    @invariant()
    def what_is_stored_and_published_keeps_the_laws(self):
        if hasattr(self, "world"):
            self.do(self.check())

    async def check(self):
        async with self.world.control.state.read() as connection:
            rows = await list_releases(connection, service="bot", limit=200)
            pointer = await connection.scalar(sa.select(schema.services.c.stable))
            chain = await audit.verify(connection)
            transitions = await connection.scalar(
                sa.select(sa.func.count()).where(schema.audit.c.detail.like('%"number":"%'))
            )
            told = await connection.scalar(
                sa.select(sa.func.count()).where(
                    schema.outbox.c.sink == "log", schema.outbox.c.dedupe_key.like("log:audit/%")
                )
            )
        assert chain.is_whole, chain
        assert transitions == told  # I10: one row of the outbox for each transition, and none without one
        running = [row for row in rows if row.phase.is_running]
        assert len(running) <= 1  # I3
        for row in rows:
            self.check_release(row, pointer)
        self.check_route(pointer, running)

    def check_release(self, row, pointer):
        state, key = row.state, (row.id, row.state.attempt)
        if state.phase.is_terminal:
            assert self.ended.setdefault(key, repr(state)) == repr(state)  # I11
        if state.phase in {Phase.DRAINING, Phase.SUCCEEDED} and state.candidate != state.stable:
            assert state.probe_samples or state.started_at is None  # I6: nothing is promoted without an answer
        if state.phase is Phase.DRAINING:
            assert pointer == state.candidate
        if state.phase is Phase.ROLLING_BACK:
            assert state.weight == 0  # I9
            assert not state.is_paused
        if state.phase in {Phase.PROGRESSING, Phase.PROMOTING} and state.sub_phase == "soaking":
            assert (state.soak_until is None) == state.is_paused  # I13
            assert state.window_opened_at is not None  # I5
        assert state.step >= self.steps.get(key, 0)  # I4 over commits; by one each: tests/delivery
        self.steps[key] = state.step

    def check_route(self, pointer, running):
        if not self.world.control.publisher.is_ready:
            return
        route = self.world.control.publisher.current.services["bot"]
        weights = [arm.weight for arm in route.variants]
        assert sum(weights) == 10_000  # I1
        assert all(weight >= 0 for weight in weights)
        assert [arm.name for arm in route.variants].count("stable") == 1  # I2
        if not running or running[0].phase is Phase.ROLLING_BACK:
            assert [arm.version for arm in route.variants if arm.weight] == [pointer]
        for gateway in self.world.gateways:
            if gateway.snapshot is not None:
                seen = gateway.snapshot.epoch, gateway.snapshot.revision
                assert seen >= self.served.get(gateway.name, (0, 0))  # nobody is ever led back
                self.served[gateway.name] = seen


ControlLaws.TestCase.settings = settings(max_examples=10, stateful_step_count=22, deadline=None, derandomize=True)
TestControlLaws = ControlLaws.TestCase
