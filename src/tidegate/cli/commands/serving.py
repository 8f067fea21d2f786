"""``up``, ``control``, ``gateway``, ``simulate``: what serves until it is told to stop."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import local_command
from tidegate.cli.commands.arguments import ConfigOption
from tidegate.cli.commands.panels import RUN
from tidegate.cli.session import Asked


def register(app: typer.Typer) -> None:
    """Add the commands."""
    local_command(app, "up", example="tidegate up -c tidegate.yaml --workers 2", panel=RUN)(up)
    local_command(app, "control", example="tidegate control -c tidegate.yaml", panel=RUN)(control)
    local_command(app, "gateway", example="tidegate gateway --control http://10.0.0.5:7401 --id gw-1", panel=RUN)(
        gateway
    )
    local_command(app, "simulate", example="tidegate simulate --port 8089", panel=RUN)(simulate)


def up(
    asked: Asked,
    config: ConfigOption = None,
    demo: Annotated[
        bool, typer.Option("--demo", help="Add simulated providers, traffic, and a release to watch.")
    ] = False,
    workers: Annotated[
        int | None, typer.Option("--workers", min=1, max=256, help="Gateway processes; else as configured.")
    ] = None,
) -> int | None:
    """Run control and gateway on this machine until Ctrl-C.

    On SIGHUP the configuration is read again and put in force, with the build installed now, without a failed
    request: control restarts, then each gateway is replaced and finishes what it has. What is wrong is told in
    the log and changes nothing; listen and storage change only by a restart.
    """
    from tidegate.cli.declared_files import load_checked
    from tidegate.cli.serving import run_up
    from tidegate.config import DEFAULT_FILE, load_settings
    from tidegate.environment import environment

    folder = config.parent if config else Path()
    environ = environment(folder)
    if demo:
        from tidegate.cli.demo.run import run_demo

        has_file = config is not None or Path(DEFAULT_FILE).exists()
        return run_demo(load_settings(config) if has_file else None, workers=workers, environ=environ)
    return run_up(
        load_checked(config),
        environ,
        workers=workers,
        as_json=asked.as_json,
        reread=lambda: (load_checked(config), environment(folder)),
    )


def control(asked: Asked, config: ConfigOption = None) -> None:
    """Run control alone: registry, controller, API; gateways join it."""
    from tidegate.cli.declared_files import load_checked
    from tidegate.cli.serving import run_control
    from tidegate.environment import environment

    run_control(load_checked(config), environment(config.parent if config else Path()), as_json=asked.as_json)


def gateway(
    asked: Asked,
    config: ConfigOption = None,
    control: Annotated[
        str | None,
        typer.Option(
            "--control",
            metavar="URL[,URL]",
            help="Control to join, or several of one database; else the configured one.",
        ),
    ] = None,
    identifier: Annotated[
        str | None,
        typer.Option("--id", help="Unique among the gateways and stable over restarts; else gateway-HOSTNAME."),
    ] = None,
) -> None:
    """Run one gateway alone; it serves from what control publishes."""
    from tidegate.cli.serving import run_gateway_alone
    from tidegate.config import load_settings
    from tidegate.environment import environment

    environ = environment(config.parent if config else Path())
    run_gateway_alone(load_settings(config), environ, control_url=control, identifier=identifier, as_json=asked.as_json)


def simulate(
    asked: Asked,
    scenario: Annotated[
        Path | None, typer.Option("--scenario", metavar="FILE", help="What to serve; else the demo's models.")
    ] = None,
    host: Annotated[str, typer.Option("--host", help="Address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65_535, help="0 takes a free one.")] = 8089,
) -> None:
    """Serve simulated models in both dialects until Ctrl-C."""
    from tidegate.simulator import load_scenario, serve
    from tidegate.simulator.presets import demo_scenario

    served = load_scenario(scenario) if scenario else demo_scenario()
    serve(
        served,
        host,
        port,
        lambda url: asked.announce({"url": url}, [f"Simulated models at {url}/v1: {', '.join(served.models)}."]),
    )
