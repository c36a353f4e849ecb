"""Reductions over axes: sum, prod, max, min, argmax, argmin. `any` and `all` are max and min."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import ALL, FLOATS, DType, at_least_float32, bool_, int64, uint8
from ..primitive import Expr, Reducer, Vocabulary
from ..sizes import Shape, product
from .comparison import eq, where
from .complex import conj
from .elementwise import ALL_NUMBERS, NUMBERS
from .families import reduction, ulps
from .movement import broadcast_to, reshape, transpose
from .samples import Numpy
from .windows import pad, slice_

if TYPE_CHECKING:
    from ..array import Array

State = tuple[Expr, ...]


def _wide(dtype: DType) -> DType:
    """What a reduction's state holds: half types accumulate in float32, bool counts as uint8."""
    if dtype is bool_:
        return uint8
    return at_least_float32(dtype)


def lowest(dtype: DType) -> float | int | complex:
    """The identity of max."""
    if dtype.is_complex:
        return complex(-np.inf, -np.inf)
    return -np.inf if dtype.is_float else int(np.iinfo(dtype.name).min)


def highest(dtype: DType) -> float | int | complex:
    """The identity of min."""
    if dtype.is_complex:
        return complex(np.inf, np.inf)
    return np.inf if dtype.is_float else int(np.iinfo(dtype.name).max)


def _fold(identity: Callable[[DType], float | int | complex], join: Callable[..., Expr]) -> Reducer:
    """A reducer whose state is one number."""
    return Reducer(
        state=lambda dtype: (_wide(dtype),),
        init=lambda t, dtypes: (t.const(identity(dtypes[0]), dtypes[0]),),
        step=lambda t, state, x, position: (join(t, state[0], x),),
        merge=lambda t, a, b: (join(t, a[0], b[0]),),
        finish=lambda t, state, dtype, count: t.cast(state[0], dtype),
    )


def _nothing_found(
    worst: Callable[[DType], float | int | complex], t: Vocabulary, dtypes: tuple[DType, ...]
) -> State:
    """The worst of all elements, at a place that none has."""
    place = int(np.iinfo(dtypes[1].name).max)
    return t.const(worst(dtypes[0]), dtypes[0]), t.const(place, dtypes[1])


def _select_reducer(worst: Callable[[DType], float | int | complex], better: str) -> Reducer:
    """A reducer that finds the first position of the best element; nan is best of all.

    Elements arrive by rising position, so that equals never take another's place. What equals the
    worst of all takes nobody's place either: where there is nothing else, it is the first element.
    """

    def step(t: Vocabulary, state: State, x: Expr, position: Expr) -> State:
        no_better = x <= state[0] if better == "gt" else state[0] <= x
        # Of complex numbers a nan in the second part does not count in comparisons of the first.
        wins = t.call("bitwise_or", t.call("bitwise_not", no_better), t.call("isnan", x))
        is_open = t.call("bitwise_not", t.call("isnan", state[0]))
        take = t.call("let", t.call("bitwise_and", wins, is_open))
        return t.select(take, x, state[0]), t.select(take, position, state[1])

    def finish(t: Vocabulary, state: State, dtype: DType, count: Expr) -> Expr:
        place = t.cast(state[1], int64)
        return t.cast(t.select(place < count, place, t.const(0, int64)), dtype)

    def merge(t: Vocabulary, a: State, b: State) -> State:
        beats = a[0] < b[0] if better == "gt" else b[0] < a[0]
        nan_a, nan_b = t.call("isnan", a[0]), t.call("isnan", b[0])
        both_nan = t.call("bitwise_and", nan_a, nan_b)
        tie = t.call("bitwise_or", t.call("eq", a[0], b[0]), both_nan)
        first = t.call("bitwise_and", tie, b[1] < a[1])
        new_nan = t.call("bitwise_and", nan_b, t.call("bitwise_not", nan_a))
        beats = t.call("bitwise_and", beats, t.call("bitwise_not", nan_a))
        take = t.call("let", t.call("bitwise_or", beats, t.call("bitwise_or", first, new_nan)))
        return t.select(take, b[0], a[0]), t.select(take, b[1], a[1])

    return Reducer(
        state=lambda dtype: (_wide(dtype), int64),
        init=partial(_nothing_found, worst),
        step=step,
        merge=merge,
        finish=finish,
    )


def expand(x: Array, axes: tuple[int, ...], shape: Shape) -> Array:
    """Undo a reduction's loss of `axes`: repeat x along them to `shape`."""
    kept = tuple(1 if axis in axes else size for axis, size in enumerate(shape))
    return broadcast_to(reshape(x, shape=kept), shape=shape)


def _vjp_extremum(
    ct: Array, out: Array, x: Array, *, axes: tuple[int, ...]
) -> tuple[Array | None, ...]:
    """The cotangent is shared by all places that hold the extremum."""
    if not x.dtype.is_inexact:
        return (None,)
    one = x * 0 + 1
    hit = where(eq(x, expand(out, axes, x.shape)), one, one * 0)
    share = ct / sum_(hit, axes=axes)
    return (hit * expand(share, axes, x.shape),)


