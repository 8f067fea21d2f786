"""OpenAI chat completions and legacy completions, whole and streamed."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import chain, zip_longest
from typing import Any

from tidegate.simulator.ask import Ask
from tidegate.simulator.beats import Beat, data_beat
from tidegate.simulator.logprobs import chat_logprobs, text_logprobs
from tidegate.simulator.reply import Call, Choice, Reply
from tidegate.simulator.scenario import Behaviour

DONE = Beat(b"data: [DONE]\n\n")


def chat_document(reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    """A whole ``chat.completion``."""
    choices = [
        {
            "index": place,
            "message": _message(choice),
            "logprobs": chat_logprobs(choice, choice.tokens),
            "finish_reason": _finish(choice),
        }
        for place, choice in enumerate(reply.choices)
    ]
    return _with_usage(_head(reply, "chatcmpl", "chat.completion") | {"choices": choices}, reply, behaviour)


def text_document(reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    """A whole ``text_completion``."""
    choices = [
        {
            "index": place,
            "text": choice.text,
            "logprobs": text_logprobs(choice, choice.tokens),
            "finish_reason": _finish(choice),
        }
        for place, choice in enumerate(reply.choices)
    ]
    return _with_usage(_head(reply, "cmpl", "text_completion") | {"choices": choices}, reply, behaviour)


def chat_beats(reply: Reply, ask: Ask, behaviour: Behaviour) -> Iterator[Beat]:
    """A streamed chat completion."""
    head = _head(reply, "chatcmpl", "chat.completion.chunk")
    deltas = _in_turns([_choice_deltas(place, choice, behaviour) for place, choice in enumerate(reply.choices)])
    return _stream(head, deltas, reply, ask, behaviour)


def text_beats(reply: Reply, ask: Ask, behaviour: Behaviour) -> Iterator[Beat]:
    """A streamed legacy completion."""
    head = _head(reply, "cmpl", "text_completion")
    deltas = _in_turns([_text_deltas(place, choice) for place, choice in enumerate(reply.choices)])
    return _stream(head, deltas, reply, ask, behaviour)


def usage_of(reply: Reply, output_tokens: int | None = None) -> dict[str, Any]:
    """OpenAI's chat usage; with a figure, as of that many output tokens."""
    output = reply.output_tokens if output_tokens is None else output_tokens
    return {
        "prompt_tokens": reply.input_tokens,
        "completion_tokens": output,
        "total_tokens": reply.input_tokens + output,
        "prompt_tokens_details": {"cached_tokens": 0},
        "completion_tokens_details": {"reasoning_tokens": min(output, reply.reasoning_tokens)},
    }


Delta = tuple[dict[str, Any], bool]


def _stream(
    head: dict[str, Any], deltas: Iterator[Delta], reply: Reply, ask: Ask, behaviour: Behaviour
) -> Iterator[Beat]:
    form = behaviour.usage
    is_null_shown = form == "null_then_last" and ask.has_usage_wish
    sent = ending = 0
    for choice, is_token in deltas:
        sent += is_token
        chunk = {**head, "choices": [choice]}
        ending += choice["finish_reason"] is not None
        if form == "cumulative":
            chunk["usage"] = usage_of(reply, sent)
        elif form == "with_finish" and ending == len(reply.choices):
            chunk["usage"] = usage_of(reply)
        elif is_null_shown:
            chunk["usage"] = None
        yield data_beat(chunk, is_token=is_token)
    yield from _usage_beats(head, reply, ask, behaviour)
    if behaviour.stream.has_terminator:
        yield DONE


def _usage_beats(head: dict[str, Any], reply: Reply, ask: Ask, behaviour: Behaviour) -> Iterator[Beat]:
    if behaviour.usage in ("last_chunk", "null_then_last") and ask.has_usage_wish:
        yield data_beat({**head, "choices": [], "usage": usage_of(reply)})
    elif behaviour.usage == "after_finish":
        idle = {"index": 0, "delta": {}, "logprobs": None, "finish_reason": None}
        yield data_beat({**head, "choices": [idle], "usage": usage_of(reply)})


def _choice_deltas(place: int, choice: Choice, behaviour: Behaviour) -> Iterator[Delta]:
    def delta(content: dict[str, Any], finish: str | None = None, written: tuple[str, ...] = ()) -> dict[str, Any]:
        told = chat_logprobs(choice, written)
        return {"index": place, "delta": content, "logprobs": told, "finish_reason": finish}

    if behaviour.stream.has_role_chunk:
        yield delta({"role": "assistant", "content": "", "refusal": None}), False
    for _ in range(behaviour.stream.empty_deltas):
        yield delta({}), False
    for token in choice.reasoning:
        yield delta({"reasoning_content": token}), True
    if choice.reasoning and choice.signing_key:
        yield delta({"reasoning_details": _details(choice)}), False
    field = "refusal" if choice.finish == "refusal" else "content"
    for token in choice.tokens:
        yield delta({field: token}, written=(token,)), True
    calls = [_call_deltas(index, call) for index, call in enumerate(choice.calls)]
    for piece, is_token in _in_turns(calls) if behaviour.stream.has_interleaved_tool_calls else chain(*calls):
        yield delta({"tool_calls": [piece]}), is_token
    yield delta({}, _finish(choice)), False


def _call_deltas(index: int, call: Call) -> Iterator[Delta]:
    named = {"name": call.name, "arguments": ""}
    yield {"index": index, "id": f"call_{call.id}", "type": "function", "function": named}, False
    for piece in call.pieces:
        yield {"index": index, "function": {"arguments": piece}}, True


def _text_deltas(place: int, choice: Choice) -> Iterator[Delta]:
    for token in choice.tokens:
        told = text_logprobs(choice, (token,))
        yield {"index": place, "text": token, "logprobs": told, "finish_reason": None}, True
    yield {"index": place, "text": "", "logprobs": None, "finish_reason": _finish(choice)}, False


def _in_turns(sources: list[Iterator[Delta]]) -> Iterator[Delta]:
    """One item of each source after the other until all are empty."""
    if len(sources) == 1:
        return sources[0]
    return (item for turn in zip_longest(*sources) for item in turn if item is not None)


def _message(choice: Choice) -> dict[str, Any]:
    is_refusal = choice.finish == "refusal"
    message: dict[str, Any] = {
        "role": "assistant",
        "content": None if is_refusal or choice.calls else choice.text,
        "refusal": choice.text if is_refusal else None,
    }
    if choice.reasoning:
        message["reasoning_content"] = choice.thought
        if choice.signing_key:
            message["reasoning_details"] = _details(choice)
    if choice.calls:
        message["tool_calls"] = [
            {"id": f"call_{call.id}", "type": "function", "function": {"name": call.name, "arguments": call.arguments}}
            for call in choice.calls
        ]
    return message


def _details(choice: Choice) -> list[dict[str, Any]]:
    return [{"type": "reasoning.text", "text": choice.thought, "signature": choice.signature, "index": 0}]


def _finish(choice: Choice) -> str:
    return "stop" if choice.finish == "refusal" else choice.finish


def _head(reply: Reply, prefix: str, kind: str) -> dict[str, Any]:
    return {"id": f"{prefix}-{reply.id}", "object": kind, "created": reply.created, "model": reply.model}


def _with_usage(document: dict[str, Any], reply: Reply, behaviour: Behaviour) -> dict[str, Any]:
    return document if behaviour.usage == "never" else document | {"usage": usage_of(reply)}
