"""An OpenAI chat request, the version's share already inserted, as an Anthropic messages request.

Anthropic wants one system prompt apart from the messages, roles that alternate, no empty text, results of
tools at the head of the next user turn, and ``max_tokens``.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.generation import DEFAULT_MAX_TOKENS
from tidegate.wire.translate.fields import CHAT_TO_MESSAGES, kept_fields
from tidegate.wire.translate.media import document_block, image_block
from tidegate.wire.translate.structured import demand_output, read_output_shape
from tidegate.wire.translate.tools import input_of, messages_tool_choice, messages_tools, safe_call_id

_OPENING: Final = "(The assistant speaks first.)"
"""Stands before a conversation that begins with the assistant: the first turn must be the user's."""

Block = dict[str, Any]


class MessagesRequest(msgspec.Struct, frozen=True):
    """A translated request.

    Attributes:
        body: an Anthropic messages request.
        has_output_tool: the answer comes as the input of the output tool and must be unwrapped.
    """

    body: dict[str, Any]
    has_output_tool: bool


def messages_request(chat: dict[str, Any]) -> MessagesRequest:
    """Translate a decoded chat request; fields without a counterpart are left out.

    Raises:
        MalformedBodyError: a part without a counterpart, or of the wrong shape; ``where`` names it.
    """
    system, turns = _conversation(chat.get("messages"))
    request = kept_fields(chat, CHAT_TO_MESSAGES) | {"messages": turns, "max_tokens": _max_tokens(chat)}
    if system:
        request["system"] = _compact(system)
    request |= _sampling(chat) | _identity(chat)
    if stop := _stop_sequences(chat.get("stop")):
        request["stop_sequences"] = stop
    _offer_tools(request, chat)
    shape = read_output_shape(chat.get("response_format"))
    return MessagesRequest(request, shape is not None and demand_output(request, shape))


def _offer_tools(request: dict[str, Any], chat: dict[str, Any]) -> None:
    tools = messages_tools(chat.get("tools"))
    if not tools:
        return
    request["tools"] = tools
    if choice := messages_tool_choice(chat.get("tool_choice"), chat.get("parallel_tool_calls")):
        request["tool_choice"] = choice


def _is_thinking(chat: dict[str, Any]) -> bool:
    thinking = chat.get("thinking")
    return isinstance(thinking, dict) and thinking.get("type") != "disabled"


def _max_tokens(chat: dict[str, Any]) -> Any:
    for name in ("max_completion_tokens", "max_tokens"):
        if chat.get(name) is not None:
            return chat[name]
    # the cap is required; it must exceed a thinking budget
    budget = chat["thinking"].get("budget_tokens") if _is_thinking(chat) else None
    return DEFAULT_MAX_TOKENS + (budget if isinstance(budget, int) else 0)


def _sampling(chat: dict[str, Any]) -> dict[str, Any]:
    """Temperature or ``top_p``, never both: current models reject the pair, so temperature wins.

    Nothing at all while thinking, which models accept only with their own sampling.
    """
    if _is_thinking(chat):
        return {}
    temperature = chat.get("temperature")
    if temperature is not None and (isinstance(temperature, bool) or not isinstance(temperature, (int, float))):
        raise MalformedBodyError("must be a number", where="temperature")
    chosen = {"top_p": chat.get("top_p")} if temperature is None else {"temperature": min(1, max(0, temperature))}
    return {name: value for name, value in (chosen | {"top_k": chat.get("top_k")}).items() if value is not None}


def _identity(chat: dict[str, Any]) -> dict[str, Any]:
    user = chat.get("user") or chat.get("safety_identifier")
    return {"metadata": {"user_id": user}} if user else {}


def _stop_sequences(stop: Any) -> list[str]:
    """Sequences of nothing but white space are left out: Anthropic rejects them."""
    sequences = [stop] if isinstance(stop, str) else stop or []
    if not isinstance(sequences, list) or not all(isinstance(sequence, str) for sequence in sequences):
        raise MalformedBodyError("must be a string or a list of strings", where="stop")
    return [sequence for sequence in sequences if sequence.strip()]


def _conversation(messages: Any) -> tuple[list[Block], list[dict[str, Any]]]:
    """System blocks gathered from anywhere, and alternating turns that begin with the user's."""
    if not isinstance(messages, list):
        raise MalformedBodyError("must be a list of messages", where="messages")
    system: list[Block] = []
    turns: list[tuple[str, list[Block]]] = []
    for index, message in enumerate(messages):
        where = f"messages.{index}"
        if not isinstance(message, dict):
            raise MalformedBodyError("a message must be an object", where=where)
        role, blocks = _turn(message, where)
        if role == "system":
            system.extend(blocks)
        elif turns and turns[-1][0] == role:
            turns[-1][1].extend(blocks)
        elif blocks:
            turns.append((role, blocks))
    if not turns:
        raise MalformedBodyError(
            "an Anthropic upstream needs at least one message that is not a system prompt", where="messages"
        )
    if turns[0][0] == "assistant":
        turns.insert(0, ("user", [{"type": "text", "text": _OPENING}]))
    return system, [
        _finished(role, blocks, is_last=turn == len(turns) - 1) for turn, (role, blocks) in enumerate(turns)
    ]


