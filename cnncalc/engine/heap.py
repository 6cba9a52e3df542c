"""How this process deals with memory that arrays leave."""

from __future__ import annotations

import ctypes
import sys

TRIM_THRESHOLD, MMAP_MAX = -1, -4
"""Parameters of mallopt(3)."""
NEVER = 2**31 - 1


def keep_freed_memory() -> None:
    """Keep what arrays leave for the next ones, rather than give it back to the system.

    Fresh memory costs a page fault for every 4 KiB: of a training pass, which allocates and frees
    gigabytes, a seventh. For programs, which own their process; with glibc alone, as others have
    no such switch. Source: mallopt(3).
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(TRIM_THRESHOLD, NEVER)
        mallopt(MMAP_MAX, 0)
