"""What a child of the supervisor does first."""

from __future__ import annotations

import ctypes
import os
import signal
import sys
from collections.abc import Callable, Sequence

READY_OPTION = "--ready-fd"
REFUSED = 2  # exit code of a child that its settings keep from starting, however often it is tried
_PR_SET_PDEATHSIG = 1


def become_child() -> None:
    """Be told when the parent dies, and leave Ctrl-C and a lost terminal to the parent.

    A parent that died before this call leaves an empty standard input, on which the child ends by itself.
    """
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)


def readiness(arguments: Sequence[str]) -> Callable[[], None] | None:
    """What tells the parent that we are ready, if it asked with ``--ready-fd NUMBER``."""
    if READY_OPTION not in arguments:
        return None
    descriptor = int(arguments[arguments.index(READY_OPTION) + 1])

    def announce() -> None:
        os.write(descriptor, b"1")
        os.close(descriptor)

    return announce
