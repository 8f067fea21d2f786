"""The strategy ``canary``: a growing share of units, each step with its own soak and criteria."""

from __future__ import annotations

from typing import Any, Literal

import msgspec

from tidegate.delivery.mirroring import Mirroring, mirroring_of
from tidegate.delivery.quantities import Dollars, Seconds, Share
from tidegate.delivery.snapshot import TOTAL_WEIGHT
from tidegate.delivery.steps import Approve, Mirror, Program, Promote, Split, TrafficStep
from tidegate.errors import InvalidInputError

_HOUR = 3_600
_OF_MIRRORS = ("max_cost", "max_tokens", "max_concurrency")


class AudienceSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """To whom a split applies; everybody else keeps what the steps before gave them."""

    segment: str


class CanaryStepSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step: ``split`` or ``mirror`` (or both at once) with a soak, or ``approve``.

    Attributes:
        split: share of the units that goes to the candidate.
        mirror: share of stable's requests that is copied to the candidate, whose answers no user sees.
        max_cost: what the copies of the step may cost over all gateways.
        max_tokens: what they may read and write, likewise.
        max_concurrency: copies under way at once in each gateway process.
        to: only units of this segment.
        soak: how long it is watched before it is judged.
        require: metrics that must pass; without it, all of them. Every guardrail can fail the step all the same.
        approve: role of the person whose approval is awaited.
        timeout: how long that is waited for.
        on_timeout: what follows then.
    """

    split: Share | None = None
    mirror: Share | None = None
    max_cost: Dollars | None = None
    max_tokens: int | None = None
    max_concurrency: int | None = None
    to: AudienceSpec | None = None
    soak: Seconds | None = None
    require: tuple[str, ...] | None = None
    approve: str | None = None
    timeout: Seconds | None = None
    on_timeout: Literal["rollback", "pause"] | None = None


class CanarySpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="canary",
    tag_field="name",
):
    """A preset, or own steps; ``promote`` is the preset's unless given.

    Attributes:
        preset: ``careful`` (the default): 1 % for 1 h, 5 % for 4 h, 25 % for 24 h, 50 % for 48 h; ``fast``:
            5, 25 and 50 % for 5 min each.
    """

    preset: Literal["careful", "fast"] = "careful"
    steps: tuple[CanaryStepSpec, ...] = ()
    promote: Promote | None = None


class _Preset(msgspec.Struct, frozen=True):
    ramp: tuple[tuple[int, float], ...]  # basis points, seconds
    promote: Promote


PRESETS: dict[str, _Preset] = {
    "careful": _Preset(
        ((100, _HOUR), (500, 4 * _HOUR), (2_500, 24 * _HOUR), (5_000, 48 * _HOUR)),
        Promote(bake=Seconds(_HOUR), keep_warm=Seconds(24 * _HOUR), drain=Seconds(600)),
    ),
    "fast": _Preset(
        ((500, 300), (2_500, 300), (5_000, 300)),
        Promote(bake=Seconds(300), keep_warm=Seconds(_HOUR), drain=Seconds(300)),
    ),
}


def canary_program(spec: CanarySpec) -> Program:
    """Splits beside a concurrent stable version; nothing goes on without evidence."""
    preset = PRESETS[spec.preset]
    ramp = tuple(Split(weight=weight, soak=Seconds(soak)) for weight, soak in preset.ramp)
    return Program(
        steps=tuple(map(_step, spec.steps)) or ramp,
        promote=spec.promote or preset.promote,
        min_samples=200,
        on_no_data="pause",
        interval=Seconds(10),
        needs_stable=True,
    )


def check_canary(spec: CanarySpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: a step that is no step, or a ramp that does not rise; ``where`` is the path of the key.
    """
    reached: dict[str | None, int] = {}
    for index, step in enumerate(spec.steps):
        where = f"steps[{index}]"
        _check_kind(step, where)
        if step.mirror is not None:
            _check_mirror(step, f"{where}.mirror", is_first=not reached)
        if step.split is None:
            continue
        weight = _weight(step.split)
        if not 0 < weight < TOTAL_WEIGHT or abs(weight - step.split * TOTAL_WEIGHT) > 1e-6:
            raise InvalidInputError(
                f"{step.split * 100:g}% is no share of a split",
                where=f"{where}.split",
                remedy="use 0.01% to 99.99%; all traffic is what promote gives",
            )
        audience = step.to.segment if step.to else None
        if weight <= reached.get(audience, 0):
            raise InvalidInputError(
                "a ramp only rises, because nobody who met the candidate is moved back",
                where=f"{where}.split",
                remedy=f"give more than {reached[audience] / 100:g}%",
            )
        reached[audience] = weight
    if spec.steps and not reached:
        raise InvalidInputError("a canary without any split watches nobody", where="steps", remedy="add a split")


