"""The points in which streams go wrong, each with the tests that prove it: ``python -m tests.faults.correctness``."""

from __future__ import annotations

from tests.faults.attempt_points import ATTEMPTS
from tests.faults.content_points import CONTENT
from tests.faults.points import EXPLANATIONS, Point, listed
from tests.faults.stream_points import EVENTS

PAGE = EXPLANATIONS / "streaming-correctness.md"
POINTS: tuple[Point, ...] = (*EVENTS, *ATTEMPTS, *CONTENT)

_HEAD = """# What is right about a stream

<!-- Rendered from tests/faults/correctness.py by `python -m tests.faults.correctness`; a test keeps it current. -->

The points in which streams of language models go wrong between a client and an upstream, what the gateway does
about each, and the tests that prove it. [Faults](faults.md) lists what a client sees of every fault; its rows
are named here where they prove a point. [HTTP](http-safety.md) and [dialects](dialects.md) have pages of their own.
"""


def rendered() -> str:
    """The page."""
    return f"{_HEAD}\n{listed(POINTS)}"


if __name__ == "__main__":
    PAGE.write_text(rendered())
