"""Requests with what was said of them and what was kept of them, as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from tidegate.shapes.records import ServedRequest


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


class ArmCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What the requests of one variant in one step add up to: integers from which every verdict can be computed again.

    Attributes:
        round: how often the step's weights had been set anew.
        early: requests that began before the step's window; ``window``: in it; ``compared``: of those the first of
            each unit, where a coin of the step's share chose the variant. Fields as in
            :class:`tidegate.delivery.evidence.summary.Summary`; what is missing is zero.
    """

    attempt: int
    step: int
    round: int
    variant: str
    early: dict[str, Any]
    window: dict[str, Any]
    compared: dict[str, Any]


class ThresholdChange(msgspec.Struct, frozen=True, kw_only=True):
    """Who declared a release's thresholds, and when; a later one replaces the one before.

    Attributes:
        seq: number of the row in the audit log.
        action: ``release.submitted`` and the like.
    """

    seq: int
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]


class ReleaseCounts(msgspec.Struct, frozen=True, kw_only=True):
    """What a release was judged by: enough to redo its decisions with ``tidegate.stats`` alone.

    Attributes:
        spec: as it was declared, with every threshold.
        thresholds: who declared them, in order.
        arms: counts of every step and variant.
    """

    release: str
    service: str
    spec: dict[str, Any]
    thresholds: tuple[ThresholdChange, ...]
    arms: tuple[ArmCounts, ...]
