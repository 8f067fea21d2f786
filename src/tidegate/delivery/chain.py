"""Chains: strategies one after the other, as one program that is deployed, gated and probed once.

``[shadow, canary]`` is the common one: copies of real requests first, then a growing share of users. Every strategy
keeps its own criteria for its own steps; the last one says how the release ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from tidegate.delivery.steps import Interleave, Mirror, Program, Split
from tidegate.errors import InvalidInputError


def chained(programs: Sequence[Program]) -> Program:
    """One program of several, in their order.

    Args:
        programs: at least one.
    """
    last = programs[-1]
    if len(programs) == 1:
        return last
    return Program(
        steps=tuple(step for program in programs for step in program.steps),
        promote=last.promote,
        min_samples=last.min_samples,
        on_no_data=last.on_no_data,
        interval=last.interval,
        needs_stable=any(program.needs_stable for program in programs),
        warm_up=max(program.warm_up for program in programs),
        finishes=last.finishes,
        criteria=tuple(program.criteria_at(step) for program in programs for step in range(len(program.steps))),
    )


def check_chain(links: Sequence[tuple[Any, Program]]) -> None:
    """What cannot follow what.

    Args:
        links: each strategy's spec and program.

    Raises:
        InvalidInputError: a strategy that ends the release before the last one, or one that would move users back;
            ``where`` is the number of the link in brackets.
    """
    reached: dict[str | None, int] = {}
    for index, (spec, program) in enumerate(links):
        where, name = f"[{index}]", spec.__struct_config__.tag
        is_last = index == len(links) - 1
        if not is_last:
            _check_continues(spec, name, program, where)
        for step in program.steps:
            if isinstance(step, Mirror | Interleave) and reached:
                raise InvalidInputError(
                    f"{name} comes too late: the candidate serves users by then",
                    where=where,
                    remedy="put it first, or mirror within a split",
                )
            if isinstance(step, Split):
                _check_rises(step, reached, where)


def _check_continues(spec: Any, name: str, program: Program, where: str) -> None:
    if not program.steps:
        raise InvalidInputError(
            f"{name} gives everybody the candidate, so nothing can follow it", where=where, remedy="put it last"
        )
    if any(isinstance(step, Interleave) for step in program.steps):
        raise InvalidInputError(
            f"{name} ends with a promotion or with stable, so nothing can follow it", where=where, remedy="put it last"
        )
    if getattr(spec, "then", None) == "finish":
        raise InvalidInputError(
            f"{name} ends the release here, and more is to follow", where=where, remedy="write then: continue"
        )


def _check_rises(step: Split, reached: dict[str | None, int], where: str) -> None:
    before = reached.get(step.audience, 0)
    if step.weight <= before:
        raise InvalidInputError(
            f"its split of {step.weight / 100:g}% comes after one of {before / 100:g}%, and a ramp only rises",
            where=where,
            remedy=f"give more than {before / 100:g}%",
        )
    reached[step.audience] = step.weight
