"""What copies of requests say of a step, and when their money is spent."""

from __future__ import annotations

import msgspec

from tidegate.delivery.draft import Draft
from tidegate.delivery.evidence.analysis import metric_name, step_verdict
from tidegate.delivery.evidence.pair_analysis import judge_pairs
from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.rules import broken_rules
from tidegate.delivery.evidence.votes import WIN_RATE, Votes
from tidegate.delivery.evidence.win_rates import is_of_votes
from tidegate.delivery.experiments.preferences import preference_verdict
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.steps import Interleave
from tidegate.stats.verdict import Verdict

OF_PAIRS = " (pairs)"
"""Behind the metric's name where pairs are judged beside users."""


def judge_mirror(draft: Draft, least: int) -> None:
    """Judge a step in which the candidate serves nobody: pairs are its only samples.

    Where no users are compared after it, objectives must pass here.
    """
    total, window = _counted(draft)
    is_final = draft.program.is_final(draft.state.step)
    objectives = draft.spec.objectives if is_final and not draft.program.is_experiment else ()
    if draft.state.analysed_at != draft.now and total is not None:
        looked = broken_rules(
            (*draft.spec.guardrails, *objectives), window.candidate, window.stable, draft.state.rules, least
        )
        draft.change(rules=looked)
    verdicts = judge_pairs(
        draft.spec.guardrails,
        total,
        window,
        alpha=draft.spec.analysis.alpha / draft.program.judgings,
        least=least,
        pass_alpha=draft.spec.analysis.alpha,
        rules=draft.state.rules,
        objectives=objectives,
    )
    if isinstance(draft.program.step_at(draft.state.step), Interleave):
        verdicts += _preferred(draft, total, window, least)
    required = draft.program.required_at(draft.state.step)
    draft.change(
        analysed_at=draft.now,
        verdicts=verdicts,
        verdict=step_verdict(verdicts, window.candidate, least, required, is_final=is_final),
        samples=window.pairs,
        exposed_requests=max(draft.state.exposed_requests, _shown(draft, total)),
    )


def judge_beside(draft: Draft, least: int) -> tuple[MetricVerdict, ...]:
    """Verdicts of pairs in a step that splits too: they can fail it, but it never waits for them. Votes on them it does
    wait for, since nothing else tells a win rate."""
    step = draft.program.step_at(draft.state.step)
    if step is None or getattr(step, "mirroring", None) is None:
        return ()
    total, window = _counted(draft)
    plain = [msgspec.structs.replace(guardrail, rule=None) for guardrail in draft.spec.guardrails]
    verdicts = judge_pairs(
        plain,
        total,
        window,
        alpha=draft.spec.analysis.alpha / draft.program.judgings,
        least=least,
        pass_alpha=draft.spec.analysis.alpha,
    )
    voted = {metric_name(guardrail) for guardrail in plain if is_of_votes(guardrail)}
    return tuple(verdict if verdict.metric in voted else _beside_users(verdict) for verdict in verdicts)


def _beside_users(verdict: MetricVerdict) -> MetricVerdict:
    return msgspec.structs.replace(
        verdict,
        metric=verdict.metric + OF_PAIRS,
        is_dry_run=verdict.is_dry_run or verdict.verdict is not Verdict.FAIL,
    )


def judge_votes(draft: Draft, least: int) -> tuple[MetricVerdict, ...]:
    """Bounds on the win rate where turns alternate, so that there are votes and no pairs."""
    step = draft.program.step_at(draft.state.step)
    if not isinstance(step, Interleave) or step.mirroring is not None:
        return ()
    total, window = _counted(draft)
    voted = [guardrail for guardrail in draft.spec.guardrails if is_of_votes(guardrail)]
    alpha = draft.spec.analysis.alpha
    part = alpha / draft.program.judgings
    judged = judge_pairs(voted, total, window, alpha=part, least=1, pass_alpha=alpha)
    return (*judged, *_preferred(draft, total, window, least))


def _preferred(draft: Draft, total: PairCounts | None, window: PairCounts, least: int) -> tuple[MetricVerdict, ...]:
    found = preference_verdict(draft.spec, draft.state, None if total is None else window, least)
    return () if found is None else (found,)


def is_spent(draft: Draft) -> bool:
    """Whether the bounds of this step's mirror leave nothing for more copies."""
    mirroring, pairs = draft.state.mirroring, draft.facts.pairs_of_step(draft.state)
    if mirroring is None or pairs is None:
        return False
    total, gateways = pairs.total, sum(gateway.is_live for gateway in draft.facts.gateways)
    return mirroring.is_spent(total.cost, total.tokens, total.copies, gateways)


def _shown(draft: Draft, total: PairCounts | None) -> int:
    """Answers of the candidate that were shown to users beside stable's."""
    mirroring = getattr(draft.program.step_at(draft.state.step), "mirroring", None)
    is_shown = mirroring is not None and mirroring.patience is not None
    return total.copies if is_shown and total is not None else 0


def _counted(draft: Draft) -> tuple[PairCounts | None, PairCounts]:
    """Every pair of the step and those of its window; ``None`` when they could not be read."""
    pairs = draft.facts.pairs_of_step(draft.state)
    total = pairs.total if pairs else PairCounts() if draft.facts.pairs is not None else None
    if total is not None:
        draft.change(mirror_cost=total.cost, mirror_tokens=total.tokens)
    window = pairs.window if pairs and draft.state.window_opened_at else PairCounts()
    step = draft.program.step_at(draft.state.step)
    if not isinstance(step, Interleave):
        return total, window
    return None if total is None else _with_win_rate(total, step), _with_win_rate(window, step)


def _with_win_rate(counts: PairCounts, step: Interleave) -> PairCounts:
    """The votes on the step's question are what ``win_rate`` is about."""
    asked = counts.votes.get(step.question, Votes())
    return msgspec.structs.replace(counts, votes=counts.votes | {WIN_RATE: asked})
