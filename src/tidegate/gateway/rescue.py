"""What happens after a failed attempt, as a function of what happened so far. No I/O, no clock.

    a candidate fails in whatever way      -> stable, at once and without a retry
    stable: 400, 413, 422, content filter  -> final, it is the caller's own
    stable: 401, 403, 404, quota, redirect -> the next in the order of rescue, never this one again
    stable: first_token ran out            -> the next, because waiting twice helps nobody
    stable: 408, 429, 5xx, no connection,
            reset, cut or malformed answer -> once more the same while attempts are left over, then the next
    a fallback fails in whatever way       -> the next
    total ran out, no attempts left        -> the end

All attempts of a request share one budget. A retry must not eat the attempt that a fallback would need,
beyond the first retry that a passing fault deserves.
"""

from __future__ import annotations

from enum import Enum, IntEnum
from math import inf
from typing import NamedTuple

from tidegate.delivery.observation import Outcome
from tidegate.gateway.retry_after import LONGEST_WAIT_SECONDS


class Role(IntEnum):
    """Why a deployment stands in the order of rescue."""

    CANDIDATE = 0  # a variant that is not stable
    STABLE = 1
    FALLBACK = 2


class Cause(Enum):
    """Why an attempt failed, as far as it matters for what is next. Closed."""

    CALLERS_OWN = "callers_own"  # 400, 413, 422, content filter, an unrenderable request
    REJECTED = "rejected"  # 401, 403, 404 and every other 4xx: this deployment will not do it
    REDIRECTED = "redirected"
    QUOTA = "quota"
    RATE_LIMITED = "rate_limited"
    BUSY = "busy"  # our own bound on requests to this provider
    SILENT = "silent"  # first_token ran out
    TIMED_OUT = "timed_out"  # connect or idle ran out, or 408
    OUT_OF_TIME = "out_of_time"  # total ran out
    UNREACHABLE = "unreachable"  # refused, reset, no such host
    SERVER_ERROR = "server_error"  # 5xx
    MALFORMED = "malformed"  # not what the endpoint promises
    TRUNCATED = "truncated"
    BENCHED = "benched"  # its breaker is blocking, or the candidate was cut off: nothing was sent


_OUTCOMES: dict[Cause, Outcome] = {
    Cause.CALLERS_OWN: Outcome.UPSTREAM_REJECTED,
    Cause.REJECTED: Outcome.UPSTREAM_REJECTED,
    Cause.REDIRECTED: Outcome.UPSTREAM_ERROR,
    Cause.QUOTA: Outcome.RATE_LIMITED,
    Cause.RATE_LIMITED: Outcome.RATE_LIMITED,
    Cause.BUSY: Outcome.RATE_LIMITED,
    Cause.SILENT: Outcome.TIMEOUT,
    Cause.TIMED_OUT: Outcome.TIMEOUT,
    Cause.OUT_OF_TIME: Outcome.TIMEOUT,
    Cause.UNREACHABLE: Outcome.UPSTREAM_ERROR,
    Cause.SERVER_ERROR: Outcome.UPSTREAM_ERROR,
    Cause.MALFORMED: Outcome.UPSTREAM_ERROR,
    Cause.TRUNCATED: Outcome.TRUNCATED,
    Cause.BENCHED: Outcome.UPSTREAM_ERROR,
}
_PASSING = frozenset(
    {
        Cause.RATE_LIMITED,
        Cause.TIMED_OUT,
        Cause.UNREACHABLE,
        Cause.SERVER_ERROR,
        Cause.MALFORMED,
        Cause.TRUNCATED,
    }
)
_HARD = frozenset(
    {
        Cause.REJECTED,
        Cause.REDIRECTED,
        Cause.SILENT,
        Cause.TIMED_OUT,
        Cause.OUT_OF_TIME,
        Cause.UNREACHABLE,
        Cause.SERVER_ERROR,
        Cause.MALFORMED,
        Cause.TRUNCATED,
    }
)

