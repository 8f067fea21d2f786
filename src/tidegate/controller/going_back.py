"""The way back of a service: by the end of its running release, or by a release of an earlier version."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.allowance import Allowance
from tidegate.controller.rollback_targets import need_target
from tidegate.controller.submission import accept_release
from tidegate.delivery.release import Phase
from tidegate.delivery.release_file import parse_release
from tidegate.delivery.release_spec import ReleaseSpec
from tidegate.errors import ConflictError
from tidegate.registry.releases import ReleaseRow, list_releases, unfinished_of
from tidegate.registry.services import Service

_ROLLBACK = "rollback to "  # how the reason of a release begins that is itself a way back


def ends_running(running: ReleaseRow, target: str | None) -> bool:
    """Whether going back means ending the running release: not if it is the way back itself, and not if the
    wanted version is neither of its two."""
    if running.phase is Phase.ROLLING_BACK:
        return target in {None, running.stable}
    if target is not None:
        return target == running.state.stable
    return not running.reason.startswith(_ROLLBACK)


async def release_earlier(
    connection: AsyncConnection,
    service: Service,
    target: str | None,
    allowance: Allowance,
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> ReleaseRow:
    """Release ``target``, or the previous stable version; asked again, the release that was accepted for it.

    Raises:
        ConflictError: there is nothing to return to, or it cannot serve any more.
        InvalidInputError: the version was rolled back itself, and no reason is given.
    """
    is_named, target = target is not None, target or service.previous_stable
    if target is None:
        raise ConflictError(
            f"service {service.name!r} had no version before {service.stable or 'its first'}",
            code="nothing_to_return_to",
            remedy="name a version with --to",
        )
    for row in await unfinished_of(connection, service.name):
        if row.candidate == target:
            return row
    if target == service.stable:
        latest = await list_releases(connection, service=service.name, candidate=target, limit=1)
        if latest:
            return latest[0]
        raise ConflictError(f"{target} is the stable version already", code="already_stable")
    await need_target(connection, target, reason if is_named else _ROLLBACK)  # the one way back asks for no reason
    why = f"{_ROLLBACK}{target}: {reason}" if reason else f"{_ROLLBACK}{target}"
    return await accept_release(connection, _spec(service.name, target), allowance, actor=actor, reason=why, now=now)


def _spec(service: str, version: str) -> ReleaseSpec:
    """A direct release that waits for nobody.

    One answered probe shows that the version still works; a release in the making gives way.
    """
    return parse_release(
        {
            "kind": "Release",
            "service": service,
            "version": version,
            "strategy": {"direct": {"promote": {"bake": "10s"}}},
            "probe": {"requests": 1, "timeout": "2m"},
            "when_running": "supersede",
        }
    )
