"""Where a release is: everything of it that is persisted between two decisions.

:class:`ReleaseState` is a value; :func:`tidegate.delivery.decide.decide` makes the next one. Instants are aware
UTC and absolute, so a restart neither shortens nor extends a soak.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

import msgspec

from tidegate.delivery.evidence.verdicts import Baseline, MetricVerdict
from tidegate.delivery.experiments.progress import Experiment, Removal
from tidegate.delivery.gates import GateResult
from tidegate.delivery.mirroring import Mirroring
from tidegate.delivery.phase import PauseReason, Phase, SubPhase
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.snapshot import CANDIDATE, STABLE, TOTAL_WEIGHT
from tidegate.stats.verdict import Verdict

__all__ = [
    "CANDIDATE",
    "STABLE",
    "Approval",
    "Baseline",
    "Breach",
    "Experiment",
    "MetricVerdict",
    "Moment",
    "PauseReason",
    "Phase",
    "ReleaseSpec",
    "ReleaseState",
    "Removal",
    "SubPhase",
    "decode_state",
    "encode_state",
    "new_release",
    "promoted_arm",
]


class StepWindow(msgspec.Struct, frozen=True, kw_only=True):
    """From when on requests were samples, and the basis points with which a unit went to each arm."""

    opened_at: datetime
    shares: dict[str, int]


class Breach(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Why the release is rolling back.

    Attributes:
        trigger: code of the transition, such as ``hard_limit`` or ``aborted``.
        sentence: the same for people.
        at: when it was decided; the start of ``time_to_stable``.
        opens_incident: whether it was automatic.
        evidence: the verdicts that speak of it.
    """

    trigger: str
    sentence: str
    at: datetime
    opens_incident: bool
    evidence: tuple[MetricVerdict, ...] = ()


class Approval(msgspec.Struct, frozen=True, kw_only=True):
    """Who let an approve step pass.

    Attributes:
        step: index of the step.
        role: that the step asked for.
    """

    step: int
    role: str
    actor: str
    reason: str
    at: datetime


