"""Spaces of the schedules: what may come from a file, and that every point is a right kernel."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from graph_support import Build, engine
from hypothesis import given
from hypothesis import strategies as st
from tuning_support import ONCE, arrays, groups_of, open_kernel, space_of

import tilewright as tw
from tilewright.autotune.crew import Crew, Failed
from tilewright.autotune.search import Search
from tilewright.backends.cpu.compiler import SCHEDULES
from tilewright.dsl.dtypes import float32, int64
from tilewright.dsl.sizes import symbol
from tilewright.lowering.knobs import Refused, Space, Tunable

WEIGHT = tw.array([[float((i * j) % 7 - 3) for i in range(70)] for j in range(130)])


def norm(x: Any) -> Any:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * tw.rsqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


# name: (function, shapes, dtype). Together they have every schedule, and sizes around vectors.
KERNELS: dict[str, tuple[Callable[..., Any], list[tuple[int, ...]], str]] = {
    "matmul": (lambda a, b: a @ b, [(33, 129), (129, 65)], "float32"),
    "matmul tiny": (lambda a, b: a @ b, [(2, 7), (7, 5)], "float32"),
    "matrix-vector": (lambda a, b: a @ b, [(61, 129), (129, 1)], "float32"),
    "vector-matrix": (lambda a, b: a @ b, [(1, 129), (129, 77)], "float32"),
    "matmul batch": (lambda a, b: a @ b, [(5, 17, 40), (5, 40, 23)], "float32"),
    "matmul transposed": (lambda a, b: tw.tanh(a.T @ b.T), [(33, 40), (50, 33)], "float32"),
    "matmul deep": (lambda a, b: a @ b, [(70, 1500), (1500, 40)], "float32"),
    "matmul float64": (lambda a, b: a @ b, [(20, 33), (33, 17)], "float64"),
    "matmul float16": (lambda a, b: a @ b, [(20, 33), (33, 17)], "float16"),
    "matmul int32": (lambda a, b: a @ b, [(20, 33), (33, 17)], "int32"),
    "packed weight": (lambda a: tw.maximum(a @ WEIGHT, 0), [(37, 130)], "float32"),
    "softmax": (lambda x: tw.softmax(x), [(37, 101)], "float32"),
    "softmax of a row": (lambda x: tw.softmax(x), [(1, 1003)], "float32"),
    "softmax of short rows": (lambda x: tw.softmax(x), [(50, 5)], "float32"),
    "log_softmax float16": (lambda x: tw.log_softmax(x), [(13, 77)], "float16"),
    "norm": (norm, [(31, 67)], "float32"),
    "argmax of rows": (lambda x: x.argmax(axis=-1), [(31, 67)], "float32"),
    "sum": (lambda x: x.sum(), [(131, 267)], "float32"),
    "sum of columns": (lambda x: x.sum(axis=0), [(1311, 67)], "float32"),
    "sum of the middle": (lambda x: tw.exp(x).sum(axis=1) + 1, [(11, 67, 33)], "float32"),
    "chain": (lambda x, y: tw.tanh(x * y) + tw.exp(-y), [(37, 101)] * 2, "float32"),
    "broadcast": (lambda x, y: tw.sin(x) * y, [(37, 101), (101,)], "float32"),
    "transpose": (lambda x, y: x.T * 2 + y, [(37, 101), (101, 37)], "float32"),
    "where": (lambda x, y: tw.where(x > y, x, y * 2), [(1003,)] * 2, "float32"),
    "map float16": (lambda x, y: tw.exp(x) * y, [(1003,)] * 2, "float16"),
}  # fmt: skip


def groups(name: str) -> list[Any]:
    f, shapes, dtype = KERNELS[name]
    return groups_of(engine(), f, *arrays(*shapes, dtype=dtype))


def test_the_kernels_of_these_tests_have_every_tunable_schedule() -> None:
    tunable = {kind for kind, rule in SCHEDULES.items() if isinstance(rule, Tunable)}
    assert tunable == {"map", "row", "reduce", "contract"}
    assert {g.kind for name in KERNELS for g in groups(name)} == tunable


@pytest.fixture(scope="module")
def crew() -> Iterator[Crew]:
    with Crew(2, engine().backend.name) as made:
        yield made


def try_points(crew: Crew, name: str, count: int) -> None:
    """In a worker, which may crash; checked against NumPy as the tuner does it."""
    for group in groups(name):
        space = space_of(engine(), group)
        points = Search(space, seed=len(name)).propose(count)
        assert points, "there is something to try"
        open_kernel(crew, engine(), group)
        for point, made in zip(points, crew.compile(list(map(space.encode, points))), strict=True):
            assert not isinstance(made, Failed), f"{point}: {made}"
            crew.measure(made, ONCE)


@pytest.mark.parametrize("name", KERNELS)
def test_every_point_is_a_right_kernel(crew: Crew, name: str) -> None:
    try_points(crew, name, 5)


@pytest.mark.exhaustive
@pytest.mark.parametrize("name", KERNELS)
def test_many_points_are_right_kernels(crew: Crew, name: str) -> None:
    try_points(crew, name, 60)


@pytest.fixture(scope="module")
def space() -> Space:
    return space_of(engine(), groups("softmax")[0])


def test_points_go_out_and_come_back(space: Space) -> None:
    assert space.decode(space.encode(space.default)) == space.default
    for point in Search(space, 0).propose(20):
        assert space.decode(space.encode(point)) == point
        assert space.make(point) == space.knobs(**point)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"vectors": 3}, r"vectors is 3; here it may be \[1, 2, 4, 8\]"),
        ({"vectors": True}, "vectors is True"),
        ({"vectors": 2.0}, "vectors is 2.0"),
        ({"vectors": 1 << 62}, "vectors is"),
        ({"halves": 1}, "halves is 1"),
        ({"threads": "many"}, "threads is 'many'"),
        ({"vectors": [1]}, "vectors is"),
        ({"more": 1}, "they must be"),
        ({"vectors": 8}, "128 lanes for rows of 101|64 lanes|32 lanes"),
    ],
)
def test_wrong_knobs_are_refused_with_the_reason(
    space: Space, change: dict[str, Any], told: str
) -> None:
    if change == {"vectors": 8} and space.refuse({**space.default, **change}) is None:
        pytest.skip("vectors of this machine are short")
    with pytest.raises(Refused, match=told):
        space.check({**space.default, **change})


def test_knobs_of_other_schedules_and_revisions_are_refused(space: Space) -> None:
    told = json.loads(space.encode(space.default))
    for change in ({"schedule": "contract"}, {"revision": 0}, {"revision": None}, {"knobs": []}):
        with pytest.raises(Refused):
            space.decode(json.dumps({**told, **change}))
    with pytest.raises(Refused, match="most"):
        space.decode(" " * 5000)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inside: st.lists(inside, max_size=3) | st.dictionaries(st.text(max_size=9), inside),
)


@given(text=st.text() | _JSON.map(json.dumps))
def test_no_text_is_more_than_refused(space: Space, text: str) -> None:
    with pytest.raises(Refused):
        space.decode(text)


@given(values=st.dictionaries(st.sampled_from(["vectors", "grain", "halves"]), _JSON, min_size=1))
def test_knobs_from_a_file_are_a_point_or_refused(space: Space, values: dict[str, Any]) -> None:
    told = json.loads(space.encode(space.default))
    told["knobs"].update(values)
    try:
        point = space.decode(json.dumps(told))
    except Refused:
        return
    assert all(point[k] in space.choices[k] for k in point)


def test_unknown_sizes_and_fixed_schedules_are_not_tuned() -> None:
    b = Build()
    x = b.input((symbol("n"), 8), float32)
    (group,) = engine().groups(b.graph(b("exp", x)), frozenset())
    with pytest.raises(Refused, match="the sizes n are not known"):
        space_of(engine(), group)
    b = Build()
    found = b("scatter_add", *(b.input(s, d) for s, d in _scatter_inputs()), axis=0)
    kinds = engine().groups(b.graph(found), frozenset())
    with pytest.raises(Refused, match="has no knobs"):
        space_of(engine(), next(g for g in kinds if g.kind == "scatter"))


def _scatter_inputs() -> list[Any]:
    return [((5, 3), float32), ((4,), int64), ((4, 3), float32)]
