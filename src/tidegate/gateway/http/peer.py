"""What only the kernel knows of, or does to, the other end of a connection."""

from __future__ import annotations

import asyncio
import socket
import struct

_TCP_ESTABLISHED = 1
_RESET_ON_CLOSE = struct.pack("ii", 1, 0)


def is_connected(transport: asyncio.Transport) -> bool:
    """Whether the peer is still there; with reading paused, nothing else tells. ``True`` where it cannot be told."""
    channel = transport.get_extra_info("socket")
    if channel is None or not hasattr(socket, "TCP_INFO") or channel.family == socket.AF_UNIX:
        return True
    return bool(channel.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0] == _TCP_ESTABLISHED)


def reset(transport: asyncio.Transport) -> None:
    """Close at once, by a reset, which nobody takes for the end of an answer; what was not written yet is lost."""
    channel = transport.get_extra_info("socket")
    if channel is not None and channel.family != socket.AF_UNIX:
        channel.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET_ON_CLOSE)
    transport.abort()