def _turn(message: dict[str, Any], where: str) -> tuple[str, list[Block]]:
    match message.get("role"):
        case "system" | "developer":
            return "system", _blocks(message.get("content"), where, ("text",))
        case "user":
            return "user", _blocks(message.get("content"), where, ("text", "image_url", "file"))
        case "assistant":
            return "assistant", [*_assistant_text(message, where), *_tool_uses(message, where)]
        case "tool":
            return "user", [_tool_result(message, where)]
        case role:
            raise MalformedBodyError(
                f"the role {role!r} has no counterpart at an Anthropic upstream", where=f"{where}.role"
            )


def _finished(role: str, blocks: list[Block], *, is_last: bool) -> dict[str, Any]:
    if role == "user":  # results must come first; sorting is stable
        blocks.sort(key=lambda block: block["type"] != "tool_result")
    elif is_last and blocks[-1]["type"] == "text":  # a prefill must not end in white space
        blocks[-1]["text"] = blocks[-1]["text"].rstrip() or "."
    return {"role": role, "content": _compact(blocks)}


def _compact(blocks: list[Block]) -> str | list[Block]:
    """A lone text block in its short form."""
    if len(blocks) == 1 and blocks[0].keys() == {"type", "text"}:
        text: str = blocks[0]["text"]
        return text
    return blocks


def _blocks(content: Any, where: str, allowed: tuple[str, ...]) -> list[Block]:
    """Content as blocks, without empty text."""
    if content is None or isinstance(content, str):
        return [{"type": "text", "text": content}] if content and content.strip() else []
    if not isinstance(content, list):
        raise MalformedBodyError("must be a string or a list of parts", where=f"{where}.content")
    blocks = [_block(part, f"{where}.content.{index}", allowed) for index, part in enumerate(content)]
    return [block for block in blocks if block["type"] != "text" or block["text"].strip()]


def _block(part: Any, where: str, allowed: tuple[str, ...]) -> Block:
    kind = part.get("type") if isinstance(part, dict) else None
    if kind not in allowed:
        raise MalformedBodyError(f"a part of type {kind!r} cannot go to an Anthropic upstream here", where=where)
    if kind == "image_url":
        block = image_block(part, where)
    elif kind == "file":
        block = document_block(part, where)
    elif isinstance(text := part.get(kind), str):  # `text` and `refusal` parts hold a field of their own name
        block = {"type": "text", "text": text}
    else:
        raise MalformedBodyError(f"the part needs `{kind}`", where=f"{where}.{kind}")
    if isinstance(part.get("cache_control"), dict):
        block["cache_control"] = part["cache_control"]
    return block


def _assistant_text(message: dict[str, Any], where: str) -> list[Block]:
    if message.get("audio") is not None or message.get("function_call") is not None:
        raise MalformedBodyError(
            "audio and `function_call` in an assistant's message cannot go to an Anthropic upstream", where=where
        )
    blocks = _blocks(message.get("content"), where, ("text", "refusal"))
    return blocks or _blocks(message.get("refusal"), where, ())


def _tool_uses(message: dict[str, Any], where: str) -> list[Block]:
    calls = message.get("tool_calls") or []
    if not isinstance(calls, list):
        raise MalformedBodyError("must be a list", where=f"{where}.tool_calls")
    return [_tool_use(call, f"{where}.tool_calls.{index}") for index, call in enumerate(calls)]


def _tool_use(call: Any, where: str) -> Block:
    match call:
        case {"id": str(call_id), "function": {"name": str(name), **function}} if call_id:
            tool_input = input_of(function.get("arguments"))
            return {"type": "tool_use", "id": safe_call_id(call_id), "name": name, "input": tool_input}
    raise MalformedBodyError("a tool call needs `id` and `function.name`", where=where)


def _tool_result(message: dict[str, Any], where: str) -> Block:
    call_id = message.get("tool_call_id")
    if not isinstance(call_id, str) or not call_id:
        raise MalformedBodyError("a tool's message needs `tool_call_id`", where=f"{where}.tool_call_id")
    result: Block = {"type": "tool_result", "tool_use_id": safe_call_id(call_id)}
    if content := _blocks(message.get("content"), where, ("text", "image_url")):
        result["content"] = _compact(content)
    return result
