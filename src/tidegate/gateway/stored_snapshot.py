"""The last snapshot on disk, so that a gateway starts without control."""

from __future__ import annotations

from contextlib import suppress
from os import O_CREAT, O_TRUNC, O_WRONLY, fsync, getpid
from os import open as open_descriptor
from pathlib import Path
from time import time_ns

import msgspec

from tidegate.delivery.snapshot import FORMAT, Snapshot

_NAME = "snapshot.json"
_DRAFT_NS = 60_000_000_000  # no draft takes that long; an older one was left by a crash


def save_snapshot(folder: Path, snapshot: Snapshot) -> None:
    """Replace the stored snapshot; a crash leaves the old one or the new one, never a part.

    Raises:
        OSError: the folder cannot be written.
    """
    folder.mkdir(parents=True, exist_ok=True)
    draft = folder / f"{_NAME}.{getpid()}.new"  # its own: while a gateway is replaced two processes write here
    with open(open_descriptor(draft, O_WRONLY | O_CREAT | O_TRUNC, 0o600), "wb") as file:  # noqa: PTH123 - it carries the mac key
        file.write(msgspec.json.encode(snapshot))
        file.flush()
        fsync(file.fileno())
    draft.replace(folder / _NAME)
    for left in folder.glob(f"{_NAME}.*.new"):
        with suppress(FileNotFoundError):
            if time_ns() - left.stat().st_mtime_ns > _DRAFT_NS:
                left.unlink()


def load_snapshot(folder: Path) -> Snapshot | None:
    """The stored snapshot; ``None`` if there is none, or one this build cannot read (kept as ``.unreadable``)."""
    path = folder / _NAME
    try:
        snapshot = msgspec.json.decode(path.read_bytes(), type=Snapshot)
    except FileNotFoundError:
        return None
    except (OSError, msgspec.MsgspecError):
        _set_aside(path)
        return None
    if snapshot.format != FORMAT:
        _set_aside(path)
        return None
    return snapshot


def _set_aside(path: Path) -> None:
    with suppress(OSError):
        path.replace(path.with_suffix(".unreadable"))
