"""The kernels of a program are compiled once each, on several threads, to the same code."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graph_support import Build, call

from tilewright import _native
from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.errors import CompileError
from tilewright.dsl.graph import Graph
from tilewright.lowering import pipeline
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine


def layers(count: int) -> Graph:
    """Layers of equal products, each followed by a softmax's sum."""
    b = Build()
    x = b.input((24, 40))
    for _ in range(count):
        x = b("tanh", b("matmul", x, b.input((40, 40))))
        total = b("sum", b("exp", x), axes=(1,))
        x = b("div", x, b.rows(total, (24, 40)))
    return b.graph(x, b("transpose", x, axes=(1, 0)))


@pytest.fixture
def three_threads() -> object:
    before = _native.get_num_threads()
    _native.set_num_threads(3)
    yield
    _native.set_num_threads(before)


def test_the_code_does_not_depend_on_threads(tmp_path: Path, three_threads: object) -> None:
    graph = layers(3)
    found = []
    for is_parallel in (False, True):
        backend = replace(MANIFEST, parallel_compiler=is_parallel)
        engine = Engine(backend, Cache(tmp_path / str(is_parallel)))
        engine.compile(graph)
        entry = engine.stored(graph)
        assert entry is not None
        found.append(entry)
    assert found[0] == found[1]
    assert len(found[0].kernels) < 3 * 2  # equal layers share theirs
    rng = np.random.default_rng(0)
    arrays = [rng.standard_normal(v.aval.shape, dtype=np.float32) for v in graph.inputs]
    x = arrays[0]
    for w in arrays[1:]:
        x = np.tanh(x @ w)
        x = x / np.exp(x).sum(1, keepdims=True)
    for result, expected in zip(call(engine.program(graph), *arrays), (x, x.T), strict=True):
        np.testing.assert_allclose(result, expected, rtol=1e-4, atol=1e-6)


def test_what_fails_on_a_thread_is_the_program_s_error(
    tmp_path: Path, three_threads: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object) -> bytes:
        raise CompileError("kernel: no luck")

    monkeypatch.setattr(pipeline, "code_of", broken)
    with pytest.raises(CompileError, match="no luck"):
        Engine(MANIFEST, Cache(tmp_path)).compile(layers(1))
