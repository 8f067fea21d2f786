"""Client bytes read the way the official SDKs read them."""

import json
from pathlib import Path
from typing import Any

import pydantic
from anthropic.lib.streaming._messages import accumulate_event
from anthropic.types import Message, RawMessageStreamEvent
from openai.lib.streaming.chat import ChatCompletionStreamState
from openai.types.chat import ChatCompletion, ChatCompletionChunk

from tidegate.wire.sse import SseDecoder, SseEvent

STREAMS = Path(__file__).parent / "streams"
MESSAGE_EVENT = pydantic.TypeAdapter(RawMessageStreamEvent)


def recorded(name: str) -> bytes:
    return (STREAMS / f"{name}.sse").read_bytes()


def names(dialect: str) -> list[str]:
    return sorted(f"{dialect}/{path.stem}" for path in (STREAMS / dialect).glob("*.sse"))


def relayed(relay, stream: bytes) -> bytes:
    return relay.feed(stream) + relay.end()


def events(client_bytes: bytes) -> list[SseEvent]:
    decoder = SseDecoder()
    return [event for event in (*decoder.feed(client_bytes), *decoder.end()) if event.has_data]


def payloads(client_bytes: bytes) -> list[Any]:
    return [json.loads(event.data) for event in events(client_bytes) if event.data != b"[DONE]"]


def chunks(client_bytes: bytes) -> list[ChatCompletionChunk]:
    return [ChatCompletionChunk.model_validate(payload, strict=True) for payload in payloads(client_bytes)]


def completion(client_bytes: bytes) -> ChatCompletion:
    """What the openai SDK makes of a whole stream."""
    state = ChatCompletionStreamState()
    for chunk in chunks(client_bytes):
        state.handle_chunk(chunk)
    return state.current_completion_snapshot


def message(client_bytes: bytes) -> Message:
    """What the anthropic SDK makes of a whole stream, after checking the order of its events."""
    assert_valid_order(client_bytes)
    snapshot = None
    buffers: dict[int, bytes] = {}
    for event in events(client_bytes):
        payload = json.loads(event.data)
        assert event.event.decode() == payload["type"]
        if payload["type"] not in ("ping", "error"):
            snapshot = accumulate_event(
                event=MESSAGE_EVENT.validate_python(payload), current_snapshot=snapshot, json_bufs=buffers
            )
    assert snapshot is not None
    return snapshot


def assert_valid_order(client_bytes: bytes, *, is_complete: bool = True) -> None:
    """message_start first, one open block at a time, sequential indices, message_stop last and alone."""
    open_index, following, kinds = None, 0, []
    for payload in payloads(client_bytes):
        kind = payload["type"]
        if kind == "ping":
            continue
        assert (kind == "message_start") == (not kinds)
        assert "message_stop" not in kinds
        kinds.append(kind)
        if kind == "content_block_start":
            assert open_index is None
            assert "message_delta" not in kinds
            assert payload["index"] == following
            open_index = payload["index"]
        elif kind == "content_block_delta":
            assert payload["index"] == open_index
        elif kind == "content_block_stop":
            assert payload["index"] == open_index
            open_index, following = None, following + 1
        elif kind == "message_delta":
            assert open_index is None
    if is_complete:
        assert kinds[-2:] == ["message_delta", "message_stop"]
        assert kinds.count("message_delta") == 1
