"""How a layer is run: in training or not, on how many threads, with which random numbers."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from threading import Lock, local
from typing import TYPE_CHECKING, Any, NamedTuple

from cnncalc import lazy_numpy as np

if TYPE_CHECKING:
    from concurrent.futures import ThreadPoolExecutor

Array = Any
"""An array of NumPy; not its own type, as NumPy is imported on first use only."""


class Workers:
    """Runs independent jobs on a fixed number of threads.

    There are two ways to use them. Matrix products share one job at a time: threads of BLAS wait
    for each other without Python's lock. Where there are many large jobs, each thread takes its
    own, and all that is done beside the products goes in parallel, too; a thread that sleeps for
    the lock takes some 70 us to wake, so that small jobs only lose. `alone` is the context in which
    BLAS has one thread for each of ours.
    """

    def __init__(
        self, threads: int = 1, alone: Callable[[], AbstractContextManager[Any]] = nullcontext
    ) -> None:
        self.threads, self.alone = threads, alone
        self._pool = _pool(threads - 1) if threads > 1 else None
        self._own = local()
        self._lock = Lock()
        self.held = 0
        """Bytes of scratch memory, of all threads."""

    def run(
        self, job: Callable[[Any], object], items: Iterable[Any], *, together: bool = False
    ) -> None:
        """Call `job` on every item, in any order; the first error of a job is raised.

        `together`: all threads share one job at a time, and each thread has its own otherwise.
        """
        queue = list(items)
        if self._pool is None or len(queue) < 2 or together:
            for item in queue:
                job(item)
            return
        waiting = iter(queue)  # shared by all threads: next() on it is atomic

        def work() -> None:
            for item in waiting:
                job(item)

        with self.alone():
            others = [self._pool.submit(work) for _ in range(min(self.threads, len(queue)) - 1)]
            work()
            for other in others:
                other.result()

    def scratch(self, elements: int, dtype: Any, name: str = "") -> Array:
        """A flat array of this thread, for use until the next call with that name.

        Fresh memory costs a page fault for every 4 KiB, which is as much as the work on it.
        """
        buffers: dict[Any, Array] = vars(self._own)
        found = buffers.get((name, dtype))
        if found is None or found.size < elements:
            before = 0 if found is None else found.nbytes
            found = buffers[name, dtype] = np.empty(elements, dtype)
            with self._lock:
                self.held += found.nbytes - before
        return found[:elements]

    def close(self) -> None:
        """End the threads."""
        if self._pool is not None:
            self._pool.shutdown()


def _pool(threads: int) -> ThreadPoolExecutor:
    from concurrent.futures import ThreadPoolExecutor  # 5 ms, which static commands do not pay

    return ThreadPoolExecutor(threads, initializer=_quiet)


def _quiet() -> None:
    """A thread has floating-point error settings of its own; the engine looks at results."""
    np.seterr(all="ignore")


class Tally:
    """The door to BLAS: counts the multiplications with a weight that kernels perform."""

    def __init__(self) -> None:
        self.products = 0
        self._lock = Lock()

    def add(self, products: int) -> None:
        """Count multiplications; may be called by several threads."""
        with self._lock:
            self.products += products

    def matmul(self, a: Array, b: Array, out: Array | None = None) -> Array:
        """The matrix product of (..., n, k) and (..., k, m), counted as n k m each."""
        found = np.matmul(a, b, out=out)
        self.add(found.size * a.shape[-1])
        return found


SERIAL = Workers()


class Region(NamedTuple):
    """A piece of an output (N, C, *n): which images, channels, and positions counted in rows."""

    images: slice
    channels: slice
    positions: slice


Finish = Callable[[Array, Region], None]
"""Changes a piece of an output, (images, channels, positions), in place."""


class Wants(NamedTuple):
    """Which gradients a backward pass is asked for."""

    inputs: bool = True
    weights: bool = True


@dataclass(frozen=True, slots=True)
class Mode:
    """How a forward or backward pass is run.

    `save`: a backward pass follows, so that what it needs must be returned. `overwrite`: nobody
    else reads the first input (in the backward pass: the gradient of the output) any more, so that
    its memory may hold the result. `seed` starts the random numbers of the layer: the same seed
    gives the same mask. `finish` is to be applied to each piece of the output while it is in the
    cache, by a type that `finishes`.
    """

    train: bool = False
    save: bool = True
    overwrite: bool = False
    seed: tuple[int, ...] = (0,)
    workers: Workers = SERIAL
    tally: Tally = field(default_factory=Tally)
    finish: Finish | None = None
