"""Primitives without array inputs: a constant, and the numbers from 0."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..dtypes import ALL, DType, to_numpy
from ..errors import ShapeError
from ..graph import Aval
from ..primitive import Expr, Map, Primitive, Sample, Vocabulary, register
from ..sizes import Dim, Shape, Size
from .elementwise import NUMBERS
from .families import check_dtype

Value = bool | int | float | complex | Size
Index = tuple[Expr, ...]


def _infer_full(*, shape: Shape, value: Value, dtype: DType) -> Aval:
    if any(isinstance(size, int) and size < 0 for size in shape):
        raise ShapeError(f"full: got shape {shape}; sizes must not be negative")
    return Aval(shape, dtype)


def _lower_full(
    t: Vocabulary, index: Index, *, out: Aval, shape: Shape, value: Value, dtype: DType
) -> Expr:
    # A value may be an unknown size: the divisor of a mean.
    if isinstance(value, Size):
        return t.cast(t.size(value), dtype)
    return t.const(value, dtype)


def _full_reference(*, shape: tuple[int, ...], value: Any, dtype: DType) -> Any:
    return np.full(shape, value, to_numpy(dtype))


def _full_samples(dtype: DType) -> Iterator[Sample]:
    values: tuple[Any, ...] = (0, 1, True)
    if dtype.is_complex:
        values += (1.5 - 2j, complex(-0.0, np.inf), complex(np.nan, -0.0))
    elif dtype.is_float:
        values += (-0.0, 0.1, np.inf, -np.inf, np.nan)
    elif dtype.is_integer:
        bounds = np.iinfo(to_numpy(dtype))
        values += (int(bounds.min), int(bounds.max))
    for value in values:
        yield Sample((), {"shape": (2, 3), "value": value, "dtype": dtype})
    for shape in ((), (0, 3)):
        yield Sample((), {"shape": shape, "value": 1, "dtype": dtype})


full = register(
    Primitive(
        name="full",
        infer=_infer_full,
        lower=Map(_lower_full, cost=0),
        reference=_full_reference,
        samples=_full_samples,
        dtypes=ALL,
    )
)


def _infer_iota(*, size: Dim, dtype: DType) -> Aval:
    check_dtype("iota", dtype, NUMBERS)
    if isinstance(size, int) and size < 0:
        raise ShapeError(f"iota: got size {size}; it must not be negative")
    return Aval((size,), dtype)


def _iota_samples(dtype: DType) -> Iterator[Sample]:
    for size in (5, 1, 0, 37):
        yield Sample((), {"size": size, "dtype": dtype})


iota = register(
    Primitive(
        name="iota",
        infer=_infer_iota,
        lower=Map(lambda t, index, *, out, size, dtype: t.cast(index[0], dtype), cost=1),
        reference=lambda *, size, dtype: np.arange(size).astype(to_numpy(dtype)),
        samples=_iota_samples,
        dtypes=NUMBERS,
    )
)