_BARRING = frozenset({Cause.CALLERS_OWN, Cause.REJECTED, Cause.QUOTA, Cause.SILENT})


def outcome_of(cause: Cause, *, is_content_filter: bool = False) -> Outcome:
    """The outcome an observation carries for it."""
    return Outcome.FILTERED if is_content_filter else _OUTCOMES[cause]


def is_hard(cause: Cause) -> bool:
    """Whether it counts towards the cut-off of a candidate and the breaker of a deployment.

    Rate limits do not: the quota is often shared by both arms. Quota does so for the breaker alone; see
    :func:`is_benching`.
    """
    return cause in _HARD


def is_benching(cause: Cause) -> bool:
    """Whether it speaks against the deployment itself, so that its breaker counts it."""
    return cause in _HARD or cause is Cause.QUOTA


def is_barring(cause: Cause) -> bool:
    """Whether the same deployment is not asked again for this request, under whatever name."""
    return cause in _BARRING


def cause_of_status(status: int, *, is_content_filter: bool, is_quota: bool) -> Cause:
    """Classify an upstream's reply that is not 2xx."""
    if is_content_filter or status in {400, 413, 422}:
        return Cause.CALLERS_OWN
    if is_quota:
        return Cause.QUOTA
    if status == 429:
        return Cause.RATE_LIMITED
    if status in {408, 425}:
        return Cause.TIMED_OUT
    if status >= 500:
        return Cause.SERVER_ERROR
    return Cause.REJECTED if status >= 400 else Cause.REDIRECTED


class Move(Enum):
    """What to do after a failed attempt. Closed."""

    RETRY = "retry"  # the same deployment once more
    NEXT = "next"  # the next in the order of rescue
    GIVE_UP = "give_up"


class Standing(NamedTuple):
    """Where a request stands when an attempt has failed.

    Attributes:
        role: of the deployment that failed.
        attempts: made so far, this one included.
        budget: attempts the request may cost.
        retries: repetitions of this deployment so far.
        alternatives: deployments still untried in the order of rescue.
        asked_wait: seconds the upstream asked to wait, or ``None``.
        wait: seconds before the same deployment may be asked again, jitter included.
        left_seconds: until total runs out.
    """

    role: Role
    attempts: int
    budget: int
    retries: int
    alternatives: int
    asked_wait: float | None = None
    wait: float = 0.0
    left_seconds: float = inf


def next_move(cause: Cause, at: Standing) -> Move:
    """What to do after an attempt failed with ``cause``."""
    left = at.budget - at.attempts
    if at.role is Role.CANDIDATE:
        return Move.NEXT if at.alternatives and left > 0 else Move.GIVE_UP
    if cause is Cause.OUT_OF_TIME or (cause is Cause.CALLERS_OWN and at.role is Role.STABLE):
        return Move.GIVE_UP
    if left <= 0:
        return Move.GIVE_UP
    if at.role is Role.STABLE and cause in _PASSING and _may_retry(at, left):
        return Move.RETRY
    return Move.NEXT if at.alternatives else Move.GIVE_UP


def _may_retry(at: Standing, left: int) -> bool:
    if at.asked_wait is not None and at.asked_wait > LONGEST_WAIT_SECONDS:
        return False  # coming back earlier than asked is in vain, and the client is waiting
    if at.wait >= at.left_seconds:
        return False  # whoever is next can be asked now
    if left > at.alternatives:
        return True
    return at.retries == 0 and left > min(at.alternatives, 1)


def attempts_budget(max_attempts: int, *, has_candidate: bool) -> int:
    """Attempts a request may cost. A candidate always leaves one for stable: its rescue is a promise."""
    return max(max_attempts, 2 if has_candidate else 1)


def least_bad(blocked_until: list[float]) -> int:
    """Which of several blocking deployments is tried all the same: the one that is due first.

    A single deployment is thereby never benched for ever.
    """
    return blocked_until.index(min(blocked_until))
