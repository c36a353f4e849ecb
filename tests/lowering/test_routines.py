"""Native routines in programs: fusion keeps them apart, devices say what they lack."""

from __future__ import annotations

import numpy as np
import pytest
from graph_support import Build, engine, run

import tilewright as tw
from tilewright import _native
from tilewright.backends import cpu, null
from tilewright.dsl import eager_routines
from tilewright.dsl.primitive import REGISTRY, Native
from tilewright.dsl.sizes import symbol
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine
from tilewright.lowering.fusion import fuse


def test_every_named_routine_is_there() -> None:
    named = {p.lower.name for p in REGISTRY.values() if isinstance(p.lower, Native)}
    assert named | set(eager_routines.ROUTINES) == set(_native.routines())


def test_a_routine_is_a_group_of_its_own() -> None:
    b = Build()
    x = b.input((3, 4))
    doubled = b("add", x, x)
    out = b("exp", b("sort", doubled, axis=1, reverse=False))
    assert [g.kind for g in fuse(b.graph(out))] == ["map", "native", "map"]


def test_what_a_routine_reads_lies_in_memory() -> None:
    """Free nodes are stored before it; reshapes of stored values are read as they are."""
    b = Build()
    x = b.input((3, 4))
    turned = b("transpose", x, axes=(1, 0))
    flat = b("reshape", x, shape=(12,))
    first = b("sort", turned, axis=1, reverse=False)
    second = b("sort", flat, axis=0, reverse=True)
    third = b("sort", b("reshape", turned, shape=(12,)), axis=0, reverse=False)
    value = np.random.default_rng(0).random((3, 4), dtype="f4")
    found = run(b.graph(first, second, third), value)
    assert np.array_equal(found[0], np.sort(value.T, 1))
    assert np.array_equal(found[1], np.sort(value.ravel())[::-1])
    assert np.array_equal(found[2], np.sort(value.ravel()))


def test_one_program_for_unknown_sizes() -> None:
    b = Build()
    x = b.input((symbol("n"), symbol("m")))
    order = b("argsort", x, axis=1, reverse=False)
    program = engine().program(b.graph(order, b("sort", x, axis=0, reverse=False)))
    assert program.routines == ("argsort", "sort")
    for shape in ((2, 3), (5, 1), (0, 4)):
        value = np.random.default_rng(1).random(shape, dtype="f4")
        places, ordered = (np.asarray(x) for x in program(tw.asarray(value)))
        assert np.array_equal(places, np.argsort(value, 1))
        assert np.array_equal(ordered, np.sort(value, 0))


def test_the_same_value_twice() -> None:
    b = Build()
    x = b.input((3,))
    (found,) = run(b.graph(b("searchsorted", x, x, right=True)), np.array([1, 2, 2], "f4"))
    assert found.tolist() == [1, 3, 3]


def test_a_device_without_the_routine_names_it(tmp_path_factory: pytest.TempPathFactory) -> None:
    b = Build()
    graph = b.graph(b("sort", b.input((3,)), axis=0, reverse=False))
    engine = Engine(null.MANIFEST, Cache(tmp_path_factory.mktemp("cache")))
    with pytest.raises(tw.DeviceError, match="no native routine sort"):
        engine.program(graph)
    with pytest.raises(tw.DeviceError, match="no native routine shuffle"):
        cpu.MANIFEST.routine("shuffle")


def test_a_program_from_the_disk_cache_finds_lapack(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    folder = tmp_path_factory.mktemp("cache")
    b = Build()
    graph = b.graph(b("inv", b.input((2, 2))))
    for _ in range(2):
        program = Engine(cpu.MANIFEST, Cache(folder)).program(graph)
        (found,) = program(tw.asarray(np.eye(2, dtype="f4") * 2))
        assert found.tolist() == [[0.5, 0.0], [0.0, 0.5]]
