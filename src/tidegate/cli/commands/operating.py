"""``promote`` … ``reject``, ``rollback``, ``freeze``, ``unfreeze``: what people decide."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import OptionalServiceArgument, ReasonOption, ReleaseArgument, ServiceArgument
from tidegate.cli.commands.panels import OPERATE
from tidegate.cli.session import Session

if TYPE_CHECKING:
    from tidegate.shapes.releases import Release

IfMatchOption = Annotated[
    int | None, typer.Option("--if-match", metavar="ETAG", help="Only if the release is still at this etag.")
]
AllOption = Annotated[bool, typer.Option("--all", help="Every service.")]
NeededReasonOption = Annotated[str, typer.Option("--reason", help="Why, for the record; needed.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "promote", example="tidegate promote support-bot --full", panel=OPERATE)(promote)
    api_command(app, "pause", example="tidegate pause support-bot --reason 'looking into it'", panel=OPERATE)(pause)
    api_command(app, "resume", example="tidegate resume support-bot", panel=OPERATE)(resume)
    api_command(app, "abort", example="tidegate abort support-bot --reason 'wrong prompt'", panel=OPERATE)(abort)
    api_command(app, "retry", example="tidegate retry support-bot --reason 'quota raised'", panel=OPERATE)(retry)
    api_command(app, "approve", example="tidegate approve support-bot", panel=OPERATE)(approve)
    api_command(app, "reject", example="tidegate reject support-bot --reason 'tone'", panel=OPERATE)(reject)
    api_command(app, "rollback", example="tidegate rollback support-bot --reason 'complaints'", panel=OPERATE)(rollback)
    api_command(app, "freeze", example="tidegate freeze --all --reason 'provider incident'", panel=OPERATE)(freeze)
    api_command(app, "unfreeze", example="tidegate unfreeze --all --reason 'it is over'", panel=OPERATE)(unfreeze)


def promote(
    session: Session,
    release: ReleaseArgument,
    full: Annotated[
        bool, typer.Option("--full", help="Skip every further soak, never hard limits or the bake.")
    ] = False,
    reason: ReasonOption = "",
    if_match: IfMatchOption = None,
) -> None:
    """Go on now instead of after the soak."""
    found = _found(session, release)
    _accepted(session, session.client.promote(found.id, full=full, reason=reason, etag=_etag(found, if_match)))


def pause(session: Session, release: ReleaseArgument, reason: ReasonOption = "") -> None:
    """Go no further until resumed; guardrails stay armed."""
    _accepted(session, session.client.pause(_found(session, release).id, reason=reason))


def resume(
    session: Session, release: ReleaseArgument, reason: ReasonOption = "", if_match: IfMatchOption = None
) -> None:
    """Let a paused release go on."""
    found = _found(session, release)
    _accepted(session, session.client.resume(found.id, reason=reason, etag=_etag(found, if_match)))


def abort(session: Session, release: ReleaseArgument, reason: ReasonOption = "") -> None:
    """End a release before promotion: all traffic to stable; always accepted."""
    _accepted(session, session.client.abort(_found(session, release).id, reason=reason))


def retry(session: Session, release: ReleaseArgument, reason: NeededReasonOption) -> None:
    """Try a release that was rolled back or rejected once more."""
    _accepted(session, session.client.retry(_found(session, release).id, reason=reason))


def approve(session: Session, release: ReleaseArgument, reason: ReasonOption = "") -> None:
    """Let an approve step pass."""
    _accepted(session, session.client.approve(_found(session, release).id, reason=reason))


def reject(session: Session, release: ReleaseArgument, reason: ReasonOption = "") -> None:
    """Do not let an approve step pass: the release rolls back."""
    _accepted(session, session.client.reject(_found(session, release).id, reason=reason))


def rollback(
    session: Session,
    service: ServiceArgument,
    to: Annotated[
        str | None,
        typer.Option("--to", metavar="VERSION", help="Where to return to; else the previous stable version."),
    ] = None,
    reason: ReasonOption = "",
    is_listing: Annotated[bool, typer.Option("--list", help="Only show where it may return to.")] = False,
) -> None:
    """Bring a service back: end its running release, or release the earlier version."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.releases import targets_table

    if is_listing:
        targets = session.client.rollback_targets(service)
        session.answer(targets, lambda: targets_table(targets, now()))
        return
    _accepted(session, session.client.rollback(service, to=to, reason=reason))


def freeze(
    session: Session, reason: NeededReasonOption, service: OptionalServiceArgument = None, everything: AllOption = False
) -> None:
    """Send a service, or all, to stable and stop all forward movement."""
    scope = _scope(service, everything=everything)
    frozen = session.client.freeze(scope, reason=reason)
    session.answer(frozen, lambda: [f"{_named(frozen.scope)} frozen at stable: {frozen.reason}"])


def unfreeze(
    session: Session, service: OptionalServiceArgument = None, everything: AllOption = False, reason: ReasonOption = ""
) -> None:
    """Lift a freeze; releases go on."""
    scope = _scope(service, everything=everything)
    remaining = session.client.unfreeze(scope, reason=reason).items
    rest = f" Still frozen: {', '.join(_named(each.scope) for each in remaining)}." if remaining else ""
    session.answer({"freezes": remaining}, lambda: [f"The freeze of {_named(scope)} is lifted.{rest}"])


def _found(session: Session, release: str) -> Release:
    from tidegate.cli.choosing import find_release

    return find_release(session.client, release)


def _etag(found: Release, if_match: int | None) -> int:
    return found.etag if if_match is None else if_match


def _accepted(session: Session, release: Release) -> None:
    from tidegate.cli.clock import now
    from tidegate.cli.views.releases import release_lines

    session.answer(
        release, lambda: ["Accepted; `tidegate status -w` shows what comes of it.", *release_lines(release, now())]
    )


def _scope(service: str | None, *, everything: bool) -> str:
    from tidegate.errors import InvalidInputError

    if (service is None) != everything:
        raise InvalidInputError("it is not clear what is meant", remedy="name one service, or --all")
    return service or "*"


def _named(scope: str) -> str:
    return "every service" if scope == "*" else scope
