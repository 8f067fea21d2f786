"""One key's limits in one process: reserve before the request, true up after it."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from tidegate.delivery.limits.lending import KeyGrant, KeyUse, Rates
from tidegate.delivery.limits.periods import day_of, month_of
from tidegate.gateway.limits.bucket import Bucket
from tidegate.gateway.limits.budget import Budget
from tidegate.gateway.limits.demand import Demand
from tidegate.gateway.refusals import Refusal

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.delivery.limits.declared import KeyLimits

_PLACE_WAIT_SECONDS = 1.0  # nobody knows when a request will end


class Reservation(NamedTuple):
    """What a request holds of its key's limits until it ends: a place, tokens, and nano-USD of a day and month."""

    limiter: Limiter
    tokens: int
    cost: int
    day: str
    month: str


class Limiter:
    """Limits of one key, and what of them is used here. It outlives routing tables, and so does what was used.

    Until control has spoken, rates and places are the whole limit and money is a starting slice of it.

    Args:
        clock: monotonic seconds.
        is_led: whether control still renews our lease.

    Attributes:
        day, month: money, also of keys without a budget.
        refused: requests by the limit they met.
    """

    __slots__ = (
        "_clock",
        "_demand",
        "_held_places",
        "_is_led",
        "_places",
        "_requests",
        "_reserved",
        "_tokens",
        "day",
        "in_flight",
        "key",
        "limits",
        "month",
        "refused",
    )

    def __init__(self, key: str, limits: KeyLimits, clock: Callable[[], float], is_led: Callable[[], bool]) -> None:
        self.key = key
        self._clock = clock
        self._is_led = is_led
        self.in_flight = self._reserved = self._held_places = 0
        self._demand = Demand(clock())
        self.refused: dict[str, int] = {}
        self._requests: Bucket | None = None
        self._tokens: Bucket | None = None
        self.day, self.month = Budget(day_of), Budget(month_of)
        self.declare(limits)

    def declare(self, limits: KeyLimits) -> None:
        """The limits in force from now on. What was used of those that stay or change is used of the new ones too."""
        now = self._clock()
        self.limits = limits
        self._requests = _changed(self._requests, limits.requests_per_minute, now)
        self._tokens = _changed(self._tokens, limits.tokens_per_minute, now)
        self._held_places = min(self._held_places, limits.concurrent)
        self._places = self._held_places or limits.concurrent
        self.day.change(limits.budget_per_day)
        self.month.change(limits.budget_per_month)

    def reserve(self, tokens: int, cost: int, now_us: int) -> Reservation:
        """Take a place, ``tokens`` and ``cost`` at once, or nothing of them.

        Raises:
            Refusal: 429, with the seconds to wait.
        """
        self._demand.ask(tokens, self.in_flight + 1, self._reserved + cost)
        name, wait = self._obstacle(tokens, cost, now_us)
        if name:
            self.refused[name] = self.refused.get(name, 0) + 1
            raise self._refusal(name, wait, cost)
        return self._take(tokens, cost)

    def reserve_beside(self, tokens: int, cost: int, now_us: int) -> Reservation | None:
        """The same for a second answer, which is done without where it does not fit: ``None``, and nobody is refused."""
        name, _ = self._obstacle(tokens, cost, now_us)
        return None if name else self._take(tokens, cost)

    def settle(self, reservation: Reservation, tokens: int, cost: int) -> None:
        """The request ended and used so much."""
        self.in_flight -= 1
        self._reserved -= reservation.cost
        if self._tokens is not None:
            self._tokens.give_back(reservation.tokens - tokens)
        self.day.settle(reservation.day, reservation.cost, cost)
        self.month.settle(reservation.month, reservation.cost, cost)

    @property
    def held(self) -> Rates:
        """Slices that control lent."""
        requests, tokens = self._requests, self._tokens
        return Rates(requests.held if requests else 0, tokens.held if tokens else 0, self._held_places)

    @property
    def budgets(self) -> dict[str, Budget]:
        """Day and month, where there is a budget."""
        return {name: each for name, each in (("day", self.day), ("month", self.month)) if each.limit}

    def use(self, now_us: int) -> KeyUse:
        """What is told with a heartbeat."""
        self._turn(now_us)
        now, demand = self._clock(), self._demand
        cost = demand.tell_cost(now, self._reserved)
        return KeyUse(
            key=self.key,
            wanted=demand.tell_rates(now, self.in_flight),
            held=self.held,
            in_flight=self.in_flight,
            day=self.day.use(cost),
            month=self.month.use(cost),
        )

    def grant(self, granted: KeyGrant) -> None:
        """Control says what is ours."""
        slices = granted.slices
        if self._requests is not None and slices.requests:
            self._requests.lend(slices.requests)
        if self._tokens is not None and slices.tokens:
            self._tokens.lend(slices.tokens)
        if self.limits.concurrent and slices.concurrent:
            self._places = self._held_places = slices.concurrent
        self.day.grant(granted.day)
        self.month.grant(granted.month)

    def _turn(self, now_us: int) -> None:
        if now_us >= self.day.ends_at_us:  # no month ends within a day
            self.day.turn(now_us)
            self.month.turn(now_us)

    def _obstacle(self, tokens: int, cost: int, now_us: int) -> tuple[str, float]:
        """The limit that does not admit it, "" for none, and the seconds to wait."""
        self._turn(now_us)
        now = self._clock()
        if self._places and self.in_flight >= self._places:
            return "concurrent", _PLACE_WAIT_SECONDS
        if self._requests is not None and (wait := self._requests.wait_for(1, now)):
            return "requests_per_minute", wait
        if self._tokens is not None and (wait := self._tokens.wait_for(tokens, now)):
            return "tokens_per_minute", wait
        if self.day.limit and (wait := self.day.wait_for(cost, now_us)) and not self._goes_on():
            return "budget_per_day", wait
        if self.month.limit and (wait := self.month.wait_for(cost, now_us)) and not self._goes_on():
            return "budget_per_month", wait
        return "", 0.0

    def _goes_on(self) -> bool:
        """Without control, where the key may."""
        return self.limits.without_control == "allow" and not self._is_led()

    def _take(self, tokens: int, cost: int) -> Reservation:
        """Nothing here can fail: whatever is taken is given back by whoever settles it."""
        day, month = self.day, self.month
        reservation = Reservation(self, tokens, cost, day.period, month.period)
        self.in_flight += 1
        self._reserved += cost
        day.reserved += cost
        month.reserved += cost
        if self._requests is not None:
            self._requests.take(1)
        if self._tokens is not None:
            self._tokens.take(tokens)
        return reservation

    def _refusal(self, name: str, wait: float, cost: int) -> Refusal:
        bound, is_money = getattr(self.limits, name), name.startswith("budget")
        may_use = {
            "concurrent": f"{bound} requests at once",
            "requests_per_minute": f"{bound} requests per minute",
            "tokens_per_minute": f"{bound} tokens per minute",
            "budget_per_day": f"{bound / 1e9:g} USD per day",
            "budget_per_month": f"{bound / 1e9:g} USD per month",
        }[name]
        code = "budget_exceeded" if is_money else "rate_limit_exceeded"
        asked = f" (this request may cost up to {cost / 1e9:.4f} USD)" if is_money else ""
        message = f"the key {self.key!r} may use {may_use}, and has used or reserved them{asked}; try again later"
        return Refusal(429, code, message, ((b"retry-after", b"%d" % -int(-wait // 1)),))


def _changed(bucket: Bucket | None, limit: int, now: float) -> Bucket | None:
    if not limit:
        return None
    if bucket is None:
        return Bucket(limit, now)
    bucket.change(limit)
    return bucket
