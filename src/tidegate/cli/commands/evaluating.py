"""``evaluate`` and ``evaluations``: a suite run against a version now, and what suites and gates said."""

from __future__ import annotations

from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import LimitOption, RefArgument, ServiceOption
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import VERSIONS
from tidegate.cli.failures import FAILED
from tidegate.cli.session import Session

SuiteOption = Annotated[str, typer.Option("--suite", metavar="SUITE", help="A name under suites of the service.")]
WaitOption = Annotated[bool, typer.Option("--wait/--no-wait", help="Wait until it has ended.")]
VersionOption = Annotated[str | None, typer.Option("--version", metavar="REF", help="Only of this version.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "evaluate", example="tidegate evaluate support-bot/v1.4.0 --suite nightly", panel=VERSIONS)(
        evaluate
    )
    api_command(app, "evaluations", example="tidegate evaluations --version support-bot@stable", panel=VERSIONS)(
        evaluations
    )


def evaluate(session: Session, ref: RefArgument, suite: SuiteOption, wait: WaitOption = True) -> int | None:
    """Run a suite against a version now; exits with 1 unless it passes."""
    from tidegate.cli.views.evaluations import evaluation_lines
    from tidegate.cli.waiting import ended

    client = session.client
    found = client.evaluate(ref, suite)
    if wait:
        found = ended(lambda: client.evaluation(found.id), lambda each: not each.is_under_way)
    session.answer(found, lambda: evaluation_lines(found))
    return None if found.verdict == "pass" or not wait else FAILED


def evaluations(
    session: Session, service: ServiceOption = None, version: VersionOption = None, limit: LimitOption = 50
) -> None:
    """List what suites and gates said of versions, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.evaluations import evaluations_table

    client = session.client
    found = collect(
        lambda size, cursor: client.evaluations(service=service, version=version, limit=size, cursor=cursor),
        lambda page: page.items,
        limit,
    )
    session.answer({"evaluations": found}, lambda: evaluations_table(found, now()))
