"""Google's thought signatures in a chat history: ``extra_content.google.thought_signature`` of messages and tool calls."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from tidegate.wire.reasoning.destination import Destination, Fate
from tidegate.wire.reasoning.spans import Edit, Member, Span, items, members, without

EXTRA = "extra_content"
NOTHING = msgspec.Raw(b"null")
_SIGNATURE = ("google", "thought_signature")


class Google(msgspec.Struct, gc=False):
    """What Google's endpoint says beside what OpenAI's says."""

    thought_signature: msgspec.Raw = NOTHING


class Extra(msgspec.Struct, gc=False):
    """``extra_content``."""

    google: Google | None = None


_EXTRA = msgspec.json.Decoder(Extra | None).decode


def fate_of_extra(text: memoryview, found: dict[str, Member], to: Destination) -> tuple[Fate, list[Edit]]:
    """What becomes of the ``extra_content`` of an object with these members, and how it is unmarked."""
    extra = found.get(EXTRA)
    signature = _signature_of(text, extra.value) if extra is not None else NOTHING
    if extra is None or signature == NOTHING:
        return Fate.KEPT, []
    fate = to.fate(signature)
    if fate is not Fate.UNMARKED:
        return fate, []
    member = extra
    for name in _SIGNATURE:
        member = members(text, member.value)[name]
    return fate, [to.unmarking(text, member)]


def edits_of_calls(text: memoryview, span: Span, to: Destination) -> Iterator[Edit]:
    """What changes in a list of tool calls; the calls themselves stay."""
    for call in items(text, span):
        found = members(text, call)
        fate, edits = fate_of_extra(text, found, to)
        yield from edits
        if fate is Fate.LEFT:
            yield from without([member.whole for member in found.values()], [list(found).index(EXTRA)])


def _signature_of(text: memoryview, span: Span) -> msgspec.Raw:
    try:
        extra = _EXTRA(text[slice(*span)])
    except msgspec.DecodeError:
        return NOTHING
    return extra.google.thought_signature if extra is not None and extra.google is not None else NOTHING
