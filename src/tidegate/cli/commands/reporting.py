"""``report`` and ``drift``: what became of a release or a service, and how its versions behave."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import ReleaseArgument, ServiceArgument
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.session import Session

SinceOption = Annotated[
    str | None,
    typer.Option("--since", metavar="DURATION", help="Report the service over this time instead: 24h, 7d, 90d."),
]
HtmlOption = Annotated[bool, typer.Option("--html", help="A page with pictures, of a service.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "report", example="tidegate report support-bot --since 7d --html > week.html", panel=RECORDS)(
        report
    )
    api_command(app, "drift", example="tidegate drift support-bot", panel=RECORDS)(drift)


def report(session: Session, release: ReleaseArgument, since: SinceOption = None, html: HtmlOption = False) -> None:
    """Write all about a release as Markdown; with --since, what became of a service in that time."""
    if since is not None:
        _report_service(session, release, since, as_html=html)
    elif html:
        raise typer.BadParameter("a release is reported as Markdown; add --since 7d for a page of its service")
    else:
        _report_release(session, release)


def drift(session: Session, service: ServiceArgument) -> None:
    """Show whether versions still behave as on their own first day: length and pace of answers, refusals."""
    from tidegate.cli.views.drift import drift_table

    found = session.client.drift(service)
    session.answer(found, lambda: drift_table(found))


def _report_release(session: Session, release: str) -> None:
    from tidegate.cli.choosing import find_release

    identifier = find_release(session.client, release).id
    if session.as_json:
        session.answer(session.client.report(identifier), list)
    else:
        session.answer(None, session.client.report_markdown(identifier).splitlines)


def _report_service(session: Session, service: str, since: str, *, as_html: bool) -> None:
    from tidegate.cli.wording import parse_duration

    seconds = max(60, round(parse_duration(since)))
    if session.as_json:
        session.answer(session.client.service_report(service, last_seconds=seconds), list)
        return
    kind = "html" if as_html else "markdown"
    page = session.client.service_report_page(service, last_seconds=seconds, written_as=kind)
    session.answer(None, page.splitlines)
