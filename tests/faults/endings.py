"""How a fault can end for a client, and what the laws of rescue make of it.

A row is one fault, whole or streamed. What it leads to is one of few endings; the settings (alone, with a
fallback, candidate with stable) follow from the ending, written out in :func:`expectation`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

Setting = Literal["alone", "fallback", "candidate"]
SETTINGS: tuple[Setting, ...] = ("alone", "fallback", "candidate")
TIMERS = {"connect": 0.5, "first_token": 0.8, "idle": 0.8, "total": 3.0}
MAX_ATTEMPTS = 3
RETRY_AFTER_SECONDS = 0.1


class Retried(NamedTuple):
    """A passing fault before anything was sent: the same again while attempts are left over, then the next.

    ``code`` is the gateway's own, or empty when the upstream's words are passed on.
    """

    status: int
    code: str = ""


class Passed(NamedTuple):
    """A fault that no repetition mends: the next at once."""

    status: int
    code: str = ""


class Final(NamedTuple):
    """The caller's own: nobody else at stable's side is asked; a candidate is not believed."""

    status: int


class Expired(NamedTuple):
    """Only time tells it from a slow model: ``total``, or the share of it that leaves as much for a fallback."""


class BrokenOff(NamedTuple):
    """Content was sent already: an error event, then broken framing (or whole, behind the upstream's own event)."""

    code: str = ""
    is_framed: bool = False


class Answered(NamedTuple):
    """No fault in the end: a whole answer of the one who was asked."""

    text: str | None = None


Ending = Retried | Passed | Final | Expired | BrokenOff | Answered


@dataclass(frozen=True, kw_only=True)
class Row:
    """One fault in one form.

    Attributes:
        behaviour: of the simulated model.
        raw: name of a raw upstream instead.
        outcome: of the attempt at the faulty deployment.
        timer: what must run out in each attempt at it.
        wait: seconds the upstream asks to wait before each repetition.
        malformed_events: counted in the answer; ``None`` where it depends on the byte of the cut.
        dialects: of upstreams that can have it.
        is_wide: also over translated dialects and the other endpoints.
        is_primed: one request before, so that its connection is reused.
    """

    fault: str
    is_streamed: bool
    ending: Ending
    outcome: str
    behaviour: dict[str, Any] | None = None
    raw: str = ""
    timer: str = ""
    wait: float = 0.0
    malformed_events: int | None = 0
    dialects: tuple[str, ...] = ("openai", "anthropic")
    is_wide: bool = False
    is_primed: bool = False


class Expectation(NamedTuple):
    """What must be seen in one cell.

    Attributes:
        by: who answers whole, or empty.
        ending: what is seen instead.
        faulty_attempts: how often the faulty deployment is asked.
        least: seconds that its timers and waits take together.
    """

    by: str
    ending: Ending
    attempts: int
    faulty_attempts: int
    outcome: str
    assigned: str
    least: float


def expectation(row: Row, setting: Setting) -> Expectation:
    """What the laws of rescue make of a row."""
    by, attempts, faulty = _way(row.ending, setting)
    outcome = row.outcome if isinstance(row.ending, Answered) or not by else "ok"
    timer = TIMERS.get(row.timer, 0.0)
    if isinstance(row.ending, Expired) and setting == "fallback":
        timer /= 2
    least = timer * faulty + row.wait * max(0, faulty - 1)
    return Expectation(by, row.ending, attempts, faulty, outcome, row.outcome, least)


def _way(ending: Ending, setting: Setting) -> tuple[str, int, int]:
    """Who answers whole (or nobody), attempts in all, and those at the faulty deployment."""
    match ending, setting:
        case (Answered(), _):
            return "own", 1, 1
        case (BrokenOff(), _):
            return "", 1, 1
        case (_, "candidate"):
            return "stable", 2, 1
        case (Expired() | Passed(), "fallback"):
            return "fallback", 2, 1
        case (Final() | Expired() | Passed(), _):
            return "", 1, 1
        case (Retried(), "fallback"):
            return "fallback", 3, 2
        case _:
            return "", MAX_ATTEMPTS, MAX_ATTEMPTS
