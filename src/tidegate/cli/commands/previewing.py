"""``preview``: what a version's provider would get."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import ServiceArgument
from tidegate.cli.commands.panels import VERSIONS
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "preview", example="tidegate preview support-bot --message 'Where is my order?'", panel=VERSIONS)(
        preview
    )


def preview(
    session: Session,
    service: ServiceArgument,
    message: Annotated[str, typer.Option("--message", "-m", metavar="TEXT", help="What the user says.")] = "Hello",
    version: Annotated[
        str | None, typer.Option("--version", metavar="REF", help="Of this version; the stable one without it.")
    ] = None,
    variable: Annotated[
        list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="A variable of the prompt; repeat it.")
    ] = None,
) -> None:
    """Show the request that a version's provider would get, prompt and parameters put in; nothing is sent."""
    from tidegate.cli.views.previews import preview_lines

    request: dict[str, object] = {"messages": [{"role": "user", "content": message}]}
    if variable:
        request["tidegate"] = {"variables": dict(map(_pair, variable))}
    found = session.client.preview(service, request, version=version)
    session.answer(found, lambda: preview_lines(found))


def _pair(text: str) -> tuple[str, str]:
    name, equals, value = text.partition("=")
    if not name or not equals:
        raise typer.BadParameter(f"{text!r} is not NAME=VALUE")
    return name, value
