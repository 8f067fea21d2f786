"""Prompts: numbered versions that are never overwritten, and labels that move."""

from __future__ import annotations

import hashlib
from datetime import datetime

import msgspec
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.delivery.bundle import Bundle, PromptSpec
from tidegate.delivery.prompts import PromptReference, check_label, parse_prompt_reference
from tidegate.documents import nearest
from tidegate.errors import InvalidInputError, NotFoundError
from tidegate.registry import audit
from tidegate.registry.bundle_prompts import put_in
from tidegate.registry.bundle_rules import check_bundle
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.canonical import NotJsonError, canonical_json
from tidegate.registry.instants import from_text, to_text
from tidegate.registry.schema import prompt_labels, prompts

_ANY_MODEL = "any/model"  # a prompt is checked as the prompt of some bundle


class Prompt(msgspec.Struct, frozen=True, kw_only=True):
    """One version of a prompt.

    Attributes:
        number: from 1, never reused.
        digest: hex sha256 of its canonical content.
        labels: that point at this version, by name.
        is_new: whether this push made it.
    """

    name: str
    number: int
    digest: str
    content: PromptSpec
    note: str
    created_at: datetime
    created_by: str
    labels: tuple[str, ...] = ()
    is_new: bool = False

    @property
    def reference(self) -> str:
        """``greeting/v3``."""
        return f"{self.name}/v{self.number}"


async def push_prompt(
    connection: AsyncConnection, name: str, content: PromptSpec, *, note: str, actor: str, at: datetime
) -> Prompt:
    """Register the next version; content that the prompt has already is that version again.

    Raises:
        InvalidInputError: a bad name, or content that no bundle could have.
    """
    parse_prompt_reference(name)
    if "/" in name or "@" in name:
        raise InvalidInputError(f"{name!r} cannot name a prompt", remedy="lower-case letters, digits, - and .")
    _check(content)
    digest = hashlib.sha256(canonical_json(content)).hexdigest()
    known = await connection.scalar(
        sa.select(prompts.c.number).where(prompts.c.name == name, prompts.c.digest == digest)
    )
    if known is not None:
        return await get_prompt(connection, f"{name}/v{known}")
    latest = await connection.scalar(sa.select(sa.func.max(prompts.c.number)).where(prompts.c.name == name))
    number = int(latest or 0) + 1
    values = {
        "name": name,
        "number": number,
        "digest": digest,
        "content": canonical_json(content).decode(),
        "note": note,
        "created_at": to_text(at),
        "created_by": actor,
    }
    await connection.execute(sa.insert(prompts).values(values))
    detail = {"digest": digest, "note": note}
    await audit.append(connection, actor, "prompt.pushed", f"prompt:{name}/v{number}", detail, at)
    return msgspec.structs.replace(await get_prompt(connection, f"{name}/v{number}"), is_new=True)


async def set_label(connection: AsyncConnection, reference: str, label: str, *, actor: str, at: datetime) -> Prompt:
    """Point a label at a version; what had it before loses it.

    Raises:
        NotFoundError: no such version.
        InvalidInputError: a bad label.
    """
    check_label(label)
    found = await get_prompt(connection, reference)
    where = sa.and_(prompt_labels.c.name == found.name, prompt_labels.c.label == label)
    before = await connection.scalar(sa.select(prompt_labels.c.number).where(where))
    if before != found.number:
        await connection.execute(sa.delete(prompt_labels).where(where))
        await connection.execute(sa.insert(prompt_labels).values(name=found.name, label=label, number=found.number))
        detail = {"label": label, "from": before, "to": found.number}
        await audit.append(connection, actor, "prompt.labelled", f"prompt:{found.name}", detail, at)
    return await get_prompt(connection, found.reference)


async def get_prompt(connection: AsyncConnection, reference: str) -> Prompt:
    """The version that a reference names.

    Raises:
        InvalidInputError: it is no reference.
        NotFoundError: no such prompt, version or label; the remedy names what there is.
    """
    asked = parse_prompt_reference(reference)
    known = await _versions(connection, asked.name)
    if not known:
        names = list((await connection.execute(sa.select(prompts.c.name).distinct())).scalars())
        remedy = nearest(asked.name, names) if names else "push one with tidegate prompt push"
        raise NotFoundError(f"there is no prompt {asked.name!r}", code="unknown_prompt", remedy=remedy)
    for each in known:
        if _is_meant(asked, each):
            return each
    labels = ", ".join(label for each in known for label in each.labels) or "none"
    raise NotFoundError(
        f"there is no {reference}",
        code="unknown_prompt",
        remedy=f"it has v1 to v{known[0].number}, and the labels: {labels}",
    )


async def list_prompts(connection: AsyncConnection, name: str | None = None) -> list[Prompt]:
    """The newest version of each prompt by name, or every version of one, newest first."""
    if name is not None:
        return await _versions(connection, name)
    names = list((await connection.execute(sa.select(prompts.c.name).distinct().order_by(prompts.c.name))).scalars())
    return [(await _versions(connection, each))[0] for each in names]


async def with_prompt(connection: AsyncConnection, content: BundleContent) -> BundleContent:
    """The bundle with the prompt that it uses put in; one that uses none as it is.

    Raises:
        NotFoundError: it uses what is not there.
    """
    if content.bundle.prompt.use is None:
        return content
    found = await get_prompt(connection, content.bundle.prompt.use)
    return put_in(content, found.content, found.reference, found.digest)


def _is_meant(asked: PromptReference, version: Prompt) -> bool:
    if asked.label is not None:
        return asked.label in version.labels
    return asked.number is None or asked.number == version.number


def _check(content: PromptSpec) -> None:
    if content.use is not None:
        raise InvalidInputError("a prompt uses no other", where="use", remedy="write its content out")
    if content.system is None and not content.few_shot:
        raise InvalidInputError("the prompt says nothing", where="system", remedy="give system or few_shot")
    try:
        check_bundle(Bundle(model=_ANY_MODEL, prompt=content))
    except NotJsonError as error:
        raise InvalidInputError(str(error), where=".".join(map(str, error.path[1:]))) from None


async def _versions(connection: AsyncConnection, name: str) -> list[Prompt]:
    labels: dict[int, list[str]] = {}
    wanted = sa.select(prompt_labels).where(prompt_labels.c.name == name).order_by(prompt_labels.c.label)
    for row in await connection.execute(wanted):
        labels.setdefault(row.number, []).append(row.label)
    rows = await connection.execute(sa.select(prompts).where(prompts.c.name == name).order_by(prompts.c.number.desc()))
    return [
        Prompt(
            name=row.name,
            number=row.number,
            digest=row.digest,
            content=msgspec.json.decode(row.content, type=PromptSpec),
            note=row.note,
            created_at=from_text(row.created_at),
            created_by=row.created_by,
            labels=tuple(labels.get(row.number, ())),
        )
        for row in rows
    ]
