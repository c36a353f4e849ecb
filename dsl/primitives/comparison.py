"""Comparisons, the choice between two arrays, and conversion of data types."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import ALL, DType, bfloat16, bool_, float16, to_numpy
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Map, Primitive, Sample, register
from .families import comparison, zeros_like
from .lanes import over_leading_axes
from .samples import Numpy, smooth, special

if TYPE_CHECKING:
    from ..array import Array

eq = comparison("eq", np.equal)
ne = comparison("ne", np.not_equal)
lt = comparison("lt", np.less)
le = comparison("le", np.less_equal)
gt = comparison("gt", np.greater)
ge = comparison("ge", np.greater_equal)


def _infer_where(condition: Aval, x: Aval, y: Aval) -> Aval:
    if not condition.shape == x.shape == y.shape:
        raise ShapeError(
            f"where: got {condition.shape}, {x.shape} and {y.shape}; they must be equal"
        )
    if condition.dtype is not bool_ or x.dtype is not y.dtype:
        raise DTypeError(
            f"where: got {condition.dtype}, {x.dtype} and {y.dtype}; "
            "the first must be bool, the others equal"
        )
    return x


def _vjp_where(
    ct: Array, out: Array, condition: Array, x: Array, y: Array
) -> tuple[None, Array, Array]:
    zero = zeros_like(ct)
    return None, where(condition, ct, zero), where(condition, zero, ct)


def _where_samples(dtype: DType) -> Iterator[Sample]:
    x = special(dtype)
    yield Sample((np.arange(x.size) % 2 == 0, x, x[::-1].copy()))
    for shape in ((3, 4), (), (0, 3)):
        args = smooth(dtype, *shape), smooth(dtype, *shape, seed=1)
        yield Sample((smooth(bool_, *shape), *args))


where = register(
    Primitive(
        name="where",
        infer=_infer_where,
        lower=Map(lambda t, c, x, y, *, out: t.select(c, x, y), pointwise=True),
        vjp=_vjp_where,
        batch=over_leading_axes("where"),
        reference=np.where,
        samples=_where_samples,
        dtypes=ALL,
    )
)


def _vjp_cast(ct: Array, out: Array, x: Array, *, dtype: DType) -> tuple[Array | None]:
    return (cast(ct, dtype=x.dtype) if dtype.is_inexact and x.dtype.is_inexact else None,)


def _cast_reference(x: Numpy, *, dtype: DType) -> Any:
    if x.dtype.kind == "c" and not dtype.is_complex and dtype is not bool_:
        x = x.real
    return x.astype(to_numpy(dtype))


def _cast_samples(dtype: DType) -> Iterator[Sample]:
    """Every target; floats go to integers only where the value fits (else it is undefined)."""
    for target in ALL:
        for x in (smooth(dtype, 3, 4), smooth(dtype), special(dtype)):
            if dtype.is_inexact and target.is_integer:
                x = np.array([0.0, -0.0, 1.0, 2.5, 100.875, 7.5]).astype(to_numpy(dtype))
            if target in (float16, bfloat16) and dtype.is_integer:
                x = x[np.abs(x.astype(np.float64)) < 2048] if x.ndim == 1 else x
            yield Sample((x,), {"dtype": target})


cast = register(
    Primitive(
        name="cast",
        infer=lambda x, *, dtype: Aval(x.shape, dtype),
        lower=Map(lambda t, x, *, out, dtype: t.cast(x, dtype), pointwise=True),
        vjp=_vjp_cast,
        batch=over_leading_axes("cast"),
        reference=_cast_reference,
        samples=_cast_samples,
        dtypes=ALL,
    )
)
