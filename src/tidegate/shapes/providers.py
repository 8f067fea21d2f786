"""Providers as the API tells them: a key only by its reference."""

from __future__ import annotations

from datetime import datetime

import msgspec


class Provider(msgspec.Struct, frozen=True, kw_only=True):
    """One provider.

    Attributes:
        credential: reference to the key (``env:NAME``, ``file:PATH``, ``memory:NAME``), never the key.
        maker: whose reasoning it takes back, where a name says so.
        server_metrics: where its model server tells its load.
        prices: by model, USD per million tokens as decimal text: ``{input, output, cached?}``.
        warnings: a key that control holds in memory only, or no longer holds.
    """

    name: str
    dialect: str
    base_url: str
    credential: str | None
    headers: dict[str, str]
    prices: dict[str, dict[str, str]]
    ca_file: str | None
    max_in_flight: int
    maker: str = ""
    server_metrics: str | None = None
    updated_at: datetime
    warnings: tuple[str, ...] = ()


class Providers(msgspec.Struct, frozen=True, kw_only=True):
    """Every provider, by name."""

    items: tuple[Provider, ...]
    next: str | None
