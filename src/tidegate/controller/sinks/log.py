"""The sink ``log``: one structured line for each event; it also carries the audit head away from the database."""

from __future__ import annotations

import structlog

from tidegate.registry.outbox import OutboxRow

_LOG = structlog.get_logger("tidegate.events")


class LogSink:
    """Always there, and hears everything."""

    name = "log"

    async def deliver(self, row: OutboxRow) -> None:
        """Write the line."""
        fields = {key: value for key, value in row.payload.items() if key != "event"}
        _LOG.info(row.event, dedupe_key=row.dedupe_key, queued_at=row.created_at.isoformat(), **fields)
