"""How a gateway process holds its memory: it loads no more than it needs, the allocator keeps what it has, the
collector leaves the start-up alone."""

from __future__ import annotations

import gc
import sys

KEPT_BYTES = 4 << 20
_COLLECT_AFTER = 20_000
_NEVER_NEEDED = ("rich", "greenlet", "typing_extensions")


def leave_out_modules() -> None:
    """Called before anything else is imported, in a process that is a gateway and nothing else.

    Structlog takes rich along, to colour what a gateway never shows, and greenlet, which brings the C++ library;
    msgspec takes backports of what this Python has. Each of them does without, and the process with 6 MB less.
    """
    for name in _NEVER_NEEDED:
        sys.modules[name] = None  # type: ignore[assignment]  # what importlib documents for one that must not load


def settle_memory() -> None:
    """Called once, when everything that lives as long as the process is there.

    *Heap.* glibc gives the top of the heap back to the kernel whenever 128 KiB of it are free, so every prompt of
    some size would take and return its pages, at a page fault each. Freeing one block of
    :data:`KEPT_BYTES` raises both of its thresholds (``mallopt(3)``, ``M_MMAP_THRESHOLD``, which adapts): up to
    twice as much stays ours. Elsewhere it does nothing.

    *Collector.* A request leaves no cycles, so there is next to nothing to find: what exists now is not looked at
    any more, and a collection of the young waits for more than a burst of requests. It still runs, for faults and
    tables do leave cycles.
    """
    block = bytearray(KEPT_BYTES)
    del block
    gc.collect()
    gc.freeze()
    gc.set_threshold(_COLLECT_AFTER, 20, 20)
