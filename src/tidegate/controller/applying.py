"""Makes the database say what was declared: idempotent, in one transaction, and never by replacing a version.

Versions move by releases. So an inline ``stable`` gives a service its first version; once there is another
one, it is only reported that they differ.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any, Literal

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.allowance import Allowance
from tidegate.controller.arms import named_version
from tidegate.controller.declared import Declared, DeclaredKey, DeclaredService
from tidegate.controller.submission import accept_release
from tidegate.delivery.differences import difference, lines
from tidegate.delivery.experiments.declared import variants_of
from tidegate.delivery.judging import JudgeSpec
from tidegate.delivery.quantities import encode_quantity
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.delivery.service import ProviderSpec
from tidegate.delivery.version import FIRST
from tidegate.registry.bundle_tree import BundleContent
from tidegate.registry.judges import find_judge, put_judge
from tidegate.registry.keys import Source, find_key, list_keys, put_key, revoke_key
from tidegate.registry.providers import credential_reference, find_provider, put_provider
from tidegate.registry.push import Wanted, register_content
from tidegate.registry.releases import list_releases, unfinished_of
from tidegate.registry.services import Service, find_service, get_service, put_service, set_first_stable
from tidegate.registry.versions import get_version, latest_version, resolve

Kind = Literal["Provider", "Key", "Service", "Judge", "Bundle", "Release"]
Action = Literal["created", "updated", "unchanged", "differs"]
_MOST_LINES = 20
_REMEMBERED_RELEASES = 20
_APPLIED = "applied"


class DeclaredChange(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one declared thing; ``detail`` has one line for each change."""

    kind: Kind
    name: str
    action: Action
    detail: tuple[str, ...] = ()

    @property
    def is_effective(self) -> bool:
        """Whether something was written."""
        return self.action in {"created", "updated"}


class DeclaredChanges(msgspec.Struct, frozen=True, kw_only=True):
    """What became of everything.

    Attributes:
        secrets: ``memory:NAME`` -> literal credential, for the process to hold.
    """

    changes: tuple[DeclaredChange, ...]
    secrets: dict[str, str] = {}


