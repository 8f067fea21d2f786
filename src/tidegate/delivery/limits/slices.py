"""Slices of a key's rates and places: to where they are wanted, and never more together than the limit."""

from __future__ import annotations

from collections.abc import Container

from tidegate.delivery.limits.declared import KeyLimits
from tidegate.delivery.limits.lending import KeyUse, Rates
from tidegate.delivery.limits.sharing import share_out

_NOTHING = Rates()


class Slices:
    """Of one key: what each gateway process told, and what it was lent since.

    Attributes:
        told: by boot id.
    """

    def __init__(self) -> None:
        self.told: dict[str, KeyUse] = {}
        self._lent: dict[str, Rates] = {}

    def hear(self, boot: str, use: KeyUse) -> None:
        """A process tells what it holds, so whatever it was lent before has reached it or never will."""
        self.told[boot] = use
        self._lent.pop(boot, None)

    def forget_all_but(self, processes: Container[str]) -> None:
        """Those that are gone hold nothing."""
        for boot in [boot for boot in self.told if boot not in processes]:
            del self.told[boot]
            self._lent.pop(boot, None)

    def lend(self, boot: str, limits: KeyLimits, strangers: int) -> Rates:
        """What a process that told may use from now on.

        Args:
            strangers: processes that may hold slices and did not tell; as long as there are any, each keeps what it holds.
        """

        def slice_of(limit: int, name: str) -> int:
            return self._slice(boot, limit, name, strangers) if limit else 0

        lent = self._lent[boot] = Rates(
            slice_of(limits.requests_per_minute, "requests"),
            slice_of(limits.tokens_per_minute, "tokens"),
            slice_of(limits.concurrent, "concurrent"),
        )
        return lent

    def _slice(self, boot: str, limit: int, name: str, strangers: int) -> int:
        held = _of(self.told[boot].held, name)
        part = held if strangers and held else self._part(boot, limit, name, strangers)
        others = sum(self._held(other, name) for other in self.told if other != boot)
        return max(1, min(part, limit - others))

    def _part(self, boot: str, limit: int, name: str, strangers: int) -> int:
        wanted = {other: _of(use.wanted, name) for other, use in self.told.items()}
        wanted |= {f"stranger {number}": limit for number in range(strangers)}
        return share_out(limit, wanted)[boot]

    def _held(self, boot: str, name: str) -> int:
        """What a process may be using: its slice, and places whose requests have not ended."""
        use = self.told[boot]
        busy = use.in_flight if name == "concurrent" else 0
        return max(busy, _of(use.held, name), _of(self._lent.get(boot, _NOTHING), name))


def _of(rates: Rates, name: str) -> int:
    amount: int = getattr(rates, name)
    return amount
