"""What the endpoints stand on, and how they ask for it: the control plane, the caller, repetition, conditions."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import msgspec
from fastapi import Depends, Header, Query, Request
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.api.admission import Admission
from tidegate.api.caller import Caller, Right
from tidegate.controller.control import Control
from tidegate.controller.operations import Idempotency
from tidegate.errors import InvalidInputError
from tidegate.registry.idempotency import request_digest
from tidegate.registry.registry import Registry


class Plane(msgspec.Struct, frozen=True):
    """Everything behind the API.

    Attributes:
        spool: folder for uploads on their way into the artifact store.
        closing: set when the process is about to stop, so that open streams end.
    """

    control: Control
    registry: Registry
    admission: Admission
    spool: Path
    closing: asyncio.Event


def plane_of(request: Request) -> Plane:
    """The plane of the app that serves this request."""
    plane: Plane = request.app.state.plane
    return plane


def _caller(request: Request) -> Caller:
    """Whom the guard let in, before it read the body."""
    caller: Caller = request.state.caller
    return caller


def _with(right: Right) -> Callable[..., Any]:
    async def checked(caller: Annotated[Caller, Depends(_caller)]) -> Caller:
        caller.need(right)
        return caller

    checked.right = right  # type: ignore[attr-defined]  # for the reference
    return checked


async def _idempotency(
    request: Request,
    key: Annotated[
        str | None,
        Header(
            alias="idempotency-key", max_length=200, description="Any text; a repetition gets the first answer again."
        ),
    ] = None,
) -> Idempotency | None:
    if key is None:
        return None
    target = f"{request.url.path}?{request.url.query}"
    return Idempotency(key=key, digest=request_digest(request.method, target, await request.body()))


def is_count(text: str) -> bool:
    """Whether ``text`` is a number that a database can hold."""
    return text.isascii() and text.isdecimal() and len(text) <= 18


async def _if_match(
    condition: Annotated[
        str | None,
        Header(alias="if-match", description="The ETag of what was looked at; changed since then: 412."),
    ] = None,
) -> int | None:
    if condition is None or condition.strip() == "*":
        return None
    text = condition.strip().removeprefix("W/").strip('"')
    if not is_count(text):
        raise InvalidInputError(
            f"{condition!r} is not an ETag of this API", code="bad_etag", where="If-Match", remedy="send it as it came"
        )
    return int(text)


Behind = Annotated[Plane, Depends(plane_of)]
Reader = Annotated[Caller, Depends(_with("read"))]
Speaker = Annotated[Caller, Depends(_with("say"))]
Operator = Annotated[Caller, Depends(_with("operate"))]
Approver = Annotated[Caller, Depends(_with("approve"))]
Admin = Annotated[Caller, Depends(_with("administer"))]
Once = Annotated[Idempotency | None, Depends(_idempotency)]
IfMatch = Annotated[int | None, Depends(_if_match)]
Limit = Annotated[int, Query(ge=1, le=500, description="Entries of one page.")]
Cursor = Annotated[str | None, Query(max_length=400, description="`next` of the page before.")]
Change = Callable[[AsyncConnection], Any]
