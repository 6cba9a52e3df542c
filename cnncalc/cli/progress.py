"""A line that shows how far a command is, on a terminal alone."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import click

PATIENCE = 1.0
"""Seconds before a line is shown."""
INTERVAL = 0.1
WIDTH = 24


@contextmanager
def progress(label: str) -> Iterator[Callable[[int, int], None]]:
    """Tell it how many steps are done, of how many; at the end the line is wiped."""
    started = time.monotonic()
    shown = 0.0

    def show(done: int, steps: int) -> None:
        nonlocal shown
        now = time.monotonic()
        if now - started < PATIENCE or now - shown < INTERVAL or not sys.stderr.isatty():
            return
        shown = now
        full = WIDTH * done // max(1, steps)
        bar = "#" * full + "-" * (WIDTH - full)
        click.echo(f"\r{label} [{bar}] {100 * done // max(1, steps):3d}%", nl=False, err=True)

    try:
        yield show
    finally:
        if shown:
            click.echo("\r\x1b[K", nl=False, err=True)
