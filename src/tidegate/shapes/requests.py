"""Requests, what was said of them and what was kept of them, as the API tells them."""

from __future__ import annotations

from datetime import datetime

import msgspec


class ServedRequest(msgspec.Struct, frozen=True, kw_only=True):
    """One request as a gateway recorded it.

    Times and durations are integer microseconds, cost nano-USD; -1 is *unknown*. ``outcome`` is the user's,
    ``assigned_outcome`` that of the first attempt at the variant the unit was assigned to; the meaning of each
    field is that of :class:`tidegate.delivery.observation.Observation`.
    """

    request_id: str
    started_at_us: int
    key: str
    service: str
    path: str
    release: str
    attempt: int
    step: int
    revision: int
    variant: str
    version: str
    served: str
    served_version: str
    unit_hash: int
    propensity: int
    outcome: str
    assigned_outcome: str
    status: int
    stream: bool
    ttft_us: int
    tpot_us: int
    duration_us: int
    own_us: int
    input_tokens: int
    output_tokens: int
    cached_tokens: int
    reasoning_tokens: int
    is_estimated: bool
    cost_nano_usd: int
    attempts: int
    fallbacks: int
    malformed_events: int
    finish_reason: str
    model: str
    round: int
    trace: str
    trail: tuple[tuple[str, str, int], ...]
    has_own_unit: bool = False
    keeps_format: int = -1
    is_open: bool = False
    waited_us: int = 0
    segments: str = ""
    later_attempts_us: tuple[int, ...] = ()
    surprisal_unats: int = 0
    surprisal_tokens: int = 0
    assumed_nano_usd: int = 0


class Requests(msgspec.Struct, frozen=True, kw_only=True):
    """A page of requests, newest first; ``next`` is the cursor of the following page."""

    items: tuple[ServedRequest, ...]
    next: str | None


class SaidFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """One verdict on an answer.

    Attributes:
        request_id: ``""`` while only the unit is known that it is about.
        value: yes or no, a number, a category; ``None`` beside words alone.
        standing: ``pending`` until the request's observation is known; then ``counted`` for the variant assigned, or
            ``uncounted`` (of no release, forced, or words alone); ``unknown`` when none came, ``foreign`` when the
            key does not cover the request's service.
        variant, version: assigned; ``served`` and ``served_version`` answered.
        counted: in which part of the release's counts its request is: ``none``, ``early``, ``window``, ``compared``.
    """

    id: int
    request_id: str
    service: str
    name: str
    source: str
    value: bool | float | str | None
    comment: str
    demonstration: str
    at: datetime
    key: str
    standing: str
    release: str
    attempt: int
    step: int
    round: int
    variant: str
    version: str
    served: str
    served_version: str
    counted: str


class SaidFeedbacks(msgspec.Struct, frozen=True, kw_only=True):
    """A page of feedback, newest first; ``next`` is the cursor of the following page."""

    items: tuple[SaidFeedback, ...]
    next: str | None


class AcceptedFeedback(msgspec.Struct, frozen=True, kw_only=True):
    """How many verdicts were stored; which of them count is known when their requests are."""

    accepted: int


class Turn(msgspec.Struct, frozen=True, kw_only=True):
    """One message of a conversation."""

    role: str
    text: str


class KeptContent(msgspec.Struct, frozen=True, kw_only=True):
    """What was asked and answered, kept by the policy of its service.

    Attributes:
        is_cut: one of both was longer than what is kept.
        is_redacted: personal data was replaced.
        expires_at: when it is forgotten.
    """

    prompt: tuple[Turn, ...]
    answer: str
    is_cut: bool
    is_redacted: bool
    expires_at: datetime


class SaidJudgement(msgspec.Struct, frozen=True, kw_only=True):
    """What a judge said of one answer.

    Attributes:
        score: from 0 to 1; of a pair 1 is a win of ``variant``, one half a tie, 0 a loss.
        candidate_first, candidate_second: which place was preferred in each order, ``""`` for a score.
    """

    judge: str
    judge_version: str
    variant: str
    score: float
    candidate_first: str
    candidate_second: str
    at: datetime


class RequestDetail(ServedRequest, frozen=True, kw_only=True):
    """One request with everything that is known of it.

    Attributes:
        counted: in which part of its release's counts: ``none``, ``early``, ``window``, ``compared``.
        content: what was asked and answered, where a policy keeps it and the caller may operate.
        is_content_hidden: it is kept, and the caller may not see it.
        mirrored: the candidate's answer to a copy of it, which no user saw; kept and shown likewise.
        feedback: what was said of the answer, the earliest first.
        judgements: what judges said.
    """

    counted: str
    content: KeptContent | None
    is_content_hidden: bool
    feedback: tuple[SaidFeedback, ...]
    mirrored: KeptContent | None = None
    judgements: tuple[SaidJudgement, ...] = ()


class Erased(msgspec.Struct, frozen=True, kw_only=True):
    """What was erased; the same again erases nothing more.

    Attributes:
        contents: requests whose prompt and answer are gone.
        feedback_texts: verdicts whose comment and demonstration are gone; their values stay, they name nobody.
    """

    contents: int
    feedback_texts: int
