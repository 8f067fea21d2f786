"""YAML and JSON documents as people write them, decoded into structs with errors that point at the line.

A mistake is reported as ``file:line: path: what is wrong (how to mend it)``: an unknown key names the
nearest known one, a wrong value its expected type, a repeated key both places.
"""

from __future__ import annotations

import re
import types
from collections.abc import Callable, Iterator, Mapping, Sequence
from difflib import get_close_matches
from typing import Any, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
import yaml

from tidegate.errors import InvalidInputError

T = TypeVar("T")
Path = tuple[str | int, ...]
Hook = Callable[[type, Any], Any]

_Loader: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_MAX_NODES = 200_000
_MAX_DEPTH = 100
_SEGMENT = re.compile(r"\.([^.\[]+)|\[(\d+)\]|(\[\.\.\.\])")


class Document:
    """Plain values with the line each of them stands on.

    Attributes:
        value: what the text decodes to.
        source: file name or other origin, for errors.
        lines: path of keys and indices -> line, from 1; empty for values that never were text.
    """

    def __init__(self, value: Any, source: str, lines: Mapping[Path, int] | None = None) -> None:
        self.value = value
        self.source = source
        self.lines = dict(lines or {})

    def where(self, path: Path = ()) -> str:
        """``file:line: path`` for an error, as precise as it is known."""
        line = next((self.lines[path[:n]] for n in range(len(path), -1, -1) if path[:n] in self.lines), None)
        place = self.source if line is None else f"{self.source}:{line}"
        return f"{place}: {show_path(path)}" if path else place


