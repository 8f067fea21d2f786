"""What pairs say of each guardrail: both answers to the same requests, one of which no user saw.

- a rate: the difference of both outcomes in each pair lies within [-1, 1], so a fortune is bet on its mean
  (``stats.betting``). Only pairs whose outcomes differ tell anything, and what makes a request hard cancels;
- a mean (cost, tokens): fail by the shift of each pair (``stats.paired``) or by the mean excess over the margin
  (``stats.asymptotic``), each at half the guardrail's alpha: the first is not blinded by a few huge values, the second
  not by many small ones. Pass by the mean excess;
- what judges voted on both answers: by the win rate (:mod:`~tidegate.delivery.evidence.win_rates`);
- latency, time to first token, time per token, and quantiles: shown, and decide nothing. A mirror is served under
  another load and from another cache than users are.

Hard limits look at the candidate's side alone, plain rules at both sides, as they do where users are split.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

import msgspec

from tidegate.delivery.evidence.analysis import judge_guardrails
from tidegate.delivery.evidence.comparisons import Concurrent, Side, sides_of, tolerated_ratio
from tidegate.delivery.evidence.measures import Rate
from tidegate.delivery.evidence.metrics import Kind, estimate_of, metric_name, metric_of, show_value
from tidegate.delivery.evidence.pair_counts import MICRO, PairCounts, PairedSums
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.evidence.rules import finite, unreadable
from tidegate.delivery.evidence.showing import show_change, show_interval, show_margin
from tidegate.delivery.evidence.votes import Votes
from tidegate.delivery.evidence.win_rates import is_of_votes, judge_win_rate
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import asymptotic, betting, paired
from tidegate.stats.asymptotic import Effect
from tidegate.stats.verdict import Verdict, worst

MINIMUM_EVENTS = 5  # one blip is no evidence
SHOWN = frozenset({"latency", "ttft", "tpot"})
"""Metrics that a mirror measures under other conditions than users meet."""
_QUANTITIES = {"latency": "latency", "ttft": "ttft", "tpot": "tpot", "output_tokens": "output_tokens"} | {
    "cost_per_request": "cost"
}
_NOTE = "a mirror runs under another load and another cache, so this decides nothing"
_SCALE = 0.2 * MICRO  # half as much again is a shift of 0.2
_HORIZON = 20


class _Found(NamedTuple):
    verdict: Verdict
    effect: Effect
    samples: int


def judge_pairs(
    guardrails: Sequence[GuardrailSpec],
    total: PairCounts | None,
    window: PairCounts,
    *,
    alpha: float,
    least: int,
    pass_alpha: float,
    rules: Mapping[str, Sequence[bool]] = MappingProxyType({}),
    objectives: Sequence[GuardrailSpec] = (),
) -> tuple[MetricVerdict, ...]:
    """A verdict for each condition of each guardrail.

    Args:
        guardrails: of the release.
        total: every pair of the step; limits watch these. ``None`` when they could not be read.
        window: those whose request began since the routing was verified; only these compare.
        alpha: probability of a false fail, shared by the conditions that can act.
        least: pairs below which there is no data.
        pass_alpha: probability of a false pass of one comparison.
        rules: how plain rules were judged lately.
        objectives: judged the same way, and marked.
    """
    every = [_shown_only(guardrail) for guardrail in (*guardrails, *objectives)]
    part = alpha / max(1, sum((g.hard is not None) + g.compares for g in every if not g.dry_run))
    own, others = every[: len(guardrails)], every[len(guardrails) :]
    watched = _judge_own(own, total, window, part, least, pass_alpha, rules)
    asked = _judge_own(others, total, window, part, least, pass_alpha, rules)
    return (*watched, *(msgspec.structs.replace(verdict, is_objective=True) for verdict in asked))


def _judge_own(
    guardrails: Sequence[GuardrailSpec],
    total: PairCounts | None,
    window: PairCounts,
    part: float,
    least: int,
    pass_alpha: float,
    rules: Mapping[str, Sequence[bool]],
) -> list[MetricVerdict]:
    """Limits and rules by one side alone, comparisons pair by pair, win rates by votes; ``part`` is alpha of each."""
    measured = [guardrail for guardrail in guardrails if not is_of_votes(guardrail)]
    alone = judge_guardrails(
        [_without_comparison(guardrail) for guardrail in measured],
        None if total is None else total.candidate,
        window.candidate,
        alpha=part * max(1, sum(g.hard is not None for g in measured if not g.dry_run)),
        least=least,
        concurrent=_sides_as_arms(total, window),
        rules=rules,
    )
    found = [*map(_noted, alone)]
    for guardrail in guardrails:
        if is_of_votes(guardrail):
            votes = _votes(guardrail, total, window)
            found += judge_win_rate(guardrail, *votes, alpha=part, pass_alpha=pass_alpha)
        elif guardrail.compares:
            is_known = total is not None
            found.append(_compare(guardrail, window, part, pass_alpha, least) if is_known else unreadable(guardrail))
    return found


def can_decide(guardrail: GuardrailSpec) -> bool:
    """Whether pairs tell anything that a release may act upon."""
    if guardrail.source is not None or guardrail.dry_run:
        return False
    if is_of_votes(guardrail):
        return True
    if guardrail.stat not in {None, "mean"}:
        return False
    measure = metric_of(guardrail).measure
    is_told = bool(measure.outcomes) if isinstance(measure, Rate) else guardrail.metric in _QUANTITIES
    return is_told and guardrail.metric not in SHOWN


def _votes(guardrail: GuardrailSpec, total: PairCounts | None, window: PairCounts) -> tuple[Votes | None, Votes]:
    """All votes that the guardrail is about, and those of the window."""
    everything = None if total is None else total.votes.get(guardrail.metric, Votes())
    return everything, window.votes.get(guardrail.metric, Votes())


def _shown_only(guardrail: GuardrailSpec) -> GuardrailSpec:
    return guardrail if can_decide(guardrail) else msgspec.structs.replace(guardrail, dry_run=True)


def _noted(verdict: MetricVerdict) -> MetricVerdict:
    """A limit or rule of what a mirror cannot tell says so."""
    if verdict.metric.partition(".")[0] not in SHOWN or verdict.verdict is Verdict.NO_DATA:
        return verdict
    return msgspec.structs.replace(verdict, sentence=f"{verdict.sentence}; {_NOTE}")


def _without_comparison(guardrail: GuardrailSpec) -> GuardrailSpec:
    return msgspec.structs.replace(guardrail, max_increase=None, max_decrease=None, max_change=None, max_ratio=None)


def _sides_as_arms(total: PairCounts | None, window: PairCounts) -> Concurrent:
    """For limits (is stable as bad?) and rules; nothing here is compared as if a coin had chosen the arm."""
    return Concurrent(
        candidate=window.candidate,
        stable=window.stable,
        share=0.5,
        baselines={},
        stable_total=window.stable if total is None else total.stable,
    )


def _compare(
    guardrail: GuardrailSpec, window: PairCounts, alpha: float, pass_alpha: float, least: int
) -> MetricVerdict:
    measure = metric_of(guardrail).measure
    sides = sides_of(guardrail)
    if isinstance(measure, Rate):
        found = _compare_rates(guardrail, measure, window, alpha / len(sides), pass_alpha)
    else:
        sums = window.quantities.get(_QUANTITIES.get(guardrail.metric, ""), PairedSums())
        found = _compare_means(sums, sides, alpha / len(sides), pass_alpha, least)
    verdict, code = found.verdict, _CODES[found.verdict]
    if verdict is not Verdict.FAIL and found.samples < max(1, least):
        verdict, code = Verdict.NO_DATA, "too_few_pairs" if found.samples else "not_measured"
    elif guardrail.metric in SHOWN or guardrail.stat not in {None, "mean"}:
        code = "shown_of_pairs"
    return _told(guardrail, window, found, verdict, code, sides, least)


def _compare_rates(
    guardrail: GuardrailSpec, metric: Rate, window: PairCounts, alpha: float, pass_alpha: float
) -> _Found:
    if not metric.outcomes:  # something that pairs do not tell
        return _Found(Verdict.NO_DATA, _UNKNOWN, 0)
    only_candidate, only_stable, both = _discordant(metric, window)
    pairs = window.pairs
    neither = pairs - only_candidate - only_stable - both
    scores = {betting.SCALE: only_candidate, betting.SCALE // 2: both + neither, 0: only_stable}
    verdicts = []
    for side in sides_of(guardrail):
        ratio = tolerated_ratio(guardrail, side)
        if ratio is not None:
            verdicts.append(_by_ratio(ratio, (only_candidate, only_stable, both, neither), alpha, pass_alpha))
        else:
            verdicts.append(_by_difference(scores, side, alpha, pass_alpha))
    verdict = worst(verdicts)
    if verdict is Verdict.FAIL and only_candidate + only_stable < MINIMUM_EVENTS:
        verdict = Verdict.INCONCLUSIVE
    lower, upper = betting.bounds(scores, 2 * alpha)
    estimate = (only_candidate - only_stable) / pairs if pairs else math.nan
    return _Found(verdict, Effect(estimate, 2 * lower - 1, 2 * upper - 1), pairs)


def _by_difference(scores: Mapping[int, int], side: Side, alpha: float, pass_alpha: float) -> Verdict:
    """The mean of candidate minus stable against the margin, both moved from [-1, 1] to [0, 1]."""
    if not side.is_increase:
        scores = {betting.SCALE - score: count for score, count in scores.items()}
    mean = min(1.0, (1 + side.margin) / 2)
    if betting.log_evidence_above(scores, mean) >= -math.log(alpha):
        return Verdict.FAIL
    is_safe = mean < 1 and betting.log_evidence_below(scores, mean) >= -math.log(pass_alpha)
    return Verdict.PASS if is_safe or mean >= 1 else Verdict.INCONCLUSIVE


def _by_ratio(ratio: float, counts: tuple[int, int, int, int], alpha: float, pass_alpha: float) -> Verdict:
    """The mean of candidate minus ``ratio`` times stable, which lies within [-ratio, 1], against 0."""
    only_candidate, only_stable, both, neither = counts
    unit = betting.SCALE / (1 + ratio)
    scores: dict[int, int] = {}
    for value, count in ((1.0, only_candidate), (-ratio, only_stable), (1 - ratio, both), (0.0, neither)):
        place = round((value + ratio) * unit)
        scores[place] = scores.get(place, 0) + count
    mean = round(ratio * unit) / betting.SCALE
    if betting.log_evidence_above(scores, mean) >= -math.log(alpha):
        return Verdict.FAIL
    is_safe = betting.log_evidence_below(scores, mean) >= -math.log(pass_alpha)
    return Verdict.PASS if is_safe else Verdict.INCONCLUSIVE


def _compare_means(sums: PairedSums, sides: Sequence[Side], alpha: float, pass_alpha: float, least: int) -> _Found:
    n = sums.count
    if n < 2 or not sums.stable:
        return _Found(Verdict.NO_DATA, _UNKNOWN, n)
    lower, upper = paired.interval(sums.shift, 2 * alpha, scale=_SCALE)
    effect = Effect(sums.candidate / sums.stable - 1, _relative(lower), _relative(upper))
    return _Found(worst(_by_excess(sums, side, alpha, pass_alpha, least) for side in sides), effect, n)


def _by_excess(sums: PairedSums, side: Side, alpha: float, pass_alpha: float, least: int) -> Verdict:
    factor = 1 + side.margin if side.is_increase else max(0.0, 1 - side.margin)
    sign = 1 if side.is_increase else -1
    mean, deviation = sums.excess(factor)
    horizon = _HORIZON * max(least, asymptotic.MINIMUM_VALUES)
    width = deviation / math.sqrt(sums.count)
    tolerated = round((factor - 1) / (factor + 1) * MICRO)
    test = paired.log_evidence_of_increase if side.is_increase else paired.log_evidence_of_decrease
    is_shifted = test(sums.shift, scale=_SCALE, tolerated=tolerated) >= -math.log(alpha / 2)
    is_enough = sums.count >= asymptotic.MINIMUM_VALUES
    surely = sign * mean - width * asymptotic.critical(sums.count, alpha / 2, horizon=horizon)
    if (is_shifted and sign * mean > 0) or (is_enough and surely > 0):
        return Verdict.FAIL
    at_most = sign * mean + width * asymptotic.critical(sums.count, pass_alpha, horizon=horizon)
    return Verdict.PASS if is_enough and at_most < 0 else Verdict.INCONCLUSIVE


def _discordant(metric: Rate, window: PairCounts) -> tuple[int, int, int]:
    """Pairs with the event of the candidate alone, of stable alone, and of both."""
    only_candidate = only_stable = both = 0
    for told, count in window.outcomes.items():
        users, _, copys = told.partition("/")
        is_copys, is_users = _is_event(metric, copys), _is_event(metric, users)
        only_candidate += count * (is_copys and not is_users)
        only_stable += count * (is_users and not is_copys)
        both += count * (is_users and is_copys)
    return only_candidate, only_stable, both


def _is_event(metric: Rate, outcome: str) -> bool:
    return outcome in metric.outcomes


def _told(
    guardrail: GuardrailSpec,
    window: PairCounts,
    found: _Found,
    verdict: Verdict,
    code: str,
    sides: Sequence[Side],
    least: int,
) -> MetricVerdict:
    estimates = estimate_of(guardrail, window.candidate), estimate_of(guardrail, window.stable)
    is_rate = metric_of(guardrail).kind is Kind.RATE
    sentence = REASONS[code].format(
        metric=metric_name(guardrail),
        estimate=show_value(guardrail, estimates[0]),
        stable=show_value(guardrail, estimates[1]),
        effect=show_change(found.effect.estimate, is_rate),
        interval=show_interval(found.effect, is_rate),
        margin=show_margin(guardrail),
        samples=found.samples,
        least=max(1, least),
    )
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=sentence,
        limit=max(side.margin for side in sides),
        estimate=finite(estimates[0]),
        samples=found.samples,
        is_dry_run=guardrail.dry_run,
        stable_estimate=finite(estimates[1]),
        stable_samples=found.samples,
        effect=finite(found.effect.estimate),
        effect_lower=finite(found.effect.lower),
        effect_upper=finite(found.effect.upper),
    )


_UNKNOWN = Effect(math.nan, -math.inf, math.inf)
_CODES = {
    Verdict.FAIL: "pairs_worse",
    Verdict.PASS: "pairs_not_worse",
    Verdict.INCONCLUSIVE: "pairs_undecided",
    Verdict.NO_DATA: "too_few_pairs",
}


def _relative(shift: float) -> float:
    """The relative change that a shift of so many millionths is."""
    part = shift / MICRO
    return math.inf if part >= 1 else max(-1.0, 2 * part / (1 - part)) if math.isfinite(part) else part
