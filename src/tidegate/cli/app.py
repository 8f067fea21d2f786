"""Composes the command line.

Everything heavy is imported inside the commands, so that ``--help`` and completion come at once.
"""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from tidegate import __version__
from tidegate.cli.command import JsonOption, KeyOption, UrlOption, local_command
from tidegate.cli.commands import (
    declaring,
    evaluating,
    experimenting,
    feedback,
    keys,
    logs,
    operating,
    planning,
    previewing,
    prompting,
    pushing,
    records,
    releasing,
    replaying,
    reporting,
    requests,
    saving,
    serving,
    traffic,
    versions,
)
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.session import Asked

_COMMANDS = (
    serving,
    declaring,
    pushing,
    versions,
    prompting,
    evaluating,
    planning,
    previewing,
    releasing,
    experimenting,
    reporting,
    operating,
    keys,
    saving,
    logs,
    traffic,
    requests,
    replaying,
    feedback,
    records,
)


def make_app() -> typer.Typer:
    """The command line as typer knows it."""
    app = typer.Typer(
        name="tidegate",
        help="Progressive delivery for LLM applications: versions, releases and rollback behind one endpoint.",
        epilog="Example: tidegate up --demo",
        no_args_is_help=True,
        rich_markup_mode="rich",
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["--help", "-h"], "max_content_width": 120},
    )
    app.callback()(_root)
    for module in _COMMANDS:
        module.register(app)
    local_command(app, "version", example="tidegate version --json", panel=RECORDS)(version)
    return app


def version(asked: Asked) -> None:
    """Print the version of this program."""
    asked.answer({"version": __version__}, lambda: [f"tidegate {__version__}"])


def _root(
    context: typer.Context,
    url: UrlOption = None,
    key: KeyOption = None,
    as_json: JsonOption = False,
    _is_version: Annotated[
        bool, typer.Option("--version", help="Print the version and exit.", is_eager=True, callback=_print_version)
    ] = False,
) -> None:
    context.obj = {"url": url, "key": key, "as_json": as_json}


def _print_version(is_asked: bool) -> None:
    if is_asked:
        sys.stdout.write(f"tidegate {__version__}\n")
        raise typer.Exit
