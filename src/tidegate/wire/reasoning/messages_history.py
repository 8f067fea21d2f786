"""Thinking in the history of a ``/v1/messages`` request: blocks of the assistant's turns."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from tidegate.wire.reasoning.destination import Destination, Fate, places_left
from tidegate.wire.reasoning.spans import Edit, items, members, whole, without

NO_THINKING = msgspec.Raw(b'{"type":"disabled"}')
"""Stands in the place of ``thinking``, also where a version has settled it, when what it requires was left behind."""

_THINKING = ("thinking", "redacted_thinking")


class _Block(msgspec.Struct, gc=False):
    type: Any = None
    signature: Any = None
    data: Any = None


class _Turn(msgspec.Struct, gc=False):
    role: Any = None
    content: msgspec.Raw = msgspec.Raw(b"null")


class _Thinking(msgspec.Struct, gc=False):
    type: Any = None


_BLOCKS = msgspec.json.Decoder(list[_Block]).decode
_TURNS = msgspec.json.Decoder(list[_Turn]).decode
_SETTING = msgspec.json.Decoder(_Thinking | None).decode
_UNREADABLE = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


def read_messages(text: memoryview, to: Destination) -> Iterator[Edit]:
    """Blocks of thinking of the assistant's turns; a turn that had nothing else goes too, since Anthropic takes no empty
    one and joins the user's turns around it."""
    turns, spans = _TURNS(text), items(text, whole(text))
    gone: list[int] = []
    for place, turn in enumerate(turns):
        blocks = _blocks_of(turn)
        fates = [_fate_of_block(block, to) for block in blocks]
        if all(fate is Fate.KEPT for fate in fates):
            continue
        if all(fate is Fate.LEFT for fate in fates):
            gone.append(place)
            continue
        content = members(text, spans[place])["content"].value
        inner = items(text, content)
        yield from without(inner, places_left(fates))
        for block, span, fate in zip(blocks, inner, fates, strict=True):
            if fate is Fate.UNMARKED:
                name = _opaque_of(block)
                yield to.unmarking(text, members(text, span)[name], getattr(block, name))
    yield from without(spans, gone)


def _blocks_of(turn: _Turn) -> list[_Block]:
    """Of an assistant's turn; none of one that is plain text, or that cannot be read."""
    if turn.role != "assistant" or memoryview(turn.content)[0] != ord("["):
        return []
    try:
        return _BLOCKS(turn.content)
    except _UNREADABLE:
        return []


def _fate_of_block(block: _Block, to: Destination) -> Fate:
    return to.fate(getattr(block, _opaque_of(block))) if block.type in _THINKING else Fate.KEPT


def _opaque_of(block: _Block) -> str:
    return "signature" if block.type == "thinking" else "data"


def is_bare(raw: msgspec.Raw) -> bool:
    """Whether the last turn of the assistant calls tools without thinking first, which Anthropic refuses from a model
    that has to think."""
    last = next((turn for turn in reversed(_TURNS(raw)) if turn.role == "assistant"), None)
    blocks = _blocks_of(last) if last is not None else []
    return any(block.type == "tool_use" for block in blocks) and blocks[0].type not in _THINKING


def thinking_stopped(fields: dict[str, msgspec.Raw], to: Destination) -> dict[str, msgspec.Raw]:
    """The fields where the model goes on without thinking for this turn; with the user's next one it thinks again."""
    raw = fields.get("thinking")
    own = _SETTING(raw) if raw is not None else None
    is_on = to.thinks or (own is not None and own.type == "enabled")
    return {**fields, "thinking": NO_THINKING} if is_on else fields
