"""The strategy ``ab_test``: fixed shares over arms until one is surely better than control, or the horizon is over."""

from __future__ import annotations

from tidegate.delivery.experiments.experiment_spec import ExperimentSpec, deciding_program
from tidegate.delivery.experiments.variants import check_variants
from tidegate.delivery.steps import Program
from tidegate.errors import InvalidInputError


class AbTestSpec(ExperimentSpec, frozen=True, kw_only=True, tag="ab_test", tag_field="name"):
    """Fixed shares, looked at as often as one likes. A test of stable against itself (A/A) only reports."""


def ab_test_program(spec: AbTestSpec) -> Program:
    """One step that decides."""
    return deciding_program(spec)


def check_ab_test(spec: AbTestSpec) -> None:
    """What types cannot say.

    Raises:
        InvalidInputError: ``where`` is the path of the key.
    """
    check_variants(spec.variants, spec.weights)
    if spec.horizon <= 0:
        raise InvalidInputError("an experiment takes time", where="horizon", remedy="write horizon: 7d")
