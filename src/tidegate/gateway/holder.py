"""The table in force and the lease it holds by."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from time import monotonic
from typing import Generic, TypeVar

from tidegate.delivery.snapshot import Lease, Snapshot

Table = TypeVar("Table")


class TableHolder(Generic[Table]):
    """Keeps the compiled table that requests are served from.

    A request reads :attr:`current` once and keeps what it got, so a swap never touches it.

    Args:
        compile_table: turns a snapshot and its literal secrets into a table.

    Attributes:
        current: the table in force, ``None`` until the first snapshot.
        snapshot: what :attr:`current` was compiled from.
    """

    __slots__ = ("_compile", "_lease_until", "current", "snapshot")

    def __init__(self, compile_table: Callable[[Snapshot, Mapping[str, str]], Table]) -> None:
        self._compile = compile_table
        self._lease_until = 0.0
        self.current: Table | None = None
        self.snapshot: Snapshot | None = None

    @property
    def is_lease_valid(self) -> bool:
        """Whether control renewed the lease lately enough; a table read from disk never has one."""
        return monotonic() < self._lease_until

    @property
    def revision(self) -> int:
        """Of the table in force, 0 without one."""
        return self.snapshot.revision if self.snapshot else 0

    @property
    def epoch(self) -> int:
        """Of the leader that published the table in force, 0 without one."""
        return self.snapshot.epoch if self.snapshot else 0

    def adopt(self, snapshot: Snapshot, secrets: Mapping[str, str], *, has_lease: bool = True) -> bool:
        """Put a snapshot in force, unless it is older than the one in force.

        Returns:
            Whether it is in force now (also when it was already).

        Raises:
            ValueError: the snapshot breaks a law (weights, unknown provider); the old table stays.
        """
        if (snapshot.epoch, snapshot.revision) < (self.epoch, self.revision):
            return False
        self.current = self._compile(snapshot, secrets)
        self.snapshot = snapshot
        if has_lease:
            self._lease_until = monotonic() + snapshot.lease_seconds
        return True

    def renew(self, lease: Lease) -> None:
        """Extend the lease, if it speaks of the table in force."""
        if (lease.epoch, lease.revision) == (self.epoch, self.revision):
            self._lease_until = monotonic() + lease.seconds
