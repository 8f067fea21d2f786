"""An Anthropic messages request as an OpenAI chat request; the version's share is inserted afterwards.

OpenAI has no place for tool errors or pictures in a tool's answer: an error is marked in words, pictures
follow in a user message. Thinking and its signatures stay behind, they belong to the provider that made them.
"""

from __future__ import annotations

import re
from typing import Any

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.translate.fields import MESSAGES_TO_CHAT, kept_fields
from tidegate.wire.translate.media import document_parts, image_part
from tidegate.wire.translate.structured import response_format
from tidegate.wire.translate.tools import ToolNames, arguments_of, chat_tool_choice, chat_tools

_WANTS_COMPLETION_TOKENS = re.compile(r"(?:^|/)(?:o\d|gpt-[5-9]|gpt-\d\d|codex)")
"""Models that reject ``max_tokens``; older servers on the other hand know nothing else."""

_THINKING = ("thinking", "redacted_thinking")

Part = dict[str, Any]


class ChatRequest(msgspec.Struct, frozen=True):
    """A translated request.

    Attributes:
        body: an OpenAI chat request.
        names: restores tool names that had to be shortened.
        stop_sequences: what the client asked to stop at.
        dropped_thinking: thinking blocks left behind.
    """

    body: dict[str, Any]
    names: ToolNames
    stop_sequences: tuple[str, ...]
    dropped_thinking: int


def chat_request(request: dict[str, Any], model: str, generation: dict[str, Any]) -> ChatRequest:
    """Translate a decoded messages (or count_tokens) request; fields without a counterpart are left out.

    Args:
        request: the client's body.
        model: the upstream's model name, which decides the name of the token cap.
        generation: the version's defaults; a cap among them settles that name instead.

    Raises:
        MalformedBodyError: a block without a counterpart, or of the wrong shape; ``where`` names it.
    """
    names = ToolNames()
    turns = _Turns(names)
    turns.add_system(request.get("system"), "system")
    turns.add_all(request.get("messages"))
    body = kept_fields(request, MESSAGES_TO_CHAT) | {"messages": turns.messages}
    if request.get("max_tokens") is not None:
        body[_cap_name(model, generation)] = request["max_tokens"]
    if tools := chat_tools(request.get("tools"), names):
        body |= {"tools": tools} | chat_tool_choice(request.get("tool_choice"), names)
    if form := response_format(request):
        body["response_format"] = form
    if stop := request.get("stop_sequences"):
        body["stop"] = stop
    if user := _user(request.get("metadata")):
        body["user"] = user
    sequences = tuple(stop) if isinstance(stop, list) else ()
    return ChatRequest(body, names, sequences, turns.dropped_thinking)


def _cap_name(model: str, generation: dict[str, Any]) -> str:
    for name in ("max_completion_tokens", "max_tokens"):
        if name in generation:
            return name
    return "max_completion_tokens" if _WANTS_COMPLETION_TOKENS.search(model) else "max_tokens"


def _user(metadata: Any) -> str | None:
    user = metadata.get("user_id") if isinstance(metadata, dict) else None
    return user if isinstance(user, str) else None


