"""`tilewright info`: what there is on this machine."""

from __future__ import annotations

import importlib
import json
from typing import Annotated

import typer


def info(
    peak: Annotated[
        bool, typer.Option("--peak", help="Measure the peaks first; takes some seconds.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the version, the devices, the CPU and its peaks, the places on disk, the libraries.

    Put this into bug reports. The peaks (multiply-adds in registers, reading from each cache and
    from memory) are measured with `--peak`, best while nothing else runs, and then remembered.

    Examples:

        tilewright info
        tilewright info --peak
        tilewright info --json
    """
    about = importlib.import_module("..about", __package__)
    if peak:
        about.measure_peak()
    facts = about.facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        about.show(facts)
