"""``release``, ``wait``, ``status``, ``history``, ``explain``, ``pairs``, ``checklist``: bring a version to its service and watch it go."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import (
    LimitOption,
    OptionalServiceArgument,
    ReasonOption,
    ReleaseArgument,
    ServiceArgument,
    TimeoutOption,
)
from tidegate.cli.commands.paging import collect
from tidegate.cli.commands.panels import RELEASE
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "release", example="tidegate release support-bot v1.1.0 --wait --timeout 30m", panel=RELEASE)(
        release
    )
    api_command(app, "wait", example="tidegate wait support-bot --for promoted --timeout 30m", panel=RELEASE)(wait)
    api_command(app, "status", example="tidegate status support-bot -w", panel=RELEASE)(status)
    api_command(app, "history", example="tidegate history support-bot", panel=RELEASE)(history)
    api_command(app, "explain", example="tidegate explain support-bot", panel=RELEASE)(explain)
    api_command(app, "pairs", example="tidegate pairs support-bot --different", panel=RELEASE)(pairs)
    api_command(app, "checklist", example="tidegate checklist support-bot", panel=RELEASE)(checklist)


def release(
    session: Session,
    service: ServiceArgument,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="The candidate; vX.Y.Z is enough. Else the file's.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="How to go about it; else direct.")
    ] = None,
    file: Annotated[
        Path | None, typer.Option("--file", "-f", metavar="FILE", help="A file of kind Release with the details.")
    ] = None,
    reason: ReasonOption = "",
    wait: Annotated[bool, typer.Option("--wait", help="Wait for the end; exits as `tidegate wait`.")] = False,
    timeout: TimeoutOption = None,
) -> int | None:
    """Start a release; with --wait exits with 0 when promoted (or finished, where its strategy promotes nothing), 3 when it ended otherwise, 4 paused, 5 timed out."""
    from tidegate.cli.clock import now
    from tidegate.cli.following import follow
    from tidegate.cli.release_spec import read_spec
    from tidegate.cli.views.releases import outcome_sentence, release_lines
    from tidegate.cli.wording import parse_duration

    seconds = None if timeout is None else parse_duration(timeout)
    candidate, spec = read_spec(service, version, strategy=strategy, file=file)
    started = session.client.release(service, candidate, spec=spec, reason=reason)
    if not wait:
        session.answer(started, lambda: release_lines(started, now()))
        return None
    waited = follow(session, started.id, seconds, "finished")
    session.answer(waited.release, lambda: [outcome_sentence(waited.release, waited.outcome)])
    return waited.exit_code


def wait(
    session: Session,
    release: ReleaseArgument,
    for_: Annotated[
        Literal["promoted", "finished"],
        typer.Option("--for", help="What to wait for; a shadow that nothing follows is finished, never promoted."),
    ] = "promoted",
    timeout: TimeoutOption = None,
) -> int:
    """Wait: exits with 0 when promoted, 3 rolled back, rejected or superseded, 4 paused, 5 timed out."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.following import follow
    from tidegate.cli.views.releases import outcome_sentence
    from tidegate.cli.wording import parse_duration

    seconds = None if timeout is None else parse_duration(timeout)
    waited = follow(session, find_release(session.client, release).id, seconds, for_)
    session.answer(waited, lambda: [outcome_sentence(waited.release, waited.outcome)])
    return waited.exit_code


def status(
    session: Session,
    service: OptionalServiceArgument = None,
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Go on showing it until Ctrl-C.")] = False,
) -> None:
    """Show what users get, and the running release with weights, verdicts and what comes next."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.releases import services_table, status_lines
    from tidegate.cli.watching import read_statuses, watch_statuses

    if watch:
        watch_statuses(session, service)
    statuses = read_statuses(session.client, service)
    if service is not None:
        session.answer(statuses[0], lambda: status_lines(statuses[0], now()))
    else:
        session.answer({"services": statuses}, lambda: services_table(statuses, now()))


def history(session: Session, service: ServiceArgument, limit: LimitOption = 20) -> None:
    """List a service's releases, newest first."""
    from tidegate.cli.clock import now
    from tidegate.cli.views.releases import history_table

    client = session.client
    found = collect(
        lambda size, cursor: client.history(service, limit=size, cursor=cursor), lambda page: page.items, limit
    )
    session.answer({"releases": found}, lambda: history_table(found, now()))


def explain(session: Session, release: ReleaseArgument) -> None:
    """Say why a release is where it is: what was compared, what the evidence says, and what would change it."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.clock import now
    from tidegate.cli.views.releases import explanation_lines

    identifier = find_release(session.client, release).id
    found, judged_by = session.client.explain(identifier), session.client.counts(identifier)
    told = {name: getattr(found, name) for name in found.__struct_fields__}
    session.answer({**told, "judged_by": judged_by}, lambda: explanation_lines(found, judged_by, now()))


def pairs(
    session: Session,
    release: ReleaseArgument,
    different: Annotated[bool, typer.Option("--different", help="Only those whose texts or outcomes differ.")] = False,
    limit: LimitOption = 20,
) -> None:
    """Show both answers to mirrored requests, and what they add up to in each step."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.clock import now
    from tidegate.cli.views.pairs import pairs_lines

    client = session.client
    identifier = find_release(client, release).id
    totals = client.pairs(identifier, limit=1).totals
    found = collect(
        lambda size, cursor: client.pairs(identifier, different=different, limit=size, cursor=cursor),
        lambda page: page.items,
        limit,
    )
    told = {"release": identifier, "totals": totals, "pairs": found}
    session.answer(told, lambda: pairs_lines(totals, found, now()))


def checklist(session: Session, release: ReleaseArgument) -> None:
    """Show the deployment checklist of a release, before, during and after, from its real state."""
    from tidegate.cli.choosing import find_release
    from tidegate.cli.views.releases import checklist_lines

    found = session.client.checklist(find_release(session.client, release).id)
    session.answer(found, lambda: checklist_lines(found))
