"""What is sure of a bandit's reward: any two variants against each other, valid at every look under weights that moved.

Within a round a unit of the two went to the first with a known probability. Whether the reward tells which of them a unit got
is what decides (:mod:`~tidegate.stats.arm_prediction`, for scores :mod:`~tidegate.stats.adaptive.contrast`); how much better
one is, is estimated by the propensities (the same module). Rewards without bounds, and those that costs are taken off, are
compared within each round.

Who says something is no coin of the arm's share: should one arm be rated oftener than another, its rewards could be told from
that alone. What is said is therefore estimated with the shares in which rewards came, and evidence by it must hold with those
as well as with the drawn ones.

Alpha is shared over the ordered pairs of all variants that the experiment began with, and over the objectives: then
that any variant is ever called better than one that is as good has at most that probability, and the same of worse.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import msgspec

from tidegate.delivery.evidence.metrics import metric_name
from tidegate.delivery.evidence.rounds import Round
from tidegate.delivery.experiments.bandit.rewards import UNKNOWN, Reward, Sight, estimate, reward_of, sights
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.differences import Difference, difference, horizon_of, is_said
from tidegate.delivery.experiments.effects import ArmEffect, EffectStanding, sign, told
from tidegate.delivery.facts import StepCounts
from tidegate.delivery.release import STABLE, Experiment, ReleaseState
from tidegate.delivery.release_spec import GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Decide
from tidegate.delivery.strategy import compile_program
from tidegate.stats import asymptotic
from tidegate.stats.adaptive.contrast import Contest, Side, contrast
from tidegate.stats.arm_prediction import Stratum, log_evidence_of_frequent_harm
from tidegate.stats.asymptotic import Effect

_COST = GuardrailSpec(metric="cost_per_request", stat="mean")
_SUREST = 0.999  # of a predicted share


def rule_of(spec: ReleaseSpec, experiment: Experiment) -> Reweighting | None:
    """How the experiment's weights move; ``None`` of one that holds them."""
    step = compile_program(spec.strategy).step_at(experiment.step)
    return step.reweighting if isinstance(step, Decide) else None


def pair_alpha(spec: ReleaseSpec, state: ReleaseState) -> float:
    """Of each direction of each pair and objective."""
    variants = len(state.arms) + 1
    return spec.analysis.alpha / (variants * (variants - 1) * len(spec.objectives))


def reward_effect(
    spec: ReleaseSpec, state: ReleaseState, counts: Sequence[StepCounts], first: str, second: str, least: int
) -> ArmEffect:
    """The reward of ``first`` against that of ``second``, which stands where control does.

    Args:
        counts: of the release.
        least: rewards that each of the two needs.
    """
    experiment = state.experiment
    assert experiment is not None, "only an experiment has a reward"
    rule, objective, alpha = rule_of(spec, experiment), spec.objectives[0], pair_alpha(spec, state)
    assert rule is not None, "only a bandit has a reward"
    reward, seen = reward_of(objective, rule.cost_weight), sights(experiment, state.attempt, counts)
    if reward.is_bounded:
        found = _bounded(reward, objective, experiment, seen, (first, second), alpha)
    else:
        found = _unbounded(objective, rule.cost_weight, seen, (first, second), alpha, least)
    effect = told(objective, first, found, alpha, least)
    return msgspec.structs.replace(effect, metric=reward_name(objective, rule.cost_weight))


def beats_everybody(spec: ReleaseSpec, state: ReleaseState, counts: Sequence[StepCounts], arm: str, least: int) -> bool:
    """Whether an arm is surely better than every other variant that is left, not than control alone."""
    others = [STABLE, *(other for other in state.on_trial if other != arm)]
    return all(
        reward_effect(spec, state, counts, arm, other, least).standing is EffectStanding.BETTER for other in others
    )


def reward_name(objective: GuardrailSpec, cost_weight: float) -> str:
    """``feedback:thumbs_up``, and what is taken off it: ``- 20 x cost``."""
    way = "-" if sign(objective) > 0 else "+"
    return f"{metric_name(objective)} {way} {cost_weight:g} x cost" if cost_weight else metric_name(objective)


def predicted(experiment: Experiment, number: int) -> float:
    """The reward that was predicted before a round's first unit."""
    known = experiment.learning.predicted if experiment.learning else ()
    return known[number - 1] if 0 < number <= len(known) else UNKNOWN


