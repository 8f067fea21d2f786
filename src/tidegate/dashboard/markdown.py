"""Model cards as pages: the part of Markdown that cards use, made of escaped text only."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import groupby

from markupsafe import Markup, escape

_INLINE = re.compile(r"`([^`]+)`|\*\*([^*]+)\*\*")
_ITEM = re.compile(r"[-*] +(.*)")
_HEADING = re.compile(r"(#{1,6}) +(.*)")


def markdown(text: str) -> Markup:
    """Headings, lists, quotes, indented and fenced code, paragraphs; everything else stays text."""
    return Markup("\n").join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[Markup]:
    for kind, group in groupby(_kinds(lines), key=lambda pair: pair[0]):
        own = [line for _, line in group]
        match kind:
            case "heading":
                yield from map(_heading, own)
            case "item":
                items = Markup("").join(Markup("<li>{}</li>").format(_inline(line)) for line in own)
                yield Markup("<ul>{}</ul>").format(items)
            case "quote":
                yield Markup("<blockquote>{}</blockquote>").format(_inline(" ".join(own)))
            case "code":
                yield Markup("<pre>{}</pre>").format("\n".join(own).strip("\n"))
            case "text":
                yield Markup("<p>{}</p>").format(_inline(" ".join(own)))


def _kinds(lines: list[str]) -> Iterator[tuple[str, str]]:
    """Each line with what it is part of; a blank one ends what came before."""
    is_fenced = False
    for line in lines:
        if line.startswith("```"):
            is_fenced = not is_fenced
        elif is_fenced or line.startswith("    "):
            yield "code", line if is_fenced else line[4:]
        elif not line.strip():
            yield "blank", ""
        elif _HEADING.fullmatch(line):
            yield "heading", line
        elif found := _ITEM.fullmatch(line):
            yield "item", found[1]
        elif line.startswith(">"):
            yield "quote", line.lstrip("> ")
        else:
            yield "text", line


def _heading(line: str) -> Markup:
    """Below the page's own h1 and h2."""
    found = _HEADING.fullmatch(line)
    assert found
    level = min(6, 2 + len(found[1]))
    return Markup(f"<h{level}>{{}}</h{level}>").format(_inline(found[2]))  # noqa: S704  # a number


def _inline(text: str) -> Markup:
    pieces, at = [], 0
    for found in _INLINE.finditer(text):
        pieces.append(escape(text[at : found.start()]))
        code, strong = found.groups()
        pieces.append(Markup("<code>{}</code>").format(code) if code else Markup("<strong>{}</strong>").format(strong))
        at = found.end()
    return Markup("").join([*pieces, escape(text[at:])])
