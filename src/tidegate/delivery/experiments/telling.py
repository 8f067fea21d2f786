"""An experiment in words: where an arm stands, and what would change it."""

from __future__ import annotations

import math
from collections.abc import Sequence

from tidegate.delivery.evidence.metrics import metric_of, show_value
from tidegate.delivery.evidence.showing import show_change, show_interval
from tidegate.delivery.experiments.effects import ArmEffect, EffectStanding, margin, sign
from tidegate.delivery.release_spec import GuardrailSpec
from tidegate.stats.asymptotic import Effect

FARTHEST = 1_000  # times the units so far: nobody waits for that
_ENDS = {
    "winner_found": "{winner} won",
    "winner_forced": "{winner} was promoted on request, before it had won",
    "stable_kept": "Nobody won, and stable stays",
    "reported": "It was to report only, and stable stays",
}


def effect_sentence(objective: GuardrailSpec, effect: ArmEffect, least: int) -> str:
    """``72 % against 60 % of control, +12 points, surely between +5 and +19 points``."""
    if effect.estimate is None or effect.control_estimate is None:
        return "Nothing is known of it yet"
    values = (
        f"{show_value(objective, effect.estimate)} against {show_value(objective, effect.control_estimate)} of control"
    )
    if effect.standing is EffectStanding.NO_DATA:
        return f"{values}, over {effect.samples} and {effect.control_samples} units; {least} of each are needed"
    is_rate = metric_of(objective).unit == "share"
    found = scaled(effect, is_rate=is_rate)
    between = show_interval(found, is_rate)
    is_bounded = math.isfinite(found.lower) or math.isfinite(found.upper)
    return f"{values}: {show_change(found.estimate, is_rate)}, {'surely ' if is_bounded else ''}{between}"


def scaled(effect: ArmEffect, *, is_rate: bool) -> Effect:
    """The effect as people read it: points of a share, else parts of control's value; open ends are infinite."""
    values = (
        (effect.effect, effect.lower, effect.upper) if is_rate else (effect.lift, effect.lift_lower, effect.lift_upper)
    )
    ends = (math.nan, -math.inf, math.inf)
    return Effect(*(end if value is None else value for value, end in zip(values, ends, strict=True)))


def what_would_change(objective: GuardrailSpec, effect: ArmEffect) -> str:
    """What evidence would turn its standing, "" where nothing can be said or nothing does."""
    if effect.standing is EffectStanding.NO_DATA:
        return "There are too few units to judge by; only more of them change this."
    if effect.standing is not EffectStanding.UNDECIDED:
        return ""
    is_rate = metric_of(objective).unit == "share"
    found, allowed = scaled(effect, is_rate=is_rate), margin(objective)
    harm = -sign(objective)
    limit = harm * (allowed or 0.0)
    gap = found.estimate - limit
    bound = found.upper if gap < 0 else found.lower
    side = "surely worse" if gap * harm > 0 else "surely better" if allowed is None else "surely within its margin"
    if not math.isfinite(gap) or not math.isfinite(bound):
        return "More units of the smaller side decide it."
    factor = ((bound - found.estimate) / gap) ** 2 if gap else math.inf
    if factor > FARTHEST:
        return "So small a difference is not told from none in any time that somebody would wait."
    more = max(1, math.ceil((factor - 1) * (effect.samples + effect.control_samples)))
    return f"If the difference stays as it is, about {_rounded(more)} more units of both sides show that it is {side}."


def outcome_sentence(
    outcome: str,
    winner: str | None,
    effects: Sequence[ArmEffect],
    chosen_by: GuardrailSpec,
    *,
    is_void: bool,
    leading: str | None,
) -> str:
    """What came out so far, in one sentence.

    Args:
        outcome: code of the end, "" while it goes on.
        winner: who won, or would win now.
        effects: of the objective that chooses.
        leading: the arm that looks best.
    """
    if outcome:
        words = _ENDS.get(outcome, outcome.replace("_", " ")).format(winner=winner)
        return _with_effect(words, winner or leading if outcome != "stable_kept" else None, effects, chosen_by)
    if is_void:
        return "Nothing can be concluded: the variants did not get the units they should have"
    if winner is not None:
        return _with_effect(f"{winner} is surely good enough to win", winner, effects, chosen_by)
    known = [effect for effect in effects if effect.standing is not EffectStanding.NO_DATA]
    if not known:
        return "Nobody can say yet: there is too little data"
    return _with_effect(f"Nobody has won yet; {leading} looks best", leading, effects, chosen_by)


def _with_effect(words: str, arm: str | None, effects: Sequence[ArmEffect], chosen_by: GuardrailSpec) -> str:
    found = next((effect for effect in effects if effect.variant == arm), None)
    if found is None or found.estimate is None or found.control_estimate is None:
        return words
    shown = (show_value(chosen_by, value) for value in (found.estimate, found.control_estimate))
    return f"{words}: {found.metric} is {' against '.join(shown)} of control"


def _rounded(count: int) -> str:
    """Two digits are all there is to know."""
    digits = max(0, len(str(count)) - 2)
    return f"{round(count, -digits):,}"
