"""Averages of windows that are as large as the wanted result asks for."""

from __future__ import annotations

from typing import Any

from ...dsl import functions as f
from ...dsl import primitives as p
from ...dsl.array import Array
from ...dsl.device import following
from ...dsl.dtypes import int64
from ...dsl.errors import ArgumentError, DTypeError, ShapeError
from .axes import batched, unbatched


def adaptive_avg_pool1d(input: Array, output_size: Any) -> Array:
    """As `adaptive_avg_pool2d`, over one axis.

    >>> import tilewright as tw
    >>> adaptive_avg_pool1d(tw.array([[[1.0, 3.0, 2.0]]]), 2).tolist()
    [[[2.0, 2.5]]]
    """
    return _adaptive("adaptive_avg_pool1d", 1, input, output_size)


def adaptive_avg_pool2d(input: Array, output_size: Any) -> Array:
    """Means of windows that together cover the input: input (N, C, H, W) or (C, H, W) ->
    (N, C, *output_size).

    Window i of m over n elements goes from i * n // m up to (i + 1) * n / m, rounded up.
    `output_size` is an int or one for each axis; None keeps the axis. Raises ShapeError,
    DTypeError or ArgumentError.

    >>> import tilewright as tw
    >>> adaptive_avg_pool2d(tw.arange(16.0).reshape(1, 1, 4, 4), 1).item()
    7.5
    """
    return _adaptive("adaptive_avg_pool2d", 2, input, output_size)


def adaptive_avg_pool3d(input: Array, output_size: Any) -> Array:
    """As `adaptive_avg_pool2d`, over three axes.

    >>> import tilewright as tw
    >>> adaptive_avg_pool3d(tw.arange(8.0).reshape(1, 1, 2, 2, 2), 1).item()
    3.5
    """
    return _adaptive("adaptive_avg_pool3d", 3, input, output_size)


@following
def _adaptive(name: str, rank: int, input: Array, output_size: Any) -> Array:
    x = batched(name, input, rank)
    if not x.dtype.is_inexact:
        raise DTypeError(f"{name}: got {x.dtype}; means are of floats")
    wanted = output_size if isinstance(output_size, tuple | list) else (output_size,) * rank
    if len(wanted) != rank or any(not _is_size(n) for n in wanted):
        raise ArgumentError(
            f"{name}: got output_size={output_size!r}; it must be an int, None, or {rank} of them"
        )
    if any(n == 0 for n in x.shape[1:]):
        raise ShapeError(f"{name}: got an input {input.shape}; there is no element to average")
    sizes = [n if m is None else m for n, m in zip(x.shape[2:], wanted, strict=True)]
    if all(isinstance(m, int) and m == 1 for m in sizes):
        axes = tuple(range(2, rank + 2))
        return unbatched(f.mean(x, axis=axes, keepdims=True), input)
    for axis, m in enumerate(sizes):
        x = _along_axis(x, axis + 2, m)
    return unbatched(x, input)


def _is_size(n: Any) -> bool:
    return n is None or (isinstance(n, int) and n >= 0)


def _along_axis(x: Array, axis: int, m: Any) -> Array:
    """The means along one axis."""
    n = x.shape[axis]
    if n == m:
        return x
    if m == 1:
        return f.mean(x, axis=axis, keepdims=True)
    if isinstance(n, int) and m and n % m == 0:
        parted = p.reshape(x, shape=(*x.shape[:axis], m, n // m, *x.shape[axis + 1 :]))
        return f.mean(parted, axis=axis + 1)
    place = p.reshape(p.iota(size=m, dtype=int64), shape=(m, 1))
    start, stop = place * n // m, -((place + 1) * -n // m)
    at = p.reshape(p.iota(size=n, dtype=int64), shape=(1, n))
    inside = f.logical_and(at >= start, at < stop)
    after = (1,) * (x.ndim - axis - 1)
    inside = p.reshape(inside, shape=(m, n, *after))
    parted = p.reshape(x, shape=(*x.shape[:axis], 1, n, *x.shape[axis + 1 :]))
    total = f.sum(f.where(inside, parted, 0), axis=axis + 1)
    return total / p.reshape(stop - start, shape=(m, *after)).astype(x.dtype)
