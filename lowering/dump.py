"""TILEWRIGHT_DUMP=graph,kernels,tir,asm,memory writes each stage of each new program to a file."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

from ..dsl.graph import Graph, graph_text
from .cache import key_of

_ENDINGS = {"graph": "txt", "kernels": "txt", "tir": "py", "asm": "s", "memory": "txt"}


def write(graph: Graph, stage: Callable[[Graph, str], str]) -> None:
    """Write the stages that the environment asks for, into TILEWRIGHT_DUMP_DIR."""
    wanted = [s.strip() for s in os.environ.get("TILEWRIGHT_DUMP", "").split(",") if s.strip()]
    if not wanted:
        return
    folder = Path(os.environ.get("TILEWRIGHT_DUMP_DIR", "tilewright-dump"))
    folder.mkdir(parents=True, exist_ok=True)
    name = f"{graph.name.strip('<>')}-{key_of(graph_text(graph))[:8]}"
    for step in wanted:
        if step not in _ENDINGS:
            raise ValueError(f"TILEWRIGHT_DUMP: got {step!r}; the stages are {', '.join(_ENDINGS)}")
        if step == "memory" and graph.symbols:
            continue  # its sizes are not known yet
        (folder / f"{name}.{step}.{_ENDINGS[step]}").write_text(stage(graph, step) + "\n")
