"""What a person declares of a release, decoded and checked: the file ``kind: Release``.

Only what the engine really does is here; :mod:`tidegate.delivery.release_file` refuses the rest by name.
"""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tidegate.delivery.gate_spec import GateSpec
from tidegate.delivery.notifying import NotifySpec
from tidegate.delivery.quantities import (
    Change,
    Comparison,
    Repeats,
    Rule,
    Seconds,
    decode_quantity,
    encode_quantity,
)
from tidegate.delivery.strategy import StrategySpec
from tidegate.wire.insertion import Message

Stat = Literal["mean", "p50", "p90", "p95", "p99", "win_rate"]


class AssignmentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What is randomised; ``None`` leaves it to the service."""

    unit: Literal["request", "conversation", "user"] | None = None


class ExpectSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What a smoke request's answer must satisfy; every given condition must hold.

    Attributes:
        contains: text the answer must contain.
        not_contains: text it must not contain.
        matches: regular expression that must be found in it.
        finish_reason: how it must have ended.
        max_latency: how long it may take.
    """

    contains: str | None = None
    not_contains: str | None = None
    matches: str | None = None
    finish_reason: str | None = None
    max_latency: Seconds | None = None


class SmokeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One request with known expectations, sent to the candidate before any user is."""

    messages: tuple[Message, ...]
    expect: ExpectSpec = ExpectSpec()


class ProbeSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How the candidate is tried before traffic.

    Attributes:
        requests: plain requests that must be answered.
        smoke: requests with expectations.
        timeout: how long gating may take beside its gates, from the start of the release.
    """

    requests: int = 5
    smoke: tuple[SmokeSpec, ...] = ()
    timeout: Seconds = Seconds(900)


class GuardrailSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A bound that is watched during the whole release; its breach rolls back. At least one of ``hard``, the changes
    against concurrent stable, and ``rule`` is given.

    Attributes:
        metric: what is measured, see :mod:`tidegate.delivery.evidence.metrics`; with a source of its own any name.
        hard: ``"> LIMIT"``: rates as shares, times as durations, cost in USD, tokens as a number.
        stat: which statistic of a distribution is limited; rates have none.
        max_increase: how much more than stable is harmless: points for rates, relative for everything else.
        max_decrease: how much less.
        max_change: how much in either direction.
        max_ratio: how many times stable's value is harmless, at least 1.
        rule: a plain comparison of the two numbers instead of a test; it promises nothing of false alarms.
        breaches: how many of the latest analyses must find the rule broken.
        source: where the number comes from, one kind with its settings; ``None`` is what gateways and feedback report.
        dry_run: judge and show it, but never act on it.
    """

    metric: str
    hard: Comparison | None = None
    stat: Stat | None = None
    max_increase: Change | None = None
    max_decrease: Change | None = None
    max_change: Change | None = None
    max_ratio: float | None = None
    rule: Rule | None = None
    breaches: Repeats | None = None
    source: dict[str, Any] | None = None
    dry_run: bool = False

    @property
    def compares(self) -> bool:
        """Whether it is judged by a test against concurrent stable."""
        changes = (self.max_increase, self.max_decrease, self.max_change, self.max_ratio)
        return any(change is not None for change in changes)

    @property
    def needs_stable(self) -> bool:
        """Whether it means nothing without concurrent stable."""
        return self.compares or (self.rule is not None and self.rule.factor is not None)


class AnalysisSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How evidence is weighed; ``None`` is the strategy's default.

    Attributes:
        interval: how often the guardrails are judged.
        onset: how long after each change of weights requests are no samples yet, while caches fill and replicas warm.
        alpha: probability of a false rollback over the whole release, shared by its guardrails.
        min_samples: judged requests (probes included) below which there is *no data*.
        on_no_data: what happens when a step ends without data.
        on_inconclusive: what happens when a step ends and the data do not decide.
        max_extensions: how often ``extend`` repeats the soak.
        then: what follows the last extension.
    """

    interval: Seconds | None = None
    onset: Seconds = Seconds(0)
    alpha: float = 0.05
    min_samples: int | None = None
    on_no_data: Literal["promote", "extend", "pause", "rollback"] | None = None
    on_inconclusive: Literal["extend", "pause", "rollback"] = "extend"
    max_extensions: int = 3
    then: Literal["promote", "pause", "rollback"] = "pause"


class RollbackSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When a release that does not get on is ended, and how soon it may be tried again.

    Attributes:
        deadline: from its start to its promotion.
        max_paused: how long people may leave it paused.
        cooldown: after an automatic rollback, how long a retry waits.
    """

    deadline: Seconds = Seconds(36 * 3600)
    max_paused: Seconds = Seconds(12 * 3600)
    cooldown: Seconds = Seconds(0)


class ReleaseSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A whole release, with the guardrails its strategy implies already filled in.

    Attributes:
        service: whose traffic moves.
        version: reference of the candidate as the person wrote it; of an experiment the first arm's.
        strategy: one strategy, or a chain of them.
        gates: what must pass before any user meets the candidate, in this order.
        guardrails: bounds that are watched all the time.
        objectives: what must pass in the last step before the promotion; of an experiment the first chooses the winner.
        when_running: what this release does when another of the service is running.
        notify: who hears of this release, beside the sinks of the configuration.
    """

    service: str
    version: str = ""
    strategy: tuple[StrategySpec, ...]
    assignment: AssignmentSpec = AssignmentSpec()
    probe: ProbeSpec = ProbeSpec()
    gates: tuple[GateSpec, ...] = ()
    guardrails: tuple[GuardrailSpec, ...] = ()
    objectives: tuple[GuardrailSpec, ...] = ()
    analysis: AnalysisSpec = AnalysisSpec()
    rollback: RollbackSpec = RollbackSpec()
    when_running: Literal["queue", "supersede", "reject"] = "queue"
    notify: tuple[NotifySpec, ...] = ()


def encode_spec(spec: ReleaseSpec) -> bytes:
    """The spec as JSON, for storing."""
    return msgspec.json.encode(spec, enc_hook=encode_quantity)


def decode_spec(data: bytes | str) -> ReleaseSpec:
    """What :func:`encode_spec` made; files go through :mod:`tidegate.delivery.release_file`.

    Raises:
        msgspec.DecodeError: it is something else.
    """
    return msgspec.json.decode(data, type=ReleaseSpec, dec_hook=_decode_hook)


def _decode_hook(kind: type, value: Any) -> Any:
    return decode_quantity(kind, value)
