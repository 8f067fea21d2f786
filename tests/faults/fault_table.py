"""What a client sees of every fault an upstream can have: the declarative heart of the fault wall.

The page ``docs/explanation/faults.md`` is rendered from these rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tests.faults.endings import (
    RETRY_AFTER_SECONDS,
    Answered,
    BrokenOff,
    Ending,
    Expired,
    Final,
    Passed,
    Retried,
    Row,
)

WORDS = "one two three four five six"


def _fault(kind: str, **settings: Any) -> dict[str, Any]:
    return {"answer": WORDS, "faults": [{"kind": kind, **settings}]}


def _status(status: int, **settings: Any) -> dict[str, Any]:
    return _fault("error", status=status, **settings)


def _both(fault: str, ending: Ending, outcome: str, **settings: Any) -> Iterator[Row]:
    for is_streamed in (False, True):
        yield Row(fault=fault, is_streamed=is_streamed, ending=ending, outcome=outcome, **settings)


def _whole(fault: str, ending: Ending, outcome: str, **settings: Any) -> Row:
    return Row(fault=fault, is_streamed=False, ending=ending, outcome=outcome, **settings)


def _streamed(fault: str, ending: Ending, outcome: str, **settings: Any) -> Row:
    return Row(fault=fault, is_streamed=True, ending=ending, outcome=outcome, **settings)


_GIVEN_UP = Passed(502, "upstream_redirected")
_GONE = Retried(502, "upstream_unreachable")
_NONSENSE = Retried(502, "upstream_malformed")
_CUT = Retried(502, "upstream_truncated")
_CUT_OFF = BrokenOff("upstream_truncated")
_REJECTED = Passed(502, "upstream_rejected")
_SILENT = Passed(504, "upstream_timeout")
_LATE = Retried(504, "upstream_timeout")
_STALLED = BrokenOff("upstream_timeout")


def _rows() -> Iterator[Row]:
    yield from _connections()
    yield from _hangs()
    yield from _cuts()
    yield from _contents()
    yield from _codings()
    yield from _errors()
    yield from _statuses()
    yield from _harmless()


def _connections() -> Iterator[Row]:
    yield from _both("connection refused", _GONE, "upstream_error", raw="refusing", is_wide=True)
    yield from _both("dial never answered", _LATE, "timeout", raw="never_accepting", timer="connect")
    yield from _both("reset before the first byte", _GONE, "upstream_error", behaviour=_fault("reset"), is_wide=True)
    yield from _both("closed before the first byte", _GONE, "upstream_error", behaviour=_fault("closed"))
    yield from _both("closed inside the headers", _GONE, "upstream_error", raw="stops_inside_the_head")
    yield from _both("not HTTP", _NONSENSE, "upstream_error", raw="speaks_no_http")
    yield from _both("two lengths", _NONSENSE, "upstream_error", raw="announces_two_lengths")
    yield from _both("reused connection reset", Answered(), "ok", raw="resets_when_reused", is_primed=True)

    yield from _both("headers beyond all measure", _NONSENSE, "upstream_error", raw="has_a_head_beyond_all_measure")
    yield from _both("another protocol from now on", _NONSENSE, "upstream_error", raw="switches_protocols")
    for raw, name in (
        ("of_unknown_authority", "certificate of an unknown authority"),
        ("of_yesterday", "certificate that has expired"),
        ("of_somebody_else", "certificate of another host"),
    ):
        yield from _both(name, _GONE, "upstream_error", raw=raw)


def _hangs() -> Iterator[Row]:
    silence = _fault("hang", before="headers")
    yield _whole("hang before the headers", Expired(), "timeout", behaviour=silence, timer="total")
    yield _streamed("hang before the headers", _SILENT, "timeout", behaviour=silence, timer="first_token")
    alive = _fault("hang", before="content", keepalive_seconds=0.05)
    yield _whole("hang before the content", _LATE, "timeout", behaviour=alive, timer="idle")
    yield _streamed(
        "hang before the content, keepalives flow",
        _SILENT,
        "timeout",
        behaviour=alive,
        timer="first_token",
        is_wide=True,
    )
    stall = _fault("hang", before="token", after_tokens=2)
    yield _whole("hang inside the body", _LATE, "timeout", behaviour=stall, timer="idle", is_wide=True)
    yield _streamed("hang mid-stream", _STALLED, "timeout", behaviour=stall, timer="idle", is_wide=True)
    drip = {"answer": "word " * 200, "stream": {"split_bytes": 16, "drip_seconds": 0.1}}
    yield _whole("slow drip", Expired(), "timeout", behaviour=drip, timer="total")
    yield _streamed("slow drip before the content", _SILENT, "timeout", behaviour=drip, timer="first_token")
    slow = {"answer": "word " * 60, "token_seconds": 0.1}
    yield _streamed("slow drip of content", _STALLED, "timeout", behaviour=slow, timer="total")
    endless = _fault("endless") | {"token_seconds": 0.02}
    yield _whole("endless answer", Expired(), "timeout", behaviour=endless, timer="total")
    yield _streamed("endless stream", _STALLED, "timeout", behaviour=endless, timer="total", is_wide=True)


def _cuts() -> Iterator[Row]:
    for name, settings in (
        ("reset after the first byte", {"kind": "reset", "before": "token"}),
        ("connection closed inside a chunk", {"kind": "truncate", "by": "chunk"}),
    ):
        counted = 0 if settings["kind"] == "reset" else None
        yield _whole(name, _CUT, "truncated", behaviour=_fault(**settings))
        yield _streamed(
            f"{name}, before content",
            _CUT,
            "truncated",
            behaviour=_fault(**settings, after_tokens=0),
            malformed_events=counted,
        )
        yield _streamed(
            f"{name}, after content",
            _CUT_OFF,
            "truncated",
            behaviour=_fault(**settings, after_tokens=2),
            malformed_events=counted,
            is_wide=True,
        )
    cut = {"kind": "truncate", "by": "cut"}
    yield _whole("half an answer in whole framing", _NONSENSE, "upstream_error", behaviour=_fault(**cut))
    yield _streamed("ended early, before content", _CUT, "truncated", behaviour=_fault(**cut, after_tokens=0))
    yield _streamed(
        "ended early, after content", _CUT_OFF, "truncated", behaviour=_fault(**cut, after_tokens=2), is_wide=True
    )
    yield _whole("shorter than announced", _CUT, "truncated", behaviour=_fault("wrong_length"))
    yield _whole(
        "longer than announced", _NONSENSE, "upstream_error", behaviour=_fault("wrong_length", extra_bytes=-40)
    )
    raw = "is_cut_while_ending_by_closing"
    yield _whole("cut where only the close delimits", _NONSENSE, "upstream_error", raw=raw)
    yield _streamed("cut where only the close delimits", _CUT_OFF, "truncated", raw=raw)
    raw = "says_done_and_breaks_off"
    yield _streamed("cut behind a `[DONE]` too early", _CUT_OFF, "truncated", raw=raw, dialects=("openai",))


def _contents() -> Iterator[Row]:
    json_cut = _fault("truncated_json", after_tokens=0)
    yield _whole("truncated JSON", _NONSENSE, "upstream_error", behaviour=json_cut, is_wide=True)
    yield _streamed("truncated JSON, before content", _CUT, "truncated", behaviour=json_cut, malformed_events=1)
    yield _streamed(
        "truncated JSON, after content",
        _CUT_OFF,
        "truncated",
        behaviour=_fault("truncated_json", after_tokens=2),
        malformed_events=1,
        is_wide=True,
    )
    yield _whole("not JSON", _NONSENSE, "upstream_error", behaviour=_fault("malformed_event"))
    page = _fault("wrong_content_type")
    yield _whole("HTML instead of an answer", _NONSENSE, "upstream_error", behaviour=page, is_wide=True)
    yield _streamed("HTML instead of a stream", _CUT, "truncated", behaviour=page, is_wide=True)
    yield _streamed("whole answer instead of a stream", _CUT, "truncated", raw="answers_whole")
    yield _whole("stream instead of a whole answer", _NONSENSE, "upstream_error", raw="answers_in_events")
    yield _whole("204", _NONSENSE, "upstream_error", raw="has_nothing_to_say")
    yield _streamed("204", _CUT, "truncated", raw="has_nothing_to_say")
    for status in (301, 302, 303, 307, 308):
        behaviour = _fault("redirect", status=status)
        yield from _both(f"redirect, {status}", _GIVEN_UP, "upstream_error", behaviour=behaviour, is_wide=status == 307)
    raw = "redirects_with_a_body_that_hangs"
    yield from _both("redirect whose body hangs", _GIVEN_UP, "upstream_error", raw=raw)


def _codings() -> Iterator[Row]:
    raw = "uses_an_unknown_coding_and_hangs"
    yield from _both("unknown coding, and the body hangs", _NONSENSE, "upstream_error", raw=raw)
    yield from _both("gzip that is none", _NONSENSE, "upstream_error", raw="sends_no_gzip")
    yield from _both("gzip that swells beyond all measure", _NONSENSE, "upstream_error", raw="sends_a_bomb")
    yield _whole("gzip that ends early", _NONSENSE, "upstream_error", raw="ends_its_gzip_early")
    yield _streamed(
        "gzip that ends early, after content", _CUT_OFF, "truncated", raw="ends_its_gzip_early", malformed_events=None
    )
    yield _whole("gzip that breaks", _NONSENSE, "upstream_error", raw="breaks_its_gzip")
    broken = BrokenOff("upstream_malformed")
    yield _streamed(
        "gzip that breaks, after content", broken, "upstream_error", raw="breaks_its_gzip", malformed_events=None
    )


def _errors() -> Iterator[Row]:
    yield _whole("error in a 200", Retried(529), "upstream_error", raw="fails_with_status_200")
    yield _streamed("error in a 200", _CUT, "truncated", raw="fails_with_status_200")
    raw = "fails_with_a_body_beyond_all_measure"
    yield from _both("500 with an endless body", Retried(500, "upstream_error"), "upstream_error", raw=raw)
    for place, ending in ((0, Retried(500)), (2, BrokenOff(is_framed=True))):
        yield _streamed(
            f"error event, {'after' if place else 'before'} content",
            ending,
            "upstream_error",
            behaviour=_fault("stream_error", after_tokens=place, status=500, code="server_error"),
            is_wide=bool(place),
        )


def _statuses() -> Iterator[Row]:
    for status in (401, 403, 404):
        yield from _both(f"{status}", _REJECTED, "upstream_rejected", behaviour=_status(status), is_wide=status == 401)
    for status in (400, 413, 422):
        yield from _both(f"{status}", Final(status), "upstream_rejected", behaviour=_status(status))
    yield from _both("408", _LATE, "timeout", behaviour=_status(408))
    for status in (500, 503, 529):
        yield from _both(
            f"{status}", Retried(status), "upstream_error", behaviour=_status(status), is_wide=status == 500
        )
    yield from _both("429", Retried(429), "rate_limited", behaviour=_status(429), is_wide=True)
    for form in ("seconds", "date", "milliseconds"):
        name, waits = f"429, retry-after in {form}", form == "milliseconds"
        seconds = RETRY_AFTER_SECONDS if waits else 0.0
        settings = _status(429, retry_after_seconds=seconds, retry_after_form=form)
        yield from _both(name, Retried(429), "rate_limited", behaviour=settings, wait=seconds)
    for seconds, why in ((90, "beyond the cap"), (4, "beyond the time left")):
        settings = _status(429, retry_after_seconds=seconds)
        yield from _both(f"429, retry-after {why}", Passed(429), "rate_limited", behaviour=settings)
    quota = _status(429, code="insufficient_quota")
    yield from _both("quota exhausted", Passed(429), "rate_limited", behaviour=quota, dialects=("openai",))
    yield from _both("402", Passed(402), "rate_limited", behaviour=_status(402))
    refused = _fault("content_filter")
    yield from _both(
        "content filter refuses the prompt", Final(400), "filtered", behaviour=refused, dialects=("openai",)
    )
    yield from _both(
        "context length exceeded", Final(400), "upstream_rejected", behaviour=_fault("context_length"), is_wide=True
    )


def _harmless() -> Iterator[Row]:
    yield from _both("gzip against our wish", Answered(), "ok", behaviour={"answer": WORDS, "is_gzipped": True})
    yield from _both("interim answers before it", Answered(), "ok", raw="hints_before_it_answers")
    yield from _both("answer delimited by the close", Answered(), "ok", raw="ends_by_closing")
    yield from _both("empty answer", Answered(""), "ok", behaviour={"answer": ""}, is_wide=True)
    filtered = _fault("content_filter", on="answer", after_tokens=2)
    yield from _both(
        "content filter cuts the answer", Answered("one two"), "filtered", behaviour=filtered, dialects=("openai",)
    )
    yield from _both("refusal", Answered("No."), "refused", behaviour=_fault("refusal", text="No."))
    bare = {"answer": WORDS, "stream": {"has_terminator": False}}
    yield _streamed("terminator missing behind a finish reason", Answered(), "ok", behaviour=bare)
    yield _streamed(
        "one malformed event",
        Answered(),
        "ok",
        behaviour=_fault("malformed_event", after_tokens=2),
        malformed_events=1,
        is_wide=True,
    )
    shape = {"split_bytes": 7, "line_end": "\r\n", "has_comments": True, "has_byte_order_mark": True}
    yield _streamed("odd shape", Answered(), "ok", behaviour={"answer": WORDS, "stream": shape}, is_wide=True)


ROWS: tuple[Row, ...] = tuple(_rows())
