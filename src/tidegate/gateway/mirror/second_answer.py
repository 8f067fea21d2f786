"""The candidate's answer to a request that stable answers too: asked once, and paired with the user's observation once
both are known. Whom the answer goes to is the business of whoever asks (:mod:`copying`, :mod:`~tidegate.gateway.interleave`).
"""

from __future__ import annotations

import asyncio
import time
from asyncio import CancelledError
from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.observation import Outcome
from tidegate.delivery.pairs import PairRecord, copy_id
from tidegate.delivery.redaction import redact
from tidegate.delivery.similarity import similarity
from tidegate.delivery.trace import COPY
from tidegate.gateway.accounting import observation_of
from tidegate.gateway.attempt import Attempt
from tidegate.gateway.call import Call
from tidegate.gateway.content import content_of, is_sampled
from tidegate.gateway.rescue import outcome_of
from tidegate.wire.answer_text import answer_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from tidegate.delivery.observation import Observation
    from tidegate.delivery.records import Record
    from tidegate.delivery.snapshot import ContentPolicy
    from tidegate.gateway.failure import Failure
    from tidegate.gateway.mirror.plan import MirrorPlan
    from tidegate.gateway.mirror.recording import Recording
    from tidegate.gateway.mirror.tally import Tally

QUICK_BYTES = 16_384
"""Of both answers together that are read on the loop: some fifty microseconds."""
REST_SECONDS = 5.0
"""Without second answers after a rate limit that did not say how long."""
_READABLE = frozenset({Outcome.OK, Outcome.REFUSED, Outcome.FILTERED})


class SecondCall(Call):
    """A request once more; upstreams hang their spans below one of its own."""

    _home: bytes = b""

    @property
    def home(self) -> bytes:
        """Whom the user's own is sent to first."""
        return self._home

    @property
    def span_attempt(self) -> int:
        """Not that of the user's first attempt, whose request id it shares."""
        return COPY


class SecondAnswer:
    """Lives from the fork until both answers are known, or its user leaves.

    Args:
        call: the user's.
        plan: whom to ask.
        tally: of the plan's step.
        record: takes the pair, and the second text where the service keeps content.
        on_end: told when nothing is under way any more.
        responder: takes the second answer.
        kept, copied: what is kept of both answers.
        shown: variants in the order both are shown to the user; empty when nobody sees the second.

    Attributes:
        body_bytes: of the request, held until the second answer ends.
        call: of the second answer.
    """

    __slots__ = (
        "_copied",
        "_kept",
        "_on_end",
        "_record",
        "_shown",
        "_tally",
        "_task",
        "_theirs",
        "_users",
        "_was_sent",
        "body_bytes",
        "call",
        "plan",
    )

    def __init__(
        self,
        call: Call,
        plan: MirrorPlan,
        tally: Tally,
        record: Callable[[Record], object],
        on_end: Callable[[SecondAnswer], None],
        *,
        responder: object,
        kept: Recording,
        copied: Recording,
        shown: tuple[str, ...] = (),
    ) -> None:
        self.plan = plan
        self._tally = tally
        self._record = record
        self._on_end = on_end
        self._kept = kept
        self._copied = copied
        self._shown = shown
        self._users: Observation | None = None
        self._theirs: Observation | None = None
        self._was_sent = False
        self.body_bytes = len(call.request.body)
        self.call = _second_call(call, plan, responder)
        self._task = asyncio.get_running_loop().create_task(self._run(), name="second-answer")
        self._task.add_done_callback(self._conclude)
        tally.in_flight += 1

    def end(self) -> None:
        """Nobody wants its answer any more."""
        self._task.cancel()

    def user_answered(self, observation: Observation) -> None:
        """The user's request is over, in whatever way; one whose user left ends with it."""
        self._users = observation
        if observation.outcome == Outcome.CANCELLED:
            self.end()
        self._pair()

    async def _run(self) -> None:
        self._was_sent = True
        try:
            await self._ask()
        except CancelledError:
            self._left()
        except Exception as error:
            self.call.outcome = Outcome.INTERNAL_ERROR
            self.call.gateway.report_bug(self.call.request_id, error)

    def _left(self) -> None:
        """It was ended half-way."""
        self.call.outcome = Outcome.CANCELLED

    async def _ask(self) -> None:
        call, leg, alarms = self.call, self.plan.leg, self.call.gateway.alarms
        call.request.received_at = time.monotonic()
        call.alarm = alarms.take()
        call.attempts = 1
        try:
            call.alarm.begin(leg.timeouts.total)
            failure = await Attempt(call, leg).result()
        finally:
            call.alarm.rest()
            alarms.give_back(call.alarm)
        if failure is not None:
            self._failed(failure)

    def _failed(self, failure: Failure) -> None:
        call = self.call
        outcome = outcome_of(failure.cause, is_content_filter=failure.is_content_filter)
        call.outcome = Outcome.CALLER_ERROR if failure.is_unrenderable else outcome
        call.status = failure.status
        if outcome is Outcome.RATE_LIMITED:  # the quota is often shared with stable, and users come first
            self._tally.rests_until = time.monotonic() + (failure.asked_wait or REST_SECONDS)

    def _conclude(self, _done: asyncio.Task[None]) -> None:
        """Also when the task was cancelled before it had begun."""
        self._tally.in_flight -= 1
        self._on_end(self)
        if not self._was_sent:
            return
        call = self.call
        outcome = call.outcome or Outcome.INTERNAL_ERROR
        found, _, _ = observation_of(call, outcome, time.monotonic() - call.request.received_at)
        self._theirs = found
        tokens = max(0, found.input_tokens) + max(0, found.output_tokens)
        self._tally.book(found.cost_nano_usd, tokens, is_apart=not self.plan.is_shown)
        self._tally.count("cancelled" if outcome is Outcome.CANCELLED else "pair")
        self._pair()

    def _pair(self) -> None:
        if self._users is not None and self._theirs is not None:
            asyncio.get_running_loop().create_task(self._tell(self._users, self._theirs), name="pair")
            self._users = None

    async def _tell(self, users: Observation, theirs: Observation) -> None:
        """Small answers are read here, in less time than a thread takes to wake; others in a thread."""
        kept, copied = self._kept, self._copied
        read = _read_both(self.call, users, theirs, kept, copied, self._shown)
        try:
            is_quick = kept.size + copied.size <= QUICK_BYTES and not _is_kept(self.call)
            found = read() if is_quick else await asyncio.get_running_loop().run_in_executor(None, read)
        except Exception as error:
            self.call.gateway.report_bug(self.call.request_id, error)
            return
        for record in found:
            self._record(record)


