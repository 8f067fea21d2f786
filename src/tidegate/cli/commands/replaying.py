"""``replay``: judge recorded requests again, as if they were arriving."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "replay", example="tidegate replay week.csv -f release.yaml", panel=RECORDS)(replay)


def replay(
    session: Session,
    source: Annotated[
        str,
        typer.Argument(
            metavar="SOURCE", help="A file of observations (.csv, .jsonl, .parquet), or a release: its id or service."
        ),
    ],
    file: Annotated[
        Path, typer.Option("--file", "-f", metavar="FILE", help="The file of kind Release whose policies judge.")
    ],
    release: Annotated[
        str | None, typer.Option("--release", metavar="ID", help="Only the file's requests of this release.")
    ] = None,
) -> None:
    """Tell when an analysis would have decided on recorded requests, and why; to tune policies."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.observation_files import fetch_observations, read_observations, windows_of
    from tidegate.cli.text_files import read_text
    from tidegate.cli.views.replaying import replayed_lines
    from tidegate.controller.replaying import replay as judge_again
    from tidegate.delivery.release_file import parse_release
    from tidegate.documents import parse_document

    spec = parse_release(parse_document(read_text(file), str(file)))
    if Path(source).suffix:
        rows, windows = read_observations(Path(source)), {}
        if release is not None:
            rows = [row for row in rows if row.release == release]
    else:
        found = find_release(session.client, release or source)
        rows = fetch_observations(session.client, found.id)
        windows = windows_of(session.client.explain(found.id).events)
    replayed = judge_again(spec, rows, windows=windows)
    session.answer(replayed, lambda: replayed_lines(replayed))
