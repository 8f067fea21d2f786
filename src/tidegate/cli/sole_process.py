"""Whether another control process of this machine uses the same SQLite database.

Each holds a shared lock on a file beside the database for as long as it lives; the operating system gives it back
however the process ends. Who could have it exclusively at the start is alone: a lease that still runs is then a dead
process's, and need not be waited for.
"""

from __future__ import annotations

import fcntl
from pathlib import Path
from typing import IO

_SQLITE = "sqlite:///"


class Presence:
    """Told to others until :meth:`close`.

    Attributes:
        is_alone: nobody else was there when it began; never so of a database that other machines reach.
    """

    def __init__(self, database: str) -> None:
        self.is_alone = False
        self._file: IO[str] | None = None
        if not database.startswith(_SQLITE) or database.endswith(":memory:"):
            return
        path = Path(database.removeprefix(_SQLITE))
        self._file = path.with_name(f"{path.name}.controls").open("a", encoding="utf-8")
        try:
            fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self.is_alone = True
        except OSError:
            pass
        fcntl.flock(self._file, fcntl.LOCK_SH)

    def close(self) -> None:
        """Leave."""
        if self._file is not None:
            self._file.close()
