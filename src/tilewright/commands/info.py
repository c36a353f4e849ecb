"""`tilewright info`: what there is on this machine."""

from __future__ import annotations

import importlib
import json
from typing import Annotated

import typer


def info(
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON, for programs.")] = False,
) -> None:
    """Show the version, the CPU as the compiler sees it, the cache folder and the libraries.

    Put this into bug reports.

    Examples:

        tilewright info
        tilewright info --json
    """
    about = importlib.import_module("..about", __package__)
    facts = about.facts()
    if as_json:
        typer.echo(json.dumps(facts, indent=2))
    else:
        about.show(facts)
