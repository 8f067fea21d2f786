"""Streamed answers: beats at the model's pace, the fault at its place, the bytes in their shape."""

from __future__ import annotations

from collections.abc import Callable, Generator
from typing import NamedTuple

from tidegate.simulator.beats import Beat
from tidegate.simulator.faults import (
    AnyFault,
    Endless,
    Hang,
    MalformedEvent,
    Reset,
    StreamError,
    Truncate,
    TruncatedJson,
    WrongLength,
)
from tidegate.simulator.scenario import Behaviour
from tidegate.simulator.script import LAST_CHUNK, Action, Ending, Fields, Script, Wait, Write, head
from tidegate.simulator.stream_shape import Shaper
from tidegate.simulator.whole_script import hang

_ENDLESS_PACE_SECONDS = 0.001


class StreamPlan(NamedTuple):
    """What a dialect contributes to a stream."""

    beats: list[Beat]
    keepalive: bytes
    error: Callable[[StreamError, int], Beat]
    """An error event, given how many events came before it."""


class Pace(NamedTuple):
    """Draws of how long the model takes, in seconds."""

    first: Callable[[], float]
    each: Callable[[], float]


def stream_script(plan: StreamPlan, fields: Fields, behaviour: Behaviour, fault: AnyFault | None, pace: Pace) -> Script:
    """The actions of one streamed answer.

    Headers and what precedes the content are sent at once; the first token waits for the model.
    """
    fields = [*fields, ("content-encoding", "gzip")] if behaviour.is_gzipped else list(fields)
    if isinstance(fault, Hang) and fault.before == "headers":
        yield hang(fault)
    if isinstance(fault, WrongLength):
        yield from _wrong_length(plan, fields, fault, pace)
        return
    yield Write(head(200, fields, None))
    shaper = Shaper(behaviour.stream, is_gzipped=behaviour.is_gzipped)
    place = _place(plan.beats, fault)
    seconds = pace.first
    for index, beat in enumerate(plan.beats):
        if index == place and not (yield from _strike(plan, beat, shaper, fault, pace)):
            return
        if beat.is_token:
            yield Wait(seconds())
            seconds = pace.each
        yield from shaper.feed(beat.data)
    yield from shaper.finish()
    yield Write(LAST_CHUNK)


def _place(beats: list[Beat], fault: AnyFault | None) -> int:
    """Which beat the fault comes before: the token it names, at the latest the last token; -1: none."""
    if not isinstance(fault, Endless | Hang | MalformedEvent | Reset | StreamError | Truncate | TruncatedJson):
        return -1
    if (isinstance(fault, Truncate) and fault.by == "length") or (
        isinstance(fault, Hang) and fault.before == "headers"
    ):
        return -1
    tokens = [index for index, beat in enumerate(beats) if beat.is_token] or [len(beats) - 1]
    after = 0 if isinstance(fault, Hang) and fault.before == "content" else fault.after_tokens
    return tokens[min(after, len(tokens) - 1)]


def _strike(
    plan: StreamPlan, beat: Beat, shaper: Shaper, fault: AnyFault | None, pace: Pace
) -> Generator[Action, None, bool]:
    """Play the fault; returns whether the stream goes on after it."""
    goes_on = False
    match fault:
        case Hang():
            yield from shaper.flush()
            yield from _silence(plan, shaper, fault)
            goes_on = True
        case MalformedEvent():
            yield from shaper.feed(_with_data(beat, fault.data.encode()))
            goes_on = True
        case Reset():
            yield from shaper.flush()
            yield Ending.RESET
        case Truncate(by="chunk"):
            yield from shaper.flush()
            yield Write(b"ff\r\n" + beat.data[:9])
            yield Ending.CLOSE
        case Endless():
            while True:
                yield Wait(max(_ENDLESS_PACE_SECONDS, pace.each()))
                yield from shaper.feed(beat.data)
        case TruncatedJson():
            payload = beat.data.partition(b"data: ")[2].strip()
            yield from shaper.feed(_with_data(beat, payload[: len(payload) // 2]))
        case StreamError():
            yield from shaper.feed(plan.error(fault, plan.beats.index(beat)).data)
    if not goes_on:
        yield from shaper.finish()
        yield Write(LAST_CHUNK)
    return goes_on


def _silence(plan: StreamPlan, shaper: Shaper, fault: Hang) -> Script:
    """Keepalives flow while a model that hangs before its content is waited for; later hangs are silent."""
    if fault.before != "content":
        yield hang(fault)
        return
    passed = 0.0
    while fault.seconds is None or passed < fault.seconds:
        yield from shaper.feed(plan.keepalive)
        yield from shaper.flush()
        step = (
            fault.keepalive_seconds if fault.seconds is None else min(fault.keepalive_seconds, fault.seconds - passed)
        )
        yield Wait(step)
        passed += step


def _wrong_length(plan: StreamPlan, fields: Fields, fault: WrongLength, pace: Pace) -> Script:
    body = b"".join(beat.data for beat in plan.beats)
    yield Wait(pace.first())
    yield Write(head(200, fields, max(0, len(body) + fault.extra_bytes)) + body)
    yield Ending.CLOSE


def _with_data(beat: Beat, data: bytes) -> bytes:
    return beat.data.partition(b"data: ")[0] + b"data: " + data + b"\n\n"
