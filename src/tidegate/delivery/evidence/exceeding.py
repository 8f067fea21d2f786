"""How often one side exceeded a limit since the limit was frozen: what chose it was set aside, and is no evidence."""

from __future__ import annotations

from typing import NamedTuple

from tidegate.stats.comparison import Tail
from tidegate.stats.distribution import Distribution

NOTHING = Tail(Distribution())


class Since(NamedTuple):
    """The values of one side.

    Attributes:
        now: all of them.
        aside: those that had come when the limit was frozen.
    """

    now: Tail
    aside: Tail = NOTHING

    def exceeding(self, limit: float, *, is_least: bool = True) -> tuple[int, int]:
        """Units above ``limit`` since then, and units in all; a failed one is above everything.

        A unit that was set aside may count by an earlier request since, in another variant or round perhaps, or by the
        end of a request that was open: it is missing from ``now``. It takes nothing away from the units that came after
        it, so neither those above the limit nor those below it become fewer than none.

        Args:
            is_least: count those that surely exceed; else those that may (a bucket that the limit cuts).
        """
        above, before = _above(self.now, limit, is_least=is_least), _above(self.aside, limit, is_least=is_least)
        events = max(0, above - before)
        others = max(0, (self.now.size - above) - (self.aside.size - before))
        return events, events + others


def _above(tail: Tail, limit: float, *, is_least: bool) -> int:
    values = tail.values
    return (values.above(limit) if is_least else values.maybe_above(limit)) + tail.infinite
