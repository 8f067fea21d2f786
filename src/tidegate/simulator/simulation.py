"""From a request to the script of its answer. No sockets and no clock: the time is an argument."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from tidegate.simulator import chat_encoding, messages_encoding, responses_encoding
from tidegate.simulator.ask import PATHS, Ask, Kind, dialect_of, read_ask
from tidegate.simulator.beats import Beat, data_beat, encode, named_beat
from tidegate.simulator.chance import Dice, striking_fault
from tidegate.simulator.embeddings_encoding import embeddings_document
from tidegate.simulator.faults import AnyFault, ContentFilter, ContextLength, Error, StreamError
from tidegate.simulator.journal import Inbound, Journal, RecordedRequest
from tidegate.simulator.rejection import (
    Dialect,
    Rejection,
    anthropic_error,
    openai_error,
    retry_after_header,
)
from tidegate.simulator.reply import Reply, compose_reply
from tidegate.simulator.roster import Roster, Turn
from tidegate.simulator.scenario import Behaviour, Scenario
from tidegate.simulator.script import Fields, Script, Wait, plain
from tidegate.simulator.signed_reasoning import check_history
from tidegate.simulator.stream_script import Pace, StreamPlan, stream_script
from tidegate.simulator.whole_script import headless_script, whole_script

_NO_ANSWER = ("closed", "reset", "hang")


class Now(NamedTuple):
    """The moment of a request on both clocks."""

    monotonic: float
    at: datetime


class Simulation:
    """The state of a simulator: scenario, models, journal."""

    def __init__(self, scenario: Scenario, now: float) -> None:
        self.roster = Roster(scenario, now)
        self.journal = Journal(scenario.keep_requests)

    @property
    def scenario(self) -> Scenario:
        """What is served now, patches included."""
        return self.roster.scenario

    def use(self, scenario: Scenario, now: float) -> None:
        """Serve another scenario; the journal goes on."""
        self.roster = Roster(scenario, now)

    def reset(self, now: float) -> None:
        """Forget all requests and counts; keep the scenario."""
        self.roster = Roster(self.scenario, now)
        concurrent = self.journal.concurrent
        self.journal = Journal(self.scenario.keep_requests)
        self.journal.concurrent = concurrent

    def respond(self, inbound: Inbound, entry: RecordedRequest, now: Now) -> Script:
        """The script for a request to a model; notes in the journal's entry what is answered."""
        kind = PATHS.get(inbound.path)
        dialect: Dialect = dialect_of(kind) if kind else _guessed_dialect(inbound)
        try:
            self._authenticate(inbound)
            if kind is None:
                return self._catalogue(inbound, entry, dialect)
            if inbound.method != "POST":
                raise Rejection(405, f"{inbound.path} takes POST, not {inbound.method}.")
            return self._answer(kind, inbound, entry, now)
        except Rejection as rejection:
            entry.status = rejection.status
            return _rejected(rejection, dialect, entry.number)

    def _authenticate(self, inbound: Inbound) -> None:
        expected = self.scenario.api_key
        given = (inbound.headers.get("authorization", ""), inbound.headers.get("x-api-key"))
        if expected is not None and given[0] != f"Bearer {expected}" and given[1] != expected:
            raise Rejection(401, "The API key is missing or wrong.", code="invalid_api_key")

    def _catalogue(self, inbound: Inbound, entry: RecordedRequest, dialect: Dialect) -> Script:
        names = [name for name in self.scenario.models if "*" not in name]
        wanted = inbound.path.removeprefix("/v1/models/")
        if inbound.path == "/v1/models":
            document = _model_list(names, dialect)
        elif inbound.path.startswith("/v1/models/") and self.scenario.find(wanted):
            document = _model_card(wanted, dialect)
        else:
            raise Rejection(404, f"Nothing is served at {inbound.path}.", code="not_found")
        if inbound.method != "GET":
            raise Rejection(405, f"{inbound.path} takes GET, not {inbound.method}.")
        entry.status = 200
        return plain(200, encode(document))

    def _answer(self, kind: Kind, inbound: Inbound, entry: RecordedRequest, now: Now) -> Script:
        if dialect_of(kind) == "anthropic" and "anthropic-version" not in inbound.headers:
            raise Rejection(400, "anthropic-version: the header is required.")
        ask = read_ask(kind, inbound.body)
        entry.model, entry.is_stream = ask.model, ask.is_stream
        turn = self.roster.turn(ask.model, now.monotonic)
        if turn is None:
            message = (
                f"The model `{ask.model}` does not exist." if dialect_of(kind) == "openai" else f"model: {ask.model}"
            )
            raise Rejection(404, message, code="model_not_found", param="model")
        _check_limits(ask, turn, now)
        check_history(ask, turn.behaviour.signing_key)
        dice = Dice(self.scenario.seed, ask.model, turn.ordinal)
        fault = striking_fault(
            turn.behaviour.faults,
            dice,
            count=turn.ordinal,
            elapsed_seconds=turn.elapsed_seconds,
            is_stream=ask.is_stream,
        )
        entry.fault = _kind_of(fault)
        return _play(ask, turn, fault, dice, inbound, entry, now)


