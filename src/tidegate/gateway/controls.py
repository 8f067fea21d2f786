"""The control processes of an installation as one gateway sees them, and which of them leads."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Generic, TypeVar

Address = TypeVar("Address")


class Controls(Generic[Address]):
    """Whom to follow and to send to: the leader while one is known, else each in turn.

    A process that does not lead serves snapshots as well, a moment later, and takes observations, so a gateway is
    never without; but only the leader acts on heartbeats at once.

    Args:
        addresses: at least one, in the order in which they are tried.
    """

    def __init__(self, addresses: Sequence[Address]) -> None:
        self.addresses = tuple(addresses)
        self._leader: Address | None = None
        self._turn = 0

    @property
    def current(self) -> Address:
        """The leader, else the one whose turn it is."""
        return self.addresses[self._turn] if self._leader is None else self._leader

    def answered(self, address: Address, *, is_leading: bool) -> None:
        """One of them took a heartbeat, and said whether it leads."""
        if is_leading:
            self._leader = address
            self._turn = self.addresses.index(address)
        elif self._leader == address:
            self._leader = None

    def failed(self, address: Address) -> None:
        """One of them did not answer: it is the next one's turn."""
        if self._leader == address:
            self._leader = None
        if self._leader is None and self.addresses[self._turn] == address:
            self._turn = (self._turn + 1) % len(self.addresses)
