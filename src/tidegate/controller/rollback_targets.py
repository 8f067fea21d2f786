"""Where a service may return to, and whether it still can."""

from __future__ import annotations

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.submission import need_reason_for_unstable
from tidegate.delivery.release import Phase
from tidegate.errors import ConflictError
from tidegate.registry.providers import find_provider
from tidegate.registry.releases import ReleaseRow, list_releases, unfinished_of
from tidegate.registry.services import Service, get_service
from tidegate.registry.versions import get_version
from tidegate.shapes.operations import RollbackTarget, RollbackTargets

_LOOKED_THROUGH = 200  # releases


async def rollback_targets(connection: AsyncConnection, name: str) -> RollbackTargets:
    """The previous stable version first, then what was stable before, newest first.

    Raises:
        NotFoundError: no such service.
    """
    service = await get_service(connection, name)
    past = await list_releases(connection, service=name, limit=_LOOKED_THROUGH)
    draining = [row for row in await unfinished_of(connection, name) if row.phase is Phase.DRAINING]
    warm = {row.state.stable for row in draining}
    items = [await _target(connection, service, reference, past, warm) for reference in _stable_once(service, past)]
    return RollbackTargets(service=name, stable=service.stable, items=tuple(items))


async def need_target(connection: AsyncConnection, reference: str, reason: str) -> None:
    """Refuse a way back that leads nowhere.

    Raises:
        ConflictError: the version cannot serve any more.
        InvalidInputError: it was rolled back itself, and no reason is given.
    """
    gone = await _gone(connection, reference)
    if gone:
        raise ConflictError(
            f"{reference} cannot serve any more: {gone}",
            code="target_gone",
            remedy="`tidegate rollback SERVICE --list` shows where it may return to",
        )
    need_reason_for_unstable(reference, (await get_version(connection, reference)).unstable, reason)


def _stable_once(service: Service, past: list[ReleaseRow]) -> list[str]:
    """Every version that was stable and is not now, the previous one first."""
    committed = [row for row in past if row.phase in {Phase.SUCCEEDED, Phase.DRAINING}]
    named = [service.previous_stable, *(ref for row in committed for ref in (row.candidate, row.state.stable))]
    return [ref for ref in dict.fromkeys(named) if ref is not None and ref != service.stable]


async def _target(
    connection: AsyncConnection, service: Service, reference: str, past: list[ReleaseRow], warm: set[str | None]
) -> RollbackTarget:
    version = await get_version(connection, reference)
    ended = [row.ended_at or row.created_at for row in past if row.state.stable == reference]
    return RollbackTarget(
        version=reference,
        is_previous=reference == service.previous_stable,
        is_warm=reference in warm,
        was_stable_at=ended[0] if ended else None,
        unstable=version.unstable or "",
        gone=await _gone(connection, reference),
    )


async def _gone(connection: AsyncConnection, reference: str) -> str:
    provider = (await get_version(connection, reference)).bundle.provider
    if await find_provider(connection, provider) is None:
        return f"its provider {provider!r} is not configured any more"
    return ""
