"""The port of sinks, and the words of an event that every sink for people tells the same."""

from __future__ import annotations

from typing import Protocol

from tidegate.registry.outbox import OutboxRow


class Sink(Protocol):
    """Somewhere events are told.

    Attributes:
        name: as the outbox knows it.
    """

    name: str

    async def deliver(self, row: OutboxRow) -> None:
        """Tell ``row``; any exception means it was not told and will be tried again."""


def event_of(row: OutboxRow) -> str:
    """The event's name without its kind: ``rolled_back``."""
    return row.event.rpartition(".")[2]


def headline(row: OutboxRow) -> str:
    """``support-bot: rolled back v1.4.0-3fa9c1d2``."""
    label = str(row.payload.get("version", "")).rpartition("/")[2]
    return f"{row.payload.get('service', '')}: {event_of(row).replace('_', ' ')} {label}".strip()
