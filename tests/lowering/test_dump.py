"""Stages as text and as files."""

from __future__ import annotations

from pathlib import Path

import pytest
from graph_support import Build

from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.graph import Graph
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine


def graph() -> Graph:
    b = Build()
    return b.graph(b("exp", b.input((100,))))


def test_each_stage_is_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILEWRIGHT_DUMP", "graph,kernels,tir,asm,memory")
    monkeypatch.setenv("TILEWRIGHT_DUMP_DIR", str(tmp_path / "dump"))
    Engine(MANIFEST, Cache(tmp_path / "cache")).program(graph())
    found = {p.name.split(".", 1)[1]: p.read_text() for p in (tmp_path / "dump").iterdir()}
    assert set(found) == {"graph.txt", "kernels.txt", "tir.py", "asm.s", "memory.txt"}
    assert "exp" in found["graph.txt"] and "map[100" in found["kernels.txt"]
    assert "vectorized" in found["tir.py"] and "tw_exp_phase0:" in found["asm.s"]
    assert "peak" in found["memory.txt"]


def test_an_unknown_stage_is_refused(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    engine = Engine(MANIFEST, Cache(tmp_path))
    with pytest.raises(ValueError, match="it must be graph, kernels, tir, asm or memory"):
        engine.stage(graph(), "llvm")
    monkeypatch.setenv("TILEWRIGHT_DUMP", "llvm")
    with pytest.raises(ValueError, match="TILEWRIGHT_DUMP"):
        engine.program(graph())
