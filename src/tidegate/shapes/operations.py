"""What the API tells of notifications, alerts, ways back, checklists and reports."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tidegate.shapes.incidents import Incident
from tidegate.shapes.releases import Explanation


class Notification(msgspec.Struct, frozen=True, kw_only=True):
    """One message to one sink.

    Attributes:
        sink: of the configuration, or ``RELEASE/NUMBER`` for one that a release brought with it.
        standing: ``waiting``, ``sent`` or ``dead`` (given up; it may be asked for again).
        dedupe_key: the same on each repetition; receivers may know a message again by it.
        error: of the latest attempt, "" while none failed.
    """

    id: int
    sink: str
    event: str
    standing: str
    payload: dict[str, Any]
    dedupe_key: str
    created_at: datetime
    attempts: int
    sent_at: datetime | None
    dead_at: datetime | None
    error: str


class Notifications(msgspec.Struct, frozen=True, kw_only=True):
    """A page of notifications, newest first; ``next`` is the cursor of the following page."""

    items: tuple[Notification, ...]
    next: str | None


class AlertTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of one alert.

    Attributes:
        release: id of the release that it ends, ``None`` when it ends none; ``ignored`` says why.
    """

    name: str
    fingerprint: str
    release: str | None
    ignored: str


class AlertsTaken(msgspec.Struct, frozen=True, kw_only=True):
    """What became of each alert, in the order they were sent."""

    items: tuple[AlertTaken, ...]


class RollbackTarget(msgspec.Struct, frozen=True, kw_only=True):
    """A version that a service may return to.

    Attributes:
        is_previous: it is where a rollback leads that names no version.
        is_warm: it is still kept ready, so that returning takes one routing write.
        unstable: why it was rolled back itself, "" if it was not.
        gone: why it cannot serve any more, "" if it can.
    """

    version: str
    is_previous: bool
    is_warm: bool
    was_stable_at: datetime | None
    unstable: str
    gone: str


class RollbackTargets(msgspec.Struct, frozen=True, kw_only=True):
    """Where a service may return to: the previous stable version, then what was stable before, newest first."""

    service: str
    stable: str | None
    items: tuple[RollbackTarget, ...]


class ChecklistItem(msgspec.Struct, frozen=True, kw_only=True):
    """One point of a checklist, from the real state.

    Attributes:
        when: ``before``, ``during`` or ``after``.
        standing: ``done``, ``open``, ``failed``, or ``not_needed``.
    """

    when: str
    what: str
    standing: str
    detail: str


class Checklist(msgspec.Struct, frozen=True, kw_only=True):
    """The deployment checklist of a release: what was, is and is to be seen to."""

    release: str
    service: str
    version: str
    items: tuple[ChecklistItem, ...]


class StepCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What was observed of one variant in one step of one attempt.

    Attributes:
        round: how often the split of the step had been re-weighted.
        failures: of the variant's own first attempts.
        p95_seconds: of whole answers, ``None`` without any.
        cost_usd: of all answers whose price is known.
    """

    attempt: int
    step: int
    round: int
    variant: str
    requests: int
    units: int
    failures: int
    rescued: int
    p95_seconds: float | None
    cost_usd: float


class ReleaseReport(msgspec.Struct, frozen=True, kw_only=True):
    """Everything about one release: what was declared, what happened, and all evidence."""

    written_at: datetime
    explanation: Explanation
    declared: dict[str, Any]
    checklist: Checklist
    counts: tuple[StepCounts, ...]
    incidents: tuple[Incident, ...]
    notifications: tuple[Notification, ...]
