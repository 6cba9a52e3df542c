"""Memory that arrays leave stays with the process, where the system lets it choose."""

import subprocess
import sys

PROGRAM = """
import resource, sys
import numpy as np
from cnncalc.engine.heap import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    np.ones(2**24, np.float32)
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

if "keep" in sys.argv:
    keep_freed_memory()
faults()
print(faults())
"""


def page_faults(*arguments):
    """Of an array of 64 MiB, when one of that size has been freed before."""
    command = [sys.executable, "-c", PROGRAM, *arguments]
    return int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)


def test_freed_memory_is_kept():
    assert page_faults("keep") <= page_faults()
    if sys.platform == "linux":
        assert page_faults("keep") < 20 < page_faults()