class Moment(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One instant of the way back.

    Attributes:
        code: ``breach``, ``routing_written``, ``acknowledged``, ``stable_everywhere``, ``drained`` or ``drain_timeout``.
        gateway: which one, for ``acknowledged``.
    """

    code: str
    at: datetime
    sentence: str
    gateway: str = ""


class ReleaseState(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One release between two decisions.

    Attributes:
        id: of the release.
        service: whose traffic it moves.
        candidate: full reference of the version on trial, the one that promotion makes stable; of several arms the
            first, until one has won.
        stable: full reference of the stable version when it started; ``None`` for a service's first.
        attempt: from 1, rises with each retry.
        step: index of the traffic step; ``len(program.steps)`` in promoting and draining.
        sub_phase: within a step or promoting, else ``None``.
        arms: variant -> full reference of each arm beside stable, in the order of their points.
        split: arm -> basis points; stable has the rest.
        targets: segment -> the split of its units, where the arms have more of it.
        shares: arm -> basis points with which the units that the step compares go there, of arms taken out too.
        round: how often the split of this step was re-weighted; evidence is stratified by it.
        removed: arms that were taken out; in this attempt they never come back.
        experiment: the step that decides, since it was entered.
        mirroring: copies of stable's requests that the candidate gets now, ``None`` without any.
        mirror_cost, mirror_tokens: what the copies of this step have cost so far, nano-USD and tokens.
        pause_reasons: sorted; not empty means paused.
        paused_at: since when people have left it paused.
        started_at: when it left pending (this attempt).
        not_before_at: earliest start, after a cooldown.
        deadline_at: when it must be promoted.
        gate_deadline_at: when gating must be over.
        awaited_epoch, awaited_revision: the routing that every gateway must acknowledge.
        window_opened_at: when the step's weight was verified; only requests started then or later are samples.
        windows: ``step.round`` -> its window, the latest ones: late requests count where they began, also after a
            restart of control.
        soak_until: end of the soak, ``None`` while it does not run.
        soak_left: what remains of a soak that a pause stopped.
        approve_until: when an approve step gives up.
        extensions: of the current step's soak.
        is_full: ``promote --full`` was asked for: later soaks are skipped.
        is_forced: ``promote`` was asked for while the step lacked data: judge it passed if nothing is breached.
        analysed_at: of ``verdicts``.
        verdict: the worst of ``verdicts``, ``None`` before the first analysis of this attempt.
        verdicts: one for each guardrail.
        baselines: what was frozen of stable for this step.
        rules: guardrail -> whether its rule was broken, newest last.
        looked_at: condition on a number from elsewhere -> when the number came that was looked at last.
        accepted_units: variant -> units up to which a person accepted a sample-ratio mismatch.
        gates: what the gates of this attempt said, in order.
        approvals: of this attempt, in order.
        probe_samples: answered probes of this attempt.
        samples: judged requests of the candidate in the current step's window; pairs in a step that mirrors.
        exposed_requests: user requests assigned to the candidate in this attempt.
        exposed_units: their units; one that comes back in a later step counts there again.
        silent_since: since when requests were under way and none was reported.
        breach: why it is rolling back or rolled back.
        way_back: what happened since the breach.
        stable_at: when all gateways acknowledged stable at 100 % after the breach.
        keep_warm_until: how long the old version stays ready after the commit.
        drain_until: when requests under way are waited for no longer.
        lands_in: the terminal phase a rollback ends in.
        ended_at: when the terminal phase was reached.
    """

    id: str
    service: str
    candidate: str
    stable: str | None
    created_at: datetime
    phase: Phase = Phase.PENDING
    attempt: int = 1
    step: int = 0
    sub_phase: SubPhase | None = None
    arms: dict[str, str] = {}
    split: dict[str, int] = {}
    targets: dict[str, dict[str, int]] = {}
    shares: dict[str, int] = {}
    round: int = 0
    removed: dict[str, Removal] = {}
    experiment: Experiment | None = None
    mirroring: Mirroring | None = None
    mirror_cost: int = 0
    mirror_tokens: int = 0
    pause_reasons: tuple[PauseReason, ...] = ()
    paused_at: datetime | None = None
    started_at: datetime | None = None
    not_before_at: datetime | None = None
    deadline_at: datetime | None = None
    gate_deadline_at: datetime | None = None
    awaited_epoch: int | None = None
    awaited_revision: int | None = None
    window_opened_at: datetime | None = None
    windows: dict[str, StepWindow] = {}
    soak_until: datetime | None = None
    soak_left: timedelta | None = None
    approve_until: datetime | None = None
    extensions: int = 0
    is_full: bool = False
    is_forced: bool = False
    analysed_at: datetime | None = None
    verdict: Verdict | None = None
    verdicts: tuple[MetricVerdict, ...] = ()
    baselines: tuple[Baseline, ...] = ()
    rules: dict[str, tuple[bool, ...]] = {}
    looked_at: dict[str, datetime] = {}
    accepted_units: dict[str, int] = {}
    gates: tuple[GateResult, ...] = ()
    approvals: tuple[Approval, ...] = ()
    probe_samples: int = 0
    samples: int = 0
    exposed_requests: int = 0
    exposed_units: int = 0
    silent_since: datetime | None = None
    breach: Breach | None = None
    way_back: tuple[Moment, ...] = ()
    stable_at: datetime | None = None
    keep_warm_until: datetime | None = None
    drain_until: datetime | None = None
    lands_in: Phase | None = None
    ended_at: datetime | None = None

    @property
    def weight(self) -> int:
        """Basis points of everything on trial."""
        return sum(self.split.values())

    @property
    def weights(self) -> dict[str, int]:
        """Basis points by variant."""
        return {STABLE: TOTAL_WEIGHT - self.weight} | {arm: self.split.get(arm, 0) for arm in self.arms}

    @property
    def on_trial(self) -> tuple[str, ...]:
        """Arms that were not taken out."""
        return tuple(arm for arm in self.arms if arm not in self.removed)

    @property
    def versions(self) -> tuple[str, ...]:
        """Full references on trial, each once; never stable's, which an arm of an A/A test has too."""
        return tuple(dict.fromkeys(ref for ref in self.arms.values() if ref != self.stable))

    @property
    def is_paused(self) -> bool:
        """Whether forward transitions wait."""
        return bool(self.pause_reasons)

    @property
    def time_to_stable(self) -> timedelta | None:
        """From the breach to the last gateway's acknowledgement, once that has come."""
        return self.stable_at - self.breach.at if self.stable_at and self.breach else None


def promoted_arm(state: ReleaseState) -> str:
    """The arm whose version promotion makes stable."""
    return next(arm for arm in (*state.on_trial, *state.arms) if state.arms[arm] == state.candidate)


def new_release(
    *,
    release_id: str,
    service: str,
    candidate: str,
    stable: str | None,
    now: datetime,
    arms: Mapping[str, str] = MappingProxyType({}),
) -> ReleaseState:
    """A release that was accepted at ``now`` and waits for its first decision.

    Args:
        arms: variant -> full reference; without any, the candidate is the only one.
    """
    return ReleaseState(
        id=release_id,
        service=service,
        candidate=candidate,
        stable=stable,
        created_at=now,
        arms=dict(arms) or {CANDIDATE: candidate},
    )


def encode_state(state: ReleaseState) -> bytes:
    """The state as JSON, for storing."""
    return msgspec.json.encode(state)


def decode_state(data: bytes | str) -> ReleaseState:
    """What :func:`encode_state` made, now or in an earlier release of the program: missing fields are defaults,
    fields no longer known are ignored.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    stored = msgspec.json.decode(data, type=dict[str, Any])
    return msgspec.convert(stored if "arms" in stored else _with_arms(stored), ReleaseState, str_keys=True)


def _with_arms(stored: dict[str, Any]) -> dict[str, Any]:
    """A state from when a release had one candidate and its weight."""
    one = {name: {CANDIDATE: stored[old]} for name, old in (("split", "weight"), ("shares", "share")) if old in stored}
    targets = {segment: {CANDIDATE: weight} for segment, weight in stored.get("targets", {}).items()}
    accepted = dict(zip((CANDIDATE, STABLE), stored.get("accepted_units", ()), strict=False))
    return {**stored, **one, "targets": targets, "accepted_units": accepted, "arms": {CANDIDATE: stored["candidate"]}}
