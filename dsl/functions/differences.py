"""Differences and slopes, integrals by trapezoids, phases without jumps."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import bool_, float64
from ..errors import ArgumentError, DTypeError, ShapeError
from .arithmetic import add, divide, multiply, remainder, subtract
from .axes import one_axis
from .convert import ArrayLike, asarray, convert, result_type
from .cumulative import cumsum, part
from .joining import concatenate
from .logic import bitwise_xor, equal, greater, less, logical_and, where
from .outputs import NO_VALUE, casts
from .reductions import all as all_
from .reductions import sum as sum_
from .shapes import broadcast_to, moveaxis, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array


def diff(
    a: ArrayLike,
    n: int = 1,
    axis: int = -1,
    prepend: ArrayLike = NO_VALUE,
    append: ArrayLike = NO_VALUE,
) -> Array:
    """Each element less the one before it, n times over.

    >>> diff([1, 4, 9])
    array([3, 5])
    """
    if n < 0:
        raise ArgumentError(f"diff: got order {n}; it must not be negative")
    x = asarray(a)
    if n == 0:
        return x
    if x.ndim == 0:
        raise ArgumentError("diff: got an array without axes; it takes one or more")
    place = one_axis("diff", axis, x.ndim)
    parts = [_edge(x, place, prepend), x, _edge(x, place, append)]
    if len(given := [y for y in parts if y is not None]) > 1:
        x = concatenate(given, place)
    for _ in range(n):
        left = max(x.shape[place] - 1, 0)
        after, before = part(x, place, min(1, x.shape[place]), left), part(x, place, 0, left)
        x = bitwise_xor(after, before) if x.dtype is bool_ else subtract(after, before)
    return x


def _edge(x: Array, place: int, given: Any) -> Array | None:
    if given is NO_VALUE:
        return None
    edge = asarray(given)
    if edge.ndim == 0:
        return broadcast_to(edge, tuple(1 if a == place else n for a, n in enumerate(x.shape)))
    return edge


def ediff1d(
    ary: ArrayLike, to_end: ArrayLike | None = None, to_begin: ArrayLike | None = None
) -> Array:
    """The differences of neighbours in the flattened array, with others before and after them.

    >>> ediff1d([1, 4, 9], to_begin=0)
    array([0, 3, 5])
    """
    x = ravel(ary)
    if x.dtype is bool_:
        raise DTypeError("ediff1d: got bool; it takes numbers")
    parts = [_ediff_edge(to_begin, x), [diff(x)], _ediff_edge(to_end, x)]
    return concatenate([y for some in parts for y in some])


def _ediff_edge(given: ArrayLike | None, x: Array) -> list[Array]:
    if given is None:
        return []
    edge = asarray(given)
    if not casts(edge.dtype, x.dtype, "same_kind"):
        raise DTypeError(f"ediff1d: got {edge.dtype} beside {x.dtype}; it does not cast to it")
    return [ravel(convert(edge, x.dtype))]


def trapezoid(
    y: ArrayLike, x: ArrayLike | None = None, dx: ArrayLike = 1.0, axis: int = -1
) -> Array:
    """The integral of y along an axis, by trapezoids between the points x (or `dx` apart).

    >>> trapezoid([1.0, 2.0, 3.0])
    array(4.)
    """
    y = asarray(y)
    place = one_axis("trapezoid", axis, y.ndim)
    if x is None:
        step = asarray(dx) if not isinstance(dx, int | float) else dx
    else:
        points = asarray(x)
        step = diff(points, axis=0 if points.ndim == 1 else axis)
        if points.ndim == 1:
            step = reshape(step, tuple(step.shape[0] if a == place else 1 for a in range(y.ndim)))
    left = max(y.shape[place] - 1, 0)
    pairs = add(part(y, place, min(1, y.shape[place]), left), part(y, place, 0, left))
    return sum_(divide(multiply(step, pairs), 2.0), place)


# --------------------------------------------------------------------------- gradient


def gradient(f: ArrayLike, *varargs: ArrayLike, axis: Any = None, edge_order: int = 1) -> Any:
    """The slope along each axis, from both neighbours inside and from one side at the ends.

    `varargs`: one distance for all axes, or for each a distance or the coordinates. One array for
    one axis, a tuple for several.

    >>> gradient([1.0, 2.0, 4.0])
    array([1. , 1.5, 2. ])
    """
    x = asarray(f)
    if x.dtype is bool_:
        raise DTypeError("gradient: got bool; it takes numbers")
    given = range(x.ndim) if axis is None else (axis,) if isinstance(axis, int) else axis
    axes = [one_axis("gradient", a, x.ndim) for a in given]
    if edge_order not in (1, 2):
        raise ArgumentError(f"gradient: got edge_order {edge_order}; it is 1 or 2")
    steps = _steps(x, axes, varargs)
    if not x.dtype.is_inexact:
        x = convert(x, float64)
    for a in axes:
        if x.shape[a] < edge_order + 1:
            raise ArgumentError(
                f"gradient: got {x.shape[a]} places on axis {a}; it takes {edge_order + 1} or more"
            )
    slopes = [_slope(x, a, step, edge_order) for a, step in zip(axes, steps, strict=True)]
    return slopes[0] if len(axes) == 1 else tuple(slopes)


def _steps(x: Array, axes: list[int], given: tuple[Any, ...]) -> list[Any]:
    """For each axis a distance (a float) or the distances between places (an array)."""
    if not given:
        return [1.0] * len(axes)
    if len(given) == 1 and np.ndim(given[0]) == 0:
        return [given[0]] * len(axes)
    if len(given) != len(axes):
        raise TypeError(f"gradient: got {len(given)} distances for {len(axes)} axes")
    return [_step(x, a, step) for a, step in zip(axes, given, strict=True)]


def _step(x: Array, axis: int, given: Any) -> Any:
    if np.ndim(given) == 0:
        return given
    points = asarray(given)
    if points.ndim != 1:
        raise ArgumentError(f"gradient: got distances of shape {points.shape}; a number, or 1-D")
    if points.shape[0] != x.shape[axis]:
        raise ShapeError(f"gradient: got {points.shape[0]} coordinates for {x.shape[axis]} places")
    apart = diff(convert(points, float64) if points.dtype.is_integer else points)
    # Even distances take the simpler formula, as in NumPy.
    return apart[0] if apart.size and bool(all_(equal(apart, apart[0]))) else apart


def _slope(x: Array, axis: int, step: Any, edge_order: int) -> Array:
    y = moveaxis(x, axis, 0)
    even = np.ndim(step) == 0
    shape = (-1, *(1,) * (y.ndim - 1))
    if even:
        inside = divide(subtract(y[2:], y[:-2]), multiply(2.0, step))
    else:
        before, after = reshape(step[:-1], shape), reshape(step[1:], shape)
        a = divide(-after, before * (before + after))
        b = divide(after - before, before * after)
        c = divide(before, after * (before + after))
        inside = a * y[:-2] + b * y[1:-1] + c * y[2:]
    first, last = (_end(y, step, even, side, edge_order) for side in (0, -1))
    joined = concatenate([first, inside, last], 0)
    return moveaxis(convert(joined, x.dtype), 0, axis)


def _end(y: Array, step: Any, even: bool, side: int, edge_order: int) -> Array:
    """The slope at the first (side 0) or last (side -1) place, as one row."""
    if edge_order == 1:
        d = step if even else step[side]
        pair = (y[1:2], y[:1]) if side == 0 else (y[-1:], y[-2:-1])
        return divide(subtract(*pair), d)
    rows = (y[:1], y[1:2], y[2:3]) if side == 0 else (y[-3:-2], y[-2:-1], y[-1:])
    if even:
        weights: Any = (-1.5, 2.0, -0.5) if side == 0 else (0.5, -2.0, 1.5)
        total = rows[0] * weights[0] + rows[1] * weights[1] + rows[2] * weights[2]
        return divide(total, step)
    one, two = (step[0], step[1]) if side == 0 else (step[-2], step[-1])
    if side == 0:
        a = divide(-(one * 2.0 + two), one * (one + two))
        b, c = divide(one + two, one * two), divide(-one, two * (one + two))
    else:
        a, b = divide(two, one * (one + two)), divide(-(two + one), one * two)
        c = divide(two * 2.0 + one, two * (one + two))
    return a * rows[0] + b * rows[1] + c * rows[2]


def unwrap(
    p: ArrayLike,
    discont: float | None = None,
    axis: int = -1,
    *,
    period: float = 2 * math.pi,
) -> Array:
    """Phases without jumps: whole periods are added where neighbours are more than `discont` (half
    a period, by default and at least) apart.

    >>> unwrap([0, 1, 2, -1, 0], period=4)
    array([0, 1, 2, 3, 4])
    """
    x = asarray(p)
    apart = diff(x, axis=axis)
    limit = period / 2 if discont is None else discont
    wanted = result_type(apart, period)
    if wanted.is_integer:
        high: float = int(period) // 2
        boundary_fits = int(period) % 2 == 0
    else:
        high, boundary_fits = period / 2, True
    low = -high
    near = remainder(subtract(convert(apart, wanted), low), period) + low
    if boundary_fits:
        near = where(logical_and(equal(near, low), greater(apart, 0)), high, near)
    mend = subtract(near, apart)
    mend = where(less(abs(apart), limit), 0, mend)
    place = one_axis("unwrap", axis, x.ndim)
    first = convert(part(x, place, 0, min(1, x.shape[place])), wanted)
    rest = part(x, place, min(1, x.shape[place]), max(x.shape[place] - 1, 0))
    return concatenate([first, convert(add(rest, cumsum(mend, place)), wanted)], place)


__all__ = ["diff", "ediff1d", "gradient", "trapezoid", "unwrap"]
