"""``results``: what came out of an experiment."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import ReleaseArgument
from tidegate.cli.commands.panels import RELEASE
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "results", example="tidegate results support-bot --by segment", panel=RELEASE)(results)


def results(
    session: Session,
    release: ReleaseArgument,
    by: Annotated[
        Literal["segment", "key", "path", "stream"] | None,
        typer.Option("--by", help="The objectives within each segment, key or path, or streamed against whole."),
    ] = None,
) -> None:
    """Show where an experiment stands: each objective of each arm against control, valid whenever you look."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.clock import now
    from tidegate.cli.views.experiments import results_lines, segment_lines

    found = find_release(session.client, release).id
    if by is None:
        told = session.client.results(found)
        session.answer(told, lambda: results_lines(told, now()))
        return
    divided = session.client.results_by_segment(found, by=by)
    session.answer(divided, lambda: segment_lines(divided))
