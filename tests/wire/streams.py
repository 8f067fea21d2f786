"""Streams as upstreams send them, and relays fed in any chunking."""

from __future__ import annotations

import json
from collections.abc import Callable
from itertools import pairwise
from typing import Any

from tidegate.wire.relay import EventRelay

STATE = (
    *("has_content", "content_events", "finish_reason", "usage", "is_complete", "fault", "malformed_events"),
    *("model", "is_refused", "is_filtered"),
)


def event(data: Any, name: str = "") -> bytes:
    head = f"event: {name}\n" if name else ""
    return f"{head}data: {json.dumps(data, separators=(',', ':'))}\n\n".encode()


def chunk(*choices: dict[str, Any], **fields: Any) -> bytes:
    return event({"id": "c", "model": "gpt-x", "choices": list(choices), **fields})


def text(content: str, index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": {"content": content}, "finish_reason": None}


def finish(reason: str = "stop", index: int = 0) -> dict[str, Any]:
    return {"index": index, "delta": {}, "finish_reason": reason}


def relay_all(relay: EventRelay, chunks: list[bytes]) -> bytes:
    return b"".join(relay.feed(part) for part in chunks) + relay.end()


def state(relay: EventRelay) -> dict[str, Any]:
    return {name: getattr(relay, name) for name in STATE}


def assert_chunking_does_not_matter(fresh: Callable[[], EventRelay], stream: bytes, cuts: list[int]) -> None:
    """Fed at once, byte by byte, event by event and cut anywhere: the same output and state."""
    whole = fresh()
    expected = relay_all(whole, [stream]), state(whole)
    edges = [0, *sorted(cut % (len(stream) + 1) for cut in cuts), len(stream)]
    events = [part + b"\n\n" for part in stream.split(b"\n\n")[:-1]] + [stream.split(b"\n\n")[-1]]
    for chunks in (
        [stream[start:end] for start, end in pairwise(edges)],
        [stream[i : i + 1] for i in range(len(stream))],
        events,
    ):
        relay = fresh()
        assert (relay_all(relay, chunks), state(relay)) == expected
