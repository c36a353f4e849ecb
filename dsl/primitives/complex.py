"""Complex numbers: their parts, and the same bytes seen as pairs of floats.

Gradients are PyTorch's: that of a real loss L by z = x + iy is dL/dx + i dL/dy, the conjugate of
the derivative for a holomorphic function. So a rule multiplies by the conjugate of the slope.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import COMPLEX, DType, complex_of, float32, float64
from ..errors import ShapeError
from ..graph import Aval
from ..primitive import Expr, Map, Primitive, Reader, Sample, Vocabulary, register
from .families import binary, check_dtype, unary, zeros_like
from .lanes import over_leading_axes
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array

PARTS = (float32, float64)


def conj(x: Array) -> Array:
    """The conjugate of a complex array; any other array itself."""
    return conj_(x) if x.dtype.is_complex else x


real: Primitive = unary(
    "real",
    np.real,
    lower=lambda t, z, *, out: t.call("real", z),
    dtypes=COMPLEX,
    result=lambda dtype: dtype.real,
    vjp=lambda ct, out, z: (join(ct, zeros_like(ct)),),
    cost=0,
)
imag: Primitive = unary(
    "imag",
    np.imag,
    lower=lambda t, z, *, out: t.call("imag", z),
    dtypes=COMPLEX,
    result=lambda dtype: dtype.real,
    vjp=lambda ct, out, z: (join(zeros_like(ct), ct),),
    cost=0,
)
conj_: Primitive = unary(
    "conj", np.conj, dtypes=COMPLEX, vjp=lambda ct, out, z: (conj_(ct),), cost=1
)


def join_reference(x: Numpy, y: Numpy) -> Numpy:
    """x + iy, part by part, so that infinities and zeros stay what they are."""
    made = np.empty(x.shape, np.result_type(x.dtype, np.complex64))
    made.real, made.imag = x, y
    return made


join: Primitive = binary(
    "complex",
    join_reference,
    lower=lambda t, x, y, *, out: t.complex(x, y),
    dtypes=PARTS,
    result=complex_of,
    vjp=lambda ct, out, x, y: (real(ct), imag(ct)),
    cost=0,
)


# --------------------------------------------------------------------------- the same bytes


def _infer_as_real(z: Aval) -> Aval:
    check_dtype("as_real", z.dtype, COMPLEX)
    return Aval((*z.shape, 2), z.dtype.real)


def _lower_as_real(t: Vocabulary, index: tuple[Expr, ...], z: Reader, *, out: Aval) -> Expr:
    element = z(index[:-1])
    return t.select(index[-1] < t.size(1), t.call("real", element), t.call("imag", element))


def _floats(z: Numpy) -> Numpy:
    return np.stack([z.real, z.imag], -1)


def _samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 4), (), (0, 3), (1, 37)):
        made = smooth(dtype, *shape) if dtype.is_complex else smooth(dtype, *shape, 2)
        yield Sample((made,))


as_real: Primitive = register(
    Primitive(
        name="as_real",
        infer=_infer_as_real,
        lower=Map(_lower_as_real, cost=0),
        vjp=lambda ct, out, z: (as_complex(ct),),
        batch=over_leading_axes("as_real"),
        reference=_floats,
        samples=_samples,
        dtypes=COMPLEX,
    )
)


def _infer_as_complex(x: Aval) -> Aval:
    check_dtype("as_complex", x.dtype, PARTS)
    if x.ndim == 0 or x.shape[-1] != 2:
        raise ShapeError(f"as_complex: got {x.shape}; the last axis must hold the 2 parts")
    return Aval(x.shape[:-1], complex_of(x.dtype))


def _lower_as_complex(t: Vocabulary, index: tuple[Expr, ...], x: Reader, *, out: Aval) -> Expr:
    return t.complex(x((*index, t.size(0))), x((*index, t.size(1))))


as_complex: Primitive = register(
    Primitive(
        name="as_complex",
        infer=_infer_as_complex,
        lower=Map(_lower_as_complex, cost=0),
        vjp=lambda ct, out, x: (as_real(ct),),
        batch=over_leading_axes("as_complex"),
        reference=lambda x: join_reference(x[..., 0], x[..., 1]),
        samples=_samples,
        dtypes=PARTS,
    )
)


# --------------------------------------------------------------------------- matrices as real ones


def _infer_real_form(z: Aval) -> Aval:
    check_dtype("real_form", z.dtype, COMPLEX)
    if z.ndim < 2:
        raise ShapeError(f"real_form: got {z.shape}; it takes matrices")
    *batch, rows, columns = z.shape
    return Aval((*batch, 2 * rows, 2 * columns), z.dtype.real)


def _lower_real_form(t: Vocabulary, index: tuple[Expr, ...], z: Reader, *, out: Aval) -> Expr:
    *batch, row, column = index
    two, one = t.size(2), t.size(1)
    at = (t.call("index_div", i, two) for i in (row, column))
    down, across = (t.call("index_mod", i, two) < one for i in (row, column))
    element = t.call("let", z((*batch, *at)))
    x, y = t.call("real", element), t.call("imag", element)
    return t.select(down, t.select(across, x, y), t.select(across, t.call("neg", y), x))


def real_form_reference(z: Numpy) -> Numpy:
    """Each x + iy as the matrix [[x, y], [-y, x]], which acts on a row (u, v) as it on u + iv."""
    *batch, rows, columns = z.shape
    made = np.empty((*batch, rows, 2, columns, 2), z.real.dtype)
    made[..., 0, :, 0] = made[..., 1, :, 1] = z.real
    made[..., 0, :, 1], made[..., 1, :, 0] = z.imag, -z.imag
    return made.reshape(*batch, 2 * rows, 2 * columns)


def _matrices(dtype: DType) -> Iterator[Sample]:
    for shape in ((3, 4), (1, 1), (0, 3), (2, 3, 2)):
        yield Sample((smooth(dtype, *shape),))


# Made by the compiler for products, after gradients have been taken: it has none.
real_form: Primitive = register(
    Primitive(
        name="real_form",
        infer=_infer_real_form,
        lower=Map(_lower_real_form, cost=8),
        batch=over_leading_axes("real_form"),
        reference=real_form_reference,
        samples=_matrices,
        dtypes=COMPLEX,
    )
)
