"""``GET /v1/models`` in both dialects: the services a key may use, as models."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import msgspec

_EPOCH = "1970-01-01T00:00:00Z"  # a service has no date of its own; both SDKs want one


def some_models(names: Sequence[str], *, is_anthropic: bool) -> bytes:
    """The list; there is one page, for services are few."""
    data = [_entry(name, is_anthropic=is_anthropic) for name in names]
    if not is_anthropic:
        return msgspec.json.encode({"object": "list", "data": data})
    first, last = (names[0], names[-1]) if names else (None, None)
    return msgspec.json.encode({"data": data, "has_more": False, "first_id": first, "last_id": last})


def one_model(name: str, *, is_anthropic: bool) -> bytes:
    """One of them."""
    return msgspec.json.encode(_entry(name, is_anthropic=is_anthropic))


def _entry(name: str, *, is_anthropic: bool) -> dict[str, Any]:
    if is_anthropic:
        return {"type": "model", "id": name, "display_name": name, "created_at": _EPOCH}
    return {"id": name, "object": "model", "created": 0, "owned_by": "tidegate"}
