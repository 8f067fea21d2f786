"""``plan``: what a release would take and could detect, before anything moves."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import ServiceArgument
from tidegate.cli.commands.panels import RELEASE
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the command."""
    api_command(app, "plan", example='tidegate plan support-bot v1.1.0 --detect "p95 +10%" --within 1d', panel=RELEASE)(
        plan
    )


def plan(
    session: Session,
    service: ServiceArgument,
    version: Annotated[
        str | None, typer.Argument(metavar="[VERSION]", help="The candidate; vX.Y.Z is enough. Else the file's.")
    ] = None,
    strategy: Annotated[
        str | None, typer.Option("--strategy", metavar="NAME", help="How to go about it; else canary.")
    ] = None,
    file: Annotated[
        Path | None,
        typer.Option("--file", "-f", metavar="FILE", help="A file of kind Release; it may hold assume: as well."),
    ] = None,
    assume: Annotated[
        Path | None, typer.Option("--assume", metavar="FILE", help="What to reckon with where history is silent.")
    ] = None,
    requests_per_hour: Annotated[
        float | None, typer.Option("--requests-per-hour", metavar="N", help="Traffic to reckon with.", min=0)
    ] = None,
    power: Annotated[
        str, typer.Option("--power", metavar="SHARE", help="Probability of finding what is called detectable.")
    ] = "80%",
    detect: Annotated[
        str | None,
        typer.Option(
            "--detect", metavar="HARM", help='Propose a schedule that finds it: "p95 +10%", "error_rate +1%".'
        ),
    ] = None,
    confidence: Annotated[str, typer.Option("--confidence", metavar="SHARE", help="Of the proposed schedule.")] = "95%",
    within: Annotated[
        str | None, typer.Option("--within", metavar="DURATION", help="How long the proposed schedule may take.")
    ] = None,
) -> int:
    """Tell what a release would take and could detect; exits with 1 when it could never decide."""
    from tidegate.cli.failures import complain
    from tidegate.cli.plan_files import read_plan
    from tidegate.cli.views.planning import planned_lines, refusal_sentence
    from tidegate.cli.wording import parse_duration
    from tidegate.delivery.quantities import share

    candidate, spec, assumed = read_plan(service, version, strategy=strategy, file=file, assume=assume)
    if requests_per_hour is not None:
        assumed["requests_per_hour"] = requests_per_hour
    planned = session.client.plan(
        service,
        candidate,
        spec=spec,
        assume=assumed or None,
        power=float(share(power)),
        detect=detect,
        confidence=float(share(confidence)),
        within_seconds=None if within is None else parse_duration(within),
    )
    session.answer(planned, lambda: planned_lines(planned))
    if planned.plan.refusals:
        complain(refusal_sentence(planned.plan.refusals))
    return 1 if planned.plan.refusals else 0
