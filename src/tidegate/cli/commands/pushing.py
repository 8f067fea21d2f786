"""``push``, ``import``, ``export``: bundles into the registry and out of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from tidegate.cli.command import api_command
from tidegate.cli.commands.arguments import RefArgument
from tidegate.cli.commands.panels import VERSIONS
from tidegate.cli.session import Session


def register(app: typer.Typer) -> None:
    """Add the commands."""
    api_command(app, "push", example="tidegate push ./support-bot --bump auto", panel=VERSIONS)(push)
    api_command(app, "export", example="tidegate export support-bot/v1.0.0 -o bot.tar", panel=VERSIONS)(export)
    api_command(app, "import", example="tidegate import bot.tar", panel=VERSIONS)(import_version)


def push(
    session: Session,
    path: Annotated[Path, typer.Argument(metavar="PATH", help="A bundle directory, or a file of kind Bundle.")],
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="Of which service, unless the bundle says so.")
    ] = None,
    version: Annotated[
        str | None, typer.Option("--version", metavar="VERSION", help="vX.Y.Z, unless the bundle says so.")
    ] = None,
    bump: Annotated[
        Literal["major", "minor", "patch", "auto"] | None,
        typer.Option("--bump", help="Raise this part of the latest number; auto decides by what changed."),
    ] = None,
    note: Annotated[str | None, typer.Option("--note", help="Kept with the version, outside its digest.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would happen, register nothing.")] = False,
) -> None:
    """Register an immutable version; the same content again changes nothing."""
    from tidegate.cli.lineage import lineage_of
    from tidegate.cli.views.versions import pushed_lines
    from tidegate.errors import InvalidInputError
    from tidegate.registry.bundle_reader import read_bundle

    if version is not None and bump is not None:
        raise InvalidInputError("--version and --bump contradict each other", remedy="give one of them")
    content = read_bundle(path)
    pushed = session.client.push(
        content,
        service=service,
        version=version,
        bump=bump,
        lineage=lineage_of(content.lineage, path, note=note),
        dry_run=dry_run,
    )
    session.answer(pushed, lambda: pushed_lines(pushed))


def export(
    session: Session,
    ref: RefArgument,
    output: Annotated[
        str | None,
        typer.Option("--output", "-o", metavar="FILE", help="Archive to write, - for standard output; else its name."),
    ] = None,
) -> None:
    """Write a version as a tar archive that `import` and `push` can read."""
    import sys

    from tidegate.cli.wording import size

    if output == "-":
        session.client.export(ref, sys.stdout.buffer)
        return
    file = Path(output) if output else Path(f"{session.client.version(ref).ref.replace('/', '-')}.tar")
    part = file.with_name(f"{file.name}.part")
    try:
        with part.open("wb") as opened:
            written = session.client.export(ref, opened)
        part.replace(file)
    finally:
        part.unlink(missing_ok=True)
    session.answer({"file": str(file), "bytes": written}, lambda: [f"{file} holds {ref} ({size(written)})."])


def import_version(
    session: Session,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `export` wrote.")],
    service: Annotated[
        str | None, typer.Option("--service", metavar="SERVICE", help="Register it in this service instead.")
    ] = None,
) -> None:
    """Register an exported version under the same number."""
    from tidegate.cli.views.versions import pushed_lines

    pushed = session.client.import_version(file, service=service)
    session.answer(pushed, lambda: pushed_lines(pushed))
