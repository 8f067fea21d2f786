"""``feedback``, ``judges``: what users, applications and models say of answers."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import LimitOption, ServiceOption
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.group import subcommands
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    said = subcommands(app, "feedback", "What users and applications say of answers.", default="list", panel=RECORDS)
    api_command(said, "list", example="tidegate feedback --service support-bot --name thumbs_up", panel=RECORDS)(
        list_feedback
    )
    api_command(
        said, "add", example="tidegate feedback add thumbs_up no --request req_01k5c8z3q2v7m4xw", panel=RECORDS
    )(add)
    api_command(said, "import", example="tidegate feedback import ratings.jsonl", panel=RECORDS)(import_file)
    api_command(app, "judges", example="tidegate judges", panel=RECORDS)(judges)


def list_feedback(
    session: Session,
    service: ServiceOption = None,
    name: Annotated[str | None, typer.Option("--name", help="Only of this name.")] = None,
    source: Annotated[str | None, typer.Option("--source", help="Only from this source.")] = None,
    release: Annotated[str | None, typer.Option("--release", metavar="ID", help="Only on its requests.")] = None,
    limit: LimitOption = 20,
) -> None:
    """List what was said, newest first, and for which variant it counts."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.requests import feedback_table

    client = session.client
    found = collect(
        lambda size, cursor: client.read_feedback(
            service=service, name=name, source=source, release=release, limit=size, cursor=cursor
        ),
        lambda page: page.items,
        limit,
    )
    session.answer({"feedback": found}, lambda: feedback_table(found, now()))


def add(
    session: Session,
    name: Annotated[str, typer.Argument(metavar="NAME", help="Of what is said: thumbs_up, rating, converted.")],
    value: Annotated[str | None, typer.Argument(metavar="[VALUE]", help="yes, no, a number, or a category.")] = None,
    request_id: Annotated[
        str | None, typer.Option("--request", metavar="ID", help="x-request-id of the answer.")
    ] = None,
    service: ServiceOption = None,
    unit: Annotated[
        str | None, typer.Option("--unit", help="Instead: a unit, user or conversation of the service.")
    ] = None,
    source: Annotated[str, typer.Option("--source", help="Who says it.")] = "user",
    comment: Annotated[str, typer.Option("--comment", help="Free text.")] = "",
    demonstration: Annotated[str, typer.Option("--demonstration", help="What should have been answered.")] = "",
) -> None:
    """Say something of an answer; the latest verdict of a request, name and source stands."""
    from tidegate.cli.wording import parse_value

    found = session.client.feedback(
        name,
        None if value is None else parse_value(value),
        request_id=request_id,
        service=service if unit is not None else None,
        unit=unit,
        source=source,
        comment=comment,
        demonstration=demonstration,
    )
    session.answer(found, lambda: ["Accepted; it counts as soon as its request is known."])


def import_file(
    session: Session,
    file: Annotated[
        Path, typer.Argument(metavar="FILE", help="JSON lines or CSV with a header; - for standard input.")
    ],
) -> None:
    """Import verdicts from another system: request_id (or service and unit), name, value, and optionally more."""
    from tidegate.cli.importing import MOST_AT_ONCE, read_verdicts

    verdicts = read_verdicts(file)
    count = 0
    for first in range(0, len(verdicts), MOST_AT_ONCE):
        count += session.client.import_feedback(verdicts[first : first + MOST_AT_ONCE]).accepted
    session.answer({"accepted": count}, lambda: [f"{count} verdicts accepted."])


def judges(session: Session) -> None:
    """List judges: verdicts, agreement with people, taste for the first place, cost, and what stands in their way."""
    from tidegate.cli.views.requests import judges_table

    found = session.client.judges().items
    session.answer({"judges": found}, lambda: judges_table(found))
