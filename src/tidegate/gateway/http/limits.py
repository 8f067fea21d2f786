"""What a client may ask of the server before it is refused."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Limits:
    """Bounds of one listening socket; every excess has its own clear answer.

    Attributes:
        head_bytes: request line and headers together, also trailers (431).
        head_count: number of header lines (431).
        body_bytes: decoded request body (413, before it is read when its length is declared).
        head_seconds: from the first byte of a request to the end of its headers (408).
        body_seconds: without noticeable progress of a request body (408).
        idle_seconds: keep-alive without a request (closed silently).
        stall_seconds: without the client taking any byte of the answer (aborted).
        backlog_bytes: pipelined bytes held while a request is served; beyond it reading pauses.
        connections: at the same time; beyond it new ones get 503.
    """

    head_bytes: int = 65_536
    head_count: int = 100
    body_bytes: int = 100 * 1024 * 1024
    head_seconds: float = 10.0
    body_seconds: float = 60.0
    idle_seconds: float = 75.0
    stall_seconds: float = 60.0
    backlog_bytes: int = 65_536
    connections: int = 20_000
