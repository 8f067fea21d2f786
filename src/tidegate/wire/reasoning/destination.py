"""Where an attempt goes, and what becomes there of a part with an opaque value."""

from __future__ import annotations

from enum import Enum, auto
from typing import Any, NamedTuple

import msgspec

from tidegate.wire.insertion import Insertion
from tidegate.wire.kinds import Kind
from tidegate.wire.reasoning.marks import split_mark
from tidegate.wire.reasoning.spans import Edit, Member, Span

_ESCAPED = b"\\u00"  # of an ASCII character, as all of a mark are
_TEXT = msgspec.json.Decoder(str).decode


class Destination(NamedTuple):
    """Where an attempt goes.

    Attributes:
        mark: of the provider that is asked.
        is_home: parts without a mark are taken for its own.
        thinks: the version that is asked there has thinking enabled by itself.
        rebuilds: that version puts something between the client's messages, or takes some out.
    """

    mark: bytes
    is_home: bool
    thinks: bool = False
    rebuilds: bool = True

    def fate(self, raw: msgspec.Raw) -> Fate:
        """What becomes of a part whose opaque value this is."""
        found = split_mark(text_of(raw))
        if found is None:
            return Fate.KEPT if self.is_home else Fate.LEFT
        return Fate.UNMARKED if found.mark.encode() == self.mark else Fate.LEFT

    def quick_unmarkings(self, text: memoryview, span: Span, count: int) -> list[Edit] | None:
        """The edits that take ``count`` marks off what is between: if no more of it looks like one, those are they,
        unless one is spelled by escapes."""
        start, data, mark = span.start, bytes(text[slice(*span)]), self.mark
        if _ESCAPED in data:
            return None
        found: list[Edit] = []
        place = data.find(mark)
        while place >= 0 and len(found) <= count:
            found.append(Edit(start + place, start + place + len(mark)))
            place = data.find(mark, place + 1)
        return found if len(found) == count else None

    def unmarking(self, text: memoryview, member: Member) -> Edit:
        """The edit that takes the mark off a value: by the bytes, wherever they are written as we wrote them."""
        start, end = member.value
        after = start + 1 + len(self.mark)
        if text[start + 1 : after] == self.mark:
            return Edit(start + 1, after)
        value: str = msgspec.json.decode(text[start:end])
        return Edit(start, end, msgspec.json.encode(value[len(self.mark) :]))


def destination(kind: Kind, insertion: Insertion, mark: bytes, *, is_home: bool) -> Destination:
    """Where a request of ``kind`` goes that is rendered with ``insertion`` for the provider of ``mark``."""
    setting: Any = insertion.generation.get("thinking") if kind is Kind.MESSAGES else None
    thinks = isinstance(setting, dict) and setting.get("type") == "enabled"
    rebuilds = bool(insertion.few_shot) or insertion.system_policy != "prepend"
    return Destination(mark, is_home, thinks, rebuilds)


class Fate(Enum):
    """What becomes of a part: it goes as it is, it goes without its mark, or it stays behind."""

    KEPT = auto()
    UNMARKED = auto()
    LEFT = auto()


def text_of(raw: msgspec.Raw) -> str | None:
    """An opaque value, ``None`` for what is no text, which nobody has marked."""
    value = memoryview(raw)
    return _TEXT(value) if value and value[0] == ord('"') else None


class Sorting(NamedTuple):
    """What has to change in a history.

    Attributes:
        is_bare: the assistant's last turn calls tools without the thinking that it began with.
    """

    edits: list[Edit]
    is_bare: bool = False


def places_left(fates: list[Fate]) -> list[int]:
    """Which of the parts stay behind."""
    return [place for place, fate in enumerate(fates) if fate is Fate.LEFT]
