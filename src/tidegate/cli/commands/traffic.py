"""``traffic``: what a service's users got over time."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import ServiceArgument
from tidegate.cli.commands.panels import RECORDS
from tidegate.cli.session import Session

SinceOption = Annotated[str, typer.Option("--since", metavar="DURATION", help="How far back: 15m, 24h, 30d.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "traffic", example="tidegate traffic support-bot --since 24h", panel=RECORDS)(traffic)


def traffic(session: Session, service: ServiceArgument, since: SinceOption = "15m") -> None:
    """Show what users got over time, by version: requests, failures, times, cost."""
    from tidegate.cli.views.traffic import traffic_table
    from tidegate.cli.wording import parse_duration

    found = session.client.traffic(service, last_seconds=max(10, round(parse_duration(since))))
    session.answer(found, lambda: traffic_table(found))
