"""``results``: what came out of an experiment."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import TABLE_FILE, TABLE_FORMATS, ReleaseArgument, TableFormat
from tidegate.cli.commands.panels import RELEASE
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "results", example="tidegate results support-bot --by segment -o effects.csv", panel=RELEASE)(
        results
    )


def results(
    session: Session,
    release: ReleaseArgument,
    by: Annotated[
        Literal["segment", "key", "path", "stream"] | None,
        typer.Option("--by", help="The objectives within each segment, key or path, or streamed against whole."),
    ] = None,
    form: Annotated[
        TableFormat | None, typer.Option("--format", help=f"A table, one row each effect: {TABLE_FORMATS}")
    ] = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", metavar="FILE", help=f"Of the table. {TABLE_FILE}")
    ] = None,
) -> None:
    """Show where an experiment stands: each objective of each arm against control, valid whenever you look."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.clock import now
    from tidegate.cli.exporting import exported_effects, write_table
    from tidegate.cli.views.experiments import results_lines, segment_lines
    from tidegate.shapes.experiments import Results

    found = find_release(session.client, release).id
    told = session.client.results(found) if by is None else session.client.results_by_segment(found, by=by)
    if form is not None or output is not None:
        write_table(session, exported_effects(told), output or Path("-"), form or "csv")
    elif isinstance(told, Results):
        session.answer(told, lambda: results_lines(told, now()))
    else:
        session.answer(told, lambda: segment_lines(told))
