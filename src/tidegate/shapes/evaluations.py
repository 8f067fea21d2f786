"""What gates and suites said of versions, as the API tells it."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Evaluation(msgspec.Struct, frozen=True, kw_only=True):
    """One time that a suite, or a release's gate, was asked about a version.

    Attributes:
        name: the suite's, or the gate's in its release file.
        kind: ``command`` or ``http``.
        release, attempt: whose gate it was; "" and 0 where somebody asked for it.
        actor: who asked.
        is_under_way: it has not been answered, and may still be.
        verdict: ``pass``, ``fail`` or ``no_data``; ``None`` while it is under way. ``code`` and ``sentence`` say why.
        score, samples: as it reported them; ``excerpt`` is the end of what it said.
    """

    id: str
    service: str
    version: str
    name: str
    kind: str
    release: str
    attempt: int
    actor: str
    is_under_way: bool
    verdict: str | None
    code: str
    sentence: str
    score: float | None
    samples: int | None
    excerpt: str
    started_at: datetime
    ended_at: datetime | None


class Evaluations(msgspec.Struct, frozen=True, kw_only=True):
    """A page of evaluations, newest first; ``next`` is the cursor of the following page."""

    items: tuple[Evaluation, ...]
    next: str | None
