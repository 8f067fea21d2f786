"""Limits of a key as they are declared: checked, and told again as they were."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from typing import Literal

import msgspec

from tidegate.delivery.quantities import dollars
from tidegate.errors import InvalidInputError

_NANO = 10**9
_PERIODS = ("day", "month")
_EXAMPLE = "write 50 USD/month or 5 USD/day"

WithoutControl = Literal["refuse", "allow"]


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Bounds of one key; 0 means none.

    Attributes:
        requests_per_minute, tokens_per_minute: a minute's worth may come at once; it fills again evenly.
        concurrent: requests under way.
        budget_per_day, budget_per_month: nano-USD in a day and a month of UTC.
        without_control: what a gateway does when the money it was lent is used up and control is silent.
    """

    requests_per_minute: int = 0
    tokens_per_minute: int = 0
    concurrent: int = 0
    budget_per_day: int = 0
    budget_per_month: int = 0
    without_control: WithoutControl = "refuse"

    def spec(self) -> LimitsSpec:
        """As people declare them."""
        budgets = ((self.budget_per_day, "day"), (self.budget_per_month, "month"))
        return LimitsSpec(
            requests_per_minute=self.requests_per_minute or None,
            tokens_per_minute=self.tokens_per_minute or None,
            concurrent=self.concurrent or None,
            budget=tuple(f"{Decimal(nano) / _NANO:f} USD/{period}" for nano, period in budgets if nano),
            without_control=self.without_control,
        )


class LimitsSpec(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, forbid_unknown_fields=True):
    """Limits as people declare them.

    Attributes:
        budget: ``50 USD/month``, ``5 USD/day``, or a list of both.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    budget: str | tuple[str, ...] = ()
    without_control: WithoutControl = "refuse"

    def limits(self, where: str) -> KeyLimits:
        """Checked.

        Args:
            where: path of the declaration, for errors.

        Raises:
            InvalidInputError: a bound of nothing, or a budget of another form.
        """
        counts = {
            "requests_per_minute": self.requests_per_minute,
            "tokens_per_minute": self.tokens_per_minute,
            "concurrent": self.concurrent,
        }
        for name, count in counts.items():
            if count is not None and count <= 0:
                raise InvalidInputError(
                    f"{name} of {count} lets nothing through",
                    where=f"{where}.{name}",
                    remedy="give more, leave it out, or revoke the key",
                )
        budgets = [self.budget] if isinstance(self.budget, str) else self.budget
        return KeyLimits(
            **{name: count for name, count in counts.items() if count is not None},
            **_budgets(budgets, f"{where}.budget"),
            without_control=self.without_control,
        )


def _budgets(declared: Sequence[str], where: str) -> dict[str, int]:
    found: dict[str, int] = {}
    for text in declared:
        amount, slash, period = (part.strip() for part in text.partition("/"))
        if not slash or period not in _PERIODS:
            raise InvalidInputError(f"{text!r} is not a budget", where=where, remedy=_EXAMPLE)
        try:
            nano = int(dollars(amount) * _NANO)
        except InvalidInputError:
            raise InvalidInputError(f"{text!r} is not a budget", where=where, remedy=_EXAMPLE) from None
        if nano <= 0 or f"budget_per_{period}" in found:
            raise InvalidInputError(
                f"{text!r} is no budget, or the second one of a {period}", where=where, remedy=_EXAMPLE
            )
        found[f"budget_per_{period}"] = nano
    return found
