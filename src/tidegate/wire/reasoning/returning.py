"""What of a history's reasoning goes back to a provider: its own, as it made it; that of others stays behind.

Marked parts have a maker. Parts without a mark (plain reasoning text, parts older than the gateway) are taken for those
of the provider that the request is sent to first, where the conversation mostly was before: its *home*.

What is left behind is a whole part (a block of thinking, an item, an entry of details), because half of one is none. So
nothing changes but those parts; where there are none of them, the body is the client's own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

import msgspec

from tidegate.wire.errors import MalformedBodyError
from tidegate.wire.json_object import JsonObject
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.chat_history import read_chat
from tidegate.wire.reasoning.destination import Destination, Fate, Sorting, places_left
from tidegate.wire.reasoning.messages_history import must_think, read_messages, without_thinking
from tidegate.wire.reasoning.spans import (
    MOST_ITEMS,
    Edit,
    RepeatedKeyError,
    edited,
    items,
    members,
    pieces_of,
    whole,
    without,
)
from tidegate.wire.splice import Piece

MOST_COPIED = 1 << 20
"""Of a list of messages that has to change; a larger one is cut into views."""


class _Item(msgspec.Struct, gc=False):
    type: str | None = None
    encrypted_content: msgspec.Raw = msgspec.Raw(b"null")


_ITEMS = msgspec.json.Decoder(Annotated[list[_Item], msgspec.Meta(max_length=MOST_ITEMS)]).decode


def returned(kind: Kind, body: JsonObject, to: Destination) -> JsonObject:
    """The body as the provider ``to`` may see it, in the client's own dialect.

    Raises:
        MalformedBodyError: a message that has to be changed has a key twice.
    """
    field = _FIELDS.get(kind)
    raw = body.fields.get(field) if field is not None else None
    if field is None or raw is None:
        return body
    try:
        edits, is_bare = _READERS[kind](memoryview(raw), to)
        fields = without_thinking(body.fields) if is_bare and must_think(body.fields, to) else body.fields
    except RepeatedKeyError:
        raise MalformedBodyError(f"a key appears twice in an object of {field!r}", where=field) from None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return body  # its provider says what is wrong with it
    if not edits:
        return body
    if len(raw) > MOST_COPIED and not to.rebuilds:
        return EditedObject(fields, body.size, raw, edits)
    text = edited(raw, edits)
    return JsonObject({**fields, field: msgspec.Raw(text)}, body.size + len(text) - len(raw))


class EditedObject(JsonObject, eq=False):
    """A large body that goes up in the client's own bytes, but for what is edited in one of its fields.

    Attributes:
        raw: that field as the client sent it, which it still has among ``fields``.
        edits: what changes in it.
    """

    raw: msgspec.Raw
    edits: list[Edit]

    def finished(self, pieces: list[Piece]) -> list[Piece]:
        """The rendered body with the edits made. The field stands in it as a whole, or behind what was put first."""
        place = next(place for place, piece in enumerate(pieces) if self._is_part(piece))
        view = memoryview(self.raw)
        start = len(view) - len(pieces[place])
        kept = [Edit(edit.start - start, edit.end - start, edit.text) for edit in self.edits]
        return [*pieces[:place], *pieces_of(view[start:], kept), *pieces[place + 1 :]]

    def _is_part(self, piece: Piece) -> bool:
        return piece is self.raw or (isinstance(piece, memoryview) and piece.obj is self.raw)


def _read_items(text: memoryview, to: Destination) -> Sorting:
    """Items of reasoning."""
    read, spans = _ITEMS(text), items(text, whole(text))
    fates = [to.fate(item.encrypted_content) if item.type == "reasoning" else Fate.KEPT for item in read]
    edits = without(spans, places_left(fates))
    unmarked = (span for span, fate in zip(spans, fates, strict=True) if fate is Fate.UNMARKED)
    return Sorting([*edits, *(to.unmarking(text, members(text, span)["encrypted_content"]) for span in unmarked)])


_FIELDS = {
    Kind.CHAT: "messages",
    Kind.MESSAGES: "messages",
    Kind.COUNT_TOKENS: "messages",
    Kind.RESPONSES: "input",
}
_READERS: dict[Kind, Callable[[memoryview, Destination], Sorting]] = {
    Kind.CHAT: read_chat,
    Kind.MESSAGES: read_messages,
    Kind.COUNT_TOKENS: read_messages,
    Kind.RESPONSES: _read_items,
}