def _running_product(x: Array, *, reverse: bool) -> Array:
    """The product of all earlier (reverse: later) elements of the last axis, in log2 steps."""

    def shifted(y: Array, by: int) -> Array:
        none = (0,) * (y.ndim - 1)
        kept = (*y.shape[:-1], size - by)
        window = slice_(y, start=(*none, by if reverse else 0), sizes=kept, strides=(1,) * y.ndim)
        ahead, behind = (*none, by), (*none, 0)
        low, high = (behind, ahead) if reverse else (ahead, behind)
        return pad(window, low=low, high=high, value=1)

    size = x.shape[-1]
    y, step = shifted(x, 1), 1
    while step < size:
        y, step = y * shifted(y, step), 2 * step
    return y


def _vjp_prod(ct: Array, out: Array, x: Array, *, axes: tuple[int, ...]) -> tuple[Array]:
    """The product of all other elements, without a division: right for zeros, to any order."""
    kept = tuple(axis for axis in range(x.ndim) if axis not in axes)
    order = (*kept, *axes)
    moved = tuple(x.shape[axis] for axis in order)
    rows = (*moved[: len(kept)], product(moved[len(kept) :]))
    if 0 in moved:
        return (x * 0,)
    flat = reshape(transpose(x, axes=order), shape=rows)
    others = _running_product(flat, reverse=False) * _running_product(flat, reverse=True)
    back = tuple(order.index(axis) for axis in range(x.ndim))
    others = transpose(reshape(others, shape=moved), axes=back)
    return (expand(ct, axes, x.shape) * conj(others),)


def _in_state(function: Callable[..., Any], x: Numpy, *, axes: tuple[int, ...]) -> Any:
    """A NumPy reduction without its promotion of small types."""
    if function in (np.sum, np.prod):
        return np.asarray(function(x, axis=axes, dtype=x.dtype))
    return np.asarray(function(x, axis=axes))


def whole_nan(found: Numpy, x: Numpy, *, axes: tuple[int, ...]) -> Any:
    """Complex numbers with one NaN for all that hold one: which of several is found is open."""
    if found.dtype.kind != "c":
        return found
    return np.where(np.isnan(found), found.dtype.type(np.nan), found)


def _arg_reference(function: Callable[..., Any], x: Numpy, *, axes: tuple[int, ...]) -> Any:
    kept = [axis for axis in range(x.ndim) if axis not in axes]
    count = math.prod(x.shape[axis] for axis in axes)
    rows = x.transpose(*kept, *axes).reshape([*(x.shape[axis] for axis in kept), count])
    return np.asarray(function(rows, axis=-1), np.int64)


sum_ = reduction(
    "sum",
    partial(_in_state, np.sum),
    _fold(lambda dtype: 0, lambda t, a, b: a + b),
    dtypes=ALL_NUMBERS,
    vjp=lambda ct, out, x, *, axes: (expand(ct, axes, x.shape),),
    ulp=ulps(3, complex=2),
)
sum_of_squares = reduction(
    "sum_of_squares",
    lambda x, *, axes: _in_state(np.sum, np.multiply(x, x), axes=axes),
    replace(
        _fold(lambda dtype: 0, lambda t, a, b: a + b),
        step=lambda t, state, x, position: (state[0] + x * x,),
    ),
    dtypes=NUMBERS,
    vjp=lambda ct, out, x, *, axes: (expand(ct * 2, axes, x.shape) * x,),
    ulp=ulps(2),
)
prod = reduction(
    "prod",
    partial(_in_state, np.prod),
    _fold(lambda dtype: 1, lambda t, a, b: a * b),
    dtypes=ALL_NUMBERS,
    vjp=_vjp_prod,
    ulp=ulps(128, complex=512),
)
# The element comes first: that it is no NaN is then found beside the chain of the state.
max_ = reduction(
    "max",
    partial(_in_state, np.max),
    _fold(lowest, lambda t, a, b: t.call("maximum", b, a)),
    dtypes=ALL,
    vjp=_vjp_extremum,
    identity=False,
    canonical=whole_nan,
)
largest = reduction(  # one instruction an element, where `max` takes four for NaN
    "largest",
    lambda x, *, axes: np.asarray(np.fmax.reduce(x, axis=axes, initial=-np.inf), x.dtype),
    _fold(lowest, lambda t, a, b: t.select(a < b, b, a)),
    dtypes=FLOATS,
    vjp=_vjp_extremum,
)
min_ = reduction(
    "min",
    partial(_in_state, np.min),
    _fold(highest, lambda t, a, b: t.call("minimum", b, a)),
    dtypes=ALL,
    vjp=_vjp_extremum,
    identity=False,
    canonical=whole_nan,
)
argmax = reduction(
    "argmax",
    partial(_arg_reference, np.argmax),
    _select_reducer(lowest, "gt"),
    dtypes=ALL,
    result=int64,
    identity=False,
)
argmin = reduction(
    "argmin",
    partial(_arg_reference, np.argmin),
    _select_reducer(highest, "lt"),
    dtypes=ALL,
    result=int64,
    identity=False,
)
