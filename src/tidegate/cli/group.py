"""Commands with subcommands that also do something by themselves: ``tidegate audit`` is ``tidegate audit list``."""

from __future__ import annotations

from typing import Any

import typer
from typer.core import TyperGroup


def subcommands(app: typer.Typer, name: str, summary: str, *, default: str, panel: str) -> typer.Typer:
    """Add a group to ``app``; without a subcommand, ``default`` is meant."""

    class Defaulting(TyperGroup):
        """Reads what is no subcommand as arguments of the default one."""

        def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
            """Name the default subcommand where none is named."""
            if not args or (args[0] not in self.commands and args[0] != "--help"):
                args = [default, *args]
            return super().parse_args(ctx, args)

    made = typer.Typer(cls=Defaulting, help=summary, no_args_is_help=False)
    app.add_typer(made, name=name, rich_help_panel=panel, epilog=f"Example: tidegate {name}")
    return made
