"""Services, and how a request to one would be rendered, as the API tells them."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec


class Service(msgspec.Struct, frozen=True, kw_only=True):
    """What is declared of a service; durations in seconds.

    Attributes:
        spec: fallbacks, timeouts, segments, overrides, unit …, as far as given.
        etag: rises with each change; what ``If-Match`` names.
    """

    name: str
    spec: dict[str, Any]
    stable: str | None
    previous_stable: str | None
    created_at: datetime
    etag: int


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """What would be sent upstream for a request; nothing was sent.

    Attributes:
        url: where it would go; ``None`` when the gateway answers it itself (a token estimate).
        body: what would be sent, with the version's share put in; likewise.
        fallbacks: ``provider/model`` of who would rescue it, in order.
    """

    version: str
    provider: str
    dialect: str
    url: str | None
    body: dict[str, Any] | None
    fallbacks: tuple[str, ...]