def _play(
    ask: Ask, turn: Turn, fault: AnyFault | None, dice: Dice, inbound: Inbound, entry: RecordedRequest, now: Now
) -> Script:
    behaviour = turn.behaviour
    instead = headless_script(fault)
    if instead is not None:
        entry.status = 0 if entry.fault in _NO_ANSWER else getattr(fault, "status", 200)
        return instead
    delay = fault.delay_seconds if isinstance(fault, Error) else 0.0
    rejection = _rejection_of(fault, ask, now)
    if rejection is not None:
        entry.status = rejection.status
        return _rejected(rejection, dialect_of(ask.kind), entry.number, delay)
    reply = compose_reply(
        ask, behaviour, fault, dice, count=turn.ordinal, created=int(now.at.timestamp()), headers=inbound.headers
    )
    entry.status = 200
    fields = _fields(dialect_of(ask.kind), entry.number, is_stream=ask.is_stream)
    pace = Pace(lambda: dice.draw(behaviour.first_token_seconds), lambda: dice.draw(behaviour.token_seconds))
    if ask.is_stream:
        return stream_script(_plan(reply, ask, behaviour), fields, behaviour, fault, pace)
    seconds = pace.first()
    if ask.kind not in ("embeddings", "count_tokens"):
        seconds += sum(pace.each() for _ in range(max(choice.size for choice in reply.choices) - 1))
    return whole_script(encode(_document(reply, ask, behaviour)), fields, behaviour, fault, seconds)


def _document(reply: Reply, ask: Ask, behaviour: Behaviour) -> dict[str, Any]:
    match ask.kind:
        case "chat":
            return chat_encoding.chat_document(reply, behaviour)
        case "completions":
            return chat_encoding.text_document(reply, behaviour)
        case "responses":
            return responses_encoding.responses_document(reply, ask, behaviour)
        case "messages":
            return messages_encoding.messages_document(reply, behaviour)
        case "count_tokens":
            return {"input_tokens": ask.prompt_tokens}
        case _:
            return embeddings_document(ask, behaviour)


def _plan(reply: Reply, ask: Ask, behaviour: Behaviour) -> StreamPlan:
    match ask.kind:
        case "messages":
            beats = messages_encoding.messages_beats(reply, behaviour)
            return StreamPlan(list(beats), messages_encoding.PING.data, _anthropic_error_beat)
        case "responses":
            beats = responses_encoding.responses_beats(reply, ask, behaviour)
            return StreamPlan(list(beats), b": keepalive\n\n", _responses_error_beat)
        case "completions":
            beats = chat_encoding.text_beats(reply, ask, behaviour)
        case _:
            beats = chat_encoding.chat_beats(reply, ask, behaviour)
    return StreamPlan(list(beats), b": keepalive\n\n", _openai_error_beat)


