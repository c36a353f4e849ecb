"""The command `tilewright`: its commands in groups, and what becomes of their errors."""

from __future__ import annotations

import os
import sys
from typing import Annotated

import typer

from . import TilewrightError, __version__
from .commands import bench, compile, config, db, demo, info, run, tune, warmup

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)

# One line a command; the groups of the help are in the order of their first commands.
_START, _FAST, _AWAY = "Start here", "Make it fast", "Take it elsewhere"
app.command(rich_help_panel=_START)(demo.demo)
app.command(rich_help_panel=_START)(info.info)
app.command(rich_help_panel=_FAST)(bench.bench)
app.command(rich_help_panel=_FAST)(tune.tune)
app.command(rich_help_panel=_FAST)(warmup.warmup)
app.add_typer(db.app, name="db", rich_help_panel=_FAST)
app.command(rich_help_panel=_AWAY)(compile.compile)
app.command(rich_help_panel=_AWAY)(run.run)
app.command(rich_help_panel=_AWAY)(config.config)


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"tilewright {__version__}")
        raise typer.Exit


@app.callback()
def _tilewright(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Print it and end."),
    ] = False,
) -> None:
    """NumPy-style array code, run at once or compiled to fast kernels.

    Start with `tilewright demo`; `tilewright COMMAND --help` explains a command and gives examples.

    The exit code is 0 if all went well, 1 after an error, which is told in one line, and 2 if the
    command was not understood. With `TILEWRIGHT_DEBUG=1` in the environment an error comes with its
    traceback.
    """


def main(arguments: list[str] | None = None) -> None:
    """The entry point: an error becomes one red line and exit code 1."""
    try:
        app(arguments, prog_name="tilewright")
    except KeyboardInterrupt:
        sys.exit(130)
    except Exception as error:
        if os.environ.get("TILEWRIGHT_DEBUG", "0") not in ("", "0"):
            raise
        typer.secho(f"error: {_message(error)}", fg="red", err=True)
        sys.exit(1)


def _message(error: Exception) -> str:
    """The error in one line; one that is not ours, nor the system's, may be a fault of ours."""
    text = " ".join(str(error).split())
    if isinstance(error, TilewrightError | OSError | MemoryError) and text:
        return text
    kind = type(error).__name__
    return f"{kind}: {text}; TILEWRIGHT_DEBUG=1 in the environment shows where" if text else kind


if __name__ == "__main__":
    main()