class Applying:
    """One run inside the caller's transaction.

    Args:
        allowance: what releases may do here.
        source: of keys: those of the configuration file follow the file, others stay.
        allow: called with each effective change; raises to refuse them all.
    """

    def __init__(
        self,
        connection: AsyncConnection,
        allowance: Allowance,
        *,
        actor: str,
        at: datetime,
        source: Source = "api",
        allow: Callable[[DeclaredChange], None] = lambda _: None,
    ) -> None:
        self._connection = connection
        self._allowance = allowance
        self._actor = actor
        self._at = at
        self._source = source
        self._allow = allow
        self._secrets: dict[str, str] = {}

    async def apply(self, declared: Declared) -> DeclaredChanges:
        """Write what differs; artifacts of the bundles are the caller's to store.

        Raises:
            InvalidInputError, ConflictError, NotFoundError: something cannot be as declared; roll everything back.
        """
        changes = [await self._provider(name, spec) for name, spec in declared.providers]
        changes += await self._keys(declared.keys)
        for service in declared.services:
            changes += await self._service(service)
        changes += [await self._judge(name, spec) for name, spec in declared.judges]
        changes += [await self._bundle(content) for content in declared.bundles]
        changes += [await self._release(spec) for spec in declared.releases]
        for change in changes:
            if change.is_effective:
                self._allow(change)
        return DeclaredChanges(changes=tuple(changes), secrets=self._secrets)

    async def _provider(self, name: str, spec: ProviderSpec) -> DeclaredChange:
        before = await find_provider(self._connection, name)
        made = await put_provider(self._connection, name, spec, actor=self._actor, at=self._at)
        self._secrets |= {f"memory:{held}": literal for held, literal in made.secrets.items()}
        stored = msgspec.structs.replace(spec, api_key=credential_reference(name, spec.api_key)[0])
        return _change("Provider", name, None if before is None else before.spec, stored)

    async def _keys(self, declared: tuple[DeclaredKey, ...]) -> list[DeclaredChange]:
        changes = []
        names = {key.name for key in declared}
        if self._source == "configuration":  # first, so that a secret may move from one name to another
            for known in await list_keys(self._connection):
                if known.source == "configuration" and known.name not in names:
                    await revoke_key(self._connection, known.name, actor=self._actor, at=self._at)
                    changes.append(DeclaredChange(kind="Key", name=known.name, action="updated", detail=("revoked",)))
        return changes + [await self._key(key) for key in declared]

    async def _key(self, key: DeclaredKey) -> DeclaredChange:
        before = await find_key(self._connection, key.name)
        is_changed = await put_key(
            self._connection,
            key.name,
            key.digest,
            roles=key.roles,
            services=key.services,
            limits=key.key_limits,
            source=self._source,
            actor=self._actor,
            at=self._at,
        )
        action: Action = "unchanged" if not is_changed else "created" if before is None else "updated"
        return DeclaredChange(kind="Key", name=key.name, action=action)

    async def _service(self, declared: DeclaredService) -> list[DeclaredChange]:
        before = await find_service(self._connection, declared.name)
        await put_service(self._connection, declared.name, declared.spec, actor=self._actor, at=self._at)
        changed = _change("Service", declared.name, None if before is None else before.spec, declared.spec)
        if declared.stable is None:
            return [changed]
        return [changed, await self._stable(declared.name, declared.stable)]

    async def _stable(self, name: str, content: BundleContent) -> DeclaredChange:
        service = await get_service(self._connection, name)
        if service.stable is not None:
            return await self._compared(service, service.stable, content)
        unfinished = await unfinished_of(self._connection, name)
        if unfinished:
            waits = f"release {unfinished[0].id} is about to give {name} its first version"
            return DeclaredChange(kind="Bundle", name=f"{name}@stable", action="differs", detail=(waits,))
        is_first = await latest_version(self._connection, name) is None
        wanted = Wanted(service=name, number=content.number or (FIRST if is_first else None))
        pushed = await register_content(self._connection, content, wanted, actor=self._actor, at=self._at)
        await set_first_stable(self._connection, name, pushed.ref, actor=self._actor, at=self._at)
        detail = (f"{pushed.ref} is what {name} serves now", *pushed.warnings)
        return DeclaredChange(kind="Bundle", name=pushed.ref, action="created", detail=detail)

    async def _compared(self, service: Service, stable: str, content: BundleContent) -> DeclaredChange:
        running = await get_version(self._connection, stable)
        if running.digest == content.digest:
            return DeclaredChange(kind="Bundle", name=stable, action="unchanged")
        told = (
            f"the stable version {stable} stays; push this content and release it to change what users get",
            *lines(difference(running.bundle, content.bundle))[:_MOST_LINES],
        )
        return DeclaredChange(kind="Bundle", name=f"{service.name}@stable", action="differs", detail=told)

    async def _judge(self, name: str, spec: JudgeSpec) -> DeclaredChange:
        before = await find_judge(self._connection, name)
        await put_judge(self._connection, name, spec, actor=self._actor, at=self._at)
        return _change("Judge", name, before, spec)

    async def _bundle(self, content: BundleContent) -> DeclaredChange:
        pushed = await register_content(self._connection, content, Wanted(), actor=self._actor, at=self._at)
        action: Action = "created" if pushed.created else "unchanged"
        detail = tuple(line for line in (pushed.reason, *pushed.warnings) if line)
        return DeclaredChange(kind="Bundle", name=pushed.ref, action=action, detail=detail)

    async def _release(self, spec: ReleaseSpec) -> DeclaredChange:
        """A file that is applied again and again starts its release once, whatever became of it."""
        version = await resolve(self._connection, named_version(spec), spec.service)
        arms = variants_of(spec)  # an experiment's winner may have become its candidate
        known = await list_releases(
            self._connection,
            service=spec.service,
            candidate=None if arms else version.ref,
            limit=_REMEMBERED_RELEASES,
        )
        for row in known:
            if msgspec.structs.replace(row.spec, version=spec.version) == spec:
                detail = f"release {row.id} of {version.ref} is {row.phase}"
                return DeclaredChange(kind="Release", name=row.id, action="unchanged", detail=(detail,))
        if not arms and (await get_service(self._connection, spec.service)).stable == version.ref:
            detail = f"{version.ref} is the stable version already"
            return DeclaredChange(kind="Release", name=version.ref, action="unchanged", detail=(detail,))
        row = await accept_release(
            self._connection, spec, self._allowance, actor=self._actor, reason=_APPLIED, now=self._at
        )
        return DeclaredChange(kind="Release", name=row.id, action="created", detail=(f"{row.candidate} is on its way",))


def _change(kind: Kind, name: str, before: Any, after: Any) -> DeclaredChange:
    """Compare two specs field by field."""
    if before is None:
        return DeclaredChange(kind=kind, name=name, action="created")
    old, new = (msgspec.to_builtins(each, enc_hook=encode_quantity) for each in (before, after))
    detail = tuple(
        f"{field}: {_shown(old.get(field))} → {_shown(new.get(field))}"
        for field in sorted({*old, *new})
        if old.get(field) != new.get(field)
    )
    return DeclaredChange(kind=kind, name=name, action="updated" if detail else "unchanged", detail=detail)


def _shown(value: Any) -> str:
    return "not set" if value is None else msgspec.json.encode(value).decode()
