"""Keys as the API tells them: their rights, limits and usage."""

from __future__ import annotations

from datetime import datetime

import msgspec


class KeyLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What a key may use over all gateways together; ``None`` means no bound.

    Attributes:
        requests_per_minute, tokens_per_minute: a minute's worth may come at once.
        concurrent: requests under way.
        budget: such as ``50 USD/month`` and ``5 USD/day``.
        without_control: ``refuse`` or ``allow``: what gateways do when the money lent to them is used up and control
            is silent.
    """

    requests_per_minute: int | None = None
    tokens_per_minute: int | None = None
    concurrent: int | None = None
    budget: tuple[str, ...] = ()
    without_control: str = "refuse"


class KeyUsage(msgspec.Struct, frozen=True, kw_only=True):
    """What a key uses, of days and months of UTC.

    Attributes:
        requests_per_minute, tokens_per_minute: wanted of late, also what was refused; of keys with limits.
        in_flight: requests under way; of keys with limits.
        requests_today, tokens_today: that ended.
        spent_today_usd, spent_this_month_usd: by requests that ended, where prices are known.
        reserved_usd: what requests under way may come to; of keys with a budget.
    """

    requests_per_minute: int
    tokens_per_minute: int
    in_flight: int
    requests_today: int
    tokens_today: int
    spent_today_usd: float
    spent_this_month_usd: float
    reserved_usd: float


class Key(msgspec.Struct, frozen=True, kw_only=True):
    """One access key without its secret; empty ``services`` means every service.

    Attributes:
        source: ``configuration`` or ``api``.
        limits: ``None`` without any.
    """

    name: str
    roles: tuple[str, ...]
    services: tuple[str, ...]
    source: str
    created_at: datetime
    use: KeyUsage
    limits: KeyLimits | None = None


class Keys(msgspec.Struct, frozen=True, kw_only=True):
    """Every key, by name; after a revocation, those that remain and what that means in ``warnings``."""

    items: tuple[Key, ...]
    next: str | None
    warnings: tuple[str, ...] = ()


class NewKey(msgspec.Struct, frozen=True, kw_only=True):
    """A key as it was made.

    Attributes:
        secret: the key itself; nobody can read it again.
        warnings: what else follows from there being this key.
    """

    key: Key
    secret: str
    warnings: tuple[str, ...]
