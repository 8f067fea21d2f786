"""Waits for what ends by itself, asking less and less often."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TypeVar

T = TypeVar("T")
_FIRST_SECONDS, _LONGEST_SECONDS = 0.1, 2.0


def ended(look: Callable[[], T], has_ended: Callable[[T], bool]) -> T:
    """What ``look`` finds once that has ended."""
    pause = _FIRST_SECONDS
    while not has_ended(found := look()):
        time.sleep(pause)
        pause = min(_LONGEST_SECONDS, pause * 1.5)
    return found
