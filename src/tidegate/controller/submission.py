"""Accepts a release, or says why not: everything that can be known before the controller looks at it."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime, timedelta

import msgspec
from sqlalchemy.ext.asyncio import AsyncConnection

from tidegate.controller.allowance import Allowance
from tidegate.controller.arms import resolve_arms
from tidegate.controller.capabilities import check_capabilities
from tidegate.controller.judges_of_releases import need_judges, with_win_rates
from tidegate.delivery.release import Phase, ReleaseSpec, new_release
from tidegate.delivery.strategy import strategy_name
from tidegate.errors import ConflictError, InvalidInputError
from tidegate.registry import audit
from tidegate.registry.identifiers import id_instant, new_id
from tidegate.registry.releases import ReleaseRow, add_intent, insert_release, list_releases, unfinished_of
from tidegate.registry.services import Service, get_service
from tidegate.registry.versions import resolve

_REMEMBERED_RELEASES = 20  # of one version, in which an automatic rollback is looked for


async def accept_release(
    connection: AsyncConnection, spec: ReleaseSpec, allowance: Allowance, *, actor: str, reason: str, now: datetime
) -> ReleaseRow:
    """Write the release down as pending; for the stable version, end what is running instead.

    Raises:
        NotFoundError: no such service or version.
        InvalidInputError: the strategy asks what this service cannot do, the version is known as unstable and no
            reason is given, or the release asks for what this installation does not allow.
        ConflictError: another release is running and this one is to be rejected then, or the version is
            stable or on trial already.
    """
    service = await get_service(connection, spec.service)
    await need_judges(connection, spec, service.spec)
    spec = await with_win_rates(connection, spec)
    arms = await resolve_arms(connection, spec, service, actor=actor, now=now)
    version = await resolve(connection, next(iter(arms.values()), spec.version), spec.service)
    candidate = version.ref
    allowance.check(spec)
    unfinished = await unfinished_of(connection, service.name)
    if candidate == service.stable and not arms and not _waits_for_another(unfinished):
        return await _return_to_stable(connection, service, unfinished, actor=actor, reason=reason, now=now)
    await check_capabilities(connection, spec, service, version)
    _check_others(spec, service, arms.values() or (candidate,), unfinished)
    need_reason_for_unstable(candidate, version.unstable, reason)
    identifier = new_id("rel", await _after_the_latest(connection, service.name, now))
    state = new_release(
        release_id=identifier, service=service.name, candidate=candidate, stable=service.stable, now=now, arms=arms
    )
    not_before_at = await _cooled_down_at(connection, service.name, candidate)
    if not_before_at is not None and not_before_at > now:
        state = msgspec.structs.replace(state, not_before_at=not_before_at)
    row = await insert_release(connection, spec=spec, state=state, actor=actor, reason=reason)
    detail = {
        "service": service.name,
        "version": candidate,
        "stable": service.stable,
        "strategy": strategy_name(spec.strategy),
        "reason": reason,
    }
    await audit.append(connection, actor, "release.submitted", row.id, detail, now)
    if spec.when_running == "supersede":
        waiting = [other for other in unfinished if other.phase is Phase.PENDING]
        await _abort(connection, waiting, actor=actor, reason=f"release {row.id} takes its place", now=now)
    return row


def need_reason_for_unstable(reference: str, unstable: str | None, reason: str) -> None:
    """A version that was rolled back automatically is tried again only on purpose.

    Raises:
        InvalidInputError: it was, and no reason is given.
    """
    if unstable and not reason.strip():
        raise InvalidInputError(
            f"{reference} is known as unstable: {unstable}",
            code="unstable_version",
            remedy="say with a reason (--reason) why it may be tried again, or push a new version",
        )


def _waits_for_another(unfinished: list[ReleaseRow]) -> bool:
    """While a commit drains, *stable* is the version on trial, and asking for it is no way back."""
    return any(row.phase is Phase.ROLLING_BACK for row in unfinished)


async def _return_to_stable(
    connection: AsyncConnection,
    service: Service,
    unfinished: list[ReleaseRow],
    *,
    actor: str,
    reason: str,
    now: datetime,
) -> ReleaseRow:
    before_promotion = [row for row in unfinished if row.candidate != service.stable]
    if before_promotion:
        why = reason or f"{service.stable} is to stay"
        await _abort(connection, before_promotion, actor=actor, reason=why, now=now)
        return before_promotion[0]
    known = await list_releases(connection, service=service.name, candidate=service.stable, limit=1)
    if known:
        return known[0]
    raise ConflictError(f"{service.stable} is the stable version already", code="already_stable")


async def _abort(
    connection: AsyncConnection, rows: list[ReleaseRow], *, actor: str, reason: str, now: datetime
) -> None:
    for row in rows:
        await add_intent(connection, row.id, "abort", actor=actor, reason=reason, now=now, detail={})
        await audit.append(connection, actor, "intent.abort", row.id, {"service": row.service, "reason": reason}, now)


def _check_others(spec: ReleaseSpec, service: Service, on_trial: Collection[str], unfinished: list[ReleaseRow]) -> None:
    for row in unfinished:
        known = next((version for version in on_trial if version in row.state.versions), None)
        if known is not None and row.phase is not Phase.ROLLING_BACK:
            raise ConflictError(
                f"{known} is on trial already, in release {row.id} ({row.phase})",
                code="release_exists",
                remedy=f"follow it with `tidegate wait {row.id} --for promoted`",
            )
    if unfinished and spec.when_running == "reject":
        raise ConflictError(
            f"release {unfinished[0].id} of {service.name} is {unfinished[0].phase}",
            code="release_running",
            remedy="wait for it, abort it, or submit with when_running: queue or supersede",
        )


async def _after_the_latest(connection: AsyncConnection, service: str, now: datetime) -> datetime:
    """An instant for the id: the queue is in the order of ids, also when the clock stands still or went back."""
    latest = await list_releases(connection, service=service, limit=1)
    return max(now, id_instant(latest[0].id) + timedelta(microseconds=1)) if latest else now


async def _cooled_down_at(connection: AsyncConnection, service: str, candidate: str) -> datetime | None:
    """When the same content may be tried again after its last automatic rollback."""
    earlier = await list_releases(connection, service=service, candidate=candidate, limit=_REMEMBERED_RELEASES)
    failed = [row for row in earlier if row.ended_at and row.state.breach and row.state.breach.opens_incident]
    if not failed:
        return None
    ended_at = failed[0].ended_at
    return None if ended_at is None else ended_at + timedelta(seconds=failed[0].spec.rollback.cooldown)
