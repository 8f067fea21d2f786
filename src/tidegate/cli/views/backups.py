"""What a backup holds, as people read it."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from tidegate.cli.output import fields
from tidegate.cli.wording import size
from tidegate.registry.backup import Backup


def saved_lines(file: Path, made: Backup) -> list[Text]:
    """What was written, and what proves it later."""
    return [Text(f"Saved to {file}."), *_facts(made)]


def restored_lines(made: Backup) -> list[Text]:
    """What is back."""
    return [Text(f"Restored as it was at {made.made_at:%Y-%m-%d %H:%M:%SZ}."), *_facts(made)]


def _facts(made: Backup) -> list[Text]:
    return fields([("artifacts", f"{made.artifacts}, {size(made.bytes)}"), ("audit log", f"ends at {made.audit_head}")])