class _Turns:
    """Chat messages grown turn by turn."""

    def __init__(self, names: ToolNames) -> None:
        self.messages: list[dict[str, Any]] = []
        self.dropped_thinking = 0
        self._names = names

    def add_all(self, messages: Any) -> None:
        if not isinstance(messages, list):
            raise MalformedBodyError("must be a list of messages", where="messages")
        for index, message in enumerate(messages):
            where = f"messages.{index}"
            match message:
                case {"role": "user", "content": content}:
                    self._add_user(_blocks(content, f"{where}.content"), f"{where}.content")
                case {"role": "assistant", "content": content}:
                    self._add_assistant(_blocks(content, f"{where}.content"), f"{where}.content")
                case {"role": "system", "content": content}:
                    self.add_system(content, f"{where}.content")
                case _:
                    raise MalformedBodyError(
                        "a message needs `role` (user, assistant or system) and `content`", where=where
                    )

    def add_system(self, content: Any, where: str) -> None:
        """One message of one text, which every chat template takes."""
        text = _joined_text(_blocks(content, where), where)
        if text:
            self.messages.append({"role": "system", "content": text})

    def _add_user(self, blocks: list[Part], where: str) -> None:
        """Tool messages first (they must follow their calls), then everything else as one user message."""
        pictures: list[Part] = []
        parts: list[Part] = []
        for index, block in enumerate(blocks):
            if block.get("type") == "tool_result":
                pictures += self._add_tool_message(block, f"{where}.{index}")
            else:
                parts += _user_parts(block, f"{where}.{index}")
        if pictures or parts:
            self.messages.append({"role": "user", "content": _compact([*pictures, *parts])})

    def _add_tool_message(self, block: Part, where: str) -> list[Part]:
        """Append the text of a result; return its pictures, captioned, for the user message behind it."""
        call_id = block.get("tool_use_id")
        if not isinstance(call_id, str):
            raise MalformedBodyError("a tool result needs `tool_use_id`", where=f"{where}.tool_use_id")
        texts: list[str] = []
        pictures: list[Part] = []
        for index, item in enumerate(_blocks(block.get("content"), f"{where}.content")):
            for part in _user_parts(item, f"{where}.content.{index}"):
                if part["type"] == "text":
                    texts.append(part["text"])
                else:
                    pictures.append(part)
        text = "\n\n".join(texts) or ("(see the attachment in the next message)" if pictures else "")
        marked = f"Error: {text}" if block.get("is_error") is True else text
        self.messages.append({"role": "tool", "tool_call_id": call_id, "content": marked})
        return [{"type": "text", "text": f"Attachment of tool result {call_id}:"}, *pictures] if pictures else []

    def _add_assistant(self, blocks: list[Part], where: str) -> None:
        texts: list[str] = []
        calls: list[dict[str, Any]] = []
        for index, block in enumerate(blocks):
            kind = block.get("type")
            if kind == "text":
                texts.append(_text(block, f"{where}.{index}"))
            elif kind == "tool_use":
                calls.append(self._call(block, f"{where}.{index}"))
            elif kind in _THINKING:
                self.dropped_thinking += 1
            else:
                raise MalformedBodyError(
                    f"a block of type {kind!r} cannot go to an OpenAI upstream", where=f"{where}.{index}"
                )
        message: dict[str, Any] = {"role": "assistant", "content": "".join(texts) or (None if calls else "")}
        if calls:
            message["tool_calls"] = calls
        if texts or calls:
            self.messages.append(message)

    def _call(self, block: Part, where: str) -> dict[str, Any]:
        match block:
            case {"id": str(call_id), "name": str(name)}:
                function = {"name": self._names.shorten(name), "arguments": arguments_of(block.get("input"))}
                return {"id": call_id, "type": "function", "function": function}
        raise MalformedBodyError("a tool_use block needs `id` and `name`", where=where)


def _blocks(content: Any, where: str) -> list[Part]:
    if content is None:
        return []
    if isinstance(content, str):
        return [{"type": "text", "text": content}]
    if not isinstance(content, list) or not all(isinstance(block, dict) for block in content):
        raise MalformedBodyError("must be a string or a list of blocks", where=where)
    return content


def _user_parts(block: Part, where: str) -> list[Part]:
    match block.get("type"):
        case "text":
            return [{"type": "text", "text": _text(block, where)}]
        case "image":
            return [image_part(block, where)]
        case "document":
            return document_parts(block, where)
        case "search_result":
            return [{"type": "text", "text": _search_result(block, where)}]
        case kind:
            raise MalformedBodyError(f"a block of type {kind!r} cannot go to an OpenAI upstream", where=where)


def _search_result(block: Part, where: str) -> str:
    heads = [head for name in ("title", "source") if isinstance(head := block.get(name), str)]
    return "\n".join([*heads, _joined_text(_blocks(block.get("content"), f"{where}.content"), f"{where}.content")])


def _joined_text(blocks: list[Part], where: str) -> str:
    return "\n\n".join(_text(block, f"{where}.{index}") for index, block in enumerate(blocks))


def _text(block: Part, where: str) -> str:
    text = block.get("text")
    if block.get("type") != "text" or not isinstance(text, str):
        raise MalformedBodyError("must be a text block with `text`", where=where)
    return text


def _compact(parts: list[Part]) -> str | list[Part]:
    """Plain text in its short form, which every server takes."""
    if len(parts) == 1 and parts[0]["type"] == "text":
        text: str = parts[0]["text"]
        return text
    return parts
