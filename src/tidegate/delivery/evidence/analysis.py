"""What the counts say of each guardrail, and of the step as a whole.

A guardrail has up to three conditions, each with a verdict of its own: a hard limit (:mod:`~tidegate.delivery.evidence.limits`),
a comparison with concurrent stable (:mod:`~tidegate.delivery.evidence.comparisons`) and a plain rule. ``alpha`` is shared by
the conditions that can act. At 100 % there is no concurrent stable: comparisons are then left out, never guessed.

When the arms did not get the units they should have (:mod:`~tidegate.delivery.evidence.sample_ratios`), assignment or counting
is broken: every comparison is then inconclusive, and the release is held. Hard limits still act.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import msgspec

from tidegate.delivery.evidence import comparisons, limits
from tidegate.delivery.evidence.comparisons import Compared, Concurrent
from tidegate.delivery.evidence.metrics import METRICS, Kind, metric_name, metric_of, show_value
from tidegate.delivery.evidence.readings import Readings, judge_readings
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.evidence.rules import finite, judge_rule, unreadable
from tidegate.delivery.evidence.showing import show_change, show_interval, show_margin
from tidegate.delivery.evidence.summary import Summary
from tidegate.delivery.quantities import Comparison
from tidegate.delivery.release import CANDIDATE, STABLE, MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.verdict import Verdict, worst

__all__ = ["METRICS", "REASONS", "Concurrent", "judge_guardrails", "metric_name", "step_verdict"]


def judge_guardrails(
    guardrails: Sequence[GuardrailSpec],
    total: Summary | None,
    window: Summary,
    *,
    alpha: float,
    least: int,
    concurrent: Concurrent | None = None,
    pass_alpha: float | None = None,
    rules: Mapping[str, Sequence[bool]] = MappingProxyType({}),
    objectives: Sequence[GuardrailSpec] = (),
    readings: Readings | None = None,
    arms: tuple[str, str] = (CANDIDATE, STABLE),
) -> tuple[MetricVerdict, ...]:
    """A verdict for each condition of each guardrail that can be judged here.

    Args:
        guardrails: of the release.
        total: every request of the step; limits watch these. ``None`` when they could not be read.
        window: those since the routing was verified; only these make a pass.
        alpha: probability of a false breach, shared by the conditions that can act.
        least: requests below which there is no data.
        concurrent: both arms where they can be compared, ``None`` where stable serves nobody.
        pass_alpha: probability of a false pass of one comparison; ``None`` is ``alpha``.
        rules: how plain rules were judged lately.
        objectives: judged the same way, and marked.
        readings: of sources that are asked, ``None`` without any.
        arms: the variants that are judged and compared with.
    """
    tested = [g for g in (*guardrails, *objectives) if g.source is None and not g.dry_run]
    part = alpha / max(1, sum((g.hard is not None) + g.compares for g in tested))
    found: list[MetricVerdict] = []
    for index, guardrail in enumerate((*guardrails, *objectives)):
        judged = (
            _judge_counts(guardrail, total, window, part, least, concurrent, pass_alpha or alpha, rules)
            if guardrail.source is None
            else judge_readings(guardrail, readings, *arms, rules)
            if readings is not None
            else []
        )
        is_objective = index >= len(guardrails)
        found += [msgspec.structs.replace(v, is_objective=True) for v in judged] if is_objective else judged
    return tuple(found)


def _judge_counts(
    guardrail: GuardrailSpec,
    total: Summary | None,
    window: Summary,
    part: float,
    least: int,
    concurrent: Concurrent | None,
    pass_alpha: float,
    rules: Mapping[str, Sequence[bool]],
) -> list[MetricVerdict]:
    """Of one guardrail, by what was observed."""
    found: list[MetricVerdict] = []
    if guardrail.hard is not None:
        found.append(_judge_limit(guardrail, guardrail.hard, total, window, concurrent, part, least))
    if guardrail.compares and (concurrent is not None or total is None):
        found.append(_judge_comparison(guardrail, total, concurrent, part, pass_alpha, least))
    if guardrail.rule is not None and (concurrent is not None or not guardrail.needs_stable):
        candidate, stable = (concurrent.candidate, concurrent.stable) if concurrent else (window, None)
        judged = judge_rule(guardrail, guardrail.rule, candidate, stable, rules, least)
        found.append(judged if total is not None else unreadable(guardrail))
    return found


def step_verdict(
    verdicts: Sequence[MetricVerdict],
    window: Summary,
    least: int,
    require: Sequence[str] | None = None,
    *,
    is_final: bool = True,
) -> Verdict:
    """The step's verdict: the worst of the guardrails that can act, and never a pass without data (I6).

    Args:
        require: metrics whose pass the step needs; the others can only fail it. ``None`` means all.
        is_final: the promotion follows, so the objectives must pass, too; before, they are shown.
    """
    acting = [v for v in verdicts if not v.is_dry_run and (is_final or not v.is_objective)]
    found = worst(v.verdict for v in acting if v.verdict is Verdict.FAIL or _is_needed(v, require))
    has_data = window.samples >= max(1, least)
    return found if has_data else worst((found, Verdict.NO_DATA))


def _is_needed(verdict: MetricVerdict, require: Sequence[str] | None) -> bool:
    name, plain = verdict.metric, verdict.metric.partition(".")[0]
    is_asked = require is None or name in require or plain in require
    return is_asked or verdict.is_objective or name == "sample_ratio"


def _judge_limit(
    guardrail: GuardrailSpec,
    hard: Comparison,
    total: Summary | None,
    window: Summary,
    concurrent: Concurrent | None,
    alpha: float,
    least: int,
) -> MetricVerdict:
    verdict, code, found = Verdict.NO_DATA, "counts_unavailable", limits.NOTHING
    if total is not None:
        stable = concurrent.stable_total if concurrent else None
        verdict, code, found = limits.judge_limit(guardrail, hard, total, window, stable, alpha=alpha, least=least)
    sentence = REASONS[code].format(
        metric=metric_name(guardrail),
        estimate=show_value(guardrail, found.estimate),
        samples=found.samples,
        events=found.events,
        operator=hard.operator,
        limit=show_value(guardrail, hard.value),
        least=max(1, least),
    )
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=sentence,
        limit=hard.value,
        estimate=found.estimate,
        lower=found.lower,
        upper=found.upper,
        samples=found.samples,
        events=found.events,
        is_dry_run=guardrail.dry_run,
    )


def _judge_comparison(
    guardrail: GuardrailSpec,
    total: Summary | None,
    concurrent: Concurrent | None,
    alpha: float,
    pass_alpha: float,
    least: int,
) -> MetricVerdict:
    if total is None or concurrent is None:
        return unreadable(guardrail)
    found = comparisons.compare(guardrail, concurrent, alpha=alpha, pass_alpha=pass_alpha, least=least)
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=found.verdict,
        code=found.code,
        sentence=_comparison_sentence(guardrail, found),
        limit=found.margin,
        estimate=finite(found.candidate),
        samples=found.candidate_samples,
        is_dry_run=guardrail.dry_run,
        stable_estimate=finite(found.stable),
        stable_samples=found.stable_samples,
        effect=finite(found.effect.estimate),
        effect_lower=finite(found.effect.lower),
        effect_upper=finite(found.effect.upper),
    )


def _comparison_sentence(guardrail: GuardrailSpec, found: Compared) -> str:
    is_rate = metric_of(guardrail).kind is Kind.RATE
    is_less = guardrail.max_decrease is not None or (found.effect.estimate < 0 and guardrail.max_change is not None)
    return REASONS[found.code].format(
        metric=metric_name(guardrail),
        estimate=show_value(guardrail, found.candidate),
        stable=show_value(guardrail, found.stable),
        effect=show_change(found.effect.estimate, is_rate),
        interval=show_interval(found.effect, is_rate),
        direction="lower" if is_less else "higher",
        margin=show_margin(guardrail),
        samples=found.candidate_samples,
        stable_samples=found.stable_samples,
        least=found.least,
    )
