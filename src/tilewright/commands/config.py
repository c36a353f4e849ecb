"""`tilewright config`: where header and library lie, for compilers of C and C++."""

from __future__ import annotations

import importlib
import shlex
from typing import Annotated

import typer

_Cflags = Annotated[bool, typer.Option("--cflags", help="Print what the compiler needs.")]
_Libs = Annotated[bool, typer.Option("--libs", help="Print what the linker needs.")]
_Include = Annotated[bool, typer.Option("--include", help="Print the folder of tilewright.h.")]
_Library = Annotated[bool, typer.Option("--library", help="Print the folder of libtilewright.so.")]
_Runner = Annotated[bool, typer.Option("--runner", help="Print the path of tilewright-run.")]


def config(
    cflags: _Cflags = False,
    libs: _Libs = False,
    include: _Include = False,
    library: _Library = False,
    runner: _Runner = False,
) -> None:
    """Print where the C API lies, as pkg-config does. docs/artifact.md says how to use it.

    Examples:

        cc main.c $(tilewright config --cflags --libs) -o main
        cp $(tilewright config --library)/libtilewright.so $(tilewright config --runner) deploy/
    """
    files = importlib.import_module("..native_files", __package__)
    flags = []
    if cflags:
        flags.append(f"-I{files.include_dir()}")
    if libs:
        folder = files.library_dir()
        flags += [f"-L{folder}", f"-Wl,-rpath,{folder}", "-ltilewright"]
    if flags:
        typer.echo(shlex.join(flags))
    if include:
        typer.echo(files.include_dir())
    if library:
        typer.echo(files.library_dir())
    if runner:
        typer.echo(files.runner())
    if not (flags or include or library or runner):
        raise typer.BadParameter("say what to print; see tilewright config --help")
