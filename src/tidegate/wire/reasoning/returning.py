"""What of a history's reasoning goes back to a provider: its own, as it made it; that of others stays behind.

Marked parts have a maker. Parts without a mark (plain reasoning text, parts older than the gateway) are taken for those
of the provider that the request is sent to first, where the conversation mostly was before: its *home*.

What is left behind is a whole part (a block of thinking, an item, an entry of details), because half of one is none. So
nothing changes but those parts; where there are none of them, the body is the client's own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.chat_history import read_chat
from tidegate.wire.reasoning.destination import Destination, Fate, places_left
from tidegate.wire.reasoning.messages_history import is_bare, read_messages, thinking_stopped
from tidegate.wire.reasoning.spans import Edit, RepeatedKeyError, edited, items, members, whole, without


class _Item(msgspec.Struct, gc=False):
    type: Any = None
    encrypted_content: Any = None


_ITEMS = msgspec.json.Decoder(list[_Item]).decode


def may_hold_reasoning(kind: Kind, body: bytes | bytearray) -> bool:
    """Whether anything in a client's body looks like reasoning, marked or not."""
    field = _FIELDS.get(kind)
    return field is not None and any(sign in body for sign in _SIGNS[field])


def returned(kind: Kind, body: JsonObject, to: Destination) -> JsonObject:
    """The body as the provider ``to`` may see it, in the client's own dialect.

    Raises:
        MalformedBodyError: a message that has to be changed has a key twice.
    """
    field = _FIELDS.get(kind)
    raw = body.fields.get(field) if field is not None else None
    if field is None or raw is None:
        return body
    text = memoryview(raw)
    try:
        edits = list(_READERS[kind](text, to))
        if not edits:
            return body
        fields = {**body.fields, field: msgspec.Raw(edited(text, edits))}
        if kind is not Kind.CHAT and field == "messages" and is_bare(fields[field]) and not is_bare(raw):
            fields = thinking_stopped(fields, to)
    except RepeatedKeyError:
        raise MalformedBodyError(f"a key appears twice in an object of {field!r}", where=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # its provider says what is wrong with it
    return JsonObject(fields, body.size + len(fields[field]) - len(raw))


def _read_items(text: memoryview, to: Destination) -> Iterator[Edit]:
    """Items of reasoning."""
    read, spans = _ITEMS(text), items(text, whole(text))
    fates = [to.fate(item.encrypted_content) if item.type == "reasoning" else Fate.KEPT for item in read]
    yield from without(spans, places_left(fates))
    for item, span, fate in zip(read, spans, fates, strict=True):
        if fate is Fate.UNMARKED:
            yield to.unmarking(text, members(text, span)["encrypted_content"], item.encrypted_content)


_FIELDS = {
    Kind.CHAT: "messages",
    Kind.MESSAGES: "messages",
    Kind.COUNT_TOKENS: "messages",
    Kind.RESPONSES: "input",
}
_SIGNS = {"messages": (b'thinking"', b'"reasoning'), "input": (b'"reasoning"',)}
_READERS: dict[Kind, Callable[[memoryview, Destination], Iterator[Edit]]] = {
    Kind.CHAT: read_chat,
    Kind.MESSAGES: read_messages,
    Kind.COUNT_TOKENS: read_messages,
    Kind.RESPONSES: _read_items,
}
