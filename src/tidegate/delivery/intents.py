"""What people and programs ask of a release. Accepted means written down, not done: the next decision weighs it.

Abort and rollback are unconditional and idempotent, and win every race.
"""

from __future__ import annotations

from datetime import datetime

import msgspec


class _Intent(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="kind", tag=str.lower):
    """Who asked, why and when.

    Attributes:
        id: of the stored row.
        actor: name of the key or program.
        reason: in the actor's words.
        roles: of the actor, for approvals.
    """

    id: int
    actor: str
    reason: str
    accepted_at: datetime
    roles: tuple[str, ...] = ()


class Promote(_Intent, frozen=True, kw_only=True):
    """Go on now instead of after the soak; ``full`` skips every further soak, never hard limits nor the bake."""

    full: bool = False


class Pause(_Intent, frozen=True, kw_only=True):
    """Do not go forward until somebody resumes."""


class Resume(_Intent, frozen=True, kw_only=True):
    """Go on after a pause of a person, or for want of data."""


class Abort(_Intent, frozen=True, kw_only=True):
    """End the release, all traffic to stable."""


class Rollback(_Intent, frozen=True, kw_only=True):
    """The same, and after the commit back to the previous stable version while that is warm."""


class Retry(_Intent, frozen=True, kw_only=True):
    """Try a release that was rolled back or rejected once more, with fresh verdicts."""


class Approve(_Intent, frozen=True, kw_only=True):
    """Let an approve step pass."""


class Reject(_Intent, frozen=True, kw_only=True):
    """Do not let an approve step pass: the release rolls back."""


class Alert(_Intent, frozen=True, kw_only=True):
    """A monitoring system's alert that is a trigger: roll back, with an incident. No person may ask for it by name."""


Intent = Promote | Pause | Resume | Abort | Rollback | Retry | Approve | Reject | Alert
INTENTS: dict[str, type[Intent]] = {
    str(kind.__struct_config__.tag): kind
    for kind in (Promote, Pause, Resume, Abort, Rollback, Retry, Approve, Reject, Alert)
}
OF_PEOPLE = tuple(name for name, kind in INTENTS.items() if kind is not Alert)
