"""Prompts: pushed, read, compared and labelled."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlalchemy.ext.asyncio import AsyncConnection
from starlette.responses import Response

from tidegate.api.plane import Behind, Cursor, Limit, Once, Operator, Reader
from tidegate.api.replies import after, answers, page, plain, reply
from tidegate.api.transactions import done_once
from tidegate.delivery.bundle import Bundle, PromptSpec
from tidegate.delivery.differences import difference, lines
from tidegate.documents import Document, decode
from tidegate.registry import prompts
from tidegate.shapes.prompts import Prompt, PromptDifference, Prompts

router = APIRouter(tags=["prompts"])


class PromptBody(BaseModel):
    """The next version of a prompt."""

    model_config = ConfigDict(extra="forbid")
    name: str = Field(description="Lower-case letters, digits, - and .")
    content: dict[str, Any] = Field(description="system, few_shot, system_policy, variables, as in a bundle.")
    note: str = Field(default="", max_length=2_000)
    labels: list[str] = Field(default=[], description="Pointed at this version.", max_length=20)


class LabelBody(BaseModel):
    """What a label is to point at."""

    model_config = ConfigDict(extra="forbid")
    label: str


@router.get("/prompts", responses=answers(Prompts, "A page of prompts."))
async def list_prompts(
    plane: Behind,
    _caller: Reader,
    name: Annotated[str | None, Query(description="Every version of this one, newest first.")] = None,
    limit: Limit = 100,
    cursor: Cursor = None,
) -> Response:
    """The newest version of each prompt, or every version of one."""
    async with plane.control.state.read() as connection:
        found = await prompts.list_prompts(connection, name)
    shown, following = page(after(found, cursor, lambda row: row.reference), limit, lambda row: row.reference)
    return reply(Prompts(items=tuple(map(_view, shown)), next=following))


@router.post("/prompts", responses=answers(Prompt, "The version, new or existing."))
async def push_prompt(plane: Behind, caller: Operator, body: PromptBody, once: Once) -> Response:
    """Register the next version of a prompt; content that it has already is that version again."""
    caller.need_everything()
    content = decode(Document(body.content, "content"), PromptSpec)
    now = plane.control.clock.now()

    async def change(connection: AsyncConnection) -> Prompt:
        made = await prompts.push_prompt(connection, body.name, content, note=body.note, actor=caller.name, at=now)
        found = made
        for label in body.labels:
            found = await prompts.set_label(connection, made.reference, label, actor=caller.name, at=now)
        return _view(found, is_new=made.is_new)

    return reply(await done_once(plane.control.state, plane.control.clock, change, Prompt, caller.name, once))


@router.get("/prompt-diff", responses=answers(PromptDifference, "What changed."))
async def compare_prompts(
    plane: Behind,
    _caller: Reader,
    a: Annotated[str, Query(description="Before: NAME, NAME/v3 or NAME@label.")],
    b: Annotated[str, Query(description="After.")],
) -> Response:
    """What changed from one version of a prompt to another, read like a review."""
    async with plane.control.state.read() as connection:
        before, changed = [await prompts.get_prompt(connection, reference) for reference in (a, b)]
    found = difference(*(Bundle(model="any/model", prompt=each.content) for each in (before, changed)))
    told = tuple(lines(found))
    return reply(
        PromptDifference(before=before.reference, after=changed.reference, is_empty=found.is_empty, lines=told)
    )


@router.get("/prompts/{ref:path}", responses=answers(Prompt, "The version."))
async def read_prompt(plane: Behind, _caller: Reader, ref: str) -> Response:
    """One version of a prompt: NAME (the newest), NAME/v3 or NAME@label."""
    async with plane.control.state.read() as connection:
        return reply(_view(await prompts.get_prompt(connection, ref)))


@router.put("/prompts/{ref:path}", responses=answers(Prompt, "The version with its labels."))
async def label_prompt(plane: Behind, caller: Operator, ref: str, body: LabelBody) -> Response:
    """Point a label at a version; what had it before loses it. Versions of services stay what they are."""
    caller.need_everything()
    now = plane.control.clock.now()

    async def change(connection: AsyncConnection) -> Prompt:
        return _view(await prompts.set_label(connection, ref, body.label, actor=caller.name, at=now))

    return reply(await plane.control.state.transact(change))


def _view(found: prompts.Prompt, *, is_new: bool = False) -> Prompt:
    return Prompt(
        ref=found.reference,
        name=found.name,
        number=found.number,
        digest=found.digest,
        content=plain(found.content),
        note=found.note,
        created_at=found.created_at,
        created_by=found.created_by,
        labels=found.labels,
        is_new=is_new,
    )
