"""One copy of a request, whose answer nobody sees."""

from __future__ import annotations

import asyncio
import time
from typing import TYPE_CHECKING

from tidegate.gateway.mirror.recording import Sink, Tee
from tidegate.gateway.mirror.second_answer import SecondAnswer

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.delivery.records import Record
    from tidegate.gateway.call import Call
    from tidegate.gateway.mirror.plan import MirrorPlan
    from tidegate.gateway.mirror.tally import Tally

LATEST_START = 0.05
"""Seconds a copy may have waited for the event loop; one that waited longer is shed, for users are waiting too."""
SHED = "behind"


class Copy(SecondAnswer):
    """Goes into a recording, as the user's answer does on its way.

    Args: as of :class:`SecondAnswer`.
    """

    __slots__ = ("_forked_at",)

    def __init__(
        self,
        call: Call,
        plan: MirrorPlan,
        tally: Tally,
        record: Callable[[Record], object],
        on_end: Callable[[SecondAnswer], None],
    ) -> None:
        self._forked_at = time.monotonic()
        sink, tee = Sink(), Tee(call.responder)
        super().__init__(call, plan, tally, record, on_end, responder=sink, kept=tee.recording, copied=sink.recording)
        call.responder = tee  # type: ignore[assignment]  # it does all that a responder does

    async def _run(self) -> None:
        """The user's request was written before this begins."""
        await asyncio.sleep(0)  # the user's own task, where it needs one, was made after ours
        if time.monotonic() - self._forked_at > LATEST_START:
            self._tally.count(SHED)
            return
        await super()._run()
