"""Batches on disk while control is away: bounded, oldest first, safe against a crash and a second process."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from pathlib import Path
from time import time_ns
from typing import Protocol

import msgspec

_DRAFT_NS = 60_000_000_000  # no draft takes that long; an older one was left by a crash


class Batch(Protocol):
    """What can be sent and spooled: a struct that knows its number and how much would be lost with it."""

    @property
    def boot_id(self) -> str:
        """Of the process that made it."""
        ...

    @property
    def sequence(self) -> int:
        """Its number among all batches of that process."""
        ...

    def __len__(self) -> int: ...


class Spool:
    """Encoded batches on disk, oldest first, bounded; the oldest go first when it is full.

    File names carry the time order and the number of rows: ``TIME-BOOT-SEQUENCE-ROWS.batch``. While a gateway
    is replaced two processes share the folder: each may send the other's files, since control stores a
    batch once, and a file that is gone was sent by the other.

    Args:
        folder: of this gateway alone.
        max_bytes: what the files may take together.

    Attributes:
        dropped: rows deleted because the spool was full.
    """

    def __init__(self, folder: Path, max_bytes: int = 256 * 1024 * 1024) -> None:
        self._folder = folder
        self._max_bytes = max_bytes
        folder.mkdir(parents=True, exist_ok=True)
        for draft in folder.glob("*.new"):
            with suppress(FileNotFoundError):
                if time_ns() - draft.stat().st_mtime_ns > _DRAFT_NS:
                    draft.unlink()
        self._files: deque[Path] = deque()
        self._sizes: dict[Path, int] = {}
        self._bytes = 0
        self.dropped = 0
        self.look()

    def __len__(self) -> int:
        return len(self._files)

    def look(self) -> None:
        """Find what lies in the folder now, also what the process that we replaced left there at its end."""
        sizes: dict[Path, int] = {}
        for file in sorted(self._folder.glob("*.batch")):
            with suppress(FileNotFoundError):
                sizes[file] = file.stat().st_size
        self._sizes = sizes
        self._files = deque(sizes)
        self._bytes = sum(sizes.values())

    def put(self, batch: Batch, now_ms: int) -> None:
        """Write a batch; a crash leaves a whole file or none.

        Raises:
            OSError: the disk refuses; the caller counts the rows as lost.
        """
        file = self._folder / f"{now_ms:014d}-{batch.boot_id}-{batch.sequence:010d}-{len(batch)}.batch"
        draft = file.with_suffix(".new")
        data = msgspec.msgpack.encode(batch)
        draft.write_bytes(data)
        draft.replace(file)
        self._files.append(file)
        self._sizes[file] = len(data)
        self._bytes += len(data)
        while self._bytes > self._max_bytes and len(self._files) > 1:
            self._lose()

    def oldest(self) -> bytes | None:
        """The content of the oldest file; vanished ones are skipped, unreadable ones counted as lost."""
        while self._files:
            try:
                return self._files[0].read_bytes()
            except FileNotFoundError:
                self.discard()
            except OSError:
                self._lose()
        return None

    def discard(self) -> bool:
        """Delete the oldest file: control has it, or refused it for good. ``False`` if it was gone already."""
        file = self._files.popleft()
        self._bytes -= self._sizes.pop(file)
        try:
            file.unlink()
        except OSError as error:
            return not isinstance(error, FileNotFoundError)
        return True

    def _lose(self) -> None:
        """Give the oldest file up."""
        rows = _rows_of(self._files[0])
        if self.discard():
            self.dropped += rows


def _rows_of(file: Path) -> int:
    return int(file.stem.rpartition("-")[2])
