"""``log-level``: how much the processes of an installation tell."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.panels import OPERATE
from tidegate.cli.session import Session

LevelArgument = Annotated[
    str | None, typer.Argument(metavar="[LEVEL]", help="debug, info, warning or error; without it, say what is asked.")
]


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "log-level", example="tidegate log-level debug", panel=OPERATE)(log_level)


def log_level(session: Session, level: LevelArgument = None) -> None:
    """Show or set what control and its gateways log, while they run."""
    client = session.client
    found = client.log_level() if level is None else client.set_log_level(level)
    session.answer(found, lambda: [found.level or "as each process was started"])
