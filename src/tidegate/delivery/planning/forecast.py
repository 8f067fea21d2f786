"""How much traffic comes when: from the requests of the last days, by hour of the day where that is known."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import NamedTuple

from tidegate.delivery.planning.assumed import AssumeSpec

_WHOLE_DAYS = 72  # hours of history from which the hour of the day is told


class Forecast(NamedTuple):
    """Requests of the service, by hour of the day (UTC); flat when history is short.

    Attributes:
        by_hour: requests an hour, 24 numbers.
        source: ``history``, ``assumed`` or ``none``.
        hours: of history that it rests on.
    """

    by_hour: tuple[float, ...]
    source: str
    hours: int = 0

    @property
    def mean(self) -> float:
        """Requests an hour over a whole day."""
        return math.fsum(self.by_hour) / 24

    def of(self, part: float) -> Forecast:
        """Of a part of the units alone."""
        return self if part == 1 else Forecast(tuple(part * each for each in self.by_hour), self.source, self.hours)

    def requests(self, start: float, seconds: float) -> float:
        """Requests within ``seconds`` from ``start``, seconds of the day."""
        days, left = divmod(seconds, 86_400)
        return days * math.fsum(self.by_hour) + self._part(start % 86_400, left)

    def seconds_for(self, requests: float, start: float) -> float:
        """How long ``requests`` take from ``start``; infinite without traffic."""
        daily = math.fsum(self.by_hour)
        if requests <= 0:
            return 0.0
        if not daily or math.isinf(requests):
            return math.inf
        days = math.floor(requests / daily)
        left, done = requests - days * daily, 0.0
        while left > 1e-9:
            at = (start + done) % 86_400
            hour = self.by_hour[int(at // 3600) % 24]
            rest = 3600 - at % 3600
            if hour * rest / 3600 >= left:
                return days * 86_400 + done + left / hour * 3600
            left -= hour * rest / 3600
            done += rest
        return days * 86_400 + done

    def _part(self, start: float, seconds: float) -> float:
        found = 0.0
        while seconds > 0:
            step = min(3600 - start % 3600, seconds)
            found += self.by_hour[int(start // 3600) % 24] * step / 3600
            start, seconds = (start + step) % 86_400, seconds - step
        return found


def forecast(hourly: Mapping[int, int], assumed: AssumeSpec) -> Forecast:
    """From requests by hour (hours since the epoch); by hour of the day from three whole days on.

    Args:
        hourly: closed hours only; hours without a key had no request.
        assumed: its rate overrules history.
    """
    if assumed.requests_per_hour is not None:
        return Forecast((assumed.requests_per_hour,) * 24, "assumed")
    if not hourly:
        return Forecast((0.0,) * 24, "none")
    first, last = min(hourly), max(hourly)
    hours = last - first + 1
    if hours < _WHOLE_DAYS:
        return Forecast((sum(hourly.values()) / hours,) * 24, "history", hours)
    sums, seen = [0] * 24, [0] * 24
    for hour in range(first, last + 1):
        sums[hour % 24] += hourly.get(hour, 0)
        seen[hour % 24] += 1
    return Forecast(tuple(total / n for total, n in zip(sums, seen, strict=True)), "history", hours)
