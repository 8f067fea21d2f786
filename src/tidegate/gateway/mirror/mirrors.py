"""All copies of one gateway process: who is copied, and what is shed first."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from tidegate.delivery.snapshot import MirrorSpending
from tidegate.gateway.interleave.side_by_side import SideBySide, obstacle, wants_two
from tidegate.gateway.limits.reserving import reserve_beside
from tidegate.gateway.mirror.copying import Copy
from tidegate.gateway.mirror.harmless import harm_of
from tidegate.gateway.mirror.pulse import Pulse
from tidegate.gateway.mirror.tally import MirrorKey, MirrorTotals, Tally

if TYPE_CHECKING:
    from tidegate.delivery.records import Record
    from tidegate.delivery.snapshot import MirrorGrant
    from tidegate.gateway.call import Call
    from tidegate.gateway.limits.limiter import Reservation
    from tidegate.gateway.mirror.plan import MirrorPlan
    from tidegate.gateway.mirror.second_answer import SecondAnswer

MOST_HELD_BYTES = 32 << 20
"""Bodies that copies may hold together after their users were answered."""
_BYTES_PER_TOKEN = 4
_LIKELY_OUTPUT = 512


class Mirrors:
    """Forks copies beside requests; :meth:`fork` never waits and never fails a request.

    Args:
        record: takes each pair, and what is kept of it.
        pulse: how busy the process is.

    Attributes:
        totals: of each service and version since the process started.
    """

    def __init__(self, record: Callable[[Record], object], pulse: Pulse | None = None) -> None:
        self._record = record
        self._pulse = pulse or Pulse()
        self._tallies: dict[MirrorKey, Tally] = {}
        self.totals: dict[tuple[str, str], MirrorTotals] = {}
        self._copies: set[SecondAnswer] = set()
        self._held_bytes = 0
        self._is_stopped = False
        self._plans: tuple[MirrorPlan, ...] = ()

    def fork(self, call: Call, plan: MirrorPlan) -> SideBySide | None:
        """Ask the candidate too if the request is one of the sampled and nothing stands against it; returns both answers
        where the client is to see both.

        Only what stable answers is copied, and only under a lease: without control nobody counts the cost.
        """
        assert call.route is not None
        if call.arm is not call.route.stable or call.is_forced or not plan.samples(call.request_id):
            return None
        if plan.is_shown and not wants_two(call):
            return None
        tally = self.tally(plan)
        reason = (obstacle(call) if plan.is_shown else "") or self._obstacle(call, plan, tally)
        reserved: Reservation | None = None
        if not reason and plan.is_shown and call.principal.limiter is not None:
            reserved = reserve_beside(call, plan.leg)
            reason = "" if reserved is not None else "key_limits"
        if reason:
            tally.count(reason)
            return None
        made = (SideBySide if plan.is_shown else Copy)(call, plan, tally, self._record, self._ended)
        made.call.reservation = reserved  # a copy has none: its user did not ask for it, and does not pay
        call.copy = made
        self._copies.add(made)
        self._held_bytes += made.body_bytes
        return made if isinstance(made, SideBySide) else None

    def tally(self, plan: MirrorPlan) -> Tally:
        """The tally of the plan's step."""
        found = self._tallies.get(plan.key)
        if found is None:
            version = plan.arm.route.version
            totals = self.totals.setdefault((plan.key.service, version), MirrorTotals())
            found = self._tallies[plan.key] = Tally(version, totals)
        return found

    def spending(self) -> tuple[MirrorSpending, ...]:
        """For the heartbeat: what each bounded step has cost so far, also before its first copy."""
        return tuple(
            MirrorSpending(**plan.key._asdict(), cost=tally.cost, tokens=tally.tokens)
            for plan in self._plans
            if plan.mirroring.is_bounded
            for tally in (self.tally(plan),)
        )

    def take_grants(self, grants: Iterable[MirrorGrant]) -> None:
        """What control allows each step to cost in all."""
        for grant in grants:
            tally = self._tallies.get(MirrorKey(grant.service, grant.release, grant.attempt, grant.step))
            if tally is not None:
                tally.granted_cost, tally.granted_tokens = grant.cost, grant.tokens

    def keep(self, plans: Iterable[MirrorPlan]) -> None:
        """A new table is in force: copies of attempts that it does not mirror end at once, those of an earlier step
        may end by themselves."""
        self._plans = tuple(plans)
        known = {plan.key for plan in self._plans}
        attempts = {key[:3] for key in known}
        for copy in [copy for copy in self._copies if copy.plan.key[:3] not in attempts]:
            copy.end()
        for key in [key for key in self._tallies if key not in known]:
            del self._tallies[key]

    def stop(self) -> None:
        """The process drains: users' requests may finish, copies do not."""
        self._is_stopped = True
        for copy in tuple(self._copies):
            copy.end()

    @property
    def in_flight(self) -> int:
        """Copies under way."""
        return len(self._copies)

    def tallies(self) -> Iterable[tuple[MirrorKey, Tally]]:
        """Each step that is mirrored now."""
        return self._tallies.items()

    def _obstacle(self, call: Call, plan: MirrorPlan, tally: Tally) -> str:
        """Why the request is not copied, "" when it is; the cheapest questions first."""
        leg, bounds = plan.leg, plan.mirroring
        if self._is_stopped or not call.gateway.holder.is_lease_valid:
            return "no_lease"
        if tally.in_flight >= bounds.max_concurrency:
            return "max_concurrency"
        if self._pulse.is_busy():
            return "busy"
        now = time.monotonic()
        if now < tally.rests_until:
            return "rate_limited"
        if leg.account.origin is None or not leg.deployment.breaker.admits(now):
            return "unavailable"
        if plan.arm.trial is not None and call.gateway.trials.reason(plan.arm.trial):
            return "cut_off"
        if plan.is_provider_busy:
            return "provider_busy"
        if self._held_bytes + len(call.request.body) > MOST_HELD_BYTES:
            return "memory"
        if not tally.affords(bounds, *_likely(call, plan)):
            return "spent"
        return harm_of(call)

    def _ended(self, copy: SecondAnswer) -> None:
        self._copies.discard(copy)
        self._held_bytes -= copy.body_bytes


def _likely(call: Call, plan: MirrorPlan) -> tuple[int, int]:
    """Nano-USD and tokens that a copy may cost, from the size of its request, before any has ended."""
    read = len(call.request.body) // _BYTES_PER_TOKEN
    written = call.facts.max_output_tokens or _LIKELY_OUTPUT
    price = plan.leg.price
    cost = 0 if price is None else (read * price.input + written * price.output) // 1000
    return cost, read + written
