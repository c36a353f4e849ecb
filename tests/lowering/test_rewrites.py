"""The rules do what they say and nothing that is not exact."""

from __future__ import annotations

import numpy as np
import pytest
from graph_support import Build, run

from tilewright.dsl.dtypes import float32, int32
from tilewright.lowering.rewrites import rewrite


def names(b: Build, *outputs: object) -> list[str]:
    return [n.primitive.name for n in rewrite(b.graph(*outputs)).nodes]  # type: ignore[arg-type]


def test_common_subexpressions_and_dead_code() -> None:
    b = Build()
    x = b.input((3,))
    b("tanh", x)
    assert names(b, b("add", b("exp", x), b("exp", x))) == ["exp", "add"]


def test_movement_is_joined() -> None:
    b = Build()
    x = b.input((2, 3))
    y = b("transpose", b("transpose", x, axes=(1, 0)), axes=(1, 0))
    z = b("reshape", b("reshape", y, shape=(6,)), shape=(3, 2))
    assert names(b, z) == ["reshape"]


def test_sums_of_reshapes_are_made_before_them() -> None:
    """Where the axes are the same but for ones, or come of other shapes, nothing is gained."""
    b = Build()
    x, y, z = b.input((2, 3)), b.input((2, 3)), b.input((3, 2))
    joined, flat = b("exp", x), b("tanh", y)
    total = b("add", b("reshape", joined, shape=(6,)), b("reshape", flat, shape=(6,)))
    assert names(b, total) == ["exp", "tanh", "add", "reshape"]
    with_one = [b("reshape", v, shape=(2, 1, 3)) for v in (joined, flat)]
    assert names(b, b("add", *with_one)) == ["exp", "tanh", "reshape", "reshape", "add"]
    other = b("add", b("reshape", joined, shape=(6,)), b("reshape", z, shape=(6,)))
    assert names(b, other) == ["exp", "reshape", "reshape", "add"]
    at = np.arange(6, dtype=np.float32).reshape(2, 3)
    found = run(b.graph(total), at, at, at.reshape(3, 2))[0]
    np.testing.assert_allclose(found, (np.exp(at) + np.tanh(at)).ravel(), 1e-5)


def test_constants_move_for_free() -> None:
    b = Build()
    assert names(b, b("broadcast_to", b.full((), 2.0), shape=(3, 4))) == ["full"]


@pytest.mark.parametrize(
    ("operation", "value", "dtype", "kept"),
    [
        ("mul", 1.0, float32, False),
        ("div", 1.0, float32, False),
        ("sub", 0.0, float32, False),
        ("sub", -0.0, float32, True),
        ("add", 0.0, float32, True),
        ("add", -0.0, float32, False),
        ("mul", 0.0, float32, True),
        ("add", 0, int32, False),
    ],
)
def test_neutral_operands(operation: str, value: float, dtype: object, kept: bool) -> None:
    b = Build()
    x = b.input((3,), dtype)  # type: ignore[arg-type]
    y = b("full", shape=(3,), value=value, dtype=dtype)
    assert (operation in names(b, b(operation, x, y))) == kept


def test_nothing_is_folded_into_a_zero() -> None:
    b = Build()
    x = b.input((4,))
    zero = b.full((4,), 0.0)
    graph = b.graph(b("mul", x, zero), b("add", x, zero), b("ne", x, x))
    at = np.array([np.inf, np.nan, -0.0, -1], np.float32)
    product, total, differs = run(graph, at)
    np.testing.assert_array_equal(product, at * np.float32(0))
    assert np.signbit(product[3]) and not np.signbit(total[2])
    assert differs.tolist() == [False, True, False, False]