def _openai_error_beat(fault: StreamError, _: int) -> Beat:
    return data_beat(openai_error(fault.status, fault.message, fault.code))


def _anthropic_error_beat(fault: StreamError, _: int) -> Beat:
    return named_beat(anthropic_error(fault.status, fault.message, fault.code))


def _responses_error_beat(fault: StreamError, number: int) -> Beat:
    code = fault.code or "server_error"
    return named_beat(
        {"type": "error", "code": code, "message": fault.message, "param": None, "sequence_number": number}
    )


def _check_limits(ask: Ask, turn: Turn, now: Now) -> None:
    limit, wait = turn.behaviour.rate_limit, turn.retry_after_seconds
    if limit is not None and wait is not None:
        header = retry_after_header(limit.retry_after_form, wait, now.at)
        raise Rejection(429, "Too many requests for this model.", code="rate_limit_exceeded", headers=(header,))
    most = turn.behaviour.context_tokens
    if most is not None and ask.prompt_tokens > most and ask.kind != "count_tokens":
        raise _too_long(ask, most)


def _rejection_of(fault: AnyFault | None, ask: Ask, now: Now) -> Rejection | None:
    match fault:
        case Error(retry_after_seconds=None):
            return Rejection(fault.status, fault.message, code=fault.code)
        case Error():
            header = retry_after_header(fault.retry_after_form, fault.retry_after_seconds or 0.0, now.at)
            return Rejection(fault.status, fault.message, code=fault.code, headers=(header,))
        case ContentFilter(on="prompt"):
            return Rejection(
                400, "The prompt was stopped by the content filter.", code="content_filter", param="prompt"
            )
        case ContextLength():
            return _too_long(ask, max(0, ask.prompt_tokens - 1))
        case StreamError() if not ask.is_stream:
            return Rejection(fault.status, fault.message, code=fault.code)
        case _:
            return None


def _too_long(ask: Ask, most: int) -> Rejection:
    message = f"prompt is too long: {ask.prompt_tokens} tokens > {most} maximum"
    return Rejection(400, message, code="context_length_exceeded", param="messages")


def _rejected(rejection: Rejection, dialect: Dialect, number: int, delay_seconds: float = 0.0) -> Script:
    document = rejection.document(dialect)
    name, identity = _request_id(dialect, number)
    if dialect == "anthropic":
        document["request_id"] = identity
    yield Wait(delay_seconds)
    yield from plain(rejection.status, encode(document), [*rejection.headers, (name, identity)])


def _fields(dialect: Dialect, number: int, *, is_stream: bool) -> Fields:
    kind = "text/event-stream; charset=utf-8" if is_stream else "application/json"
    return [("content-type", kind), ("cache-control", "no-cache"), _request_id(dialect, number)]


def _request_id(dialect: Dialect, number: int) -> tuple[str, str]:
    return ("request-id" if dialect == "anthropic" else "x-request-id"), f"req_{number:08d}"


def _kind_of(fault: AnyFault | None) -> str | None:
    return None if fault is None else str(fault.__struct_config__.tag)


def _guessed_dialect(inbound: Inbound) -> Dialect:
    return "anthropic" if "anthropic-version" in inbound.headers else "openai"


def _model_list(names: list[str], dialect: Dialect) -> dict[str, Any]:
    cards = [_model_card(name, dialect) for name in names]
    if dialect == "openai":
        return {"object": "list", "data": cards}
    ends = {"first_id": names[0] if names else None, "last_id": names[-1] if names else None}
    return {"data": cards, "has_more": False, **ends}


def _model_card(name: str, dialect: Dialect) -> dict[str, Any]:
    if dialect == "openai":
        return {"id": name, "object": "model", "created": 1735689600, "owned_by": "simulator"}
    return {"type": "model", "id": name, "display_name": name, "created_at": "2025-01-01T00:00:00Z"}
