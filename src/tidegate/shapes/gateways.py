"""Gateways as the API tells them: what they serve, and whom they stopped asking."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Breaker(msgspec.Struct, frozen=True, kw_only=True):
    """One deployment's breaker as a gateway sees it: ``admitting``, ``probing`` or ``blocking``."""

    deployment: str
    state: str
    failures: int


class Cutoff(msgspec.Struct, frozen=True, kw_only=True):
    """A gateway stopped using a candidate on its own after hard failures in a row."""

    service: str
    release: str
    attempt: int
    variant: str
    failures: int
    reason: str


class Gateway(msgspec.Struct, frozen=True, kw_only=True):
    """One gateway process, from its last heartbeat.

    Attributes:
        is_live: whether it may be serving.
        is_current: whether it serves the newest routing table; ``behind`` is how many revisions it lacks.
        in_flight: requests under way by version reference.
        dropped: observations lost since it started.
    """

    id: str
    address: str
    build: str
    pid: int
    revision: int
    epoch: int
    is_live: bool
    is_current: bool
    behind: int
    silent_seconds: float
    heard_at: datetime
    in_flight: dict[str, int]
    breakers: tuple[Breaker, ...]
    cutoffs: tuple[Cutoff, ...]
    spool_batches: int
    dropped: int


class Gateways(msgspec.Struct, frozen=True, kw_only=True):
    """Every gateway heard of lately, by id."""

    items: tuple[Gateway, ...]
    next: str | None
