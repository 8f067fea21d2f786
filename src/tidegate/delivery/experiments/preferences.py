"""What votes on both versions' answers came to: the result of an interleaving, as one block.

Ties are dropped where it is decided (a win of equal versions is then a fair coin, :mod:`~tidegate.stats.preference`)
and count as half a win where it is shown. Both directions share alpha, so a decision that equal versions differ is as
rare as ``alpha`` says, however often anybody looks.
"""

from __future__ import annotations

import math

import msgspec

from tidegate.delivery.evidence.pair_counts import PairCounts
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.evidence.votes import WIN_RATE, Votes
from tidegate.delivery.release import MetricVerdict, ReleaseState
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.steps import Interleave
from tidegate.delivery.strategy import compile_program
from tidegate.stats import bernoulli, preference
from tidegate.stats.verdict import Verdict

_EQUAL = 0.5
_MOST = 700.0  # exp() of more overflows


class PreferenceResult(msgspec.Struct, frozen=True, kw_only=True):
    """One interleaving.

    Attributes:
        question: whose votes these are.
        variant: the arm that is compared with stable.
        wins, ties, losses: of the candidate, one vote for each conversation.
        votes: their sum.
        repeated: further votes of the same conversations, which decide nothing.
        pairs: requests that both versions were to answer; 0 where turns alternate.
        void: of those, pairs that lack an answer: one version failed, or the user left.
        win_rate: a tie as half a win, ``None`` without votes; ``lower`` and ``upper`` hold at every look.
        e_value: against "both are preferred equally often"; ``p_value`` is its inverse, at most 1.
        first_share: how often the answer in the first place was preferred, where one was; ``first_lower`` and
            ``first_upper`` hold at every look. Since the order is random it biases nobody.
        standing: ``better``, ``worse``, ``no_worse`` (surely within the margin) or ``undecided``.
        sentence: all of it for people.
    """

    question: str
    mode: str
    variant: str
    wins: int
    ties: int
    losses: int
    votes: int
    repeated: int
    pairs: int
    void: int
    win_rate: float | None
    lower: float
    upper: float
    e_value: float
    p_value: float
    first_share: float | None
    first_lower: float
    first_upper: float
    standing: str
    sentence: str
    is_chosen: bool
    is_worse: bool


def interleaving_of(spec: ReleaseSpec, state: ReleaseState) -> tuple[int, Interleave] | None:
    """The step of the release that votes decide, with its index, once it was entered."""
    experiment = state.experiment
    step = compile_program(spec.strategy).step_at(experiment.step) if experiment is not None else None
    return (experiment.step, step) if experiment is not None and isinstance(step, Interleave) else None


def preference_result(spec: ReleaseSpec, state: ReleaseState, counts: PairCounts | None) -> PreferenceResult | None:
    """The result so far; ``None`` of a release whose votes nobody asks for.

    Args:
        counts: pairs and votes in the window of its step; ``None`` when there are none, or nobody knows.
    """
    found = interleaving_of(spec, state)
    if found is None:
        return None
    _, step = found
    counted = counts or PairCounts()
    votes, alpha = counted.votes.get(step.question, Votes()), spec.analysis.alpha
    said = votes.preferences
    lower, upper = preference.win_rate_interval(said, alpha)
    first_lower, first_upper = bernoulli.bounds(votes.first, votes.first + votes.second, alpha)
    evidence = preference.log_evidence_of_difference(said)
    standing = standing_of(votes, alpha, margin_of(spec))
    return PreferenceResult(
        question=step.question,
        mode=step.mode,
        variant=next(iter(state.arms)),
        wins=votes.wins,
        ties=votes.ties,
        losses=votes.losses,
        votes=votes.count,
        repeated=votes.repeated,
        pairs=counted.copies,
        void=counted.void,
        win_rate=said.win_rate if said.count else None,
        lower=lower,
        upper=upper,
        e_value=math.exp(min(evidence, _MOST)),
        p_value=min(1.0, math.exp(-max(evidence, 0.0))),
        first_share=votes.first_share,
        first_lower=first_lower,
        first_upper=first_upper,
        standing=standing,
        sentence=_sentence(votes, lower, upper, standing),
        is_chosen=standing in {"better", "no_worse"},
        is_worse=standing == "worse",
    )


def preference_verdict(
    spec: ReleaseSpec, state: ReleaseState, counts: PairCounts | None, least: int
) -> MetricVerdict | None:
    """Whether the votes choose the candidate: a pass when they surely do, and never a fail, since a candidate that is
    not preferred ends the step without anybody's fault.

    Args:
        counts: of the window; ``None`` when they could not be read.
        least: votes below which there is no data.
    """
    found, least = preference_result(spec, state, counts), max(1, least)
    if found is None:
        return None
    verdict, code = Verdict.INCONCLUSIVE, "not_preferred"
    if counts is None or found.votes < least:
        verdict, code = Verdict.NO_DATA, "counts_unavailable" if counts is None else "too_few_votes"
    elif found.is_chosen:
        verdict, code = Verdict.PASS, "preferred"
    return MetricVerdict(
        metric=WIN_RATE,
        verdict=verdict,
        code=code,
        sentence=REASONS[code].format(metric=WIN_RATE, detail=found.sentence, samples=found.votes, least=least),
        limit=_EQUAL - (margin_of(spec) or 0.0),
        variant=found.variant,
        estimate=found.win_rate,
        lower=found.lower,
        upper=found.upper,
        samples=found.votes,
        events=found.losses,
        is_objective=True,
    )


def margin_of(spec: ReleaseSpec) -> float | None:
    """How far below one half the win rate may surely be for a promotion; ``None`` asks for more than half."""
    given = spec.objectives[0].max_decrease if spec.objectives else None
    return None if given is None else float(given)


def standing_of(votes: Votes, alpha: float, margin: float | None) -> str:
    """``better`` and ``worse`` by the decided votes, each at half of alpha; no worse by all of them, ties too."""
    said, enough = votes.preferences, math.log(2 / alpha)
    if preference.log_evidence_of_better(said) >= enough:
        return "better"
    if preference.log_evidence_of_worse(said) >= enough:
        return "worse"
    if margin is not None and preference.log_evidence_of_win_rate_above(said, _EQUAL - margin) >= enough:
        return "no_worse"
    return "undecided"


_STANDINGS = {
    "better": "the candidate is surely preferred",
    "worse": "stable is surely preferred",
    "no_worse": "the candidate is surely no worse than the margin allows",
    "undecided": "neither is surely preferred",
}


def _sentence(votes: Votes, lower: float, upper: float, standing: str) -> str:
    if not votes.count:
        return "nobody has voted"
    return (
        f"{_STANDINGS[standing]}: {votes.wins} won, {votes.ties} tied, {votes.losses} lost, a win rate of "
        f"{votes.preferences.win_rate:.3f} ({lower:.3f} to {upper:.3f}) over {votes.count} conversations"
    )
