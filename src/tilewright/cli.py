"""The command `tilewright`. A command loads what it needs when it runs, so that help is quick."""

from __future__ import annotations

import importlib
import json
import os
import sys
from typing import Annotated

import typer

from . import TilewrightError, __version__

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


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

    Start with `tilewright demo`; `tilewright COMMAND --help` explains a command. An error is one
    line; with TILEWRIGHT_DEBUG=1 in the environment it comes with its traceback.
    """


@app.command()
def demo(
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to use; all cores by default.")
    ] = None,
    table: Annotated[
        bool, typer.Option(help="Measure the table of times (about half of the demo's time).")
    ] = True,
    seed: Annotated[int, typer.Option(help="Of the split, the weights and the batches.")] = 0,
) -> None:
    """Run the whole way on real data: check, train, measure.

    First, a piece of array code runs eagerly and compiled, checked against NumPy.

    Second, a small network learns scikit-learn's 1,797 handwritten digits, each training step one
    compiled program, to at least 97 % on a held-out fifth; it is saved and loaded back.

    Third, one table compares the times of NumPy, PyTorch (if it is installed), tilewright eager
    and tilewright compiled.

    The data needs scikit-learn: pip install 'tilewright[demo]'. The exit code is 0 if all checks
    pass, 1 otherwise. The first run compiles kernels and keeps them in the cache folder.
    """
    passed = importlib.import_module(".demo", __package__).run(threads, table, seed)
    raise typer.Exit(0 if passed else 1)


@app.command()
def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the version, the CPU as the compiler sees it, the cache folder and the libraries.

    Put this into bug reports.
    """
    about = importlib.import_module(".about", __package__)
    facts = about.facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        about.show(facts)


def main() -> None:
    """The entry point: our own errors become one red line and exit code 1."""
    try:
        app(prog_name="tilewright")
    except TilewrightError as error:
        if os.environ.get("TILEWRIGHT_DEBUG", "0") not in ("", "0"):
            raise
        message = " ".join(str(error).split())
        typer.secho(f"error: {message}", fg="red", err=True)
        sys.exit(1)
    except KeyboardInterrupt:
        sys.exit(130)


if __name__ == "__main__":
    main()
