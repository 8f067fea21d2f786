"""The laws of lent limits, over any order of requests, heartbeats, lost messages, restarts, changes and midnights.

1. What gateways hold together is never more than the limit, but for what the documentation names: one place of each,
   a hundredth of each budget until control has spoken, and the slices of a gateway that control takes for gone.
2. Money spent is never more than the budget and those hundredths.
3. A reservation ends with its request: nothing leaks, and nothing is ever below zero.
4. Once everybody is heard, whatever the limits allow goes through, at whichever gateway it is asked.
"""

from __future__ import annotations

from datetime import timedelta

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from tests.controller.lent_world import LATE, Gateway, Request, World

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.periods import day_of, month_of

NAMES = ("a", "b", "c")
LIMITS = st.builds(
    KeyLimits,
    requests_per_minute=st.sampled_from([0, 6, 600]),
    tokens_per_minute=st.sampled_from([0, 10_000]),
    concurrent=st.sampled_from([0, 2, 9]),
    budget_per_day=st.sampled_from([0, 1_000, 50_000]),
    budget_per_month=st.sampled_from([0, 2_000, 100_000]),
)
HUNDREDTH = 100


def loosest(one: KeyLimits, other: KeyLimits) -> KeyLimits:
    """What holds while some may still act by one and some by the other; 0 is no limit at all."""
    pairs = {name: (getattr(one, name), getattr(other, name)) for name in KeyLimits.__struct_fields__[:5]}
    return KeyLimits(**{name: max(pair) if all(pair) else 0 for name, pair in pairs.items()})


