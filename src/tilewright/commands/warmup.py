"""`tilewright warmup`: the kernels of eager code, compiled before they are needed."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated

import typer

_Level = Annotated[
    str, typer.Option(help="native (this machine), or a level of x86-64: x86-64-v2, -v3, -v4.")
]
_Jobs = Annotated[int | None, typer.Option(min=1, help="Processes; one a core by default.")]
_List = Annotated[bool, typer.Option("--list", help="List the kernels, compile nothing.")]
_Library = Annotated[
    Path | None, typer.Option(help="Write the libraries of a wheel into this folder, all levels.")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result alone.")]


def warmup(
    level: _Level = "native",
    jobs: _Jobs = None,
    list_kernels: _List = False,
    library: _Library = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
) -> None:
    """Compile the kernels that eager code needs now, so that no program waits for them later.

    These are all operations for all data types and kinds of operands; each serves every shape.
    They go to the user's cache. Kernels that are there are left alone, and an interrupted run goes
    on where it was when you start it again. A wheel brings kernels for common levels of x86-64;
    those of `tilewright warmup` are made for exactly this machine, and are used instead.

    A level other than `native` is for processes that run with TILEWRIGHT_CPU set to it.

    Examples:

        tilewright warmup
        tilewright warmup --jobs 2 --quiet
        tilewright warmup --level x86-64-v3
        tilewright warmup --list
        tilewright warmup --library build/kernels
    """
    display = importlib.import_module(".warmup_display", __package__)
    if list_kernels:
        display.show_kernels(as_json)
        return
    report, libraries = display.run(level, jobs, library, is_quiet=quiet or as_json)
    if as_json:
        told = [{"file": str(path), "bytes": size} for path, size in libraries]
        typer.echo(json.dumps({**vars(report), "libraries": told}, indent=2))
    else:
        display.show_report(report, libraries)
    raise typer.Exit(1 if report.failed else 0)
