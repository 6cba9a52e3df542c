"""`python -m cnncalc`, and the entry point of the `cnncalc` command."""

from __future__ import annotations

from cnncalc.cli import main

if __name__ == "__main__":
    main()
