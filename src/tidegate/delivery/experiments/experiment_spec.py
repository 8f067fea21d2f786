"""What A/B tests and bandits declare alike, and the one step that both compile to."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.canary import AudienceSpec
from tidegate.delivery.experiments.bandit.reweighting import Reweighting
from tidegate.delivery.experiments.variants import VariantSpec, arms_declared, is_aa, weights_of
from tidegate.delivery.quantities import Seconds, Share
from tidegate.delivery.steps import OWN_LAYER, Decide, Program, Promote

DAY = 24 * 3_600


class ExperimentSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Several arms beside control, until the evidence decides or the horizon is over.

    Attributes:
        variants: name -> version, ``"@stable"``, or a version with other parameters; without any, control and the
            release's version.
        weights: name -> share to begin with, control's too; without any, equal shares.
        to: only units of this segment; everybody else gets stable.
        horizon: when it ends, if nothing was decided before.
        decide: ``promote_winner``, or ``report_only``, which ends with stable whatever came out.
        stop: ``sequential`` ends as soon as the evidence decides; ``horizon`` waits for the end all the same.
        salt: experiments of one service with the same salt assign a unit alike; without one, each has its own.
        promote: how a winner is promoted.
    """

    variants: dict[str, VariantSpec] = {}
    weights: dict[str, Share] = {}
    to: AudienceSpec | None = None
    horizon: Seconds = Seconds(7 * DAY)
    decide: Literal["promote_winner", "report_only"] = "promote_winner"
    stop: Literal["sequential", "horizon"] = "sequential"
    salt: str | None = None
    promote: Promote = Promote(bake=Seconds(600), keep_warm=Seconds(DAY), drain=Seconds(600))


def deciding_program(spec: ExperimentSpec, reweighting: Reweighting | None = None) -> Program:
    """One step that decides; with ``reweighting`` it weighs anew while it does."""
    step = Decide(
        weights=weights_of(list(arms_declared(spec.variants, "")), spec.weights),
        horizon=spec.horizon,
        audience=spec.to.segment if spec.to else None,
        promotes=spec.decide == "promote_winner" and not is_aa(spec.variants),
        is_sequential=spec.stop == "sequential",
        reweighting=reweighting,
    )
    return Program(
        steps=(step,),
        promote=spec.promote,
        min_samples=100,
        on_no_data="pause",
        interval=Seconds(10),
        needs_stable=True,
        layer=spec.salt if spec.salt is not None else OWN_LAYER,
    )
