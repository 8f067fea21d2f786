"""Requests, feedback and kept texts in the public shapes."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import msgspec
from sqlalchemy import RowMapping

from tidegate.delivery.evidence.opinions import MICRO
from tidegate.delivery.observation import Observation
from tidegate.registry.feedback.stored import StoredFeedback
from tidegate.registry.kept_content import Kept
from tidegate.registry.observations import Counts
from tidegate.shapes.requests import KeptContent, RequestDetail, SaidFeedback, SaidJudgement, ServedRequest, Turn

_FIELDS = ServedRequest.__struct_fields__


def request_view(row: Observation) -> ServedRequest:
    """One observation by the names of its fields."""
    return ServedRequest(**{name: getattr(row, name) for name in _FIELDS})


def request_detail(
    row: Observation,
    counted: int,
    kept: Kept | None,
    said: Sequence[StoredFeedback],
    *,
    may_see_content: bool,
) -> RequestDetail:
    """One request with everything that is known of it."""
    return RequestDetail(
        **msgspec.structs.asdict(request_view(row)),
        counted=Counts(counted).name.lower(),
        content=content_view(kept) if kept is not None and may_see_content else None,
        is_content_hidden=kept is not None and not may_see_content,
        feedback=tuple(map(feedback_view, said)),
    )


def judgement_view(row: RowMapping) -> SaidJudgement:
    """One verdict of a judge."""
    return SaidJudgement(
        judge=row["judge"],
        judge_version=row["judge_version"],
        variant=row["variant"],
        score=row["micro"] / MICRO,
        candidate_first=row["candidate_first"],
        candidate_second=row["candidate_second"],
        at=_instant(row["at_us"]),
    )


def content_view(kept: Kept) -> KeptContent:
    """What was asked and answered."""
    return KeptContent(
        prompt=tuple(Turn(role=turn.role, text=turn.text) for turn in kept.prompt),
        answer=kept.answer,
        is_cut=kept.is_cut,
        is_redacted=kept.is_redacted,
        expires_at=_instant(kept.expires_at_us),
    )


def feedback_view(said: StoredFeedback) -> SaidFeedback:
    """One verdict."""
    return SaidFeedback(
        id=said.id,
        request_id=said.request_id,
        service=said.service,
        name=said.name,
        source=said.source,
        value=value_of(said),
        comment=said.comment,
        demonstration=said.demonstration,
        at=_instant(said.at_us),
        key=said.key,
        standing=str(said.standing),
        release=said.release,
        attempt=said.attempt,
        step=said.step,
        round=said.round,
        variant=said.variant,
        version=said.version,
        served=said.served,
        served_version=said.served_version,
        counted=said.counted.name.lower(),
    )


def value_of(said: StoredFeedback) -> bool | float | str | None:
    """What was said, as it was sent."""
    if said.micro is None:
        return said.category
    return bool(said.micro) if said.category is not None else said.micro / MICRO


def _instant(micro: int) -> datetime:
    return datetime.fromtimestamp(micro / 1_000_000, UTC)
