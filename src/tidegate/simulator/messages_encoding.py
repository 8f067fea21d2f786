"""Anthropic messages, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tidegate.simulator.beats import Beat, named_beat
from tidegate.simulator.reply import Choice, Reply
from tidegate.simulator.scenario import Behaviour

PING = Beat(b'event: ping\ndata: {"type":"ping"}\n\n')

_STOP_REASONS = {
    "stop": "end_turn",
    "length": "max_tokens",
    "tool_calls": "tool_use",
    "content_filter": "refusal",
    "refusal": "refusal",
}


def messages_document(reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    """A whole ``message``."""
    choice = reply.choices[0]
    usage = {} if behaviour.usage == "never" else {"usage": _usage(reply, reply.output_tokens)}
    return _message(reply, _blocks(choice), _STOP_REASONS[choice.finish]) | usage


def messages_beats(reply: Reply, behaviour: Behaviour) -> Iterator[Beat]:
    """A streamed message: start, blocks one after the other, delta with stop reason and usage, stop."""
    choice = reply.choices[0]
    has_usage = behaviour.usage not in ("missing", "never")
    start = _message(reply, [], None) | ({"usage": _usage(reply, 1)} if has_usage else {})
    yield named_beat({"type": "message_start", "message": start})
    yield PING
    sent = 0
    for index, block in enumerate(_streamed_blocks(choice)):
        opening, deltas = block
        yield named_beat({"type": "content_block_start", "index": index, "content_block": opening})
        for delta in deltas:
            is_token = delta["type"] != "signature_delta"
            yield named_beat({"type": "content_block_delta", "index": index, "delta": delta}, is_token=is_token)
            sent += is_token
            if behaviour.usage == "cumulative" and is_token:
                yield named_beat(_message_delta(None, {"output_tokens": sent}))
        yield named_beat({"type": "content_block_stop", "index": index})
    usage = _usage(reply, reply.output_tokens) if has_usage else None
    yield named_beat(_message_delta(_STOP_REASONS[choice.finish], usage))
    if behaviour.stream.has_terminator:
        yield named_beat({"type": "message_stop"})


def _streamed_blocks(choice: Choice) -> Iterator[tuple[dict[str, Any], list[dict[str, Any]]]]:
    if choice.reasoning:
        deltas = [{"type": "thinking_delta", "thinking": token} for token in choice.reasoning]
        opening: dict[str, Any] = {"type": "thinking", "thinking": "", "signature": ""}
        yield opening, [*deltas, {"type": "signature_delta", "signature": choice.signature}]
    if choice.tokens:
        yield {"type": "text", "text": ""}, [{"type": "text_delta", "text": token} for token in choice.tokens]
    for call in choice.calls:
        opening = {"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": {}}
        yield opening, [{"type": "input_json_delta", "partial_json": piece} for piece in call.pieces]


def _blocks(choice: Choice) -> list[dict[str, Any]]:
    blocks: list[dict[str, Any]] = []
    if choice.reasoning:
        blocks.append({"type": "thinking", "thinking": choice.thought, "signature": choice.signature})
    if choice.tokens:
        blocks.append({"type": "text", "text": choice.text})
    for call in choice.calls:
        arguments = msgspec.json.decode(call.arguments)
        blocks.append({"type": "tool_use", "id": f"toolu_{call.id}", "name": call.name, "input": arguments})
    return blocks


def _message(reply: Reply, content: list[dict[str, Any]], stop_reason: str | None) -> dict[str, Any]:
    return {
        "id": f"msg_{reply.id}",
        "type": "message",
        "role": "assistant",
        "model": reply.model,
        "content": content,
        "stop_reason": stop_reason,
        "stop_sequence": None,
    }


def _message_delta(stop_reason: str | None, usage: dict[str, int] | None) -> dict[str, Any]:
    event: dict[str, Any] = {
        "type": "message_delta",
        "delta": {"stop_reason": stop_reason, "stop_sequence": None},
    }
    return event if usage is None else event | {"usage": usage}


def _usage(reply: Reply, output_tokens: int) -> dict[str, int]:
    return {
        "input_tokens": reply.input_tokens,
        "cache_creation_input_tokens": 0,
        "cache_read_input_tokens": 0,
        "output_tokens": output_tokens,
    }
