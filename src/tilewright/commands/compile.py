"""`tilewright compile`: a function of a file becomes an artifact."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Annotated, Any

import typer

_Target = Annotated[str, typer.Argument(metavar="FILE.py:FUNCTION", help="What to compile.")]
_Output = Annotated[Path, typer.Option("--output", "-o", help="The file to write, NAME.tw.")]
_Dynamic = Annotated[
    list[str] | None,
    typer.Option(metavar="INPUT:AXIS=NAME", help="An axis of any size; equal names, equal sizes."),
]


def compile(target: _Target, output: _Output, dynamic: _Dynamic = None) -> None:
    """Compile a function, with the arrays that it reads, into one file that runs without Python.

    FUNCTION is a function or a Module of the file, which says for which arguments to compile:

        model = nn.Sequential(nn.Linear(64, 10)).eval()

        def predict(pixels): return model(pixels).argmax(axis=-1)

        predict.example_args = lambda: (tw.zeros((32, 64), dtype="float32"),)

    Run the file by `tilewright-run`, which is a program of its own, by `tilewright run`, from C and
    C++ (`tilewright config --help`), or by `tw.load` in Python. The code is for this processor;
    `TILEWRIGHT_CPU=x86-64-v3` in the environment makes it run on every x86-64 with AVX2.

    Examples:

        tilewright compile model.py:predict --output digits.tw
        tilewright compile model.py:predict -o digits.tw --dynamic pixels:0=batch
    """
    axes = _axes(dynamic or [])
    check = importlib.import_module("..dsl.atomic", __package__).check_place
    check("compile", output)
    function, arguments = importlib.import_module(".user_file", __package__).load("compile", target)
    artifacts = importlib.import_module("..backends.artifacts", __package__)
    made = artifacts.compile(function, *arguments, dynamic=axes)
    made.save(output)
    typer.echo(f"{output}: {output.stat().st_size:,} bytes, for {made.manifest['fingerprint']}")
    show(made)


def show(made: Any) -> None:
    """Print the inputs and outputs of an artifact."""
    for port in made.inputs:
        typer.echo(f"  input   {port}")
    for port in made.outputs:
        typer.echo(f"  output  {port}")


def _axes(words: list[str]) -> dict[str, dict[int, str]]:
    axes: dict[str, dict[int, str]] = {}
    for word in words:
        place, _, size = word.partition("=")
        name, _, axis = place.rpartition(":")
        if not name or not size or not axis.removeprefix("-").isdecimal():
            raise typer.BadParameter(
                f"got {word}; it must be INPUT:AXIS=NAME, as in x:0=batch", param_hint="--dynamic"
            )
        axes.setdefault(name, {})[int(axis)] = size
    return axes
