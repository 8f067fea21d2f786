"""``requests``, ``why``, ``erase``: what was asked and answered."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import TABLE_FILE, TABLE_FORMATS, LimitOption, ServiceOption, TableFormat
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import OPERATE, RECORDS
from tidegate.cli.group import subcommands
from tidegate.cli.session import Session

RequestArgument = Annotated[str, typer.Argument(metavar="ID", help="What the answer's header x-request-id says.")]
ReleaseOption = Annotated[str | None, typer.Option("--release", metavar="ID", help="Only of this release.")]
SinceOption = Annotated[
    str | None, typer.Option("--since", metavar="TIME", help="Began since: 15m, 24h, 7d ago, or an instant.")
]
UntilOption = Annotated[str | None, typer.Option("--until", metavar="TIME", help="Began before; as --since.")]
What = Literal["observations", "assignments", "feedback", "results"]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    served = subcommands(app, "requests", "Requests as the gateways saw them.", default="list", panel=RECORDS)
    api_command(served, "list", example="tidegate requests --service support-bot --slower-than 10s", panel=RECORDS)(
        requests
    )
    api_command(served, "show", example="tidegate requests show req_01k5c8z3q2v7m4xw", panel=RECORDS)(request)
    api_command(
        served, "export", example="tidegate requests export --service support-bot --since 7d -o week.csv", panel=RECORDS
    )(export)
    api_command(app, "why", example="tidegate why req_01k5c8z3q2v7m4xw", panel=RECORDS)(why)
    api_command(app, "erase", example="tidegate erase --service support-bot --unit user-17", panel=OPERATE)(erase)


def requests(
    session: Session,
    service: ServiceOption = None,
    release: ReleaseOption = None,
    version: Annotated[str | None, typer.Option("--version", metavar="REF", help="Assigned to this version.")] = None,
    variant: Annotated[str | None, typer.Option("--variant", help="Assigned to this variant.")] = None,
    outcome: Annotated[str | None, typer.Option("--outcome", help="ok, timeout, upstream_error, refused, ….")] = None,
    slower_than: Annotated[str | None, typer.Option(metavar="DURATION", help="Took at least this long.")] = None,
    costlier_than: Annotated[float | None, typer.Option(metavar="USD", min=0, help="Cost at least this much.")] = None,
    filtered: Annotated[bool, typer.Option("--filtered", help="Stopped by a content filter.")] = False,
    rated: Annotated[bool, typer.Option("--rated", help="With feedback.")] = False,
    feedback: Annotated[str | None, typer.Option("--feedback", metavar="NAME", help="With feedback of a name.")] = None,
    since: SinceOption = None,
    until: UntilOption = None,
    limit: LimitOption = 20,
) -> None:
    """List observed requests, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.requests import requests_table
    from tidegate.cli.wording import parse_duration, parse_time

    client = session.client
    found = collect(
        lambda size, cursor: client.requests(
            service=service,
            release=release,
            version=version,
            variant=variant,
            outcome=outcome,
            slower_than=None if slower_than is None else parse_duration(slower_than),
            costlier_than=costlier_than,
            filtered=filtered,
            rated=rated,
            feedback_name=feedback,
            since=parse_time(since, now()),
            until=parse_time(until, now()),
            limit=size,
            cursor=cursor,
        ),
        lambda page: page.items,
        limit,
    )
    session.answer({"requests": found}, lambda: requests_table(found, now()))


def request(session: Session, request_id: RequestArgument) -> None:
    """Show one request: times, tokens, cost, who was assigned and who served, what was said of it and what is kept."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.requests import request_lines

    found = session.client.request(request_id)
    session.answer(found, lambda: request_lines(found, now()))


def export(
    session: Session,
    what: Annotated[
        What, typer.Option("--what", help="One line a request, its assignment alone, feedback, or a release's counts.")
    ] = "observations",
    form: Annotated[TableFormat, typer.Option("--format", help=TABLE_FORMATS)] = "csv",
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help=TABLE_FILE)] = Path("-"),
    service: ServiceOption = None,
    release: ReleaseOption = None,
    since: SinceOption = None,
    until: UntilOption = None,
) -> None:
    """Write requests, assignments, feedback or results to a file, newest first, however many there are."""
    from tidegate.cli.clock import now
    from tidegate.cli.exporting import exported, write_table
    from tidegate.cli.wording import parse_time

    found = exported(
        session.client,
        what,
        service=service,
        release=release,
        since=parse_time(since, now()),
        until=parse_time(until, now()),
    )
    write_table(session, found, output, form)


def why(session: Session, request_id: RequestArgument) -> None:
    """Say who served an answer, and why it was that version."""
    from tidegate.cli.views.requests import why_sentences

    found = session.client.request(request_id)
    sentences = why_sentences(found)
    session.answer({"request": found, "sentences": sentences}, lambda: sentences)


def erase(
    session: Session,
    service: ServiceOption = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="A unit, user or conversation, as the requests named it.")
    ] = None,
    request_id: Annotated[str | None, typer.Option("--request", metavar="ID", help="One request instead.")] = None,
) -> None:
    """Erase kept prompts and answers, and the words of feedback, of a person or of one request."""
    found = session.client.erase_content(service=service, unit=unit, request_id=request_id)
    words = f"{found.contents} prompts with answers and the words of {found.feedback_texts} verdicts erased"
    session.answer(found, lambda: [words])
