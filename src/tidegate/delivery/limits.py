"""What a key may use: per minute, at once, and in money per day and month; and how gateways share it.

A limit holds over all gateways together. Control lends each gateway process a slice of it and moves the slices to
where they are wanted, so that no request waits for anybody. What is lent adds up to the limit; a process always has
at least one place, and has more than its slice only until control has first spoken to it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple

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


class Period(NamedTuple):
    """A day (``2026-11-27``) or a month (``2026-11``) of UTC, and the microsecond it ends at."""

    name: str
    ends_at_us: int


def day_of(at_us: int) -> Period:
    """The day of an instant, in microseconds since the Unix epoch."""
    start = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(hour=0, minute=0, second=0)
    return Period(f"{start:%Y-%m-%d}", int((start + timedelta(days=1)).timestamp()) * 1_000_000)


def month_of(at_us: int) -> Period:
    """The month of an instant, in microseconds since the Unix epoch."""
    start = datetime.fromtimestamp(at_us // 1_000_000, UTC).replace(day=1, hour=0, minute=0, second=0)
    following = (start + timedelta(days=32)).replace(day=1)
    return Period(f"{start:%Y-%m}", int(following.timestamp()) * 1_000_000)


def share_out(limit: int, wanted: Mapping[str, int]) -> dict[str, int]:
    """A limit divided over those who use it: max-min fair.

    Nobody gets less than it wants while another gets more than that one; what nobody wants is divided evenly. The
    parts add up to ``limit``, but for those who would have none and get one place all the same.
    """
    parts: dict[str, int] = {}
    left = limit
    for place, name in enumerate(sorted(wanted, key=lambda each: (wanted[each], each))):
        parts[name] = min(wanted[name], left // (len(wanted) - place))
        left -= parts[name]
    for place, name in enumerate(sorted(parts)):
        more = left // (len(parts) - place)
        parts[name] = max(1, parts[name] + more)
        left -= more
    return parts


class KeyUse(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one gateway process tells of one key with limits.

    Attributes:
        requests, tokens: wanted in the last minute or so, whether admitted or not.
        concurrent: the most wanted at once since it last told.
        in_flight: under way now.
        day, month: names of the periods that the next two belong to.
        spent_in_day, spent_in_month: nano-USD, by this process, what is reserved included.
    """

    key: str
    requests: int = 0
    tokens: int = 0
    concurrent: int = 0
    in_flight: int = 0
    day: str = ""
    spent_in_day: int = 0
    month: str = ""
    spent_in_month: int = 0


class KeyGrant(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one gateway process may use of a key's limits from now on.

    Attributes:
        requests, tokens, concurrent: its slices.
        spend_in_day, spend_in_month: nano-USD in all within the periods named.
    """

    key: str
    requests: int = 0
    tokens: int = 0
    concurrent: int = 0
    day: str = ""
    spend_in_day: int = 0
    month: str = ""
    spend_in_month: int = 0
