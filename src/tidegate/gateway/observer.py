"""Where the pipeline leaves its observations, and the spool they wait in while control is away."""

from __future__ import annotations

from collections import deque
from contextlib import suppress
from pathlib import Path
from time import time_ns

import msgspec

from tidegate.delivery.observation import Observation, ObservationBatch

MAX_PENDING = 100_000
BATCH_ROWS = 2_000
_DRAFT_NS = 60_000_000_000  # no draft takes that long; an older one was left by a crash


class Observer:
    """Collects observations of one gateway process; :meth:`record` never blocks and never fails.

    Args:
        gateway: id of the gateway.
        boot_id: of this process; with a sequence number it names a batch for ever.

    Attributes:
        dropped: observations lost because control was away for too long.
    """

    __slots__ = ("_boot_id", "_gateway", "_pending", "_sequence", "dropped", "record")

    def __init__(self, gateway: str, boot_id: str) -> None:
        self._gateway = gateway
        self._boot_id = boot_id
        self._sequence = 0
        self._pending: deque[Observation] = deque()
        self.dropped = 0
        self.record = self._pending.append  # the hot path pays for one append

    def __len__(self) -> int:
        return len(self._pending)

    def take(self) -> ObservationBatch | None:
        """The oldest observations as the next batch, ``None`` when there are none."""
        pending = self._pending
        while len(pending) > MAX_PENDING:
            pending.popleft()
            self.dropped += 1
        if not pending:
            return None
        rows = [pending.popleft() for _ in range(min(BATCH_ROWS, len(pending)))]
        self._sequence += 1
        return ObservationBatch.of(self._gateway, self._boot_id, self._sequence, rows)


class Spool:
    """Encoded batches on disk, oldest first, bounded; the oldest go first when it is full.

    File names carry the time order and the number of rows: ``TIME-BOOT-SEQUENCE-ROWS.batch``. While a gateway
    is replaced two processes share the folder: each may send the other's files, since control stores a
    batch once, and a file that is gone was sent by the other.

    Args:
        folder: of this gateway alone.
        max_bytes: what the files may take together.

    Attributes:
        dropped: observations deleted because the spool was full.
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

    def put(self, batch: ObservationBatch, now_ms: int) -> None:
        """Write a batch; a crash leaves a whole file or none.

        Raises:
            OSError: the disk refuses; the caller counts the rows as lost.
        """
        rows = len(next(iter(batch.columns.values())))
        file = self._folder / f"{now_ms:014d}-{batch.boot_id}-{batch.sequence:010d}-{rows}.batch"
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