def segments_of(spec: Any) -> tuple[str, ...]:
    """Segments that a strategy, or one of its steps, names."""
    named = (spec, *getattr(spec, "steps", ()))
    audiences = (getattr(each, "to", None) for each in named)
    return tuple(dict.fromkeys(audience.segment for audience in audiences if audience is not None))


def _check_kind(step: CanaryStepSpec, where: str) -> None:
    is_watched = step.split is not None or step.mirror is not None
    if is_watched == (step.approve is not None):
        raise InvalidInputError(
            "a step splits, mirrors, or awaits an approval",
            where=where,
            remedy="write {split: 5%, soak: 10m}, {mirror: 5%, soak: 10m} or {approve: ROLE, timeout: 24h}",
        )
    kind = "an approval" if step.approve is not None else "a split" if step.split is not None else "a mirror"
    for name in _foreign(step):
        if getattr(step, name) is not None:
            raise InvalidInputError(f"{kind} has no {name!r}", where=f"{where}.{name}", remedy="leave it out")
    if is_watched and step.soak is None:
        raise InvalidInputError(f"{kind} needs a soak", where=where, remedy="add soak: 10m")


def _foreign(step: CanaryStepSpec) -> tuple[str, ...]:
    """Keys that mean nothing in a step of this kind."""
    if step.approve is not None:
        return ("to", "soak", "require", *_OF_MIRRORS)
    foreign = ("timeout", "on_timeout") if step.split is not None else ("timeout", "on_timeout", "to")
    return foreign if step.mirror is not None else (*foreign, *_OF_MIRRORS)


def _check_mirror(step: CanaryStepSpec, where: str, *, is_first: bool) -> None:
    _mirroring(step, where)
    if step.split is None and not is_first:
        raise InvalidInputError(
            "after a split the candidate serves users, so a step cannot only mirror",
            where=where,
            remedy="put it before the first split, or give a split beside it",
        )


def _mirroring(step: CanaryStepSpec, where: str = "mirror") -> Mirroring | None:
    if step.mirror is None:
        return None
    return mirroring_of(
        step.mirror,
        max_concurrency=step.max_concurrency,
        max_cost=step.max_cost,
        max_tokens=step.max_tokens,
        where=where,
    )


def _step(step: CanaryStepSpec) -> TrafficStep:
    if step.approve is not None:
        timeout = Seconds(24 * _HOUR) if step.timeout is None else step.timeout
        return Approve(role=step.approve, timeout=timeout, on_timeout=step.on_timeout or "rollback")
    mirroring, soak = _mirroring(step), step.soak or Seconds(0)
    if step.split is None:
        assert mirroring is not None, "check_canary admits no other step"
        return Mirror(mirroring=mirroring, soak=soak, require=step.require)
    return Split(
        weight=_weight(step.split),
        soak=soak,
        audience=step.to.segment if step.to else None,
        require=step.require,
        mirroring=mirroring,
    )


def _weight(share: float) -> int:
    return round(share * TOTAL_WEIGHT)
