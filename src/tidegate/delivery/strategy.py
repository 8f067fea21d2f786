"""Strategies are programs: each one is what a person declares, and how that compiles to steps.

A new strategy is a spec struct, a function that makes its program, and a line in :data:`STRATEGIES`.
``direct`` is so small that it stands here.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

from tidegate.delivery.blue_green import BlueGreenSpec, blue_green_program
from tidegate.delivery.canary import CanarySpec, canary_program
from tidegate.delivery.chain import chained
from tidegate.delivery.experiments.ab_test import AbTestSpec, ab_test_program
from tidegate.delivery.experiments.bandit.declared import BanditSpec, bandit_program
from tidegate.delivery.experiments.interleave import InterleaveSpec, interleave_program
from tidegate.delivery.quantities import Seconds
from tidegate.delivery.shadow import ShadowSpec, shadow_program
from tidegate.delivery.steps import Program, Promote


class DirectSpec(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    omit_defaults=True,
    tag="direct",
    tag_field="name",
):
    """All traffic at once after the probes, verified for the bake, rolled back when health fails."""

    promote: Promote = Promote()


StrategySpec = DirectSpec | BlueGreenSpec | CanarySpec | ShadowSpec | AbTestSpec | BanditSpec | InterleaveSpec


class Strategy(msgspec.Struct, frozen=True):
    """One entry of :data:`STRATEGIES`."""

    spec: type[Any]
    compile: Callable[[Any], Program]


def direct_program(spec: DirectSpec) -> Program:
    """No traffic step; the probes are its samples, so that a service without traffic can move too."""
    return Program(
        steps=(),
        promote=spec.promote,
        min_samples=1,
        on_no_data="promote",
        interval=Seconds(1),
        needs_stable=False,
    )


STRATEGIES: dict[str, Strategy] = {
    "direct": Strategy(DirectSpec, direct_program),
    "blue_green": Strategy(BlueGreenSpec, blue_green_program),
    "canary": Strategy(CanarySpec, canary_program),
    "shadow": Strategy(ShadowSpec, shadow_program),
    "ab_test": Strategy(AbTestSpec, ab_test_program),
    "bandit": Strategy(BanditSpec, bandit_program),
    "interleave": Strategy(InterleaveSpec, interleave_program),
}


def compile_program(strategy: tuple[StrategySpec, ...]) -> Program:
    """The program of a release: that of its strategy, or of its chain of strategies."""
    return chained([program_of(spec) for spec in strategy])


def program_of(spec: StrategySpec) -> Program:
    """The program of one strategy."""
    return STRATEGIES[spec.__struct_config__.tag].compile(spec)  # type: ignore[index]


def strategy_name(strategy: tuple[StrategySpec, ...]) -> str:
    """``canary``; a chain as ``shadow, canary``."""
    return ", ".join(str(spec.__struct_config__.tag) for spec in strategy)
