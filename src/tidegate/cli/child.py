"""What a child of the supervisor does first."""

from __future__ import annotations

import ctypes
import signal
import sys

_PR_SET_PDEATHSIG = 1


def become_child() -> None:
    """Be told when the parent dies, and leave Ctrl-C to the parent.

    A parent that died before this call leaves an empty standard input, on which the child ends by itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
