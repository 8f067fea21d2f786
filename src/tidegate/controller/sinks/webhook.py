"""Sinks that are HTTP: a signed webhook, Slack, and PagerDuty's Events API v2.

A webhook is signed as *Standard Webhooks* has it: ``webhook-id`` (the same on each repetition), ``webhook-timestamp``
and ``webhook-signature: v1,`` with base64 of HMAC-SHA256 over ``id.timestamp.body``.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
from typing import Any

import httpx2
import msgspec

from tidegate.controller.clock import Clock
from tidegate.controller.sinks.telling import event_of, headline
from tidegate.errors import UpstreamError
from tidegate.registry.outbox import OutboxRow

PAGERDUTY_URL = "https://events.pagerduty.com/v2/enqueue"
_COLOURS = {"rolling_back": "danger", "rolled_back": "danger", "rejected": "danger", "paused": "warning"}
# What opens an incident at PagerDuty and what ends the same one; other events are none of its business.
_TRIGGERS = {"rolling_back": "critical", "paused": "warning", "gate_not_passed": "warning"}
_ENDS = {
    "rolled_back": "rolling_back",
    "superseded": "rolling_back",
    "resumed": "paused",
    "promoted": "paused",
    "rejected": "gate_not_passed",
}


class WebhookSink:
    """Posts each event as JSON.

    Args:
        secret: signs what is sent; without one nothing is signed.
    """

    def __init__(self, name: str, url: str, secret: str | None, client: httpx2.AsyncClient, clock: Clock) -> None:
        self.name = name
        self._url = url
        self._secret = secret
        self._client = client
        self._clock = clock

    async def deliver(self, row: OutboxRow) -> None:
        """Post it.

        Raises:
            UpstreamError: the answer is no success.
        """
        body = msgspec.json.encode({"id": row.dedupe_key, "event": event_of(row), **row.payload})
        headers = {"webhook-id": row.dedupe_key, "webhook-timestamp": str(int(self._clock.now().timestamp()))}
        if self._secret:
            headers["webhook-signature"] = signature(self._secret, row.dedupe_key, headers["webhook-timestamp"], body)
        await _post(self._client, self._url, body, headers)


class SlackSink:
    """Posts each event as a message to an incoming webhook of Slack, or of what understands the same."""

    def __init__(self, name: str, url: str, client: httpx2.AsyncClient) -> None:
        self.name = name
        self._url = url
        self._client = client

    async def deliver(self, row: OutboxRow) -> None:
        """Post it.

        Raises:
            UpstreamError: the answer is no success.
        """
        attachment = {
            "color": _COLOURS.get(event_of(row), "good"),
            "text": row.payload.get("sentence", ""),
            "footer": f"release {row.payload.get('release', '')}",
            "ts": int(row.created_at.timestamp()),
        }
        body = msgspec.json.encode({"text": headline(row), "attachments": [attachment]})
        await _post(self._client, self._url, body, {})


class PagerDutySink:
    """Opens and ends incidents at PagerDuty; ``dedup_key`` makes a repetition the same incident."""

    def __init__(self, name: str, routing_key: str, client: httpx2.AsyncClient, url: str = PAGERDUTY_URL) -> None:
        self.name = name
        self._routing_key = routing_key
        self._client = client
        self._url = url

    async def deliver(self, row: OutboxRow) -> None:
        """Send what it means to PagerDuty, if it means anything.

        Raises:
            UpstreamError: the answer is no success.
        """
        event = event_of(row)
        about = event if event in _TRIGGERS else _ENDS.get(event)
        if about is None:
            return
        payload = row.payload
        sent: dict[str, Any] = {
            "routing_key": self._routing_key,
            "event_action": "trigger" if event in _TRIGGERS else "resolve",
            "dedup_key": f"tidegate/{payload.get('release')}/{payload.get('attempt', 1)}/{about}",
            "payload": {
                "summary": f"{headline(row)}: {payload.get('sentence', '')}"[:1024],
                "source": str(payload.get("service", "tidegate")),
                "severity": _TRIGGERS.get(about, "warning"),
                "timestamp": payload.get("at"),
                "custom_details": payload,
            },
        }
        await _post(self._client, self._url, msgspec.json.encode(sent), {})


def signature(secret: str, identifier: str, timestamp: str, body: bytes) -> str:
    """``v1,`` and base64 of HMAC-SHA256 over ``id.timestamp.body``."""
    signed = f"{identifier}.{timestamp}.".encode() + body
    return "v1," + base64.b64encode(hmac.new(secret.encode(), signed, hashlib.sha256).digest()).decode()


async def _post(client: httpx2.AsyncClient, url: str, body: bytes, headers: dict[str, str]) -> None:
    answer = await client.post(
        url, content=body, headers={"content-type": "application/json", **headers}, follow_redirects=False
    )
    if not answer.is_success:
        raise UpstreamError(f"it answered {answer.status_code}: {answer.text[:200]!r}")
