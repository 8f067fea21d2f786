"""The strategy ``blue_green``: probe and warm the candidate beside stable, switch everything at once, keep the old
version warm for an instant switch back."""

from __future__ import annotations

import msgspec

from tidegate.delivery.quantities import Seconds
from tidegate.delivery.steps import Program, Promote


class BlueGreenSpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="blue_green",
    tag_field="name",
):
    """All traffic at once to a warm candidate.

    Attributes:
        warm_up: requests that are sent and must be answered before the switch, beside the probes.
    """

    warm_up: int = 20
    promote: Promote = Promote(bake=Seconds(600), keep_warm=Seconds(24 * 3_600), drain=Seconds(600))


def blue_green_program(spec: BlueGreenSpec) -> Program:
    """No traffic step: probes and warm-up are its samples, as with ``direct``."""
    return Program(
        steps=(),
        promote=spec.promote,
        min_samples=1,
        on_no_data="promote",
        interval=Seconds(1),
        needs_stable=True,
        warm_up=spec.warm_up,
    )
