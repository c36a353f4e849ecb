"""Fourier transforms along one axis: complex to complex, real to complex and back (pocketfft).

The spectrum of n real numbers is its first n // 2 + 1 elements; the others are their conjugates.
`norm` says the factor: NONE, one over the length, or one over its root. Gradients are transforms
again, as the matrix of a transform is symmetric.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import COMPLEX, DType, complex_of, float32, float64
from ..errors import ArgumentError, AxisError, ShapeError
from ..graph import Aval
from ..primitive import Native, Primitive, Sample, register
from ..sizes import Dim, product
from .comparison import cast, eq, where
from .families import check_dtype, zeros_like
from .lanes import along_axis
from .movement import broadcast_to, reshape
from .samples import Numpy, smooth
from .sources import full, iota

if TYPE_CHECKING:
    from ..array import Array

NONE, BY_LENGTH, BY_ROOT = range(3)  # norms
REALS = (float32, float64)
_FORWARD_NORMS: dict[int, Any] = {NONE: "backward", BY_LENGTH: "forward", BY_ROOT: "ortho"}
_INVERSE_NORMS: dict[int, Any] = {NONE: "forward", BY_LENGTH: "backward", BY_ROOT: "ortho"}


def _check(name: str, x: Aval, axis: int, n: Dim, dtypes: tuple[DType, ...]) -> None:
    check_dtype(name, x.dtype, dtypes)
    if not 0 <= axis < x.ndim:
        raise AxisError(f"{name}: got axis {axis} for {x.shape}; it must be in 0..{x.ndim - 1}")
    if isinstance(n, int) and n < 1:
        raise ArgumentError(f"{name}: got {n} elements along axis {axis}; it takes one or more")


def _sizes(x: Aval, of: DType, axis: int, n: Dim, inverse: bool, norm: int) -> tuple[Dim, ...]:
    before, after = product(x.shape[:axis]), product(x.shape[axis + 1 :])
    return of.code, before, n, after, int(inverse), norm


def _with(shape: tuple[Dim, ...], axis: int, n: Dim) -> tuple[Dim, ...]:
    return (*shape[:axis], n, *shape[axis + 1 :])


def _samples_of(axis: int) -> Iterator[dict[str, Any]]:
    for norm in (NONE, BY_LENGTH, BY_ROOT):
        yield {"axis": axis, "norm": norm}


_SHAPES = (((8,), 0), ((7,), 0), ((1,), 0), ((2,), 0), ((3, 5), 0), ((3, 5), 1), ((2, 12, 9), 1),
           ((0, 4), 1), ((3, 17, 1), 1), ((64, 3), 0))  # fmt: skip

# --------------------------------------------------------------------------- complex to complex


def _infer_fft(x: Aval, *, axis: int, inverse: bool, norm: int) -> Aval:
    _check("fft", x, axis, x.shape[axis] if 0 <= axis < x.ndim else 1, COMPLEX)
    return x


def _fft_sizes(x: Aval, *, out: Aval, axis: int, inverse: bool, norm: int) -> tuple[Dim, ...]:
    return _sizes(x, x.dtype.real, axis, x.shape[axis], inverse, norm)


def _fft_reference(x: Numpy, *, axis: int, inverse: bool, norm: int) -> Numpy:
    if inverse:
        return np.asarray(np.fft.ifft(x, axis=axis, norm=_INVERSE_NORMS[norm]))
    return np.asarray(np.fft.fft(x, axis=axis, norm=_FORWARD_NORMS[norm]))


def _fft_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis in _SHAPES:
        for params in _samples_of(axis):
            for inverse in (False, True):
                yield Sample((smooth(dtype, *shape),), {**params, "inverse": inverse})


def _vjp_fft(
    ct: Array, out: Array, x: Array, *, axis: int, inverse: bool, norm: int
) -> tuple[Array]:
    return (fft(ct, axis=axis, inverse=not inverse, norm=norm),)


# Of the result's largest element.
_OF_REAL = {"float32": 16.0, "float64": 16.0}
_OF_COMPLEX = {"complex64": 16.0, "complex128": 16.0}

# X[k] = sum of x[j] exp(-2 pi i j k / n); with `inverse` the other sign.
fft: Primitive = register(
    Primitive(
        name="fft",
        infer=_infer_fft,
        lower=Native("fft", _fft_sizes),
        vjp=_vjp_fft,
        batch=along_axis("fft"),
        reference=_fft_reference,
        samples=_fft_samples,
        dtypes=COMPLEX,
        ulp=_OF_COMPLEX,
    )
)

# --------------------------------------------------------------------------- real to complex


def _infer_rfft(x: Aval, *, axis: int, norm: int) -> Aval:
    _check("rfft", x, axis, x.shape[axis] if 0 <= axis < x.ndim else 1, REALS)
    n = x.shape[axis]
    if not isinstance(n, int):
        raise ShapeError(f"rfft: got {x.shape}; the length along axis {axis} must be known")
    return Aval(_with(x.shape, axis, n // 2 + 1), complex_of(x.dtype))


def _rfft_sizes(x: Aval, *, out: Aval, axis: int, norm: int) -> tuple[Dim, ...]:
    return _sizes(x, x.dtype, axis, x.shape[axis], False, norm)


def _rfft_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis in _SHAPES:
        for params in _samples_of(axis):
            yield Sample((smooth(dtype, *shape),), params)


def _counted(x: Array, axis: int, n: int, ends: float, others: float) -> Array:
    """A spectrum times `others`, but its first element (and for even n its last) times `ends`."""
    m = n // 2 + 1
    place = iota(size=m, dtype=float32)
    is_end = eq(place, zeros_like(place))
    if n % 2 == 0:
        is_end = is_end | eq(place, full(shape=(m,), value=m - 1, dtype=float32))
    real = x.dtype.real
    weights = where(is_end, full(shape=(m,), value=ends, dtype=real),
                    full(shape=(m,), value=others, dtype=real))  # fmt: skip
    aligned = reshape(weights, shape=tuple(m if a == axis else 1 for a in range(x.ndim)))
    return x * cast(broadcast_to(aligned, shape=x.shape), dtype=x.dtype)


def _vjp_rfft(ct: Array, out: Array, x: Array, *, axis: int, norm: int) -> tuple[Array]:
    n = x.shape[axis]
    halved = _counted(ct, axis, n, 1.0, 0.5)
    return (irfft(halved, axis=axis, n=n, norm=norm),)


rfft: Primitive = register(
    Primitive(
        name="rfft",
        infer=_infer_rfft,
        lower=Native("rfft", _rfft_sizes),
        vjp=_vjp_rfft,
        batch=along_axis("rfft"),
        reference=lambda x, *, axis, norm: np.fft.rfft(x, axis=axis, norm=_FORWARD_NORMS[norm]),
        samples=_rfft_samples,
        dtypes=REALS,
        ulp=_OF_REAL,
    )
)

# --------------------------------------------------------------------------- complex to real


def _infer_irfft(x: Aval, *, axis: int, n: int, norm: int) -> Aval:
    _check("irfft", x, axis, n, COMPLEX)
    if x.shape[axis] != n // 2 + 1:
        raise ShapeError(f"irfft: got {x.shape}; axis {axis} must have {n // 2 + 1} elements")
    return Aval(_with(x.shape, axis, n), x.dtype.real)


def _irfft_sizes(x: Aval, *, out: Aval, axis: int, n: int, norm: int) -> tuple[Dim, ...]:
    return _sizes(x, x.dtype.real, axis, n, True, norm)


def _irfft_samples(dtype: DType) -> Iterator[Sample]:
    for shape, axis in _SHAPES:
        for params in _samples_of(axis):
            for n in {max(2 * shape[axis] - 2, 1), 2 * shape[axis] - 1}:
                yield Sample((smooth(dtype, *shape),), {**params, "n": n})


def _vjp_irfft(ct: Array, out: Array, x: Array, *, axis: int, n: int, norm: int) -> tuple[Array]:
    return (_counted(rfft(ct, axis=axis, norm=norm), axis, n, 1.0, 2.0),)


irfft: Primitive = register(
    Primitive(
        name="irfft",
        infer=_infer_irfft,
        lower=Native("irfft", _irfft_sizes),
        vjp=_vjp_irfft,
        batch=along_axis("irfft"),
        reference=lambda x, *, axis, n, norm: np.fft.irfft(
            x, n, axis=axis, norm=_INVERSE_NORMS[norm]
        ),
        samples=_irfft_samples,
        dtypes=COMPLEX,
        ulp=_OF_COMPLEX,
    )
)
