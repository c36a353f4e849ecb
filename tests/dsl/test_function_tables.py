"""Tables of composites against NumPy: value, shape and dtype, promotion, broadcasting."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest
from function_support import I32, NUMPY_TYPES, POSITIVE, U8, B, M, arrays, same

import tilewright as tw

UNARY = """
negative positive absolute sign floor ceil trunc round sqrt square reciprocal exp exp2 expm1
log log1p log2 log10 sin cos tanh logical_not invert isnan isinf isfinite sum prod max min mean
var std any all argmax argmin cumsum ravel transpose zeros_like ones_like count_nonzero ptp
flip squeeze
"""


@pytest.mark.parametrize("name", UNARY.split())
@pytest.mark.parametrize(
    "x", [M, POSITIVE.astype(np.float32), I32, U8, B], ids=lambda x: x.dtype.name
)
def test_unary(name: str, x: Any) -> None:
    function = getattr(np, name)
    if name == "reciprocal" and x.dtype != np.float64:
        x = np.where(x == 0, x.dtype.type(1), x)
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            expected = function(x)
        except TypeError:
            with pytest.raises(TypeError):
                getattr(tw, name)(tw.array(x))
            return
    if x.dtype == np.bool_ and name in ("square", "floor", "ceil", "trunc", "round", "reciprocal"):
        return  # NumPy's answers for bool are accidents of its loops (int8, float16)
    same(getattr(tw, name)(tw.array(x)), expected)


BINARY = """
add subtract multiply divide floor_divide remainder power maximum minimum equal not_equal less
less_equal greater greater_equal logical_and logical_or logical_xor bitwise_and bitwise_or
bitwise_xor left_shift right_shift
"""


def pair_name(pair: Any) -> str:
    return "-".join(str(getattr(x, "dtype", x)) for x in pair)


PAIRS = [
    (M, M[::-1].copy()), (M, 2.5), (2, M), (M.astype(np.float32), 3), (M.astype(np.float32), M),
    (I32, np.abs(I32[:1])), (I32, 3), (U8, 7), (B, ~B), (B, 2), (I32, 2.0), (U8, np.int8(3)),
    (I32[:, :1], np.array([1, 2, 3], np.int64)), (M.astype(np.float16), 2), (U8, np.float16(2)),
]  # fmt: skip


@pytest.mark.parametrize("name", BINARY.split())
@pytest.mark.parametrize(
    "pair", PAIRS, ids=lambda p: "-".join(str(getattr(x, "dtype", x)) for x in p)
)
def test_binary(name: str, pair: Any) -> None:
    with np.errstate(all="ignore"):
        try:
            expected = getattr(np, name)(*pair)
        except TypeError:
            with pytest.raises(TypeError):
                getattr(tw, name)(*map(arrays, pair))
            return
        except ValueError as error:
            with pytest.raises(ValueError, match="negative integer"):
                getattr(tw, name)(*map(arrays, pair))
            assert "negative" in str(error)
            return
    same(getattr(tw, name)(*map(arrays, pair)), expected)


@pytest.mark.parametrize("a", NUMPY_TYPES)
@pytest.mark.parametrize("b", NUMPY_TYPES)
def test_promotion(a: str, b: str) -> None:
    x, y = np.ones(2, a), np.ones(2, b)
    assert tw.result_type(tw.dtype(a), tw.dtype(b)).name == np.result_type(x, y).name


@pytest.mark.parametrize("axis", [None, 0, -1, (0, 2), (), (-3, 1)])
@pytest.mark.parametrize("keepdims", [False, True])
@pytest.mark.parametrize("name", ["sum", "prod", "max", "min", "mean", "var", "any", "all"])
def test_reductions_over_axes(name: str, axis: Any, keepdims: bool) -> None:
    x = np.random.default_rng(0).uniform(0.5, 1.5, (2, 3, 4))
    found = getattr(tw, name)(tw.array(x), axis, keepdims=keepdims)
    same(found, getattr(np, name)(x, axis=axis, keepdims=keepdims))


CALLS: list[tuple[str, tuple[Any, ...], dict[str, Any]]] = [
    ("reshape", (M, (3, -1)), {}), ("reshape", (M, 6), {}), ("swapaxes", (M, 0, 1), {}),
    ("moveaxis", (np.zeros((2, 3, 4)), 0, -1), {}),
    ("moveaxis", (np.zeros((2, 3, 4)), [0, 1], [2, 0]), {}), ("expand_dims", (M, (0, 3)), {}),
    ("squeeze", (M[:1], 0), {}), ("broadcast_to", (M, (4, 2, 3)), {}),
    ("stack", ([M, M],), {"axis": 1}), ("stack", ([M, I32],), {}),
    ("concatenate", ([M, I32],), {"axis": -1}), ("concatenate", ([M, I32],), {"axis": None}),
    ("split", (M, 3), {"axis": 1}), ("split", (np.arange(7), [2, 5]), {}), ("flip", (M, 1), {}),
    ("flip", (M,), {}), ("pad", (M, 1), {}), ("pad", (M, (1, 2)), {}),
    ("pad", (I32, ((0, 1), (2, 0))), {"constant_values": 9}), ("tile", (M, 2), {}),
    ("tile", (M, (2, 1, 3)), {}), ("repeat", (M, 2), {}), ("repeat", (M, 3), {"axis": 0}),
    ("take", (M, np.array([0, 5, -1])), {}), ("take", (M, np.array([[1], [0]])), {"axis": 1}),
    ("take_along_axis", (M, np.array([[2], [-1]])), {"axis": 1}),
    ("take_along_axis", (M, np.array([[1, 0, 1]])), {"axis": 0}), ("where", (B, M, 0.0), {}),
    ("where", (B, I32, U8[:3]), {}), ("clip", (M, -1, 2), {}), ("clip", (I32, 0, None), {}),
    ("arange", (5,), {}), ("arange", (1, 7, 2), {}), ("arange", (5, 0, -2), {}),
    ("arange", (0.5, 2, 0.5), {}), ("arange", (3,), {"dtype": "float32"}),
    ("linspace", (0, 1, 7), {}), ("linspace", (2, 3, 4, False), {}), ("linspace", (5, 6, 1), {}),
    ("zeros", ((2, 0),), {}), ("ones", (3,), {"dtype": "int8"}), ("full", ((2, 2), 7), {}),
    ("full", ((2,), [1, 2]), {}), ("full_like", (I32, 3), {}), ("eye", (3,), {}),
    ("eye", (2, 4, 1), {}), ("identity", (2,), {}), ("tri", (3, 4, -1), {}),
    ("tril", (np.ones((2, 3, 3)), 1), {}), ("triu", (M,), {}), ("dot", (M, M.T.copy()), {}),
    ("dot", (M[0], M[1]), {}), ("dot", (M, np.ones((2, 3, 4))), {}), ("outer", (M[0], M[1]), {}),
    ("matmul", (M, M[0]), {}), ("matmul", (M[0], M.T.copy()), {}),
    ("matmul", (np.ones((5, 2, 3)), M.T.copy()), {}), ("matmul", (M, np.ones((4, 1, 3, 2))), {}),
    ("matmul", (B, ~B.T), {}), ("matmul", (I32, I32.T.copy()), {}), ("cumsum", (M, 1), {}),
    ("sum", (U8,), {}), ("sum", (M.astype(np.float16),), {"dtype": "float64"}),
    ("round", (M, 1), {}), ("var", (M,), {"ddof": 1, "axis": 0}),
    ("std", (M,), {"axis": 1, "keepdims": True}), ("broadcast_arrays", (M[:1], M[:, :1]), {}),
    ("isclose", (M, M + 1e-9), {}), ("argmax", (M, 1), {"keepdims": True}), ("nonzero", (B,), {}),
    ("power", (I32, 3), {}), ("power", (np.array([2, 3, 5]), np.array([0, 40, 7])), {}),
    ("power", (M, 2), {}), ("power", (POSITIVE, 0.5), {}), ("power", (2.0, M), {}),
    ("power", (I32, 0), {}),
]  # fmt: skip


@pytest.mark.parametrize(("name", "args", "kwargs"), CALLS, ids=[c[0] for c in CALLS])
def test_call(name: str, args: Any, kwargs: Any) -> None:
    same(getattr(tw, name)(*map(arrays, args), **kwargs), getattr(np, name)(*args, **kwargs))
