"""The audit log as the API tells it."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class AuditRow(msgspec.Struct, frozen=True, kw_only=True):
    """One change, bound to the one before by its hash."""

    seq: int
    at: datetime
    actor: str
    action: str
    subject: str
    detail: dict[str, Any]
    previous: str
    hash: str


class AuditRows(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the audit log, newest first; ``next`` is the cursor of the following page."""

    items: tuple[AuditRow, ...]
    next: str | None


class AuditCheck(msgspec.Struct, frozen=True, kw_only=True):
    """Whether the chain of the audit log is whole.

    Attributes:
        rows: how many rows stand.
        head_seq, head_hash: the newest row as it stands.
        broken_seq: the first row that does not fit, and ``reason`` why.
    """

    rows: int
    head_seq: int
    head_hash: str
    broken_seq: int | None
    reason: str
    is_whole: bool
