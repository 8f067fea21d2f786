"""What a person declares of a bandit, and how it compiles to a step.

    bandit: {variants: {control: "@stable", short: v1.4.0}, algorithm: thompson, reward: feedback:thumbs_up, floor: 5%, epoch: 10m}

The reward is the mean of what feedback, a judge or the gateway tells of answers; where less is better (cost, latency, errors)
it is taken as a loss. ``{metric: feedback:thumbs_up, cost_weight: 20}`` takes 20 off for each US dollar: an answer that costs
one cent more must please in 20 of 100 more cases.
"""

from __future__ import annotations

import math
from typing import Literal

import msgspec

from tidegate.delivery.experiments.bandit.reweighting import Algorithm, Reweighting
from tidegate.delivery.experiments.experiment_spec import DAY, ExperimentSpec, deciding_program
from tidegate.delivery.experiments.variants import arms_declared, check_variants
from tidegate.delivery.quantities import Seconds, Share
from tidegate.delivery.steps import Program
from tidegate.errors import InvalidInputError

MOST_EPOCHS = 500
LEAST_FLOOR = 0.01
Stat = Literal["mean"]


class RewardSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What the bandit is after.

    Attributes:
        metric: as of an objective: ``feedback:NAME``, ``judge:NAME`` or what gateways measure.
        stat: ``mean`` makes a reward of the numbers given as feedback; latency and the like have no other.
        cost_weight: reward taken off for each US dollar that an answer costs.
    """

    metric: str
    stat: Stat | None = None
    cost_weight: float = 0.0


class BanditSpec(ExperimentSpec, frozen=True, kw_only=True, tag="bandit", tag_field="name"):
    """Shares that follow the rewards until one variant is surely the best, or the horizon is over.

    Attributes:
        algorithm: ``thompson`` plays each variant with its probability of being best; ``top_two`` the leader half of the
            time and who may yet overtake it in the other half, which decides sooner; ``track_and_stop`` what finds the best
            one with the fewest units.
        reward: what is better, by its name or with settings.
        floor, ceiling: share of every variant, control too.
        max_change: of a variant's share at one epoch.
        epoch: how long weights stand at least.
    """

    horizon: Seconds = Seconds(3 * DAY)
    algorithm: Algorithm = "thompson"
    reward: str | RewardSpec = "feedback:thumbs_up"
    floor: Share = Share(0.05)
    ceiling: Share = Share(0.95)
    max_change: Share = Share(0.2)
    epoch: Seconds = Seconds(600)

    @property
    def rewarded(self) -> RewardSpec:
        """The reward with its settings."""
        return RewardSpec(metric=self.reward) if isinstance(self.reward, str) else self.reward


def bandit_program(spec: BanditSpec) -> Program:
    """One step that decides, and weighs anew while it does."""
    reweighting = Reweighting(
        algorithm=spec.algorithm,
        reward=spec.rewarded.metric,
        floor=spec.floor,
        ceiling=spec.ceiling,
        max_change=spec.max_change,
        epoch=spec.epoch,
        cost_weight=spec.rewarded.cost_weight,
    )
    return deciding_program(spec, reweighting)


def check_bandit(spec: BanditSpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: ``where`` is the path of the key.
    """
    check_variants(spec.variants, spec.weights)
    variants = len(arms_declared(spec.variants, "")) + 1
    _check_shares(spec, variants)
    if spec.epoch <= 0 or spec.horizon <= 0:
        where = "epoch" if spec.epoch <= 0 else "horizon"
        raise InvalidInputError("a bandit takes time", where=where, remedy="write epoch: 10m and horizon: 3d")
    if spec.horizon / spec.epoch > MOST_EPOCHS:
        raise InvalidInputError(
            f"{spec.horizon / spec.epoch:,.0f} epochs, each with weights and counts of its own",
            where="epoch",
            remedy=f"take epochs of at least {math.ceil(spec.horizon / MOST_EPOCHS)}s, or a shorter horizon",
        )
    if not 0 <= spec.rewarded.cost_weight < math.inf:
        raise InvalidInputError(
            f"a cost weight of {spec.rewarded.cost_weight:g} would reward what costs more",
            where="reward.cost_weight",
            remedy="give what one US dollar takes off the reward, at least 0",
        )


def _check_shares(spec: BanditSpec, variants: int) -> None:
    floor, ceiling = spec.floor, spec.ceiling
    if not LEAST_FLOOR <= floor <= 1 / variants:
        raise InvalidInputError(
            f"a floor of {floor * 100:g}% for each of {variants} variants",
            where="floor",
            remedy=f"use {LEAST_FLOOR:.0%} to {math.floor(1000 / variants) / 10:g}%; less of an arm than that tells nothing",
        )
    if not 1 / variants <= ceiling <= 1:
        raise InvalidInputError(
            f"a ceiling of {ceiling * 100:g}% leaves users over with {variants} variants",
            where="ceiling",
            remedy=f"use more than {100 / variants:.3g}%, or leave it out",
        )
    if not 0 < spec.max_change <= 1:
        raise InvalidInputError(
            f"weights cannot change by {spec.max_change * 100:g}%", where="max_change", remedy="use 1% to 100%"
        )
    for name, share in spec.weights.items():
        if not floor <= share <= ceiling:
            raise InvalidInputError(
                f"{name} begins with {share * 100:g}%, outside floor and ceiling",
                where=f"weights.{name}",
                remedy=f"use {floor * 100:g}% to {ceiling * 100:g}%",
            )
