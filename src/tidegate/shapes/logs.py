"""Logs as the API tells them."""

from __future__ import annotations

import msgspec


class LogLevels(msgspec.Struct, frozen=True, kw_only=True):
    """What the processes are asked to log; ``None`` leaves each as it was started."""

    level: str | None