def contests(reward: Reward, experiment: Experiment, rounds: Sequence[Sight], pair: tuple[str, str]) -> list[Contest]:
    """Both variants' bounded rewards, round by round."""
    (part,) = reward.parts
    found = []
    for sight in rounds:
        if not all(sight.shares.get(variant) for variant in pair):
            continue
        own, other = (sight.shares[variant] for variant in pair)
        values = [part.of(sight.seen[variant]) for variant in pair]
        sides = [Side(each.count, each.total / part.scale, each.squares / part.scale**2) for each in values]
        found.append(Contest(own / (own + other), predicted(experiment, sight.number), *sides))
    return found


def _bounded(
    reward: Reward,
    objective: GuardrailSpec,
    experiment: Experiment,
    rounds: Sequence[Sight],
    pair: tuple[str, str],
    alpha: float,
) -> Difference:
    met = contests(reward, experiment, rounds, pair)
    shown = contrast(_as_rewards_came(met) if is_said(objective) else met)
    better, worse = (_log_evidence(each, reward, objective, alpha) for each in (met, _turned(met)))
    low, high = shown.bounds(alpha)
    values = [estimate(reward, variant, rounds) for variant in pair]
    way = sign(objective)  # the metric's own direction: of errors, fewer are more reward
    means = [each.mean if way > 0 else 1 - each.mean for each in values]
    effect = Effect(shown.estimate, low, high) if way > 0 else Effect(-shown.estimate, -high, -low)
    higher, lower = (better, worse) if way > 0 else (worse, better)
    return Difference(
        means[0], means[1], effect, shown.standard_error, higher, lower, (values[0].rewards, values[1].rewards)
    )


def _log_evidence(met: Sequence[Contest], reward: Reward, objective: GuardrailSpec, alpha: float) -> float:
    """log E of "the first is better", by the drawn shares; of what is said the lesser of that and the same by the shares in
    which rewards came, which is looked at when it matters."""
    predict = _predicted if reward.is_binary else _contrasted
    found = predict(met)
    if not is_said(objective) or found < -math.log(alpha):
        return found
    return min(found, predict(_as_rewards_came(met)))


def _contrasted(met: Sequence[Contest]) -> float:
    return contrast(met).log_evidence_above()


def _predicted(met: Sequence[Contest]) -> float:
    strata = [Stratum(share, round(one.total), one.size, round(two.total), two.size) for share, _, one, two in met]
    return log_evidence_of_frequent_harm(strata, [min(_SUREST, max(1 - _SUREST, each.prediction)) for each in met])


def _as_rewards_came(met: Sequence[Contest]) -> list[Contest]:
    """With the share of the known rewards that the first has, of the rounds in which both have some."""
    both = (each for each in met if each.first.size and each.second.size)
    return [each._replace(share=each.first.size / (each.first.size + each.second.size)) for each in both]


def _turned(met: Sequence[Contest]) -> list[Contest]:
    return [Contest(1 - share, prediction, second, first) for share, prediction, first, second in met]


def _unbounded(
    objective: GuardrailSpec,
    cost_weight: float,
    rounds: Sequence[Sight],
    pair: tuple[str, str],
    alpha: float,
    least: int,
) -> Difference:
    """Within each round; what costs take off is compared the same way, and both errors add up, however they go together."""
    first, second = pair
    met = [
        Round(own / (own + other), sight.seen[first], sight.seen[second], sight.number)
        for sight in rounds
        if (own := sight.shares.get(first, 0.0)) and (other := sight.shares.get(second, 0.0))
    ]
    main = difference(objective, met, alpha=alpha, least=least)
    if not cost_weight:
        return main
    cost, factor = difference(_COST, met, alpha=alpha, least=least), -sign(objective) * cost_weight
    count, error = min(sum(main.samples), sum(cost.samples)), main.error + cost_weight * cost.error
    middle = main.effect.estimate + factor * cost.effect.estimate
    horizon = horizon_of(least)
    reach = error * asymptotic.critical(count, alpha, horizon=horizon) if math.isfinite(error) else math.inf
    z = max(-1e6, min(1e6, middle / error)) if math.isfinite(error) and error else 0.0
    higher, lower = (asymptotic.log_evidence_above(way * z, count, alpha, horizon=horizon) for way in (1, -1))
    return Difference(
        main.estimate + factor * cost.estimate,
        main.control + factor * cost.control,
        Effect(middle, middle - reach, middle + reach),
        error,
        higher,
        lower,
        (min(main.samples[0], cost.samples[0]), min(main.samples[1], cost.samples[1])),
    )
