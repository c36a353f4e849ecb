"""Inputs that the registry's tests try, by dtype: special values, smooth values and odd shapes."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..dtypes import DType, bfloat16, to_numpy
from ..primitive import Sample

Numpy = np.ndarray[Any, Any]

_FINITE = (
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    2.5,
    -2.5,
    3.0,
    3.140625,
    -7.25,
    0.001,
    90.0,
    -100.0,
)


def special(dtype: DType) -> Numpy:
    """The values at which an implementation goes wrong first (1-D).

    Floats: zeros, halves, subnormals, the largest, infinities, nan. Integers: the extremes.
    """
    kind = to_numpy(dtype)
    if dtype.is_complex:
        return _special_complex(dtype)
    if dtype.kind == "b":
        return np.array([False, True])
    if dtype.is_integer:
        lowest, highest = np.iinfo(kind).min, np.iinfo(kind).max
        small = [0, 1, 2, 3, 5, 31] + ([-1, -2, -3, -7] if lowest else [])
        return np.array([*small, lowest, lowest + 1, highest, highest - 1], kind)
    tiny, subnormal, largest = _extremes(dtype)
    edges = [tiny, -tiny, subnormal, -subnormal, largest, -largest, np.inf, -np.inf, np.nan]
    return np.array([*_FINITE, *edges], np.float64).astype(kind)


def _special_complex(dtype: DType) -> Numpy:
    """Each of some parts with each: zeros, infinities and nan among them."""
    parts = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -2.5, 0.001, 11.25, np.inf, -np.inf, np.nan])
    made = np.empty((parts.size, parts.size), to_numpy(dtype))
    made.real, made.imag = parts[:, None], parts
    return made.ravel()


def _extremes(dtype: DType) -> tuple[float, float, float]:
    if dtype is bfloat16:
        return 2.0**-126, 2.0**-133, (2.0 - 2.0**-7) * 2.0**127
    info = np.finfo(to_numpy(dtype))
    return float(info.tiny), float(info.smallest_subnormal), float(info.max)


def smooth(dtype: DType, *shape: int, seed: int = 0) -> Numpy:
    """Distinct small values where every function is differentiable: floats in (0.2, 0.9),
    and complex numbers of such parts."""
    rng = np.random.default_rng((seed, *shape))
    if dtype.kind == "b":
        return rng.integers(0, 2, shape).astype(np.bool_)
    if dtype.is_integer:
        return rng.integers(1, 8, shape).astype(to_numpy(dtype))
    if dtype.is_complex:
        parts = rng.uniform(0.2, 0.9, (*shape, 2))
        return np.asarray(parts[..., 0] + 1j * parts[..., 1]).astype(to_numpy(dtype))
    # asarray: a 0-d draw is a Python float
    return np.asarray(rng.uniform(0.2, 0.9, shape)).astype(to_numpy(dtype))


def unary_samples(dtype: DType) -> Iterator[Sample]:
    """One input: special values, a matrix, a scalar, nothing."""
    yield Sample((special(dtype),))
    for shape in ((3, 4), (), (0, 3), (1, 37)):
        yield Sample((smooth(dtype, *shape),))


def binary_samples(dtype: DType) -> Iterator[Sample]:
    """Two inputs: each special value with each, then matrices, scalars, nothing."""
    x = special(dtype)
    a, b = np.meshgrid(x, x)
    yield Sample((a.ravel(), b.ravel()))
    for shape in ((3, 4), (), (0, 3), (1, 37)):
        yield Sample((smooth(dtype, *shape), smooth(dtype, *shape, seed=1)))


def reduction_samples(dtype: DType, *, empty: bool) -> Iterator[Sample]:
    """Each choice of axes; `empty` adds reductions over no element at all."""
    shapes = (((3, 4), (0,)), ((3, 4), (1,)), ((3, 4), (0, 1)), ((2, 3, 5), (0, 2)))
    edges = (((), ()), ((4,), ()), ((0, 3), (1,)), ((1, 9), (0,)), ((2, 131), (1,)))
    none = (((0, 3), (0,)), ((0,), (0,))) if empty else ()
    for shape, axes in (*shapes, *edges, *none):
        yield Sample((smooth(dtype, *shape),), {"axes": axes})
    yield Sample((special(dtype),), {"axes": (0,)})
    yield Sample((np.stack([special(dtype)[::-1]] * 2),), {"axes": (1,)})
