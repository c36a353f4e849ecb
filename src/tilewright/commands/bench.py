"""`tilewright bench`: every figure beside its peers."""

from __future__ import annotations

import importlib
import os
from pathlib import Path
from typing import Annotated

import typer

_Names = Annotated[
    list[str] | None, typer.Argument(metavar="[NAME]...", help="All benchmarks by default.")
]
_List = Annotated[bool, typer.Option("--list", help="List the benchmarks and end.")]
_Rounds = Annotated[int, typer.Option(min=1, help="Turns of each contender.")]
_Threads = Annotated[
    int | None, typer.Option(min=1, help="For every contender; all cores by default.")
]
_Patience = Annotated[int, typer.Option(min=1, help="Tries for a case while other programs run.")]
_Torch = Annotated[bool, typer.Option(help="Compare with PyTorch, if it is installed.")]
_Json = Annotated[Path | None, typer.Option(help="Write every turn to this file.")]
_Html = Annotated[Path | None, typer.Option(help="Write a page with plots, complete in itself.")]
_Peers = Annotated[
    list[str] | None,
    typer.Option("--peer", help="Of contests: only this peer, as tables name it; repeatable."),
]
_Markdown = Annotated[
    bool, typer.Option("--markdown", help="Print the table of benchmarks/README.md.")
]
_Profile = Annotated[
    Path | None, typer.Option(help="Write a timeline for Perfetto; recording slows small calls.")
]
_TuneSeconds = Annotated[
    float, typer.Option(min=1, help="Of `tuning`: how long each case is tuned.")
]
_Only = Annotated[str, typer.Option(help="Cases in whose name this regular expression is found.")]


def bench(
    names: _Names = None,
    show_list: _List = False,
    rounds: _Rounds = 15,
    threads: _Threads = None,
    patience: _Patience = 3,
    torch: _Torch = True,
    json: _Json = None,
    html: _Html = None,
    peer: _Peers = None,
    markdown: _Markdown = False,
    profile: _Profile = None,
    tune_seconds: _TuneSeconds = 30.0,
    only: _Only = "",
) -> None:
    """Measure tilewright beside NumPy, PyTorch, JAX, ONNX Runtime, OpenVINO, numexpr and numba.

    Each contender has a process, they take turns with equal threads, results are compared before
    anything is timed, and a figure that other programs disturbed is marked: use an idle machine.
    Who is not installed is left out (pip install 'tilewright[bench]').

    The exit code is 1 if a result was wrong; a goal that is missed is no error.

    Examples:

        tilewright bench --list
        tilewright bench chain matmul --rounds 30
        tilewright bench overhead --json turns.json --profile trace.json
        tilewright bench eager --only 'float32 1e6'
        tilewright bench products --html products.html --peer NumPy --peer JAX
    """
    runner = importlib.import_module("..benchmarks.run", __package__)
    if show_list:
        typer.echo("\n".join(f"{name:<16}{told}" for name, told in runner.scripts().items()))
        return
    plan = runner.Plan(
        tuple(dict.fromkeys(names or ())), rounds, threads or len(os.sched_getaffinity(0)),
        patience, torch, markdown, json, profile, tune_seconds, only, html, tuple(peer or ()),
    )  # fmt: skip
    raise typer.Exit(runner.run(plan))
