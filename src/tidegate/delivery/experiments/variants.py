"""The arms of an experiment as a person declares them, and the basis points each of them gets.

    variants: {control: "@stable", short: v1.4.0, cool: {of: "@stable", generation: {temperature: 0.1}}}

``control`` is stable, and is what everything is compared with. An arm is a version, or a version with other parameters,
which is registered as a version of its own before the release begins. An arm ``"@stable"`` beside control makes an A/A
test: both must come out alike.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from tidegate.delivery.quantities import Share
from tidegate.delivery.snapshot import CANDIDATE, STABLE, TOTAL_WEIGHT
from tidegate.errors import InvalidInputError

CONTROL = "control"
STABLE_REFERENCE = "@stable"
MOST_ARMS = 20
_NAME = re.compile(r"[a-z0-9](?:[a-z0-9_-]{0,30}[a-z0-9])?")
_RESERVED = frozenset({STABLE, "fallback"})


class DerivedSpec(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A version with other parameters.

    Attributes:
        of: reference of the version it is made from.
        model: another ``provider/model``.
        system: another system prompt.
        generation: parameters that replace those of the same name.
    """

    of: str = STABLE_REFERENCE
    model: str | None = None
    system: str | None = None
    generation: dict[str, Any] = {}


VariantSpec = str | DerivedSpec


def arms_declared(variants: Mapping[str, VariantSpec], version: str) -> dict[str, VariantSpec]:
    """Every arm beside control, in the order declared; without variants the release's version is the only one."""
    if not variants:
        return {CANDIDATE: version}
    return {name: variant for name, variant in variants.items() if name != CONTROL}


def is_aa(variants: Mapping[str, VariantSpec]) -> bool:
    """Whether every arm is the stable version itself: a test of the machinery, which promotes nothing."""
    return bool(variants) and all(variant == STABLE_REFERENCE for variant in variants.values())


def weights_of(names: list[str], weights: Mapping[str, Share]) -> dict[str, int]:
    """Basis points of each arm beside control, which has what they leave of 10,000.

    Args:
        names: of those arms.
        weights: shares of all variants, control too; empty means equal ones.
    """
    if not weights:
        return dict.fromkeys(names, TOTAL_WEIGHT // (len(names) + 1))
    return {name: round(weights[name] * TOTAL_WEIGHT) for name in names}


def check_variants(variants: Mapping[str, VariantSpec], weights: Mapping[str, Share]) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: no control, a name that is none, weights that do not add up; ``where`` is the key.
    """
    if variants and variants.get(CONTROL) != STABLE_REFERENCE:
        raise InvalidInputError(
            "an experiment compares with the stable version",
            where="variants",
            remedy=f'name it: {CONTROL}: "{STABLE_REFERENCE}"',
        )
    names = [*arms_declared(variants, ""), CONTROL]
    if not 2 <= len(names) <= MOST_ARMS:
        raise InvalidInputError(
            f"{len(names) - 1} arms beside {CONTROL}", where="variants", remedy=f"name 1 to {MOST_ARMS - 1} of them"
        )
    for name in names:
        if not _NAME.fullmatch(name) or name in _RESERVED:
            raise InvalidInputError(
                f"{name!r} is no name of a variant",
                where=f"variants.{name}",
                remedy="use up to 32 small letters, digits, - and _; stable and fallback are taken",
            )
    if weights:
        _check_weights(names, weights)


def _check_weights(names: list[str], weights: Mapping[str, Share]) -> None:
    if set(weights) != set(names):
        odd = ", ".join(sorted(set(weights) ^ set(names)))
        raise InvalidInputError("weights and variants differ", where="weights", remedy=f"look at {odd}")
    if any(not 0 < share < 1 for share in weights.values()):
        raise InvalidInputError("a variant without a share is no arm", where="weights", remedy="give each more than 0%")
    total = sum(round(share * TOTAL_WEIGHT) for share in weights.values())
    if total != TOTAL_WEIGHT:
        raise InvalidInputError(
            f"the weights sum to {total / 100:g}%", where="weights", remedy="they sum to 100%, control's too"
        )
