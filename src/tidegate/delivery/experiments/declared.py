"""What a release file says of an experiment, checked and completed.

``variants`` may stand beside ``strategy`` or within it. An experiment without objectives is about ``error_rate``; what
is randomised is the user, unless the file says otherwise.
"""

from __future__ import annotations

from typing import Any

import msgspec

from tidegate.delivery.evidence.checks import check_metric, check_stat, with_stat
from tidegate.delivery.evidence.measures import Quotient
from tidegate.delivery.evidence.metrics import Harm, metric_of
from tidegate.delivery.experiments.bandit.declared import BanditSpec
from tidegate.delivery.experiments.bandit.rewards import objective_of
from tidegate.delivery.experiments.interleave_declared import (
    complete_interleaving,
    interleaving_step,
    refuse_win_rates,
)
from tidegate.delivery.experiments.variants import DerivedSpec, VariantSpec, arms_declared
from tidegate.delivery.release_spec import AssignmentSpec, GuardrailSpec, ReleaseSpec
from tidegate.delivery.steps import Decide
from tidegate.delivery.strategy import compile_program
from tidegate.documents import Document, Path
from tidegate.errors import InvalidInputError

DEFAULT_OBJECTIVES = (GuardrailSpec(metric="error_rate"),)


def with_variants(read: Document, plain: dict[str, Any]) -> Any:
    """The file's ``strategy``, with the ``variants`` that stand beside it moved in; they leave ``plain``.

    Raises:
        InvalidInputError: variants beside a strategy that has none, or in both places.
    """
    strategy = plain.get("strategy", "direct")
    if "variants" not in plain:
        return strategy
    variants = plain.pop("variants")
    named = {strategy: {}} if isinstance(strategy, str) else strategy
    if not isinstance(named, dict) or len(named) != 1:
        raise InvalidInputError(
            "variants beside a chain belong to none of its strategies",
            where=read.where(("variants",)),
            remedy="write them within the experiment",
        )
    ((name, settings),) = named.items()
    settings = settings or {}
    if not isinstance(settings, dict) or "variants" in settings:
        raise InvalidInputError("variants are given twice", where=read.where(("variants",)), remedy="keep one of them")
    return {name: {**settings, "variants": variants}}


def variants_of(spec: ReleaseSpec) -> dict[str, VariantSpec]:
    """Every arm of the release's experiment beside control; empty when it has no experiment, or a plain candidate."""
    declared: dict[str, VariantSpec] = next(filter(None, (getattr(each, "variants", {}) for each in spec.strategy)), {})
    return arms_declared(declared, spec.version) if declared else {}


def complete_experiment(read: Document, spec: ReleaseSpec) -> ReleaseSpec:
    """``spec`` with an experiment's defaults.

    Raises:
        InvalidInputError: objectives without an experiment, an unknown metric, or no version to try.
    """
    if interleaving_step(spec) is not None:
        return complete_interleaving(read, spec, variants_of(spec))
    refuse_win_rates(read, spec)
    is_experiment = any(isinstance(step, Decide) for step in compile_program(spec.strategy).steps)
    if not is_experiment:
        if not spec.version:
            raise InvalidInputError("which version?", where=read.where(("version",)), remedy="name it: version: v1.4.0")
        return spec
    for index, objective in enumerate(spec.objectives):
        _check_objective(read, objective, ("objectives", index))
    spec = _with_reward(read, spec)
    arms = variants_of(spec)
    if not spec.version and not arms:
        raise InvalidInputError(
            "an experiment compares something", where=read.where(("variants",)), remedy="name version or variants"
        )
    if spec.analysis.on_no_data == "promote":
        raise InvalidInputError(
            "an experiment promotes nobody without data",
            where=read.where(("analysis", "on_no_data")),
            remedy="use pause",
        )
    for index, guardrail in enumerate(spec.guardrails):
        if guardrail.rule is not None or guardrail.source is not None:
            kind = "a plain rule" if guardrail.rule is not None else "a number from elsewhere"
            raise InvalidInputError(
                f"{kind} is kept for one candidate, and an experiment has several arms",
                where=read.where(("guardrails", index)),
                remedy="use max_increase, max_ratio or hard on what gateways, feedback or judges tell",
            )
    first = next(iter(arms.values()), spec.version)
    return msgspec.structs.replace(
        spec,
        version=spec.version or (first.of if isinstance(first, DerivedSpec) else first),
        objectives=tuple(map(with_stat, spec.objectives or DEFAULT_OBJECTIVES)),
        assignment=AssignmentSpec(unit=spec.assignment.unit or "user"),
    )


def _with_reward(read: Document, spec: ReleaseSpec) -> ReleaseSpec:
    """A bandit's reward is its first objective."""
    bandit = next((each for each in spec.strategy if isinstance(each, BanditSpec)), None)
    if bandit is None:
        return spec
    path = ("strategy", "bandit", "reward")
    check_metric(read, {"metric": bandit.rewarded.metric}, path)
    reward = objective_of(bandit.rewarded)
    _check_objective(read, reward, path)
    return msgspec.structs.replace(spec, objectives=(reward, *spec.objectives))


def _check_objective(read: Document, objective: GuardrailSpec, path: Path) -> None:
    """It says which way is better by its metric, and may have a margin; limits and rules are for guardrails."""
    where = read.where(path)
    if objective.source is not None:
        raise InvalidInputError(
            f"{objective.metric} is a number from elsewhere, which no test can compare",
            where=where,
            remedy="guard it with a limit, and choose by what gateways, feedback or judges tell",
        )
    if objective.hard is not None or objective.rule is not None:
        raise InvalidInputError(
            "an objective of an experiment compares with control", where=where, remedy="put limits among the guardrails"
        )
    check_stat(read, objective, path)
    metric = metric_of(objective)
    if isinstance(metric.measure, Quotient) or metric.harm is Harm.EITHER:
        why = "is a ratio of two sums" if isinstance(metric.measure, Quotient) else "is better in neither direction"
        raise InvalidInputError(
            f"{objective.metric} {why}, so no winner can be chosen by it",
            where=where,
            remedy="guard it with max_change",
        )
    harm = objective.max_increase if metric.harm is Harm.DECREASE else objective.max_decrease
    if harm is not None:
        raise InvalidInputError(
            f"{objective.metric} is better when {'higher' if metric.harm is Harm.DECREASE else 'lower'}, so that bound "
            "is no harm",
            where=where,
            remedy="bound the other way",
        )
