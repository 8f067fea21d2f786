"""Plain rules: two numbers compared at each analysis, ``2 of 3``. No test, and no promise about false alarms."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from tidegate.delivery.evidence.metrics import estimate_of, metric_name, samples_of, show_value
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Repeats, Rule
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.verdict import Verdict


def broken_rules(
    guardrails: Sequence[GuardrailSpec],
    candidate: Summary,
    stable: Summary | None,
    known: Mapping[str, Sequence[bool]],
    least: int,
) -> dict[str, tuple[bool, ...]]:
    """``known`` with one more look at each rule that has data; as many looks are kept as the rule needs.

    Only of rules on what was observed; numbers from elsewhere are looked at by :mod:`~tidegate.delivery.evidence.readings`.
    """
    looked = {name: tuple(history) for name, history in known.items()}
    for guardrail in guardrails:
        rule = guardrail.rule
        if rule is None or guardrail.source is not None or not _has_rule_data(guardrail, candidate, stable, least):
            continue
        value, beside = estimate_of(guardrail, candidate), estimate_of(guardrail, stable) if stable else None
        history = (*looked.get(_rule_key(guardrail), ()), value is not None and rule.holds(value, beside))
        looked[_rule_key(guardrail)] = history[-_repeats(guardrail).among :]
    return looked


def judge_rule(
    guardrail: GuardrailSpec,
    rule: Rule,
    candidate: Summary,
    stable: Summary | None,
    history: Mapping[str, Sequence[bool]],
    least: int,
) -> MetricVerdict:
    """One rule, from the latest looks that :func:`broken_rules` kept."""
    repeats, looks = _repeats(guardrail), history.get(_rule_key(guardrail), ())
    value, beside = estimate_of(guardrail, candidate), estimate_of(guardrail, stable) if stable else None
    samples = samples_of(guardrail, candidate), samples_of(guardrail, stable) if stable else 0
    if not _has_rule_data(guardrail, candidate, stable, least):
        verdict, code = Verdict.NO_DATA, "too_few_compared"
    elif sum(looks) >= repeats.least:
        verdict, code = Verdict.FAIL, "rule_broken"
    else:
        verdict, code = Verdict.PASS, "rule_kept"
    sentence = REASONS[code].format(
        metric=metric_name(guardrail),
        estimate=show_value(guardrail, value),
        stable=show_value(guardrail, beside),
        rule=f"'{rule}'",
        times=sum(looks),
        among=repeats.among,
        wanted=repeats.least,
        samples=samples[0],
        stable_samples=samples[1],
        least=max(1, least),
    )
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=sentence,
        limit=rule.offset if rule.factor is None else rule.factor,
        estimate=finite(value),
        samples=samples[0],
        is_dry_run=guardrail.dry_run,
        stable_estimate=finite(beside),
        stable_samples=samples[1],
    )


def unreadable(guardrail: GuardrailSpec) -> MetricVerdict:
    """No data, because the counts could not be read."""
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=Verdict.NO_DATA,
        code="counts_unavailable",
        sentence=REASONS["counts_unavailable"],
        limit=0.0,
        is_dry_run=guardrail.dry_run,
    )


def _has_rule_data(guardrail: GuardrailSpec, candidate: Summary, stable: Summary | None, least: int) -> bool:
    arms = (
        [candidate]
        if guardrail.rule is not None and guardrail.rule.factor is None
        else [candidate, stable or Summary()]
    )
    return all(samples_of(guardrail, arm) >= max(1, least) for arm in arms)


def _rule_key(guardrail: GuardrailSpec) -> str:
    return f"{metric_name(guardrail)}: {guardrail.rule}"


def _repeats(guardrail: GuardrailSpec) -> Repeats:
    return guardrail.breaches or Repeats("1 of 1")


def finite(value: float | None) -> float | None:
    """JSON has no infinity, and an unknown is ``None``."""
    return value if value is not None and math.isfinite(value) else None
