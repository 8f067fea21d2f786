"""Whether an answer to a smoke request is what was expected."""

from __future__ import annotations

import re

from tidegate.delivery.release_spec import ExpectSpec


def unmet(expect: ExpectSpec, *, text: str, finish_reason: str, latency_seconds: float) -> str | None:
    """What the answer lacks, as one sentence; ``None`` when it satisfies every condition.

    Args:
        expect: the conditions.
        text: of the answer.
        finish_reason: in OpenAI's names, such as ``stop``.
        latency_seconds: from sending the request to the last byte.
    """
    if expect.contains is not None and expect.contains not in text:
        return f"the answer does not contain {expect.contains!r}: {_excerpt(text)}"
    if expect.not_contains is not None and expect.not_contains in text:
        return f"the answer contains {expect.not_contains!r}"
    if expect.matches is not None and re.search(expect.matches, text) is None:
        return f"the answer does not match {expect.matches!r}: {_excerpt(text)}"
    if expect.finish_reason is not None and expect.finish_reason != finish_reason:
        return f"the answer ended with {finish_reason!r}, not {expect.finish_reason!r}"
    if expect.max_latency is not None and latency_seconds > expect.max_latency:
        return f"the answer took {latency_seconds:.3g} s, and {expect.max_latency:g} s are allowed"
    return None


def _excerpt(text: str, length: int = 80) -> str:
    return repr(text if len(text) <= length else text[:length] + "…")
