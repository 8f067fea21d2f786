"""``versions``, ``show``, ``diff``, ``card``, ``verify``: read the registry."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import RefArgument, ServiceArgument
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import VERSIONS
from tidegate.cli.failures import FAILED
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "versions", example="tidegate versions support-bot", panel=VERSIONS)(versions)
    api_command(app, "show", example="tidegate show support-bot@stable", panel=VERSIONS)(show)
    api_command(app, "diff", example="tidegate diff support-bot/v1.0.0 v1.1.0", panel=VERSIONS)(diff)
    api_command(app, "card", example="tidegate card support-bot@stable > card.md", panel=VERSIONS)(card)
    api_command(app, "verify", example="tidegate verify support-bot/v1.0.0", panel=VERSIONS)(verify)


def versions(session: Session, service: ServiceArgument) -> None:
    """List a service's versions, highest number first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.versions import versions_table

    client = session.client
    found = collect(
        lambda limit, cursor: client.versions(service, limit=limit, cursor=cursor), lambda page: page.versions
    )
    session.answer({"versions": found}, lambda: versions_table(found, now()))


def show(session: Session, ref: RefArgument) -> None:
    """Show a version: model, prompt, parameters, lineage, files."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.versions import version_lines

    found = session.client.version(ref)
    session.answer(found, lambda: version_lines(found, now()))


def diff(
    session: Session,
    before: Annotated[str, typer.Argument(metavar="A", help="The earlier version.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The later one; vX.Y.Z is enough for the same service.")],
) -> None:
    """Show what changes from one version to another, as a review."""
    from tidegate.cli.views.versions import difference_lines

    found = session.client.diff(before, after)
    session.answer(found, lambda: difference_lines(found))


def card(session: Session, ref: RefArgument) -> None:
    """Print a version's model card as Markdown."""
    text = session.client.card(ref)
    session.answer({"ref": ref, "card": text}, lambda: [text.rstrip("\n")])


def verify(session: Session, ref: RefArgument) -> int | None:
    """Have every file of a version hashed again; exits with 1 when one was altered."""
    from tidegate.cli.views.versions import verification_lines

    found = session.client.verify(ref)
    session.answer(found, lambda: verification_lines(found))
    return None if found.is_intact else FAILED
