"""The contract of a backend: manifests are checked, and one that runs nothing fulfils it."""

from __future__ import annotations

from dataclasses import replace

import pytest

import tilewright as tw
from tilewright.backends import cpu, null
from tilewright.dsl.errors import DeviceError
from tilewright.dsl.graph import Aval, Graph, Node, Var
from tilewright.dsl.primitive import REGISTRY
from tilewright.dsl.sizes import symbol
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine


@pytest.mark.parametrize("name", ["", "Cpu", "two words"])
def test_a_name_must_be_a_word(name: str) -> None:
    with pytest.raises(DeviceError, match="lower-case word"):
        replace(cpu.MANIFEST, name=name)


def test_functions_must_be_functions() -> None:
    with pytest.raises(DeviceError, match="load_kernel must be a function"):
        replace(cpu.MANIFEST, load_kernel=None)  # type: ignore[arg-type]


def test_null_gives_shapes_and_dtypes(tmp_path_factory: pytest.TempPathFactory) -> None:
    engine = Engine(null.MANIFEST, Cache(tmp_path_factory.mktemp("cache")))
    x = Var(Aval((symbol("n"), 3), tw.float32))
    total = Var(Aval((symbol("n"),), tw.float32))
    place = Var(Aval((symbol("n"),), tw.int64))
    nodes = (
        Node(REGISTRY["sum"], (x,), {"axes": (1,)}, (total,)),
        Node(REGISTRY["argmax"], (x,), {"axes": (1,)}, (place,)),
    )
    program = engine.program(Graph((x,), (total, place, x), nodes))
    found = program(tw.zeros((7, 3), dtype=tw.float32))
    assert [(a.shape, a.dtype) for a in found] == [
        ((7,), tw.float32),
        ((7,), tw.int64),
        ((7, 3), tw.float32),
    ]
    with pytest.raises(ValueError, match="takes 1"):
        program()
