"""The command line: a command a file, imported when it is called."""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module
from io import TextIOWrapper
from pathlib import Path

import click

from cnncalc import __version__
from cnncalc.suggest import did_you_mean

COMMANDS = {
    "summary": "Shapes, params, MACs and memory of every layer",
    "compare": "Networks side by side, relative to the first",
    "diff": "What changed from one spec to another, layer by layer; for reviews",
    "receptive-field": "What part of the input each unit of a layer sees",
    "verify": "Prove the numbers of a summary by running the network",
    "run": "Run a network on arrays, from .npz files to .npz files",
    "check-gradients": "Prove every backward rule of a network",
    "lint": "Check specs for mistakes; for CI",
    "expect": "Print or write what a spec promises: the numbers as they are now",
    "rules": "List what lint looks for",
    "schema": "A JSON Schema of specs, for completion and help in editors",
    "specs": "List, filter and sort the networks that are shipped with cnncalc",
    "explain": "The working of a network; the page of a layer type or a lint rule",
    "sizes": "Which input sizes a network accepts, and what breaks at others",
    "layer": "One layer without a file: its numbers with the working shown",
    "convert": "A classifier as a fully convolutional network, as a new spec",
}
"""Every command with its line in the overview, so that the overview imports none of them."""

LIVING = 1_000_000
"""Objects that are made until some garbage is looked for: what a command makes lives to its end."""


class Commands(click.Group):
    """A group that imports a command only when it is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 - click's signature
        """The names, in the order in which people meet them."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        """The command of that name."""
        if cmd_name not in COMMANDS:
            return None
        command: click.Command = import_module(_module(cmd_name)).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """The command that was called; a near miss is suggested."""
        name = args[0] if args else ""
        if name and name not in COMMANDS and not name.startswith("-"):
            help = did_you_mean(name, COMMANDS) or f"commands: {', '.join(COMMANDS)}"
            raise click.UsageError(f"there is no command '{name}'; {help}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """The overview, from the table."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))


def _module(name: str) -> str:
    """Where a command stands: `check-gradients` in check_gradients.py."""
    return f"cnncalc.cli.{name.replace('-', '_')}"


@click.command(cls=Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="cnncalc", message="%(prog)s %(version)s")
def group() -> None:
    """Calculate and check convolutional networks that are written as YAML specs.

    \b
    cnncalc summary resnet50          a network that is shipped
    cnncalc summary net.yaml          your own
    cnncalc explain Conv2d            what a layer type takes and counts
    """


def main() -> None:
    """Run the command line; no mistake of the user shows a traceback.

    A broken pipe ends quietly, Ctrl-C with exit code 130, output that cannot be written with 2.
    """
    gc.set_threshold(LIVING)
    _open_streams()
    try:
        code = group.main(prog_name="cnncalc", standalone_mode=False)
        sys.stdout.flush()
    except click.exceptions.Abort:
        code = 130
    except click.ClickException as error:
        error.show()
        code = error.exit_code
    except BrokenPipeError:
        _discard_output()
        code = 0
    except OSError as error:
        _discard_output()
        click.echo(f"Error: cannot write the output: {error.strerror or error}", err=True)
        code = 2
    sys.exit(code if isinstance(code, int) else 0)


def _open_streams() -> None:
    """Put the null device in place of closed streams; let a terminal lack bars and tree lines."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        stream = getattr(sys, name)
        if stream is None:
            null = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115 - open to the end
            setattr(sys, name, null)
        elif mode == "w" and isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="replace")


def _discard_output() -> None:
    """Keep Python from failing again when it flushes at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
