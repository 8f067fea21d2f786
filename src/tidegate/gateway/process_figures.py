"""What a gateway process uses of its machine, read when somebody asks."""

from __future__ import annotations

import os
import resource
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import NamedTuple

_PAGE = resource.getpagesize()
_OWN = Path("/proc/self")


class Figure(NamedTuple):
    """One number; names of processes' own figures are those every Prometheus client uses."""

    name: str
    kind: str
    text: str
    value: float


class ProcessFigures:
    """Reads processor, memory, descriptors and queues of this process.

    Args:
        connections: open connections of clients.
        waiting: observations that control has not taken yet: in memory, batches on disk.
    """

    def __init__(
        self, connections: Callable[[], int] = lambda: 0, waiting: Callable[[], tuple[int, int]] = lambda: (0, 0)
    ) -> None:
        self._connections = connections
        self._waiting = waiting
        self._started_at = time.time()  # noqa: TID251 - an instant for people, nothing is decided by it

    def read(self) -> Iterator[Figure]:
        """The figures now; memory and descriptors only where the system tells them (Linux)."""
        spent = os.times()
        yield Figure(
            "process_cpu_seconds_total", "counter", "Processor time, user and system.", spent.user + spent.system
        )
        yield Figure("process_start_time_seconds", "gauge", "Start, in Unix time.", self._started_at)
        if (_OWN / "statm").exists():
            pages = int((_OWN / "statm").read_text().split()[1])
            yield Figure("process_resident_memory_bytes", "gauge", "Resident memory.", pages * _PAGE)
            yield Figure("process_open_fds", "gauge", "Open file descriptors.", sum(1 for _ in (_OWN / "fd").iterdir()))
        most, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
        yield Figure("process_max_fds", "gauge", "Allowed file descriptors.", most)
        pending, batches = self._waiting()
        yield Figure("tidegate_open_connections", "gauge", "Open connections of clients.", self._connections())
        yield Figure("tidegate_observations_waiting", "gauge", "Observations not sent to control yet.", pending)
        yield Figure("tidegate_spool_batches", "gauge", "Batches of observations on disk.", batches)
