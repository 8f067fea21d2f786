"""Thinking in the history of a ``/v1/messages`` request: blocks of the assistant's turns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Annotated

import msgspec

from tidegate.wire.reasoning.destination import Destination, Fate, Sorting, places_left
from tidegate.wire.reasoning.spans import MOST_ITEMS, Edit, Span, assistants, items, members, whole, without

NO_THINKING = msgspec.Raw(b'{"type":"disabled"}')
"""Stands in the place of ``thinking``, also where a version has settled it, when what it requires was left behind."""

_LIST = ord("[")
_TRIMMING, _TRIMS_THINKING = "context_management", b"clear_thinking"
_THINKING = ("thinking", "redacted_thinking")


class _Block(msgspec.Struct, gc=False):
    type: str | None = None
    signature: msgspec.Raw = msgspec.Raw(b"null")
    data: msgspec.Raw = msgspec.Raw(b"null")


class _Turn(msgspec.Struct, gc=False):
    role: str | None = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Thinking(msgspec.Struct, gc=False):
    type: str | None = None


_BLOCKS = msgspec.json.Decoder(Annotated[list[_Block], msgspec.Meta(max_length=MOST_ITEMS)]).decode
_TURN = msgspec.json.Decoder(_Turn).decode
_SETTING = msgspec.json.Decoder(_Thinking | None).decode


def read_messages(text: memoryview, to: Destination) -> Sorting:
    """Blocks of thinking of the assistant's turns; a turn that had nothing else goes too, since Anthropic takes no empty
    one and joins the user's turns around it."""
    spans = items(text, whole(text))
    edits: list[Edit] = []
    gone: list[int] = []
    looked_at = 0
    was_bare = is_bare = False  # the last turn
    for place in assistants(text, spans):
        blocks = _blocks_of(text[slice(*spans[place])])
        if blocks is None:
            continue
        looked_at += len(blocks)
        if looked_at > MOST_ITEMS:
            raise msgspec.ValidationError
        fates = [_fate_of(block, to) for block in blocks]
        kept = [block for block, fate in zip(blocks, fates, strict=True) if fate is not Fate.LEFT]
        was_bare = _is_bare(blocks)
        if blocks and not kept:
            gone.append(place)
            continue
        is_bare = _is_bare(kept)
        edits += _edits_of_turn(text, spans[place], blocks, fates, to)
    return Sorting([*edits, *without(spans, gone)], is_bare and not was_bare)


def must_think(fields: Mapping[str, msgspec.Raw], to: Destination) -> bool:
    """Whether the model may not answer without thinking first."""
    raw = fields.get("thinking")
    own = _SETTING(raw) if raw is not None else None
    return to.thinks or (own is not None and own.type == "enabled")


def without_thinking(fields: Mapping[str, msgspec.Raw]) -> dict[str, msgspec.Raw]:
    """The fields with thinking disabled for this turn, and without what asks Anthropic to trim thinking, which it refuses
    then; it only trims what the client sends whole."""
    kept = {name: raw for name, raw in fields.items() if name != _TRIMMING or _TRIMS_THINKING not in bytes(raw)}
    return {**kept, "thinking": NO_THINKING}


def _edits_of_turn(
    text: memoryview, turn: Span, blocks: list[_Block], fates: list[Fate], to: Destination
) -> Iterator[Edit]:
    if all(fate is Fate.KEPT for fate in fates):
        return
    quick = to.quick_unmarkings(text, turn, fates.count(Fate.UNMARKED)) if Fate.LEFT not in fates else None
    if quick is not None:
        yield from quick
        return
    spans = items(text, members(text, turn)["content"].value)
    yield from without(spans, places_left(fates))
    for block, span, fate in zip(blocks, spans, fates, strict=True):
        if fate is Fate.UNMARKED:
            yield to.unmarking(text, members(text, span)[_opaque_of(block)])


def _blocks_of(message: memoryview) -> list[_Block] | None:
    """Of an assistant's turn; none of one that is plain text, ``None`` of what is no such turn."""
    try:
        turn = _TURN(message)
        if turn.role != "assistant":
            return None
        return _BLOCKS(turn.content) if memoryview(turn.content)[0] == _LIST else []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None


def _fate_of(block: _Block, to: Destination) -> Fate:
    return to.fate(getattr(block, _opaque_of(block))) if block.type in _THINKING else Fate.KEPT


def _opaque_of(block: _Block) -> str:
    return "signature" if block.type == "thinking" else "data"


def _is_bare(blocks: list[_Block]) -> bool:
    """Whether a turn calls tools without thinking first, which Anthropic refuses in the last one of a model that must."""
    return any(block.type == "tool_use" for block in blocks) and blocks[0].type not in _THINKING
