"""``backup``, ``restore``: the whole installation as one archive. They work on the storage itself, not through the API."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from tidegate.cli.command import local_command
from tidegate.cli.commands.arguments import ConfigOption
from tidegate.cli.commands.panels import OPERATE
from tidegate.cli.session import Asked


def register(app: typer.Typer) -> None:
    """Add the commands."""
    local_command(app, "backup", example="tidegate backup 2026-09-15.tar", panel=OPERATE)(backup)
    local_command(app, "restore", example="tidegate restore 2026-09-15.tar -c tidegate.yaml", panel=OPERATE)(restore)


def backup(
    asked: Asked,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="Where to write; must not exist.")],
    config: ConfigOption = None,
) -> None:
    """Save database and artifacts as one archive; control may run meanwhile.

    It holds prompts, keys' hashes and kept content: treat it as you treat those. Literal provider keys are not in it.
    """
    import asyncio

    from tidegate.cli.clock import now
    from tidegate.cli.declared_files import load_checked
    from tidegate.cli.views.backups import saved_lines
    from tidegate.registry.artifacts import ArtifactStore
    from tidegate.registry.backup import write_backup

    storage = load_checked(config).storage
    made = asyncio.run(write_backup(storage.database, ArtifactStore(storage.artifacts), file, made_at=now()))
    asked.answer({"file": str(file), **_plain(made)}, lambda: saved_lines(file, made))


def restore(
    asked: Asked,
    file: Annotated[Path, typer.Argument(metavar="FILE", help="An archive that `backup` wrote.")],
    config: ConfigOption = None,
) -> None:
    """Put an archive back where the configuration says and no database is; everything in it is proven first."""
    import asyncio

    from tidegate.cli.declared_files import load_checked
    from tidegate.cli.views.backups import restored_lines
    from tidegate.registry.artifacts import ArtifactStore
    from tidegate.registry.backup import restore_backup

    storage = load_checked(config).storage
    made = asyncio.run(restore_backup(file, storage.database, ArtifactStore(storage.artifacts)))
    asked.answer({"file": str(file), **_plain(made)}, lambda: restored_lines(made))


def _plain(made: object) -> dict[str, object]:
    import msgspec

    told = msgspec.to_builtins(made)
    del told["format"]
    return dict(told)
