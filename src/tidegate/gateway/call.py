"""One request on its way through the pipeline: what each stage found out, for the stages after it."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import msgspec

from tidegate.delivery.observation import Outcome
from tidegate.gateway.http.heads import Block, header_block
from tidegate.gateway.refusals import JSON
from tidegate.gateway.rescue import is_hard, outcome_of
from tidegate.plain_struct import plainly_set
from tidegate.wire.kinds import DIALECTS

if TYPE_CHECKING:
    from tidegate.gateway.alarm import Alarm
    from tidegate.gateway.app import Gateway
    from tidegate.gateway.failure import Failure
    from tidegate.gateway.http.server import Request, Responder
    from tidegate.gateway.limits.limiter import Reservation
    from tidegate.gateway.mirror.second_answer import SecondAnswer
    from tidegate.gateway.table import Arm, CompiledRoute, Leg, Principal, RoutingTable
    from tidegate.gateway.transcript import Transcript
    from tidegate.gateway.upstreams import Deployment
    from tidegate.wire.answer import Told
    from tidegate.wire.http_rules import Headers
    from tidegate.wire.json_object import JsonObject
    from tidegate.wire.kinds import Kind
    from tidegate.wire.request import RequestFacts

Header = tuple[bytes, bytes]


@plainly_set
class Call(msgspec.Struct, eq=False):
    """State of one request. The first group is set on arrival, the others by the stages named.

    Attributes:
        client: the responder of the connection; ``responder`` may stand before it, for what listens to the answer.
        table: the routing table that was in force on arrival; kept to the end.
        principal: *authenticate*: whose key it is.
        body, facts: *read*.
        route: *find_service*.
        arm: *assign*: the variant the unit belongs to, or the one an operator forced.
        has_own_unit: the unit is this request alone.
        propensity: basis points with which it was chosen; 0 when forced, for nothing was chosen.
        sorts_reasoning: *read*, or whoever asks somebody else than the first: the body may hold reasoning that the one who
            is asked did not make.
        order: *reflect*: who is asked, in order of rescue.
        assigned_outcome: outcome of the first attempt at ``arm``; ``None`` while it is not known.
        served: who answers, set when the answer begins.
        answer: what the upstream of the attempt under way tells of its answer, while it streams or once it is whole.
        is_answering: the upstream of the attempt under way began a 2xx answer, so it charges for what it read.
        told: headers of the last upstream that are for the client.
        keeps_format: whether the answer is the JSON that was asked for, -1 while nobody looked.
        transcript: *find_service*: notes the answer when it is to be kept; nearly always ``None``.
        trail: attempts that failed, as an observation tells them; ``later_attempts_us``: when others than the first began.
        waited_us: age at which it was last reported as under way, 0 if never.
        outcome: the user's; ``None`` while it is not known.
        reservation: *find_service*: what it holds of its key's limits; ``None`` for a key without.
        copy: the candidate's answer to the same request, if it is asked for one; the user's never depends on it.
    """

    # A struct, because it is made with its defaults in C: a class that fills as many slots takes ten times as long.
    gateway: Gateway
    table: RoutingTable
    kind: Kind
    request: Request
    client: Responder
    responder: Responder
    started_at_us: int
    request_id: str
    alarm: Alarm = None  # type: ignore[assignment]  # set before anybody looks, as are the next three
    principal: Principal = None  # type: ignore[assignment]
    body: JsonObject = None  # type: ignore[assignment]
    facts: RequestFacts = None  # type: ignore[assignment]
    route: CompiledRoute | None = None
    arm: Arm | None = None
    order: tuple[Leg, ...] = ()
    unit_hash: int = 0
    propensity: int = 0
    waited_us: int = 0
    is_forced: bool = False
    has_own_unit: bool = False
    sorts_reasoning: bool = False
    is_answering: bool = False
    barred: frozenset[Deployment] = frozenset()  # not asked again for this request
    is_unrenderable: bool = False  # the variant assigned could not be written for its deployment
    attempts: int = 0
    fallbacks: int = 0
    status: int = 0
    own_seconds: float = 0.0  # until the first upstream request was written; 0 while none was
    served: Leg | None = None
    answer: Told | None = None
    told: Headers = ()
    transcript: Transcript | None = None
    trail: tuple[tuple[str, str, int], ...] = ()
    later_attempts_us: tuple[int, ...] = ()
    first_content_at: float = 0.0
    keeps_format: int = -1
    assigned_outcome: Outcome | None = None
    outcome: Outcome | None = None
    copy: SecondAnswer | None = None
    reservation: Reservation | None = None
    _released_bytes: int = 0

    @property
    def asked_bytes(self) -> int:
        """Of the request's body."""
        return self._released_bytes or len(self.request.body)

    def release_body(self) -> None:
        """Nobody else will be asked: a long answer does not hold to its end what was asked, unless that is kept with it."""
        self.body = None  # type: ignore[assignment]  # whoever reads it now would read what nobody asks any more
        if self.transcript is None:
            self._released_bytes = len(self.request.body)
            self.request.body = b""

    @property
    def span_attempt(self) -> int:
        """Which span of the request an upstream is told (:func:`tidegate.delivery.trace.span_of`)."""
        return self.attempts

    @property
    def home(self) -> bytes:
        """The mark of whoever the request is sent to first: reasoning without a mark is taken for theirs."""
        return self.order[0].account.mark

    @property
    def is_sent(self) -> bool:
        """Whether any upstream was asked."""
        return self.own_seconds > 0.0

    def headers(self, leg: Leg | None, content_type: Header) -> list[Header]:
        """What every answer says of itself, whoever (``leg``) gave it."""
        request_id = self.request_id.encode("ascii")
        headers = [content_type, (b"x-request-id", request_id)]
        if DIALECTS[self.kind] == "anthropic":
            headers.append((b"request-id", request_id))
        if leg is not None:
            headers += leg.headers
        if self.route is not None:
            headers += self.route.headers
            attempts = self.attempts
            headers.append(_FIRST_ATTEMPT if attempts == 1 else (b"x-tidegate-attempts", b"%d" % attempts))
            headers += self.told
        return headers

    def whole_headers(self, leg: Leg) -> Block:
        """The same for an answer in one piece, as lines; what does not depend on the request is made once."""
        route = self.route
        if route is None or self.attempts != 1 or self.told or DIALECTS[self.kind] == "anthropic":
            return header_block(self.headers(leg, JSON))
        block = leg.blocks.get(route)
        if block is None:
            leg.blocks[route] = block = header_block((JSON, *leg.headers, *route.headers, _FIRST_ATTEMPT))
        return b"x-request-id: %b\r\n%b" % (self.request_id.encode("ascii"), block)

    def answer_here(self, leg: Leg, body: bytes) -> None:
        """Answer for ``leg`` without asking it. That says nothing about how it fares, so no trial hears of it."""
        self.outcome = Outcome.OK
        self.assigned_outcome = self.assigned_outcome or Outcome.OK
        self.served = leg
        self.status = 200
        self.responder.send(200, self.headers(leg, JSON), body)

    def answered(self, leg: Leg) -> None:
        """``leg`` began to answer: its first content is on its way to the client."""
        arm = self.arm
        assert arm is not None
        if arm.trial is not None and leg is arm.order[0] and not self.is_forced:
            self.gateway.trials.answered(arm.trial)

    def succeeded(self, leg: Leg) -> None:
        """``leg`` answered, whole: what its answer says of itself is the user's outcome."""
        answer, arm, outcome = self.answer, self.arm, _OK
        assert arm is not None
        if answer is not None and (answer.is_refused or answer.is_filtered):
            outcome = Outcome.REFUSED if answer.is_refused else Outcome.FILTERED
        self.outcome = outcome
        if leg is arm.order[0]:
            self.assigned_outcome = self.assigned_outcome or outcome
            if arm.trial is not None and not self.is_forced:
                self.gateway.trials.succeeded(arm.trial)

    def began_again(self) -> None:
        """Another attempt begins, after one that failed: what that one's upstream said is forgotten."""
        self.answer = None
        self.is_answering = False
        self.told = ()
        self.later_attempts_us = (*self.later_attempts_us, self._age_us())

    def _age_us(self) -> int:
        return int((time.monotonic() - self.request.received_at) * 1e6)

    def failed(self, leg: Leg, failure: Failure) -> None:
        """An attempt at ``leg`` failed, before its first content or after it."""
        outcome = outcome_of(failure.cause, is_content_filter=failure.is_content_filter)
        self.trail = (*self.trail, (f"{leg.account.name}/{leg.insertion.model}", outcome, self._age_us()))
        if self.responder.is_started:
            self.outcome = outcome
        arm, release = self.arm, self.route.route.release if self.route else None
        assert arm is not None
        if leg is not arm.order[0]:
            return
        self.is_unrenderable = failure.is_unrenderable
        self.assigned_outcome = self.assigned_outcome or outcome
        if arm.trial is not None and release is not None and not self.is_forced and is_hard(failure.cause):
            is_committed = self.responder.is_started
            self.gateway.trials.failed(arm.trial, outcome, release.cutoff_failures, is_committed=is_committed)


def call_of(
    gateway: Gateway, table: RoutingTable, kind: Kind, request: Request, responder: Responder, started_at_us: int
) -> Call:
    """A request that has arrived."""
    request_id = table.request_ids.make(started_at_us // 1000)
    return Call(gateway, table, kind, request, responder, responder, started_at_us, request_id)


_OK = Outcome.OK  # reading a member through its class is slow
_FIRST_ATTEMPT = (b"x-tidegate-attempts", b"1")
