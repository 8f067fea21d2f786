"""Numbers from elsewhere (Prometheus, an endpoint): what was read, and what a limit or a rule makes of it.

A reading has no counts behind it, so nothing is tested: a condition is true or not at each look, and is breached
once it was true in enough of the latest ones. What could not be read, or is too old, is *no data* with its reason.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import NamedTuple

import msgspec

from tidegate.delivery.evidence.metrics import metric_name, show_value
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.verdict import Verdict

_LEAST_FRESH = timedelta(seconds=60)


class Reading(msgspec.Struct, frozen=True, kw_only=True):
    """One number from a source.

    Attributes:
        source: which, see :func:`source_key`.
        variant: whose number it is.
        at: when it came.
        value: finite; ``None`` when there is none.
        detail: why there is none.
    """

    source: str
    variant: str
    at: datetime
    value: float | None
    detail: str = ""


class Readings(NamedTuple):
    """What the sources of one release told last.

    Attributes:
        found: by source and variant.
        now: of the analysis.
        looked_at: when each condition's number came that was looked at last; a reading is a look once.
        interval: between two analyses.
    """

    found: Mapping[tuple[str, str], Reading]
    now: datetime
    looked_at: Mapping[str, datetime]
    interval: timedelta

    def of(self, guardrail: GuardrailSpec, variant: str) -> Reading | None:
        """The reading of a variant, unless it is too old to tell anything."""
        reading = self.found.get((source_key(guardrail), variant))
        oldest = self.now - max(_LEAST_FRESH, 3 * self.interval)
        return reading if reading is not None and reading.at >= oldest else None

    def is_new(self, condition: str, reading: Reading) -> bool:
        """Whether no analysis has looked at it yet."""
        return self.looked_at.get(condition) != reading.at


class Condition(NamedTuple):
    """A hard limit or a rule of one guardrail.

    Attributes:
        key: names its looks.
        text: as the person wrote it.
        limit: the number in it.
        needs_stable: it compares with stable.
    """

    key: str
    text: str
    limit: float
    needs_stable: bool


def source_key(guardrail: GuardrailSpec) -> str:
    """Names a source with its settings; equal ones are asked once."""
    return msgspec.json.encode(guardrail.source, order="sorted").decode()


def conditions(guardrail: GuardrailSpec) -> list[Condition]:
    """What is asked of the number."""
    name, found = metric_name(guardrail), []
    if guardrail.hard is not None:
        found.append(
            Condition(f"{name}: hard {guardrail.hard}", f"value {guardrail.hard}", guardrail.hard.value, False)
        )
    if guardrail.rule is not None:
        rule = guardrail.rule
        limit = rule.offset if rule.factor is None else rule.factor
        found.append(Condition(f"{name}: {rule}", str(rule), limit, rule.factor is not None))
    return found


class Look(NamedTuple):
    """The looks at one condition, newest last, and when the number of the newest came."""

    history: tuple[bool, ...]
    at: datetime


def look(
    guardrail: GuardrailSpec, readings: Readings, candidate: str, stable: str, known: Mapping[str, Sequence[bool]]
) -> dict[str, Look]:
    """One more look at each condition whose number is new, after those in ``known``."""
    looked: dict[str, Look] = {}
    for condition in conditions(guardrail):
        values = _values(guardrail, condition, readings, candidate, stable)
        newest = readings.of(guardrail, candidate)
        if values is None or newest is None or not readings.is_new(condition.key, newest):
            continue
        kept = guardrail.breaches.among if guardrail.breaches else 1
        history = (*known.get(condition.key, ()), _holds(guardrail, condition, *values))
        looked[condition.key] = Look(history[-kept:], newest.at)
    return looked


def judge_readings(
    guardrail: GuardrailSpec, readings: Readings, candidate: str, stable: str, looks: Mapping[str, Sequence[bool]]
) -> list[MetricVerdict]:
    """A verdict for each condition of a guardrail whose number comes from elsewhere."""
    return [
        _judge(guardrail, condition, readings, candidate, stable, looks.get(condition.key, ()))
        for condition in conditions(guardrail)
    ]


def _judge(
    guardrail: GuardrailSpec,
    condition: Condition,
    readings: Readings,
    candidate: str,
    stable: str,
    looks: Sequence[bool],
) -> MetricVerdict:
    own = readings.of(guardrail, candidate)
    beside = readings.of(guardrail, stable) if condition.needs_stable else None
    values = _values(guardrail, condition, readings, candidate, stable)
    wanted, among = (guardrail.breaches.least, guardrail.breaches.among) if guardrail.breaches else (1, 1)
    if values is None or not looks:
        verdict, code = Verdict.NO_DATA, "not_read"
    elif sum(looks) >= wanted:
        verdict, code = Verdict.FAIL, "value_breached"
    else:
        verdict, code = Verdict.PASS, "value_kept"
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=REASONS[code].format(
            metric=metric_name(guardrail),
            estimate=show_value(guardrail, own.value if own else None),
            rule=f"'{condition.text}'",
            times=sum(looks),
            among=among,
            wanted=wanted,
            detail=_why_not(own, beside, condition),
        ),
        limit=condition.limit,
        estimate=own.value if own else None,
        stable_estimate=beside.value if beside else None,
        is_dry_run=guardrail.dry_run,
    )


def _why_not(own: Reading | None, beside: Reading | None, condition: Condition) -> str:
    needed = [("the candidate", own), ("stable", beside)] if condition.needs_stable else [("it", own)]
    for name, reading in needed:
        if reading is None:
            return f"nothing was read of {name} lately"
        if reading.value is None:
            return reading.detail
    return "nobody has looked at it yet"


def _values(
    guardrail: GuardrailSpec, condition: Condition, readings: Readings, candidate: str, stable: str
) -> tuple[float, float | None] | None:
    own = readings.of(guardrail, candidate)
    if own is None or own.value is None:
        return None
    if not condition.needs_stable:
        return own.value, None
    beside = readings.of(guardrail, stable)
    return (own.value, beside.value) if beside is not None and beside.value is not None else None


def _holds(guardrail: GuardrailSpec, condition: Condition, own: float, beside: float | None) -> bool:
    if guardrail.hard is not None and condition.text == f"value {guardrail.hard}":
        return guardrail.hard.holds(own)
    return guardrail.rule is not None and guardrail.rule.holds(own, beside)
