"""``incidents``, ``notifications``, ``audit``, ``gateways``, ``metrics``: what was written down."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import LimitOption, ServiceOption
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.failures import FAILED
from tidegate.cli.group import subcommands
from tidegate.cli.session import Session

IncidentArgument = Annotated[str, typer.Argument(metavar="INCIDENT", help="Its id.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    happened = subcommands(
        app, "incidents", "Automatic rollbacks and what is known of them.", default="list", panel=RECORDS
    )
    api_command(happened, "list", example="tidegate incidents --service support-bot", panel=RECORDS)(incidents)
    api_command(happened, "show", example="tidegate incidents show inc_01k5c8z3q2v7m4xw", panel=RECORDS)(incident)
    api_command(happened, "note", example="tidegate incidents note INCIDENT 'The quota was too low.'", panel=RECORDS)(
        note_incident
    )
    api_command(happened, "export", example="tidegate incidents export INCIDENT > post-mortem.md", panel=RECORDS)(
        export_incident
    )
    told = subcommands(
        app, "notifications", "What was told to whom, and what could not be.", default="list", panel=RECORDS
    )
    api_command(told, "list", example="tidegate notifications --standing dead", panel=RECORDS)(notifications)
    api_command(told, "retry", example="tidegate notifications retry 120", panel=RECORDS)(retry_notification)
    audits = subcommands(app, "audit", "The audit log: every change, chained by hashes.", default="list", panel=RECORDS)
    api_command(audits, "list", example="tidegate audit --limit 100", panel=RECORDS)(audit)
    api_command(audits, "verify", example="tidegate audit verify --head 120:9f86d081", panel=RECORDS)(audit_verify)
    api_command(app, "gateways", example="tidegate gateways", panel=RECORDS)(gateways)
    api_command(app, "metrics", example="tidegate metrics", panel=RECORDS)(metrics)


def incidents(session: Session, service: ServiceOption = None, limit: LimitOption = 50) -> None:
    """List automatic rollbacks, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.incidents import incidents_table

    client = session.client
    found = collect(
        lambda size, cursor: client.incidents(service=service, limit=size, cursor=cursor),
        lambda page: page.incidents,
        limit,
    )
    session.answer({"incidents": found}, lambda: incidents_table(found, now()))


def incident(session: Session, incident: IncidentArgument) -> None:
    """Show one incident: trigger, evidence as it stood, the way back instant by instant, notes."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.incidents import incident_lines

    found = session.client.incident(incident)
    session.answer(found, lambda: incident_lines(found, now()))


def note_incident(
    session: Session,
    incident: IncidentArgument,
    text: Annotated[str, typer.Argument(metavar="TEXT", help="Added as it is; notes are never changed.")],
) -> None:
    """Add a note to an incident."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.incidents import incident_lines

    noted = session.client.note_incident(incident, text)
    session.answer(noted, lambda: incident_lines(noted, now()))


def export_incident(session: Session, incident: IncidentArgument) -> None:
    """Write an incident as Markdown: a post-mortem to go on writing."""
    page = session.client.incident_markdown(incident)
    session.answer({"incident": incident, "markdown": page}, page.splitlines)


def notifications(
    session: Session,
    sink: Annotated[str | None, typer.Option("--sink", help="Only to this sink; the log's are shown only so.")] = None,
    standing: Annotated[
        Literal["waiting", "sent", "dead"] | None, typer.Option("--standing", help="What became of it.")
    ] = None,
    release: Annotated[str | None, typer.Option("--release", metavar="ID", help="Only of this release.")] = None,
    limit: LimitOption = 50,
) -> None:
    """List what was told, waits to be told, or was given up, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.incidents import notifications_table

    client = session.client
    found = collect(
        lambda size, cursor: client.notifications(
            sink=sink, standing=standing, release=release, limit=size, cursor=cursor
        ),
        lambda page: page.items,
        limit,
    )
    session.answer({"notifications": found}, lambda: notifications_table(found, now()))


def retry_notification(
    session: Session, number: Annotated[int, typer.Argument(metavar="NUMBER", min=1, help="As the list shows it.")]
) -> None:
    """Queue a notification that was given up once more."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.incidents import notifications_table

    found = session.client.retry_notification(number)
    session.answer(found, lambda: notifications_table([found], now()))


def audit(
    session: Session,
    subject: Annotated[
        str | None, typer.Option("--subject", help="Only of this release, service or other thing.")
    ] = None,
    limit: LimitOption = 50,
) -> None:
    """List the audit log, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.records import audit_table

    client = session.client
    found = collect(
        lambda size, cursor: client.audit(subject=subject, limit=size, cursor=cursor), lambda page: page.items, limit
    )
    session.answer({"audit": found}, lambda: audit_table(found, now()))


def audit_verify(
    session: Session,
    head: Annotated[
        str | None, typer.Option("--head", metavar="NO:HASH", help="A row noted earlier; shows a cut tail as well.")
    ] = None,
) -> int | None:
    """Compute the whole chain again; exits with 1 when it was altered."""
    from tidegate.cli.views.records import audit_check_lines
    from tidegate.errors import InvalidInputError

    number, _, noted = (head or "").partition(":")
    if head is not None and not (number.isdecimal() and noted):
        raise InvalidInputError(f"{head!r} is not NO:HASH", where="--head", remedy="copy both from an earlier run")
    found = session.client.verify_audit(head=None if head is None else (int(number), noted))
    session.answer(found, lambda: audit_check_lines(found))
    return None if found.is_whole else FAILED


def metrics(session: Session) -> None:
    """List what releases can be judged by: unit, direction of harm, kind."""
    from tidegate.cli.views.records import metrics_table

    found = session.client.metrics()
    session.answer({"metrics": found.items, "sources": found.sources}, lambda: metrics_table(found))


def gateways(session: Session) -> None:
    """List gateways: revision, requests in flight, breakers, losses."""
    from tidegate.cli.views.records import gateways_table

    found = session.client.gateways().items
    session.answer({"gateways": found}, lambda: gateways_table(found))