class LentLimits(RuleBasedStateMachine):
    """Counts beside the real parts what each of them may exceed the limits by."""

    @initialize(limits=LIMITS)
    def begin(self, limits: KeyLimits) -> None:
        self.world = World(limits)
        self.excess: dict[str, int] = {}  # by period: what may be spent beyond the budget
        self.begun: set[tuple[str, str]] = set()  # boot and period whose hundredth is reckoned with
        self.cut_off: set[str] = set()
        self.bounds = limits
        for name in NAMES[:2]:
            self.world.start(name)

    @property
    def periods(self) -> tuple[str, str]:
        now = self.world.now_us
        return day_of(now).name, month_of(now).name

    def budget(self, period: str, limits: KeyLimits) -> int:
        return limits.budget_per_day if len(period) == 10 else limits.budget_per_month

    @rule(name=st.sampled_from(NAMES))
    def a_gateway_starts_or_is_killed_and_started_again(self, name: str) -> None:
        for gateway in [each for each in self.world.gateways if each.name == name]:
            self.world.kill(gateway)
        self.world.start(name)

    @rule(is_quiet=st.booleans())
    def control_is_killed_and_started_again(self, is_quiet: bool) -> None:
        if is_quiet:
            self.world.settle_down(1)
        for period in self.periods:
            self.add(period, self.world.forgotten_with_control(period))
        self.world.restart_control()

    @rule(data=st.data(), tokens=st.integers(1, 3_000), most=st.integers(0, 900))
    def a_request_comes(self, data: st.DataObject, tokens: int, most: int) -> None:
        self.some(data).request(tokens, most)

    @precondition(lambda self: any(gateway.requests for gateway in self.world.gateways))
    @rule(data=st.data(), part=st.sampled_from([0.0, 0.1, 1.0, -1.0]))
    def a_request_ends(self, data: st.DataObject, part: float) -> None:
        gateway = data.draw(st.sampled_from([each for each in self.world.gateways if each.requests]))
        request = data.draw(st.sampled_from(gateway.requests))
        gateway.end(request, -1 if part < 0 else int(request.reservation.cost * part))

    @rule(data=st.data(), arrives=st.booleans())
    def a_gateway_tells_control(self, data: st.DataObject, arrives: bool) -> None:
        self.some(data).beat(arrives=arrives)

    @rule(data=st.data())
    def it_hears_the_answer(self, data: st.DataObject) -> None:
        self.some(data).take_answer()

    @rule(data=st.data())
    def observations_are_stored(self, data: st.DataObject) -> None:
        self.world.ship(self.some(data))

    @rule()
    def control_reads_what_is_stored(self) -> None:
        self.world.read_database()

    @rule(seconds=st.sampled_from([0.2, 1.0, 4.0, 20.0, 70.0]))
    def time_passes(self, seconds: float) -> None:
        self.world.clock.advance(timedelta(seconds=seconds))

    @rule(limits=LIMITS)
    def the_limits_change(self, limits: KeyLimits) -> None:
        self.bounds = loosest(self.bounds, limits)
        for period in self.periods:
            if not self.budget(period, self.world.limits):  # a new budget: again a hundredth until control has spoken
                self.add(period, len(self.world.gateways) * self.budget(period, limits) // HUNDREDTH)
        self.world.declare(limits)

    @rule()
    def everybody_is_heard_for_a_while(self) -> None:
        self.world.settle_down(20)
        if self.bounds != self.world.limits:
            self.bounds = self.world.limits
            for period in self.periods:  # what was used under other limits may be more than these allow
                over = self.used(period) - self.budget(period, self.bounds)
                self.excess[period] = max(self.excess.get(period, 0), over)
        self.nothing_is_refused_that_the_limits_allow()

    def nothing_is_refused_that_the_limits_allow(self) -> None:
        """Every request ends, and time passes; then each gateway in turn lets through what is left."""
        world, limits = self.world, self.world.limits
        for gateway in world.gateways:
            while gateway.requests:
                gateway.end(gateway.requests[0], 0)
        world.clock.advance(timedelta(minutes=3))  # rates have filled again
        world.settle_down(8)
        left = [
            self.budget(period, limits) - world.control.spent("shop", period)
            for period in self.periods
            if self.budget(period, limits)
        ]
        most = min([900, *left])
        for gateway in world.gateways:
            if most <= 0:
                return
            for _ in range(30):
                found = gateway.request(1, most)
                if isinstance(found, Request):
                    break
                world.settle_down(1)
            assert isinstance(found, Request), f"{gateway.name}: {found.message}"
            gateway.end(found, 0)

    def used(self, period: str) -> int:
        """Spent, and reserved by requests under way."""
        reserved = sum(found.reserved for each in self.world.gateways if (found := each.budget(period)))
        return self.world.truth.get(period, 0) + reserved

    def add(self, period: str, amount: int) -> None:
        self.excess[period] = self.excess.get(period, 0) + amount

    def some(self, data: st.DataObject) -> Gateway:
        return data.draw(st.sampled_from(self.world.gateways))

    @invariant()
    def nothing_is_lent_twice(self) -> None:
        world = self.world
        self.reckon_with_what_is_named()
        others = max(0, len(world.gateways) - 1)
        for name, bound in (
            ("requests", self.bounds.requests_per_minute),
            ("tokens", self.bounds.tokens_per_minute),
            ("concurrent", self.bounds.concurrent),
        ):
            heard = [each for each in world.gateways if each.boot not in self.cut_off]
            held = [getattr(each.limiter.held, name) for each in heard]
            if bound:
                assert sum(held) <= bound + others, name

    @invariant()
    def no_more_is_spent_than_the_budget(self) -> None:
        for period in self.periods:
            budget = self.budget(period, self.bounds)
            if not budget:
                continue
            assert self.used(period) <= budget + self.excess.get(period, 0), period

    @invariant()
    def nothing_leaks_and_nothing_is_below_zero(self) -> None:
        for gateway in self.world.gateways:
            limiter = gateway.limiter
            assert limiter.in_flight == len(gateway.requests)
            for budget in (limiter.day, limiter.month):
                assert budget.spent >= 0
                of_period = [r for r in gateway.requests if budget.period in (r.reservation.day, r.reservation.month)]
                assert budget.reserved == sum(request.reservation.cost for request in of_period)

    def reckon_with_what_is_named(self) -> None:
        """The hundredth of each process, and what one holds that control takes for gone."""
        for gateway in self.world.gateways:
            is_cut_off = self.world.is_cut_off(gateway)
            for period in self.periods:
                if (gateway.boot, period) not in self.begun:
                    self.begun.add((gateway.boot, period))
                    self.add(period, self.budget(period, self.bounds) // HUNDREDTH)
                found = gateway.budget(period)
                if is_cut_off and gateway.boot not in self.cut_off and found is not None:
                    self.add(period, max(0, found._granted - found.spent))
            if is_cut_off:
                self.cut_off.add(gateway.boot)
                gateway.has_heard = False
            elif gateway.has_heard:  # it has told what it holds, and knows what it may hold now
                self.cut_off.discard(gateway.boot)


TestLentLimits = LentLimits.TestCase
TestLentLimits.settings = settings(
    max_examples=30, stateful_step_count=50, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
assert LATE.month == 11, "the laws are looked at over the end of a day and a month"
