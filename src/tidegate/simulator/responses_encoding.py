"""OpenAI's responses API, whole and streamed: reasoning summary, one message, function calls."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from tidegate.simulator.ask import Ask
from tidegate.simulator.beats import Beat, named_beat
from tidegate.simulator.reply import Choice, Reply
from tidegate.simulator.scenario import Behaviour

Event = tuple[dict[str, Any], bool]


def responses_document(reply: Reply, ask: Ask, behaviour: Behaviour) -> dict[str, Any]:
    """A whole ``response``."""
    return _response(reply, ask, behaviour, is_ended=True)


def responses_beats(reply: Reply, ask: Ask, behaviour: Behaviour) -> Iterator[Beat]:
    """A streamed response; events are numbered and end with ``response.completed`` or ``.incomplete``."""
    for number, (event, is_token) in enumerate(_events(reply, ask, behaviour)):
        event["sequence_number"] = number
        yield named_beat(event, is_token=is_token)


def _events(reply: Reply, ask: Ask, behaviour: Behaviour) -> Iterator[Event]:
    begun = _response(reply, ask, behaviour, is_ended=False)
    yield {"type": "response.created", "response": begun}, False
    yield {"type": "response.in_progress", "response": begun}, False
    for place, item in enumerate(_items(reply)):
        yield from _item_events(place, item, reply.choices[0])
    if behaviour.stream.has_terminator:
        ended = _response(reply, ask, behaviour, is_ended=True)
        yield {"type": f"response.{ended['status']}", "response": ended}, False


def _item_events(place: int, item: dict[str, Any], choice: Choice) -> Iterator[Event]:
    def event(kind: str, **fields: Any) -> dict[str, Any]:
        return {"type": f"response.{kind}", "item_id": item["id"], "output_index": place, **fields}

    bare: dict[str, dict[str, Any]] = {
        "reasoning": {"summary": []},
        "message": {"content": []},
        "function_call": {"arguments": ""},
    }
    started = item | bare[item["type"]] | {"status": "in_progress"}
    yield {"type": "response.output_item.added", "output_index": place, "item": started}, False
    if item["type"] == "message":
        yield from _message_events(event, item["content"][0], choice)
    elif item["type"] == "reasoning":
        for token in choice.reasoning:
            yield event("reasoning_summary_text.delta", summary_index=0, delta=token), True
        yield event("reasoning_summary_text.done", summary_index=0, text=item["summary"][0]["text"]), False
    else:
        call = next(call for call in choice.calls if item["call_id"] == f"call_{call.id}")
        for piece in call.pieces:
            yield event("function_call_arguments.delta", delta=piece), True
        yield event("function_call_arguments.done", name=call.name, arguments=call.arguments), False
    yield {"type": "response.output_item.done", "output_index": place, "item": item}, False


def _message_events(event: Any, part: dict[str, Any], choice: Choice) -> Iterator[Event]:
    is_refusal = part["type"] == "refusal"
    field, name = ("refusal", "refusal") if is_refusal else ("text", "output_text")
    extra: dict[str, Any] = {} if is_refusal else {"logprobs": []}
    yield event("content_part.added", content_index=0, part=part | {field: ""}), False
    for token in choice.tokens:
        yield event(f"{name}.delta", content_index=0, delta=token, **extra), True
    yield event(f"{name}.done", content_index=0, **{field: choice.text}, **extra), False
    yield event("content_part.done", content_index=0, part=part), False


def _items(reply: Reply) -> list[dict[str, Any]]:
    choice = reply.choices[0]
    items: list[dict[str, Any]] = []
    if choice.reasoning:
        summary = [{"type": "summary_text", "text": choice.thought}]
        item: dict[str, Any] = {"id": f"rs_{reply.id}", "type": "reasoning", "status": "completed", "summary": summary}
        items.append(item | ({"encrypted_content": choice.signature} if choice.signing_key else {}))
    if choice.tokens or not choice.calls:
        part = {"type": "output_text", "text": choice.text, "annotations": [], "logprobs": []}
        if choice.finish == "refusal":
            part = {"type": "refusal", "refusal": choice.text}
        message = {"id": f"msg_{reply.id}", "type": "message", "status": "completed", "role": "assistant"}
        items.append(message | {"content": [part]})
    for call in choice.calls:
        item = {"id": f"fc_{call.id}", "type": "function_call", "status": "completed", "call_id": f"call_{call.id}"}
        items.append(item | {"name": call.name, "arguments": call.arguments})
    return items


def _response(reply: Reply, ask: Ask, behaviour: Behaviour, *, is_ended: bool) -> dict[str, Any]:
    reasons = {"length": "max_output_tokens", "content_filter": "content_filter"}
    reason = reasons.get(reply.choices[0].finish) if is_ended else None
    has_usage = is_ended and behaviour.usage not in ("missing", "never")
    return {
        "id": f"resp_{reply.id}",
        "object": "response",
        "created_at": reply.created,
        "status": ("incomplete" if reason else "completed") if is_ended else "in_progress",
        "error": None,
        "incomplete_details": {"reason": reason} if reason else None,
        "instructions": ask.body.get("instructions"),
        "max_output_tokens": ask.max_tokens,
        "metadata": ask.body.get("metadata") or {},
        "model": reply.model,
        "output": _items(reply) if is_ended else [],
        "parallel_tool_calls": ask.body.get("parallel_tool_calls", True),
        "previous_response_id": ask.body.get("previous_response_id"),
        "temperature": ask.body.get("temperature", 1.0),
        "tool_choice": ask.body.get("tool_choice", "auto"),
        "tools": ask.body.get("tools", []),
        "top_p": ask.body.get("top_p", 1.0),
        "usage": _usage(reply) if has_usage else None,
    }


def _usage(reply: Reply) -> dict[str, Any]:
    return {
        "input_tokens": reply.input_tokens,
        "input_tokens_details": {"cached_tokens": 0},
        "output_tokens": reply.output_tokens,
        "output_tokens_details": {"reasoning_tokens": reply.reasoning_tokens},
        "total_tokens": reply.input_tokens + reply.output_tokens,
    }
