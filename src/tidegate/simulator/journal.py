"""What a simulator remembers of its requests, for assertions and for people watching a drill."""

from __future__ import annotations

from collections import Counter, deque
from typing import Any, Literal

import msgspec

Outcome = Literal["running", "completed", "aborted", "broken"]


class Inbound(msgspec.Struct, kw_only=True):
    """One HTTP request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    """Lower-case names; a repeated field is joined with commas."""
    body: bytes


class RecordedRequest(msgspec.Struct, kw_only=True):
    """One request to a model and what became of it."""

    number: int
    path: str
    headers: dict[str, str]
    raw_body: bytes
    model: str = ""
    is_stream: bool = False
    status: int = 0
    """The status answered; 0: none was."""
    fault: str | None = None
    outcome: Outcome = "running"
    """``aborted``: the client left before the end; ``broken``: the simulator ended the connection as told."""

    @property
    def body(self) -> Any:
        """The decoded body, or None if it is not JSON."""
        try:
            return msgspec.json.decode(self.raw_body)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return None


class Journal:
    """Counts everything, keeps the last requests."""

    def __init__(self, keep: int) -> None:
        self.requests: deque[RecordedRequest] = deque(maxlen=keep)
        self.concurrent = 0
        self._most_concurrent = 0
        self._count = 0
        self._by_model: Counter[str] = Counter()
        self._by_status: Counter[str] = Counter()
        self._by_fault: Counter[str] = Counter()
        self._aborted: Counter[str] = Counter()

    def open(self, inbound: Inbound) -> RecordedRequest:
        """Note a request that begins."""
        self._count += 1
        entry = RecordedRequest(number=self._count, path=inbound.path, headers=inbound.headers, raw_body=inbound.body)
        self.requests.append(entry)
        self.concurrent += 1
        self._most_concurrent = max(self._most_concurrent, self.concurrent)
        return entry

    def close(self, entry: RecordedRequest, outcome: Outcome) -> None:
        """Note how a request ended."""
        entry.outcome = outcome
        self.concurrent -= 1
        self._by_status[str(entry.status)] += 1
        self._by_model[entry.model] += 1
        if entry.fault:
            self._by_fault[entry.fault] += 1
        if outcome == "aborted":
            self._aborted["streams" if entry.is_stream else "whole"] += 1

    def stats(self) -> dict[str, Any]:
        """All counts as JSON values. Requests still running are in ``concurrent`` and ``requests`` only."""
        return {
            "requests": self._count,
            "concurrent": self.concurrent,
            "most_concurrent": self._most_concurrent,
            "aborted": self._aborted.total(),
            "aborted_streams": self._aborted["streams"],
            "by_model": dict(self._by_model),
            "by_status": dict(self._by_status),
            "by_fault": dict(self._by_fault),
        }

    def recent(self, limit: int) -> list[dict[str, Any]]:
        """The last requests as JSON values, oldest first."""
        latest = list(self.requests)[-limit:] if limit > 0 else []
        return [
            {
                "number": entry.number,
                "path": entry.path,
                "model": entry.model,
                "headers": entry.headers,
                "body": entry.body,
                "is_stream": entry.is_stream,
                "status": entry.status,
                "fault": entry.fault,
                "outcome": entry.outcome,
            }
            for entry in latest
        ]
