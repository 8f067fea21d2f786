"""What votes on pairs say of a bound on the win rate, at any look.

The win rate counts a tie as half a win, and a fortune is bet on it (:mod:`~tidegate.stats.preference`). A limit
(``hard: "< 0.3"``) is breached once the rate is surely below it. A margin (``max_decrease: 5%``) is counted from one
half and is passed only once the rate is surely above it: a limit of one half would never let an equal candidate pass.
"""

from __future__ import annotations

import math

from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.reasons import REASONS
from tidegate.delivery.evidence.votes import WIN_RATE, Votes
from tidegate.delivery.release import MetricVerdict
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats import preference
from tidegate.stats.verdict import Verdict

MINIMUM_VOTES = 10
"""Fewer are no data, whatever they say."""
_EQUAL = 0.5


def is_of_votes(guardrail: GuardrailSpec) -> bool:
    """Whether it bounds a win rate."""
    return WIN_RATE in {guardrail.metric, guardrail.stat}


def judge_win_rate(
    guardrail: GuardrailSpec, total: Votes | None, window: Votes, *, alpha: float, pass_alpha: float
) -> list[MetricVerdict]:
    """A verdict for each bound of one guardrail.

    Args:
        total: every vote of the step; a limit watches these. ``None`` when they could not be read.
        window: those of pairs whose request began since the routing was verified; only these pass anything.
        alpha: of a false fail of one bound.
        pass_alpha: of a false pass of one.
    """
    found = []
    if guardrail.hard is not None:
        found.append(_judge_limit(guardrail, guardrail.hard.value, total, window, alpha))
    margins = [float(each) for each in (guardrail.max_decrease, guardrail.max_change) if each is not None]
    if margins:
        least = _EQUAL - min(margins)
        found.append(_judge_margin(guardrail, least, None if total is None else window, alpha, pass_alpha))
    return found


def _judge_limit(
    guardrail: GuardrailSpec, limit: float, total: Votes | None, window: Votes, alpha: float
) -> MetricVerdict:
    if total is None:
        return _told(guardrail, Verdict.NO_DATA, "counts_unavailable", Votes(), limit, alpha)
    if total.count >= MINIMUM_VOTES and _is_below(total, limit, alpha):
        return _told(guardrail, Verdict.FAIL, "surely_disliked", total, limit, alpha)
    if window.count < MINIMUM_VOTES:
        return _told(guardrail, Verdict.NO_DATA, "too_few_votes", window, limit, alpha)
    return _told(guardrail, Verdict.PASS, "not_surely_disliked", total, limit, alpha)


def _judge_margin(
    guardrail: GuardrailSpec, least: float, votes: Votes | None, alpha: float, pass_alpha: float
) -> MetricVerdict:
    if votes is None:
        return _told(guardrail, Verdict.NO_DATA, "counts_unavailable", Votes(), least, alpha)
    if votes.count < MINIMUM_VOTES:
        return _told(guardrail, Verdict.NO_DATA, "too_few_votes", votes, least, alpha)
    if _is_below(votes, least, alpha):
        return _told(guardrail, Verdict.FAIL, "surely_disliked", votes, least, alpha)
    if preference.log_evidence_of_win_rate_above(votes.preferences, least) >= -math.log(pass_alpha):
        return _told(guardrail, Verdict.PASS, "surely_liked_enough", votes, least, alpha)
    return _told(guardrail, Verdict.INCONCLUSIVE, "votes_undecided", votes, least, alpha)


def _is_below(votes: Votes, least: float, alpha: float) -> bool:
    return preference.log_evidence_of_win_rate_below(votes.preferences, least) >= -math.log(alpha)


def _told(
    guardrail: GuardrailSpec, verdict: Verdict, code: str, votes: Votes, limit: float, alpha: float
) -> MetricVerdict:
    rate = votes.preferences.win_rate if votes.count else None
    lower, upper = preference.win_rate_interval(votes.preferences, 2 * alpha) if votes.count else (None, None)
    sentence = REASONS[code].format(
        metric=metric_name(guardrail),
        estimate="unknown" if rate is None else f"{rate:.3f}",
        interval="unbounded yet" if lower is None else f"between {lower:.3f} and {upper:.3f}",
        wins=votes.wins,
        ties=votes.ties,
        losses=votes.losses,
        samples=votes.count,
        limit=f"{limit:g}",
        least=MINIMUM_VOTES,
    )
    return MetricVerdict(
        metric=metric_name(guardrail),
        verdict=verdict,
        code=code,
        sentence=sentence,
        limit=limit,
        estimate=rate,
        lower=lower,
        upper=upper,
        samples=votes.count,
        events=votes.losses,
        is_dry_run=guardrail.dry_run,
    )
