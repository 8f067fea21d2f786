"""One key's limits in one process: reserve before the request, true up after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tidegate.delivery.limits import KeyGrant, KeyLimits, KeyUse, day_of, month_of
from tidegate.gateway.limits.bucket import SECONDS, Bucket
from tidegate.gateway.limits.budget import Budget
from tidegate.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

_PLACE_WAIT_SECONDS = 1.0  # nobody knows when a request will end


class Reservation(NamedTuple):
    """What a request holds of its key's limits until it ends: a place, tokens, nano-USD."""

    limiter: Limiter
    tokens: int
    cost: int


class Limiter:
    """Limits of one key, and what of them is used here. It outlives routing tables.

    Until control has spoken, rates and places are the whole limit and money is a starting slice of it.

    Args:
        clock: monotonic seconds.
        is_led: whether control still renews our lease.

    Attributes:
        refused: requests by the limit they met.
    """

    __slots__ = (
        "_asked_requests",
        "_asked_tokens",
        "_clock",
        "_day",
        "_is_led",
        "_month",
        "_peak",
        "_places",
        "_reported_at",
        "_requests",
        "_tokens",
        "_wanted_requests",
        "_wanted_tokens",
        "in_flight",
        "key",
        "limits",
        "refused",
    )

    def __init__(self, key: str, limits: KeyLimits, clock: Callable[[], float], is_led: Callable[[], bool]) -> None:
        self.key = key
        self._clock = clock
        self._is_led = is_led
        self.in_flight = self._peak = 0
        self._asked_requests = self._asked_tokens = 0
        self._wanted_requests = self._wanted_tokens = 0.0
        self._reported_at = clock()
        self.refused: dict[str, int] = {}
        self.declare(limits)

    def declare(self, limits: KeyLimits) -> None:
        """The limits in force from now on; the slices begin anew where they changed."""
        now = self._clock()
        self.limits = limits
        self._requests = Bucket(limits.requests_per_minute, now) if limits.requests_per_minute else None
        self._tokens = Bucket(limits.tokens_per_minute, now) if limits.tokens_per_minute else None
        self._places = limits.concurrent
        self._day = Budget(limits.budget_per_day, day_of) if limits.budget_per_day else None
        self._month = Budget(limits.budget_per_month, month_of) if limits.budget_per_month else None

    def reserve(self, tokens: int, cost: int, now_us: int) -> Reservation:
        """Take a place, ``tokens`` and ``cost`` at once, or nothing of them.

        Raises:
            Refusal: 429, with the seconds to wait.
        """
        self._asked_requests += 1
        self._asked_tokens += tokens
        self._peak = max(self._peak, self.in_flight + 1)
        self._check(tokens, cost, now_us)
        self.in_flight += 1
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        self._spend(cost)
        return Reservation(self, tokens, cost)

    def settle(self, reservation: Reservation, tokens: int, cost: int) -> None:
        """The request ended and used so much."""
        self.in_flight -= 1
        if self._tokens is not None:
            self._tokens.give_back(reservation.tokens - tokens)
        self._spend(cost - reservation.cost)

    @property
    def spent(self) -> dict[str, int]:
        """Nano-USD by day and month, where there is a budget; what is reserved included."""
        budgets = {"day": self._day, "month": self._month}
        return {period: budget.spent for period, budget in budgets.items() if budget is not None}

    def use(self, now_us: int) -> KeyUse:
        """What is told with a heartbeat: what was wanted in the last minute, so that slices do not jump."""
        now = self._clock()
        kept = max(0.0, 1.0 - (now - self._reported_at) / SECONDS)
        self._reported_at = now
        self._wanted_requests = self._wanted_requests * kept + self._asked_requests
        self._wanted_tokens = self._wanted_tokens * kept + self._asked_tokens
        self._asked_requests = self._asked_tokens = 0
        peak, self._peak = self._peak, self.in_flight
        day, month = self._day, self._month
        return KeyUse(
            key=self.key,
            requests=round(self._wanted_requests),
            tokens=round(self._wanted_tokens),
            concurrent=peak,
            in_flight=self.in_flight,
            day=day.period(now_us) if day else "",
            spent_in_day=day.spent if day else 0,
            month=month.period(now_us) if month else "",
            spent_in_month=month.spent if month else 0,
        )

    def grant(self, granted: KeyGrant) -> None:
        """Control says what is ours."""
        if self._requests is not None and granted.requests:
            self._requests.resize(granted.requests)
        if self._tokens is not None and granted.tokens:
            self._tokens.resize(granted.tokens)
        if self._places and granted.concurrent:
            self._places = granted.concurrent
        if self._day is not None:
            self._day.grant(granted.day, granted.spend_in_day)
        if self._month is not None:
            self._month.grant(granted.month, granted.spend_in_month)

    def _check(self, tokens: int, cost: int, now_us: int) -> None:
        now, limits = self._clock(), self.limits
        if self._places and self.in_flight >= self._places:
            raise self._refusal("concurrent", f"{limits.concurrent} requests at once", _PLACE_WAIT_SECONDS)
        if self._requests is not None and (wait := self._requests.wait_for(1, now)):
            raise self._refusal("requests_per_minute", f"{limits.requests_per_minute} requests per minute", wait)
        if self._tokens is not None and (wait := self._tokens.wait_for(tokens, now)):
            raise self._refusal("tokens_per_minute", f"{limits.tokens_per_minute} tokens per minute", wait)
        for name, budget in (("budget_per_day", self._day), ("budget_per_month", self._month)):
            if budget is None or not (wait := budget.wait_for(cost, now_us)):
                continue
            if limits.without_control == "allow" and not self._is_led():
                continue
            dollars = getattr(limits, name) / 1e9
            raise self._refusal(name, f"{dollars:g} USD per {name.removeprefix('budget_per_')}", wait)

    def _refusal(self, name: str, bound: str, wait: float) -> Refusal:
        self.refused[name] = self.refused.get(name, 0) + 1
        code = "budget_exceeded" if name.startswith("budget") else "rate_limit_exceeded"
        message = f"the key {self.key!r} may use {bound}, and has used or reserved them; try again later"
        return Refusal(429, code, message, ((b"retry-after", b"%d" % -int(-wait // 1)),))

    def _spend(self, cost: int) -> None:
        for budget in (self._day, self._month):
            if budget is not None:
                budget.spent += cost
