"""``init``, ``apply``, ``schema``: what is declared in files."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command, local_command
from tidegate.cli.commands.panels import DECLARE
from tidegate.cli.session import Asked, Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    local_command(app, "init", example="tidegate init --service support-bot --provider openai", panel=DECLARE)(init)
    api_command(app, "apply", example="tidegate apply -f tidegate.yaml --dry-run", panel=DECLARE)(apply)
    local_command(app, "schema", example="tidegate schema bundle > bundle.schema.json", panel=DECLARE)(schema)


def init(
    asked: Asked,
    directory: Annotated[
        Path, typer.Option("--directory", "-d", metavar="FOLDER", help="Where to write; made if it is missing.")
    ] = Path(),
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="Name of the first service.")
    ] = None,
    provider: Annotated[
        Literal["openai", "anthropic", "local", "simulator"] | None,
        typer.Option("--provider", help="Whose models it uses first."),
    ] = None,
    model: Annotated[str | None, typer.Option("--model", help="The provider's own name of the model.")] = None,
    base_url: Annotated[
        str | None, typer.Option("--base-url", metavar="URL", help="Address of the provider, if not the usual one.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", help="The first version's system prompt.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite what is there.")] = False,
) -> None:
    """Write a commented tidegate.yaml and a first bundle; asks what the flags leave open, on a terminal."""
    from tidegate.cli.starter import Wishes, next_steps, write_starter
    from tidegate.cli.starter_questions import ask_open

    wishes = ask_open(Wishes(service=service, provider=provider, model=model, base_url=base_url, system=system))
    written = write_starter(directory, wishes, is_forced=force)
    asked.answer({"written": [str(path) for path in written]}, lambda: next_steps(directory, wishes, written))


def apply(
    session: Session,
    file: Annotated[
        list[Path], typer.Option("--file", "-f", metavar="FILE", help="A YAML file, - for standard input; repeatable.")
    ],
    more: Annotated[list[Path] | None, typer.Argument(metavar="[FILE]...", help="Further files.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, change nothing.")] = False,
) -> None:
    """Create or update services, providers, versions and releases from YAML; repeating it changes nothing."""
    from tidegate.cli.declared_files import read_declared
    from tidegate.cli.views.versions import applied_lines

    applied = session.client.apply(read_declared([*file, *(more or [])]), dry_run=dry_run)
    session.answer(applied, lambda: applied_lines(applied))


def schema(
    asked: Asked,  # noqa: ARG001 - a schema is JSON either way
    of: Annotated[
        Literal["config", "bundle", "release"],
        typer.Argument(metavar="[config|bundle|release]", help="Which kind of file."),
    ] = "config",
) -> None:
    """Print the JSON Schema of a kind of file, for editors and checks."""
    from tidegate.cli.json_schemas import SCHEMAS
    from tidegate.cli.output import print_json

    print_json(SCHEMAS[of]())
