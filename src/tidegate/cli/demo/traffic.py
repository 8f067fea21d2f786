"""Steady simulated users, and what they saw."""

from __future__ import annotations

import asyncio
import random
from collections import Counter, deque
from collections.abc import Iterable
from time import monotonic
from typing import NamedTuple

import httpx2

QUESTIONS = (
    "Can I still change the delivery address of my order?",
    "When will I get my refund?",
    "The light on my router stays red. What can I do?",
    "Where do I find last year's invoice?",
)


class Seen(NamedTuple):
    """One request as its user saw it.

    Attributes:
        at: monotonic seconds when it ended.
        version: who answered, from the response header; empty if nobody did.
        is_ok: a whole answer came.
        first_token_seconds: from sending to the first content, ``None`` without one.
    """

    at: float
    version: str
    is_ok: bool
    first_token_seconds: float | None


class Traffic:
    """Sends streamed chat requests at a steady rate until cancelled.

    Args:
        url: of the gateway.
        service: sent as ``model``.
        per_second: arrivals per second, Poisson.
        seed: of arrivals, users and questions.
    """

    def __init__(self, url: str, service: str, per_second: float, seed: int = 7) -> None:
        self._url = f"{url}/v1/chat/completions"
        self._service = service
        self._rate = per_second
        self._chance = random.Random(seed)  # noqa: S311 - questions, not secrets
        self._recent: deque[Seen] = deque(maxlen=5_000)
        self._open: set[asyncio.Task[None]] = set()
        self.sent = 0
        self.failed = 0

    async def run(self) -> None:
        """Go on until cancelled; open requests are cancelled with it."""
        limits = httpx2.Limits(max_connections=200, max_keepalive_connections=50)
        async with httpx2.AsyncClient(limits=limits, timeout=60) as client:
            try:
                while True:
                    await asyncio.sleep(self._chance.expovariate(self._rate))
                    task = asyncio.create_task(self._ask(client))
                    self._open.add(task)
                    task.add_done_callback(self._open.discard)
            finally:
                for task in self._open:
                    task.cancel()
                await asyncio.gather(*self._open, return_exceptions=True)

    def window(self, seconds: float = 5.0) -> list[Seen]:
        """Requests that ended within the last ``seconds``."""
        since = monotonic() - seconds
        return [seen for seen in self._recent if seen.at >= since]

    async def _ask(self, client: httpx2.AsyncClient) -> None:
        self.sent += 1
        begun = monotonic()
        version, is_ok, first = "", False, None
        try:
            async with client.stream("POST", self._url, json=self._question()) as answer:
                version = answer.headers.get("x-tidegate-version", "")
                async for line in answer.aiter_lines():
                    if first is None and '"content":"' in line and '"content":""' not in line:
                        first = monotonic() - begun
                    is_ok = is_ok or line == "data: [DONE]"
        except httpx2.HTTPError:
            is_ok = False
        self.failed += not is_ok
        self._recent.append(Seen(monotonic(), version, is_ok, first))

    def _question(self) -> dict[str, object]:
        return {
            "model": self._service,
            "stream": True,
            "user": f"user-{self._chance.randrange(200)}",
            "messages": [{"role": "user", "content": self._chance.choice(QUESTIONS)}],
        }


def shares(window: Iterable[Seen]) -> list[tuple[str, float]]:
    """Versions that answered, with their part of all answers, largest first."""
    counts = Counter(seen.version for seen in window if seen.version)
    total = sum(counts.values())
    return [(version, count / total) for version, count in counts.most_common()]


def median_first_token(window: Iterable[Seen]) -> float | None:
    """Median seconds to the first content, ``None`` without any."""
    times = sorted(seen.first_token_seconds for seen in window if seen.first_token_seconds is not None)
    return times[len(times) // 2] if times else None
