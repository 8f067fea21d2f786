"""Answers in one piece, and the faults that can befall any answer before its body."""

from __future__ import annotations

import gzip

from tidegate.simulator.faults import (
    AnyFault,
    Closed,
    Endless,
    Hang,
    MalformedEvent,
    Redirect,
    Reset,
    Truncate,
    TruncatedJson,
    WrongContentType,
    WrongLength,
)
from tidegate.simulator.scenario import Behaviour
from tidegate.simulator.script import Action, Ending, Fields, Script, Wait, Write, chunk, head, plain
from tidegate.simulator.stream_shape import pieces

_PAGE = b"<!doctype html><html><head><title>Sign in</title></head><body><h1>Sign in to the network</h1></body></html>"
_ENDLESS_PACE_SECONDS = 0.001


def headless_script(fault: AnyFault | None) -> Script | None:
    """What happens instead of an answer, or None if the fault (if any) leaves the head alone."""
    match fault:
        case Closed():
            return iter([Ending.CLOSE])
        case Reset(before="headers"):
            return iter([Ending.RESET])
        case Hang(before="headers", seconds=None):
            return iter([Ending.HANG])
        case WrongContentType():
            return plain(fault.status, _PAGE, content_type="text/html; charset=utf-8")
        case Redirect():
            return plain(fault.status, b"", [("location", fault.location)], content_type="text/plain")
        case _:
            return None


def whole_script(body: bytes, fields: Fields, behaviour: Behaviour, fault: AnyFault | None, seconds: float) -> Script:
    """An answer that comes at once, after the time the model needs for it.

    Args:
        body: the document, not yet compressed.
        fields: header fields besides framing and coding.
        behaviour: of the model.
        fault: the one that strikes, if any.
        seconds: how long the model takes.
    """
    fields = [*fields, ("content-encoding", "gzip")] if behaviour.is_gzipped else list(fields)
    if isinstance(fault, TruncatedJson) or (isinstance(fault, Truncate) and fault.by == "cut"):
        body = body[: len(body) // 2]
    elif isinstance(fault, MalformedEvent):
        body = fault.data.encode()
    if behaviour.is_gzipped:
        body = gzip.compress(body, compresslevel=1)
    yield Wait(seconds)
    if isinstance(fault, Hang) and fault.before == "headers":
        yield hang(fault)
    extra = fault.extra_bytes if isinstance(fault, WrongLength) else 0
    is_endless = isinstance(fault, Endless)
    yield Write(head(200, fields, None if is_endless else max(0, len(body) + extra)))
    yield from _body(body, behaviour, fault)


def _body(body: bytes, behaviour: Behaviour, fault: AnyFault | None) -> Script:
    half = len(body) // 2
    match fault:
        case Endless():
            yield Write(chunk(body[:-1]))
            while True:
                yield Wait(_ENDLESS_PACE_SECONDS)
                yield Write(chunk(b" "))
        case Hang(before="content" | "token"):
            sent = half if fault.before == "token" else 0
            yield Write(body[:sent])
            yield hang(fault)
            yield from pieces(body[sent:], behaviour.stream)
        case Reset():
            yield Write(body[:half])
            yield Ending.RESET
        case Truncate(by="chunk"):
            yield Write(body[:half])
            yield Ending.CLOSE
        case WrongLength():
            yield Write(body)
            yield Ending.CLOSE
        case _:
            yield from pieces(body, behaviour.stream)


def hang(fault: Hang) -> Action:
    """The silence of a hang: for its time, or until the client leaves."""
    return Ending.HANG if fault.seconds is None else Wait(fault.seconds)
