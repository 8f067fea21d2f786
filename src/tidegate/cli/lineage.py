"""Where a pushed bundle came from, as far as this machine knows: its git commit, and a note."""

from __future__ import annotations

import subprocess
from pathlib import Path

import msgspec

from tidegate.delivery.bundle import Lineage

_GIT_SECONDS = 5.0


def lineage_of(given: Lineage, path: Path, *, note: str | None) -> dict[str, str]:
    """The bundle's own lineage with the note, and the commit where the bundle names none."""
    found: dict[str, str] = {name: value for name, value in msgspec.structs.asdict(given).items() if value is not None}
    if note is not None:
        found["note"] = note
    if "git_commit" not in found and (commit := git_commit(path)) is not None:
        found["git_commit"] = commit
    return found


def git_commit(path: Path) -> str | None:
    """The commit that is checked out where ``path`` lies, ``-dirty`` with changes to it; ``None`` without git."""
    folder = path if path.is_dir() else path.parent
    head = _git(folder, "rev-parse", "HEAD")
    if not head:
        return None
    changed = _git(folder, "status", "--porcelain", "--", str(path.absolute()))
    return f"{head}-dirty" if changed else head


def _git(folder: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(  # noqa: S603 - fixed program, no shell
            ["git", "-C", str(folder), *arguments],  # noqa: S607 - whichever git is in use here
            capture_output=True,
            text=True,
            timeout=_GIT_SECONDS,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
