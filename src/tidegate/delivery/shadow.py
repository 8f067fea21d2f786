"""The strategy ``shadow``: the candidate answers copies of real requests, and no user sees one of its answers."""

from __future__ import annotations

from typing import Literal

import msgspec

from tidegate.delivery.mirroring import DEFAULT_CONCURRENCY, mirroring_of
from tidegate.delivery.quantities import Dollars, Seconds, Share
from tidegate.delivery.steps import Mirror, Program, Promote


class ShadowSpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="shadow",
    tag_field="name",
):
    """Mirror, compare the pairs of answers, then finish or go on.

    Attributes:
        percent: share of stable's requests that is copied.
        soak: how long, before the pairs are judged.
        max_cost: what the copies may cost over all gateways; without it there is no bound of money.
        max_tokens: what they may read and write, likewise.
        max_concurrency: copies under way at once in each gateway process.
        require: metrics that must pass; without it, all that pairs can decide.
        then: ``finish`` ends the release without a promotion; ``continue`` goes on to the next strategy, or
            promotes after the last one. The default is ``finish`` at the end and ``continue`` before another.
        promote: how ``continue`` promotes when nothing follows.
    """

    percent: Share = Share(0.1)
    soak: Seconds = Seconds(1_800)
    max_cost: Dollars | None = None
    max_tokens: int | None = None
    max_concurrency: int = DEFAULT_CONCURRENCY
    require: tuple[str, ...] | None = None
    then: Literal["finish", "continue"] | None = None
    promote: Promote = Promote()


def shadow_program(spec: ShadowSpec) -> Program:
    """One step that mirrors."""
    mirroring = mirroring_of(
        spec.percent,
        max_concurrency=spec.max_concurrency,
        max_cost=spec.max_cost,
        max_tokens=spec.max_tokens,
        where="percent",
    )
    return Program(
        steps=(Mirror(mirroring=mirroring, soak=spec.soak, require=spec.require),),
        promote=spec.promote,
        min_samples=200,
        on_no_data="pause",
        interval=Seconds(10),
        needs_stable=True,
        finishes=spec.then != "continue",
    )