def show_path(path: Path) -> str:
    """``services.bot.keys[0]``."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path).lstrip(".")


def parse_documents(text: str, source: str) -> list[Document]:
    """Every non-empty document of a YAML (or JSON) text.

    Raises:
        InvalidInputError: not YAML, or a key given twice.
    """
    try:
        _check_depth(text, source)
        documents = [_document(node, source) for node in yaml.compose_all(text, Loader=_Loader)]
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{source}:{mark.line + 1}" if mark else source
        raise InvalidInputError(f"this is not YAML: {error.problem or error.context}", where=where) from None
    except (yaml.YAMLError, ValueError) as error:
        raise InvalidInputError(f"this is not YAML: {' '.join(str(error).split())}", where=source) from None
    except RecursionError:
        raise InvalidInputError("an alias contains itself", where=source) from None
    return [document for document in documents if document.value is not None]


def parse_document(text: str, source: str) -> Document:
    """The one document of a text; an empty text is an empty mapping.

    Raises:
        InvalidInputError: not YAML, or more than one document.
    """
    documents = parse_documents(text, source)
    if len(documents) > 1:
        raise InvalidInputError(f"one document is expected, {len(documents)} stand here", where=source)
    return documents[0] if documents else Document({}, source)


def decode(document: Document, into: type[T], *, hook: Hook | None = None, at: Path = ()) -> T:
    """Turn a document, or the part of it at ``at``, into a struct.

    Args:
        document: the plain values and their lines.
        into: a msgspec struct type (or anything msgspec converts to).
        hook: ``dec_hook`` for own types.
        at: path of the part to decode.

    Raises:
        InvalidInputError: an unknown key or a wrong value, with its line and path.
    """
    value = document.value
    for part in at:
        value = value[part]
    for path, what, name, known in _unknown_names(value, into, ()):
        message, where = f"unknown {what} {name!r}", document.where((*at, *path))
        raise InvalidInputError(message, code="unknown_key", where=where, remedy=nearest(name, known))
    try:
        return msgspec.convert(value, into, dec_hook=hook)
    except msgspec.ValidationError as error:
        message, _, tail = str(error).partition(" - at `$")
        found = _real_path(value, into, tail.rstrip("`"), hook)
        raise InvalidInputError(message[:1].lower() + message[1:], where=document.where(at + found)) from None


def nearest(name: str, known: list[str]) -> str:
    """A remedy sentence: the nearest known name, or all of them."""
    return _meant(name, known) or f"known are {', '.join(sorted(known))}"


def nearest_and_all(name: str, known: Sequence[str]) -> str:
    """A remedy sentence for a short list: the nearest known name, where one is near, and all in the order given."""
    return " ".join(filter(None, (_meant(name, known), f"known are {', '.join(known)}")))


def _meant(name: str, known: Sequence[str]) -> str:
    close = get_close_matches(name, known, n=1, cutoff=0.5)
    return f"did you mean {close[0]!r}?" if close else ""


def _check_depth(text: str, source: str) -> None:
    """Composing recurses on the C stack, which deep nesting would exhaust; events come one by one."""
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > _MAX_DEPTH:
                where = f"{source}:{event.start_mark.line + 1}" if event.start_mark else source
                raise InvalidInputError(f"nested deeper than {_MAX_DEPTH} levels", where=where)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _document(node: yaml.Node, source: str) -> Document:
    lines: dict[Path, int] = {}
    return Document(_plain(node, (), lines, source), source, lines)


def _plain(node: yaml.Node, path: Path, lines: dict[Path, int], source: str) -> Any:
    lines.setdefault(path, node.start_mark.line + 1)
    if len(lines) > _MAX_NODES:  # a few aliases of aliases would expand without end
        raise InvalidInputError(f"more than {_MAX_NODES} values", where=source)
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, lines, source)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), lines, source) for index, item in enumerate(node.value)]
    constructor = yaml.SafeLoader("")
    try:
        return constructor.construct_object(node, deep=True)
    finally:
        constructor.dispose()


def _mapping(node: yaml.MappingNode, path: Path, lines: dict[Path, int], source: str) -> dict[Any, Any]:
    made: dict[Any, Any] = {}
    for key_node, value_node in node.value:
        key = _plain(key_node, (*path, "?"), {}, source)
        line = key_node.start_mark.line + 1
        if not isinstance(key, str):
            raise InvalidInputError(f"key {key!r} must be text", where=f"{source}:{line}", remedy="quote it")
        here = (*path, key)
        if key in made:
            raise InvalidInputError(
                f"key {key!r} is given twice, first in line {lines[here]}", where=f"{source}:{line}"
            )
        lines[here] = line
        made[key] = _plain(value_node, here, lines, source)
    return made


Unknown = tuple[Path, str, str, list[str]]  # where, "key" or the tag's name, what stands there, what is known


def _unknown_names(value: Any, into: Any, path: Path) -> Iterator[Unknown]:
    """Keys and tags that no alternative of the declared type knows."""
    options = _options(into)
    if isinstance(value, dict) and (structs := [option for option in options if _is_struct(option)]):
        yield from _unknown_in_structs(value, structs, path)
        return
    for option in options:
        arguments = get_args(option)
        if isinstance(value, dict) and get_origin(option) is dict:
            for key, item in value.items():
                yield from _unknown_names(item, arguments[1], (*path, key))
        elif isinstance(value, list) and get_origin(option) in {list, tuple} and arguments:
            for index, item in enumerate(value):
                yield from _unknown_names(item, arguments[0], (*path, index))


def _unknown_in_structs(value: dict[str, Any], structs: list[Any], path: Path) -> Iterator[Unknown]:
    tag_field = structs[0].__struct_config__.tag_field
    chosen = structs[0]
    if len(structs) > 1:
        by_tag = {str(option.__struct_config__.tag): option for option in structs}
        tag = str(value.get(tag_field))
        if tag not in by_tag:
            if tag_field in value:
                yield (*path, str(tag_field)), str(tag_field), tag, list(by_tag)
            return  # a missing tag is msgspec's to report
        chosen = by_tag[tag]
    fields = {field.encode_name: field.name for field in msgspec.structs.fields(chosen)}
    hints = get_type_hints(chosen)
    for key, item in value.items():
        if key in fields:
            yield from _unknown_names(item, hints[fields[key]], (*path, key))
        elif key != tag_field and chosen.__struct_config__.forbid_unknown_fields:
            yield (*path, str(key)), "key", str(key), list(fields)


def _real_path(value: Any, into: Any, text: str, hook: Hook | None) -> Path:
    """Msgspec writes ``[...]`` for the key of a dict; find which one it was by trying each."""
    path: list[str | int] = []
    for field, index, anywhere in _SEGMENT.findall(text):
        part: str | int = field or (int(index) if index else "")
        if anywhere:
            argument = _argument(into, value)
            part = next((key for key in value if not _converts(value[key], argument, hook)), "")
        try:
            into, value = _descend(into, part, value), value[part]
        except (KeyError, IndexError, TypeError):
            return (*path, part) if part != "" else tuple(path)
        path.append(part)
    return tuple(path)


def _descend(into: Any, part: str | int, value: Any) -> Any:
    for option in _options(into):
        if _is_struct(option):
            names = {field.encode_name: field.name for field in msgspec.structs.fields(option)}
            if part in names:
                return get_type_hints(option)[names[str(part)]]
    return _argument(into, value)


def _argument(into: Any, value: Any) -> Any:
    wanted = {dict} if isinstance(value, dict) else {list, tuple}
    for option in _options(into):
        if get_origin(option) in wanted and get_args(option):
            return get_args(option)[1 if wanted == {dict} else 0]
    return Any


def _options(into: Any) -> tuple[Any, ...]:
    return get_args(into) if get_origin(into) in {Union, types.UnionType} else (into,)


def _is_struct(option: Any) -> bool:
    return isinstance(option, type) and issubclass(option, msgspec.Struct)


def _converts(value: Any, into: Any, hook: Hook | None) -> bool:
    try:
        msgspec.convert(value, into, dec_hook=hook)
    except msgspec.ValidationError:
        return False
    return True
