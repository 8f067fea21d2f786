"""What one pass of the controller has gathered for a decision. Absence is a value of its own: ``None`` is *nobody
knows*, never zero and never good news."""

from __future__ import annotations

from datetime import datetime, timedelta
from functools import cached_property
from typing import Literal

import msgspec

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.readings import Reading
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.gates import GateResult
from tidegate.delivery.release import ReleaseState
from tidegate.delivery.snapshot import Cutoff


class ProbeResult(msgspec.Struct, frozen=True, kw_only=True):
    """How the arms answered the probes of one attempt, together.

    Attributes:
        attempt: of the release.
        answered: probes and smoke requests that succeeded.
        failed: those that did not.
        detail: one sentence on the first failure, "" without one.
    """

    attempt: int
    answered: int
    failed: int
    detail: str = ""


class GatewayFact(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway as its last heartbeat shows it.

    Attributes:
        revision, epoch: what it serves.
        is_live: whether it may be serving requests, see :func:`may_serve`; only those count in the quorum.
        is_draining: it finishes what it has and takes nothing new; its requests count, its revision does not.
        in_flight: requests under way by version reference.
        spool_batches: observation batches that wait for control.
    """

    id: str
    revision: int
    epoch: int
    is_live: bool = True
    is_draining: bool = False
    in_flight: dict[str, int] = {}
    spool_batches: int = 0


class StepCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed of one variant in one round of one step.

    Attributes:
        total: every request assigned in the step; hard limits watch these, verified or not.
        window: those started at or after ``ReleaseState.window_opened_at``; only these are samples.
        compared: of those the first of each unit whose variant was chosen with the share of the step; only
            these compare the arms.
        round: of the step.
    """

    attempt: int
    step: int
    variant: str
    total: Summary
    window: Summary
    compared: Summary = Summary()
    round: int = 0

    def __add__(self, other: StepCounts) -> StepCounts:
        """Both of one variant and step: what they add up to, in the later round."""
        return StepCounts(
            attempt=self.attempt,
            step=self.step,
            variant=self.variant,
            total=self.total + other.total,
            window=self.window + other.window,
            compared=self.compared + other.compared,
            round=max(self.round, other.round),
        )


class StepPairs(msgspec.Struct, frozen=True, kw_only=True):
    """What the copies of one step's requests showed.

    Attributes:
        total: every pair of the step; hard limits watch these.
        window: those whose request began at or after ``ReleaseState.window_opened_at``; only these are samples.
    """

    attempt: int
    step: int
    total: PairCounts
    window: PairCounts


class NewerRelease(msgspec.Struct, frozen=True, kw_only=True):
    """A release of the same service, submitted later, that waits in pending."""

    id: str
    candidate: str
    when_running: Literal["queue", "supersede", "reject"]


class Facts(msgspec.Struct, frozen=True, kw_only=True, dict=True):
    """The world as one pass sees it.

    Attributes:
        epoch: of the leader that asks.
        stable: the service's stable version now.
        revision_written: revision since which the published route of the service is the one this state
            asks for (``routing.service_route``); ``None`` while it is another.
        candidate_ready: whether every version on trial can serve; ``False`` means that one never will or no longer
            does, ``None`` that nobody knows yet.
        candidate_detail: one sentence for ``False``.
        lost: full references of the versions that cannot serve.
        gates: what gates have said of the release; results of other attempts are ignored.
        probe: the last probe of the release; results of other attempts are ignored.
        gateways: every known gateway.
        counts: by step and variant; ``None`` when they could not be read. Other attempts are ignored.
        pairs: likewise what copies of requests showed; ``None`` is unknown, a release that mirrors nothing has none.
        observed_at: when an observation of the service was last stored; ``None`` if never.
        cutoffs: what gateways report; those of other releases or attempts are ignored.
        readings: the latest number of each source that the release asks.
        is_frozen: a freeze covers the service.
        other_running: another release of the service that is running.
        newer: the newest pending release submitted after this one.
        clock_jump: how far the wall clock moved against the monotonic one since the last pass.
        request_timeout: the longest a request of the candidate may take.
    """

    epoch: int
    stable: str | None
    revision_written: int | None = None
    candidate_ready: bool | None = None
    candidate_detail: str = ""
    lost: frozenset[str] = frozenset()
    gates: tuple[GateResult, ...] = ()
    probe: ProbeResult | None = None
    gateways: tuple[GatewayFact, ...] = ()
    counts: tuple[StepCounts, ...] | None = None
    pairs: tuple[StepPairs, ...] | None = None
    observed_at: datetime | None = None
    cutoffs: tuple[Cutoff, ...] = ()
    readings: tuple[Reading, ...] = ()
    is_frozen: bool = False
    other_running: str | None = None
    newer: NewerRelease | None = None
    clock_jump: timedelta = timedelta(0)
    request_timeout: timedelta = timedelta(seconds=300)

    def in_flight(self, *versions: str) -> int:
        """Requests under way at any of ``versions``, over all live and draining gateways."""
        known = [gateway.in_flight for gateway in self.gateways if gateway.is_live or gateway.is_draining]
        return sum(in_flight.get(version, 0) for in_flight in known for version in versions)

    def is_acknowledged(self, epoch: int, revision: int) -> bool:
        """Whether every live gateway serves ``revision`` of ``epoch`` or a later one; without any, it is."""
        return all((g.epoch, g.revision) >= (epoch, revision) for g in self.gateways if g.is_live)

    @property
    def has_gateways(self) -> bool:
        """Whether anybody can serve requests at all."""
        return any(gateway.is_live for gateway in self.gateways)

    def of_step(self, state: ReleaseState, variant: str) -> StepCounts | None:
        """Counts of a variant in the state's attempt and step, over all its rounds."""
        return self._over_rounds.get((state.attempt, state.step, variant))

    @cached_property
    def _over_rounds(self) -> dict[tuple[int, int, str], StepCounts]:
        """Added up once a pass: a bandit has hundreds of rounds."""
        found: dict[tuple[int, int, str], StepCounts] = {}
        for each in self.counts or ():
            key = each.attempt, each.step, each.variant
            found[key] = found[key] + each if key in found else each
        return found

    def pairs_of_step(self, state: ReleaseState) -> StepPairs | None:
        """Pairs of the state's attempt and step."""
        wanted = (state.attempt, state.step)
        return next((pairs for pairs in self.pairs or () if (pairs.attempt, pairs.step) == wanted), None)

    def before_step(self, state: ReleaseState, variant: str) -> StepCounts | None:
        """Counts of a variant in the latest earlier step of the attempt that compared anything."""
        earlier = [
            c
            for c in self.counts or ()
            if (c.attempt, c.variant) == (state.attempt, variant) and c.step < state.step and c.compared.requests
        ]
        return max(earlier, key=lambda c: c.step, default=None)

    def exposed(self, state: ReleaseState, variant: str | None = None) -> int | None:
        """Requests assigned to ``variant``, or to all that is on trial, over the whole attempt, reported open ones too;
        ``None`` when nobody knows."""
        if self.counts is None:
            return None
        wanted = state.arms if variant is None else {variant}
        found = (c.total for c in self.counts if c.attempt == state.attempt and c.variant in wanted)
        return sum(total.requests + total.open_latency.count for total in found)

    def exposed_units(self, state: ReleaseState, variant: str | None = None) -> int:
        """Units of ``variant``, or of all that is on trial, each counted once in each step and round; 0 when nobody
        knows."""
        wanted = state.arms if variant is None else {variant}
        counted = (c for c in self.counts or () if c.attempt == state.attempt and c.variant in wanted)
        return sum(c.total.units for c in counted)


def may_serve(
    *, silent_for: timedelta, since_renewal: timedelta, lease: timedelta, grace: timedelta, is_stopping: bool
) -> bool:
    """Whether a gateway must be reckoned with (the quorum of T5).

    A silent one leaves the quorum only when its lease must have run out, because until then it may serve the
    old weights to somebody; one that says it is stopping leaves at once.

    Args:
        silent_for: since its last heartbeat, on control's monotonic clock.
        since_renewal: since control last sent it a lease.
        lease: how long that holds.
        grace: allowance for the way and for clocks of different speed.
        is_stopping: it said so itself.
    """
    if is_stopping:
        return False
    return silent_for <= grace or since_renewal <= lease + grace
