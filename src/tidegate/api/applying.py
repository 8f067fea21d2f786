"""Applying declared documents to a running control plane; the API and the start of control both do it here."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import suppress

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.api.transactions import tried
from tidegate.controller.applying import Applying, DeclaredChange, DeclaredChanges
from tidegate.controller.control import Control
from tidegate.controller.declared import Declared, read_declared
from tidegate.documents import Document
from tidegate.errors import NotFoundError
from tidegate.registry.artifacts import ArtifactStore
from tidegate.registry.bundle_tree import own_parts
from tidegate.registry.keys import Source, need_an_admin
from tidegate.registry.prompts import with_prompt
from tidegate.registry.push import store_artifacts


async def apply_documents(
    control: Control,
    artifacts: ArtifactStore,
    documents: Iterable[Document],
    *,
    actor: str,
    source: Source = "api",
    allow: Callable[[DeclaredChange], None] = lambda _: None,
    dry_run: bool = False,
) -> tuple[DeclaredChange, ...]:
    """Make the database say what the documents say, all of them or none; returns what became of each.

    Args:
        source: of keys; those of ``configuration`` that the documents no longer name are revoked.
        allow: raises for a change the actor may not make.
        dry_run: only find out.

    Raises:
        InvalidInputError, ConflictError, NotFoundError, ForbiddenError: nothing was changed.
        OperatorError: the store or the database refuses.
    """
    async with control.state.read() as connection:
        declared = await with_prompts(connection, read_declared(documents))

    async def change(connection: AsyncConnection) -> DeclaredChanges:
        applying = Applying(
            connection, control.allowance, actor=actor, at=control.clock.now(), source=source, allow=allow
        )
        outcome = await applying.apply(declared)
        if source == "api" and any(each.kind == "Key" and each.is_effective for each in outcome.changes):
            await need_an_admin(connection)  # a file at the start is its writer's own business
        return outcome

    if dry_run:
        return (await tried(control.state, change)).changes
    contents = [part for content in declared.contents for part in content.tree.values()]
    for spec in declared.releases:
        with suppress(NotFoundError):  # a version that these documents register themselves is derived from later
            derived = await control.operations.derived_contents(spec)
            contents += [part for content in derived for part in own_parts(content)]
    reused = await store_artifacts(artifacts, contents)
    outcome = await control.state.transact(change)
    await store_artifacts(artifacts, reused)  # a sweep that ran before the commit may have taken them
    control.secrets.update(outcome.secrets)
    return outcome.changes


async def with_prompts(connection: AsyncConnection, declared: Declared) -> Declared:
    """What was declared, with the registered prompts that its bundles use put in.

    Raises:
        NotFoundError: a bundle uses a prompt that is not there.
    """
    services = [
        each
        if each.stable is None
        else msgspec.structs.replace(each, stable=await with_prompt(connection, each.stable))
        for each in declared.services
    ]
    bundles = [await with_prompt(connection, each) for each in declared.bundles]
    return msgspec.structs.replace(declared, services=tuple(services), bundles=tuple(bundles))
