"""What a release file says of an interleaving, checked and completed.

Its one objective is the win rate: without a margin the candidate must surely be preferred, with ``max_decrease: 5%`` it
is enough that its win rate is surely above 0.45. A guardrail on the win rate has that margin unless it names a bound.
What is compared is a conversation, unless the file says otherwise: each has one vote.
"""

from __future__ import annotations

import msgspec

from tidegate.delivery.evidence.votes import WIN_RATE
from tidegate.delivery.experiments.variants import DerivedSpec, VariantSpec
from tidegate.delivery.quantities import Change
from tidegate.delivery.release_spec import AssignmentSpec, GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Interleave
from tidegate.delivery.strategy import compile_program
from tidegate.documents import Document, Path
from tidegate.errors import InvalidInputError
from tidegate.stats.preference import LEAST_WIN_RATE

DEFAULT_OBJECTIVES = (GuardrailSpec(metric=WIN_RATE),)
_MARGIN = Change(round(0.5 - LEAST_WIN_RATE, 10))


def interleaving_step(spec: ReleaseSpec) -> Interleave | None:
    """The step of the release that votes decide."""
    return next((step for step in compile_program(spec.strategy).steps if isinstance(step, Interleave)), None)


def complete_interleaving(read: Document, spec: ReleaseSpec, arms: dict[str, VariantSpec]) -> ReleaseSpec:
    """``spec`` with an interleaving's defaults.

    Args:
        arms: declared, beside control; without any, the release's version is the one.

    Raises:
        InvalidInputError: no version to try, or an objective that no vote is about.
    """
    if not spec.version and not arms:
        raise InvalidInputError(
            "interleaving compares something", where=read.where(("version",)), remedy="name version or variants"
        )
    if spec.analysis.on_no_data == "promote":
        raise InvalidInputError(
            "nobody is promoted without a vote", where=read.where(("analysis", "on_no_data")), remedy="use pause"
        )
    for index, objective in enumerate(spec.objectives):
        _check_objective(read, objective, ("objectives", index))
    first = next(iter(arms.values()), spec.version)
    return msgspec.structs.replace(
        spec,
        version=spec.version or (first.of if isinstance(first, DerivedSpec) else first),
        objectives=spec.objectives or DEFAULT_OBJECTIVES,
        guardrails=tuple(map(_with_margin, spec.guardrails)),
        assignment=AssignmentSpec(unit=spec.assignment.unit or "conversation"),
    )


def refuse_win_rates(read: Document, spec: ReleaseSpec) -> None:
    """Nobody votes where nothing is interleaved.

    Raises:
        InvalidInputError: a bound on the win rate.
    """
    for kind in ("guardrails", "objectives"):
        for index, bound in enumerate(getattr(spec, kind)):
            if bound.metric == WIN_RATE:
                raise InvalidInputError(
                    f"{WIN_RATE} needs votes on two answers, which only strategy interleave asks for",
                    where=read.where((kind, index)),
                    remedy="use it, or a judge that compares copies: metric: judge:NAME, stat: win_rate",
                )


def _check_objective(read: Document, objective: GuardrailSpec, path: Path) -> None:
    if objective.metric != WIN_RATE or path[1]:
        raise InvalidInputError(
            "votes decide an interleaving, so its one objective is win_rate",
            where=read.where(path),
            remedy="guard the others with a limit or a margin",
        )
    plain = GuardrailSpec(metric=WIN_RATE, max_decrease=objective.max_decrease)
    if objective != plain:
        raise InvalidInputError(
            "the objective of an interleaving has no bound, or max_decrease, counted from one half",
            where=read.where(path),
            remedy="write {metric: win_rate} for better, {metric: win_rate, max_decrease: 5%} for no worse",
        )


def _with_margin(guardrail: GuardrailSpec) -> GuardrailSpec:
    is_bounded = guardrail.hard is not None or guardrail.rule is not None or guardrail.compares
    if guardrail.metric != WIN_RATE or is_bounded:
        return guardrail
    return msgspec.structs.replace(guardrail, max_decrease=_MARGIN)