def _read_both(
    call: Call,
    users: Observation,
    theirs: Observation,
    kept: Recording,
    copied: Recording,
    shown: tuple[str, ...],
) -> Callable[[], tuple[Record, ...]]:
    """Reads and compares both texts; what the service keeps of the copy's comes along."""
    policy = _policy(call)

    def read() -> tuple[Record, ...]:
        one, other = _text(call, users, kept), _text(call, theirs, copied)
        is_comparable = one is not None and other is not None
        pair = PairRecord(
            stable=users,
            candidate=theirs,
            is_exact=one.strip() == other.strip() if one is not None and other is not None else None,
            similarity=similarity(one or "", other or "") if is_comparable else None,
            shown=shown,
        )
        if policy is None or other is None or not _is_kept(call):
            return (pair,)
        text = redact(other) if policy.redact else other
        content = content_of(call, policy, theirs.version)
        return pair, msgspec.structs.replace(
            content, request_id=copy_id(call.request_id), answer=text, is_redacted=policy.redact
        )

    return read


def _policy(call: Call) -> ContentPolicy | None:
    return call.route.route.content if call.route is not None else None


def _is_kept(call: Call) -> bool:
    policy = _policy(call)
    return policy is not None and is_sampled(call.request_id, policy.sample)


def _text(call: Call, observation: Observation, recording: Recording) -> str | None:
    if recording.is_cut or observation.outcome not in _READABLE or observation.served != observation.variant:
        return None
    return answer_text(call.kind, recording.body, is_stream=observation.stream)


def _second_call(call: Call, plan: MirrorPlan, responder: object) -> Call:
    """The same request for the candidate: body, facts and headers are shared, never copied."""
    first = call.request
    request = first.again()(first.body)
    request.received_at = first.received_at
    made = SecondCall(
        call.gateway,
        call.table,
        call.kind,
        request,
        responder,  # type: ignore[arg-type]  # it does all that a responder does
        responder,  # type: ignore[arg-type]
        call.started_at_us,
        call.request_id,
    )
    made.principal, made.body, made.facts, made.route = call.principal, call.body, call.facts, call.route
    made.arm, made.order, made.unit_hash = plan.arm, plan.arm.order, call.unit_hash
    made._home, made.sorts_reasoning = call.home, True  # noqa: SLF001 - its own
    made.is_forced = True  # its failures cut nobody off: control judges them
    return made
