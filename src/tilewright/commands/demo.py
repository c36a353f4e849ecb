"""`tilewright demo`: the whole way on real data."""

from __future__ import annotations

import importlib
from typing import Annotated

import typer


def demo(
    threads: Annotated[
        int | None, typer.Option(min=1, help="Threads to use; all cores by default.")
    ] = None,
    table: Annotated[bool, typer.Option(help="Measure the table of times (some 20 s).")] = True,
    tuning: Annotated[bool, typer.Option(help="Search for better kernels (some 15 s).")] = True,
    seed: Annotated[int, typer.Option(help="Of the split, the weights and the batches.")] = 0,
) -> None:
    """Run the whole way on real data: check, train, take away, tune, measure.

    - A piece of array code runs eagerly and compiled, checked against NumPy.
    - A small network learns scikit-learn's 1,797 handwritten digits, each training step one
      compiled program, to at least 97 % on a held-out fifth; it is saved and loaded back.
    - The trained network becomes one file that `tilewright-run` runs without Python.
    - A training step runs on every other device that is there, and learns the same.
    - The tuner looks for better kernels, and shows the times before and after.
    - One table compares the times of NumPy, PyTorch (if it is installed), tilewright eager and
      tilewright compiled.

    The data needs scikit-learn: `pip install 'tilewright[demo]'`. The exit code is 0 if all checks
    pass, 1 otherwise. The first run compiles kernels and keeps them in the cache folder.

    Examples:

        tilewright demo
        tilewright demo --no-table --no-tuning --threads 1
    """
    passed = importlib.import_module("..demo", __package__).run(threads, table, tuning, seed)
    raise typer.Exit(0 if passed else 1)
