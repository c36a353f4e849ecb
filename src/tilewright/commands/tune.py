"""`tilewright tune`: better knobs for the kernels of a function, with a live display."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer


def tune(
    target: Annotated[
        str, typer.Argument(help="A name (see --list), or path/to/file.py:function.")
    ] = "",
    shape: Annotated[
        str | None, typer.Option(help="Sizes of a named target, such as 33x257x129.")
    ] = None,
    dtype: Annotated[str, typer.Option(help="Element type of a named target.")] = "float32",
    seconds: Annotated[float, typer.Option(min=1, help="How long to search.")] = 30.0,
    trials: Annotated[int | None, typer.Option(min=1, help="At most so many candidates.")] = None,
    seed: Annotated[int, typer.Option(help="Of the search and the test data.")] = 0,
    threads: Annotated[
        int | None, typer.Option(min=1, help="Tune for so many threads; all cores by default.")
    ] = None,
    database: Annotated[
        Path | None, typer.Option(help="Another database (see `tilewright db path`).")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="Print the result alone.")] = False,
    list_targets: Annotated[bool, typer.Option("--list", help="List the named targets.")] = False,
) -> None:
    """Measure many variants of a function's kernels, and keep the fastest.

    Results go to a database that every later program uses by itself: nothing in your code
    changes. Only what two further measurements confirm is kept, so nothing gets slower.

    A function of your own is named by its file. The file says with which arguments to try it:

        @tw.jit
        def attention(q, k, v): ...

        attention.example_args = lambda: (tw.ones((64, 32)),) * 3

    Examples:

        tilewright tune matmul --shape 33x257x129 --seconds 30
        tilewright tune softmax --shape 512x1000
        tilewright tune model.py:attention --trials 200 --json
        tilewright tune --list
    """
    targets = importlib.import_module(".targets", __package__)
    display = importlib.import_module(".tune_display", __package__)
    if list_targets or not target:
        display.show_targets(targets.NAMED)
        raise typer.Exit(0 if list_targets else 2)
    package = importlib.import_module("..", __package__)
    if threads is not None:
        package.set_num_threads(threads)
    found = targets.find(target, shape, dtype)
    report = display.run(
        found, is_quiet=quiet or as_json, seconds=seconds, trials=trials, seed=seed,
        database=database,
    )  # fmt: skip
    if as_json:
        typer.echo(json.dumps({"target": found.name, **_finite(report.plain())}, indent=2))
    else:
        display.show_report(report)


def _finite(value: Any) -> Any:
    """JSON has no nan: what is not known is null."""
    if isinstance(value, dict):
        return {k: _finite(v) for k, v in value.items()}
    if isinstance(value, list):
        return [_finite(v) for v in value]
    return None if isinstance(value, float) and value != value else value
