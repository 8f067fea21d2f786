"""Two answers to one request, one of each version in random order, for a client that asked to see two.

The user's own answer comes from stable as always, with its retries and rescues. The candidate is asked beside it, once;
its failure leaves the user with stable's answer alone, and the pair is void. What the candidate answered is observed and
paid for as its own request, under the id of the second answer.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import mmh3

from tidegate.delivery.observation import Outcome
from tidegate.delivery.pairs import copy_id
from tidegate.gateway.accounting import account
from tidegate.gateway.failure import failure_of
from tidegate.gateway.interleave.sides import TwoAnswers
from tidegate.gateway.limits.reserving import release
from tidegate.gateway.mirror.second_answer import SecondAnswer
from tidegate.gateway.refusals import JSON
from tidegate.gateway.rescue import Cause
from tidegate.gateway.rescue_chain import ask_in_order
from tidegate.gateway.stream_delivery import EVENT_STREAM, UNBUFFERED
from tidegate.wire.answer import Answer
from tidegate.wire.kinds import Kind
from tidegate.wire.two_choices import Head
from tidegate.wire.usage import Usage

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.delivery.records import Record
    from tidegate.gateway.call import Call
    from tidegate.gateway.http.heads import Headers
    from tidegate.gateway.mirror.plan import MirrorPlan
    from tidegate.gateway.mirror.tally import Tally

CHOICES = b"x-tidegate-choices"
"""Of a request: its client can show two answers. Of an answer: that it has two."""
_TWO = b"2"
_SEED = 0x73686F77  # other points than those that choose which requests are sampled
_FREE = Usage(0, 0)


def wants_two(call: Call) -> bool:
    """Whether the client says that it can show two answers."""
    return call.request.headers.get(CHOICES) == _TWO


def obstacle(call: Call) -> str:
    """Why a client that asked gets one answer all the same, "" when it gets two."""
    if call.kind is not Kind.CHAT:
        return "dialect"  # an answer of another kind has no second choice
    if call.facts.choices != 1:
        return "choices"
    if any(name in call.body.fields for name in ("tools", "functions")):
        return "tools"  # two answers would call them twice
    return ""


def order_of(call: Call, arm: str, stable: str) -> tuple[str, str]:
    """Which version's answer stands first, by the request's id."""
    point = mmh3.hash(call.request_id, _SEED, signed=False)
    return (stable, arm) if point & 1 else (arm, stable)


class SideBySide(SecondAnswer):
    """Both answers, from the fork to their records.

    Args: as of :class:`SecondAnswer`.
    """

    __slots__ = ("_both", "_is_late", "_responder", "_stable", "_theirs_side", "_user")

    def __init__(
        self,
        call: Call,
        plan: MirrorPlan,
        tally: Tally,
        record: Callable[[Record], object],
        on_end: Callable[[SecondAnswer], None],
    ) -> None:
        assert call.arm is not None
        shown = order_of(call, plan.arm.route.name, call.arm.route.name)
        head = Head(f"chatcmpl-{call.request_id}", call.started_at_us // 1_000_000, call.facts.model)
        self._user = call
        self._responder = call.responder
        self._both = TwoAnswers(call.responder, head, self._headers, is_stream=call.facts.stream)
        self._stable = self._both.sides[shown.index(call.arm.route.name)]
        self._theirs_side = self._both.sides[1 - self._stable.place]
        self._is_late = False
        super().__init__(
            call,
            plan,
            tally,
            record,
            on_end,
            responder=self._theirs_side,
            kept=self._stable.recording,
            copied=self._theirs_side.recording,
            shown=shown,
        )
        self.call.is_forced = False  # a user sees it: what fails hard several times in a row is cut off
        self.call.has_own_unit = call.has_own_unit
        call.responder = self._stable  # type: ignore[assignment]  # it does all that a responder does

    async def answer(self) -> None:
        """Get the client two answers, or the one there is.

        Raises:
            CancelledError: the client left; both upstream requests are cancelled.
        """
        try:
            await ask_in_order(self._user)
            await self._wait()
            if self._stable.is_unreadable:
                self._user.assigned_outcome = Outcome.UPSTREAM_ERROR
            self._rescue()
            self._both.conclude(self._stable)
        finally:
            self._task.cancel()
            self._user.responder = self._responder

    async def _run(self) -> None:
        await super()._run()
        if self._theirs_side.is_unreadable:
            self.call.outcome = self.call.assigned_outcome = Outcome.UPSTREAM_ERROR

    async def _wait(self) -> None:
        """For the candidate's answer: as long as it takes where stable has none or the client sees it coming, else for
        no longer than the plan's patience."""
        patience = self.plan.mirroring.patience
        if self._stable.is_whole and not self._theirs_side.is_shown:
            _, waiting = await asyncio.wait({self._task}, timeout=patience)
            if waiting and not self._theirs_side.is_shown:
                self._is_late = True
                self._task.cancel()
        await asyncio.wait({self._task})

    def _left(self) -> None:
        if not self._is_late:
            super()._left()
            return
        call, failure = self.call, failure_of(Cause.TIMED_OUT)
        call.failed(self.plan.leg, failure)
        call.outcome = Outcome.TIMEOUT

    def _rescue(self) -> None:
        """Where stable failed and the candidate did not, the user is served all the same, and pays nothing twice."""
        user, second = self._user, self.call
        if self._stable.is_whole or not self._theirs_side.is_whole:
            return
        user.outcome, user.status, user.served = second.outcome, 200, second.served
        user.answer = Answer(b"", _FREE)

    def _conclude(self, done: asyncio.Task[None]) -> None:
        try:
            super()._conclude(done)
        finally:
            self._account()

    def _account(self) -> None:
        """The second answer is a request of its key's, with a reservation of its own."""
        call = self.call
        if self._was_sent:
            request_id, call.request_id = call.request_id, copy_id(call.request_id)
            account(call)
            call.request_id = request_id
        elif call.reservation is not None:
            release(call.reservation)

    def _headers(self) -> Headers:
        """They name stable whoever began to answer, so that nobody knows which choice is whose."""
        call = self._user
        assert call.arm is not None
        leg = call.arm.order[0]
        told = call.headers(leg, EVENT_STREAM if call.facts.stream else JSON)
        return [*told, *(UNBUFFERED if call.facts.stream else ()), (CHOICES, _TWO)]
