"""Observations with every field filled in, for tests that care about a few of them."""

from typing import Any

from tidegate.delivery.observation import Observation, ObservationBatch

_PLAIN: dict[str, Any] = {
    "request_id": "req_1",
    "started_at_us": 1_789_473_600_000_000,
    "key": "shop",
    "service": "bot",
    "path": "/v1/chat/completions",
    "release": "",
    "attempt": 1,
    "step": 0,
    "revision": 1,
    "variant": "stable",
    "version": "bot/v1.0.0-00000000",
    "served": "stable",
    "served_version": "bot/v1.0.0-00000000",
    "unit_hash": 1,
    "propensity": 10_000,
    "outcome": "ok",
    "assigned_outcome": "ok",
    "status": 200,
    "stream": False,
    "ttft_us": 0,
    "tpot_us": 0,
    "duration_us": 250_000,
    "own_us": 40,
    "input_tokens": 12,
    "output_tokens": 30,
    "cached_tokens": 0,
    "reasoning_tokens": 0,
    "is_estimated": False,
    "cost_nano_usd": 1_500,
    "attempts": 1,
    "fallbacks": 0,
    "malformed_events": 0,
    "finish_reason": "stop",
    "model": "m-1",
}


def observation(**fields: Any) -> Observation:
    """A good answer of stable, with ``fields`` instead of the plain ones."""
    return Observation(**{**_PLAIN, **fields})


def batch(rows: list[Observation], sequence: int = 1, boot_id: str = "boot", gateway: str = "a") -> ObservationBatch:
    """One batch of ``rows``."""
    return ObservationBatch.of(gateway, boot_id, sequence, rows)
