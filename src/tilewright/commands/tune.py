"""`tilewright tune`: better knobs for the kernels of a function, with a live display."""

from __future__ import annotations

import importlib
import json
from pathlib import Path
from typing import Annotated, Any

import typer

_Target = Annotated[str, typer.Argument(help="A name (see --list), or path/to/file.py:function.")]
_Shape = Annotated[str | None, typer.Option(help="Sizes of a named target, such as 33x257x129.")]
_DType = Annotated[str, typer.Option(help="Element type of a named target.")]
_Seconds = Annotated[float, typer.Option(min=1, help="How long to search.")]
_Trials = Annotated[int | None, typer.Option(min=1, help="At most so many candidates.")]
_Seed = Annotated[int, typer.Option(help="Of the search and the test data.")]
_Threads = Annotated[
    int | None, typer.Option(min=1, help="Tune for so many threads; all cores by default.")
]
_Database = Annotated[
    Path | None, typer.Option(help="Another database (see `tilewright db path`).")
]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")]
_Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print the result alone.")]
_List = Annotated[bool, typer.Option("--list", help="List the named targets.")]


def tune(
    target: _Target = "",
    shape: _Shape = None,
    dtype: _DType = "float32",
    seconds: _Seconds = 30.0,
    trials: _Trials = None,
    seed: _Seed = 0,
    threads: _Threads = None,
    database: _Database = None,
    as_json: _Json = False,
    quiet: _Quiet = False,
    list_targets: _List = False,
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
    display = importlib.import_module(".tune_display", __package__)
    if list_targets or not target:
        display.show_targets()
        raise typer.Exit(0 if list_targets else 2)
    if threads is not None:
        importlib.import_module("..", __package__).set_num_threads(threads)
    how = {"seconds": seconds, "trials": trials, "seed": seed, "database": database}
    _run(display, (target, shape, dtype), as_json, quiet or as_json, how)


def _run(display: Any, asked: Any, as_json: bool, is_quiet: bool, how: dict[str, Any]) -> None:
    found = importlib.import_module(".targets", __package__).find(*asked)
    report = display.run(found, is_quiet=is_quiet, **how)
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
