"""Pairs of answers as the API tells them: both to one request, and what they add up to."""

from __future__ import annotations

from datetime import datetime

import msgspec


class PairSide(msgspec.Struct, frozen=True, kw_only=True):
    """One of both answers.

    Attributes:
        version: full reference.
        outcome: of its first attempt.
        latency_seconds: to the last byte; ``ttft_seconds`` to the first content of a stream.
        cost_usd: ``None`` where no price is known.
        text: where the service keeps content and it has not expired or been erased.
    """

    version: str
    outcome: str
    latency_seconds: float
    ttft_seconds: float | None
    output_tokens: int | None
    cost_usd: float | None
    finish_reason: str
    text: str | None


class Pair(msgspec.Struct, frozen=True, kw_only=True):
    """Both answers to one request.

    Attributes:
        at: when it began.
        is_exact: whether both texts were equal, ``None`` where they could not be compared.
        similarity: of their wording, 0 … 1, ``None`` likewise.
    """

    request_id: str
    at: datetime
    attempt: int
    step: int
    is_exact: bool | None
    similarity: float | None
    stable: PairSide
    candidate: PairSide


class PairedMean(msgspec.Struct, frozen=True, kw_only=True):
    """One quantity over the pairs that tell it of both answers.

    Attributes:
        pairs: how many do.
        stable, candidate: means, in seconds, tokens or USD.
        change: candidate's mean relative to stable's, ``None`` where stable's is 0.
    """

    pairs: int
    stable: float
    candidate: float
    change: float | None


class PairTotals(msgspec.Struct, frozen=True, kw_only=True):
    """What the pairs of one step add up to.

    Attributes:
        pairs: those that say something of both versions.
        copies: all that were sent, with what they cost; ``unpriced`` of them at a price nobody knows.
        compared: pairs whose texts could be compared; ``exact`` of them were equal.
        similarity: mean likeness of their wording, 0 … 1, ``None`` without any.
        outcomes: ``stable's/candidate's`` -> pairs.
        quantities: ``latency, ttft, tpot`` (seconds), ``output_tokens``, ``cost`` (USD).
    """

    attempt: int
    step: int
    pairs: int
    copies: int
    cost_usd: float
    tokens: int
    unpriced: int
    compared: int
    exact: int
    similarity: float | None
    outcomes: dict[str, int]
    quantities: dict[str, PairedMean]


class Pairs(msgspec.Struct, frozen=True, kw_only=True):
    """A page of pairs, newest first, and the totals of every step that mirrored; ``next`` is the cursor of the
    following page."""

    release: str
    totals: tuple[PairTotals, ...]
    items: tuple[Pair, ...]
    next: str | None
