"""Answers: the public shapes as JSON, pages with their cursor, and how OpenAPI describes both."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

import msgspec
from starlette.responses import Response

from tidegate.delivery.quantities import encode_quantity

T = TypeVar("T")
Responses = dict[int | str, dict[str, Any]]
_PROBLEM = {
    "description": "A problem; `code` says which.",
    "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
}


def told(shape: type[T], value: Any) -> T:
    """``value`` (a stored record, plain values) in one of the public shapes; what the shape lacks stays inside."""
    return msgspec.convert(plain(value), shape)


def plain(value: Any) -> Any:
    """A struct as dictionaries and lists, durations as seconds."""
    return msgspec.to_builtins(value, enc_hook=encode_quantity)


def reply(value: Any, status: int = 200, *, etag: int | None = None) -> Response:
    """``value`` as JSON."""
    headers = {"cache-control": "no-store"}
    if etag is not None:
        headers["etag"] = f'"{etag}"'
    return Response(msgspec.json.encode(value), status, headers, "application/json")


def page(rows: Sequence[T], limit: int, cursor_of: Callable[[T], str]) -> tuple[Sequence[T], str | None]:
    """At most ``limit`` of ``rows`` (one more was asked for), and the cursor if there are more."""
    if len(rows) <= limit:
        return rows, None
    return rows[:limit], cursor_of(rows[limit - 1])


def after(rows: Sequence[T], cursor: str | None, cursor_of: Callable[[T], str]) -> Sequence[T]:
    """What follows the row of ``cursor`` in a list that is read whole; all of it if that row is gone."""
    if cursor is None:
        return rows
    found = next((index for index, row in enumerate(rows, start=1) if cursor_of(row) == cursor), 0)
    return rows[found:]


def answers(
    shape: type | None, description: str, *, status: int = 200, media_type: str = "application/json"
) -> Responses:
    """OpenAPI's description of a route's answers."""
    schema = {"type": "string"} if shape is None else {"$ref": f"#/components/schemas/{shape.__name__}"}
    return {status: {"description": description, "content": {media_type: {"schema": schema}}}, "default": _PROBLEM}
