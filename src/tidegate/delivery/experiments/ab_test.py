"""The strategy ``ab_test``: fixed shares over arms until one is surely better than control, or the horizon is over."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.canary import AudienceSpec
from tidegate.delivery.experiments.variants import VariantSpec, arms_declared, check_variants, is_aa, weights_of
from tidegate.delivery.quantities import Seconds, Share
from tidegate.delivery.steps import OWN_LAYER, Decide, Program, Promote
from tidegate.errors import InvalidInputError

_DAY = 24 * 3_600


class AbTestSpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="ab_test",
    tag_field="name",
):
    """Fixed shares, looked at as often as one likes. A test of stable against itself (A/A) only reports.

    Attributes:
        variants: name -> version, ``"@stable"``, or a version with other parameters; without any, control and the
            release's version.
        weights: name -> share, control's too; without any, equal shares.
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
    horizon: Seconds = Seconds(7 * _DAY)
    decide: Literal["promote_winner", "report_only"] = "promote_winner"
    stop: Literal["sequential", "horizon"] = "sequential"
    salt: str | None = None
    promote: Promote = Promote(bake=Seconds(600), keep_warm=Seconds(_DAY), drain=Seconds(600))


def ab_test_program(spec: AbTestSpec) -> Program:
    """One step that decides."""
    names = list(arms_declared(spec.variants, ""))
    return Program(
        steps=(
            Decide(
                weights=weights_of(names, spec.weights),
                horizon=spec.horizon,
                audience=spec.to.segment if spec.to else None,
                promotes=spec.decide == "promote_winner" and not is_aa(spec.variants),
                is_sequential=spec.stop == "sequential",
            ),
        ),
        promote=spec.promote,
        min_samples=100,
        on_no_data="pause",
        interval=Seconds(10),
        needs_stable=True,
        layer=spec.salt if spec.salt is not None else OWN_LAYER,
    )


def check_ab_test(spec: AbTestSpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: ``where`` is the path of the key.
    """
    check_variants(spec.variants, spec.weights)
    if spec.horizon <= 0:
        raise InvalidInputError("an experiment takes time", where="horizon", remedy="write horizon: 7d")
