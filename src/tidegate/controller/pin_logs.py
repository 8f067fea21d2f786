"""Passes conversations' pins on between gateways: what one of them pinned, every other one learns within seconds.

Kept in memory and bounded. After a restart control begins a new log under a new name, and every gateway that sees the
name tells all of its pins again; so pins are lost only when control and all gateways are gone at once, and then the
hash decides.
"""

from __future__ import annotations

from tidegate.delivery.snapshot import Heartbeat, Pin, PinReport, PinUpdate
from tidegate.registry.releases import ReleaseRow

MOST_PINS = 200_000
MOST_SENT = 10_000
_Key = tuple[str, int]  # release, attempt


class _Log:
    """Pins in the order they came; the oldest go first."""

    def __init__(self) -> None:
        self.known: dict[int, Pin] = {}
        self.pins: list[tuple[int, Pin]] = []
        self.dropped = 0

    def add(self, pins: tuple[tuple[int, Pin], ...]) -> None:
        for unit_hash, pin in pins:
            if unit_hash not in self.known:
                self.known[unit_hash] = pin
                self.pins.append((unit_hash, pin))
        if len(self.pins) > MOST_PINS:
            half = len(self.pins) // 2
            for unit_hash, _ in self.pins[:half]:
                self.known.pop(unit_hash, None)
            self.pins = self.pins[half:]
            self.dropped += half

    def after(self, seen: int) -> tuple[int, tuple[tuple[int, Pin], ...]]:
        """Up to where, and what lies between."""
        start = max(0, seen - self.dropped)
        found = tuple(self.pins[start : start + MOST_SENT])
        return self.dropped + start + len(found), found


class PinLogs:
    """One log for each attempt of a release.

    Args:
        name: of this process's logs, new with each start.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._logs: dict[_Key, _Log] = {}

    def answer(self, beat: Heartbeat) -> tuple[PinUpdate, ...]:
        """Take a gateway's pins, and give what it does not have yet."""
        return tuple(self._update(report) for report in beat.pins)

    def pin_of(self, release: str, attempt: int, unit_hash: int) -> Pin | None:
        """Where a unit is kept, as far as gateways have told."""
        log = self._logs.get((release, attempt))
        return None if log is None else log.known.get(unit_hash)

    def learn(self, row: ReleaseRow) -> None:
        """A release was committed; what ended pins nobody."""
        if row.phase.is_terminal:
            self._logs = {key: log for key, log in self._logs.items() if key[0] != row.id}

    def _update(self, report: PinReport) -> PinUpdate:
        log = self._logs.setdefault((report.release, report.attempt), _Log())
        log.add(report.pins)
        until, pins = log.after(report.seen if report.log == self._name else 0)
        return PinUpdate(
            service=report.service,
            release=report.release,
            attempt=report.attempt,
            log=self._name,
            until=until,
            pins=pins,
        )
