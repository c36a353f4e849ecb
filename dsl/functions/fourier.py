"""Fourier transforms with NumPy's names and norms. Exported by `tilewright.fft`.

float32 and complex64 are computed in single precision, float16 in float32, everything else in
double. Each axis is a transform by pocketfft, which is the host's.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import primitives as p
from .. import record
from ..device import DeviceLike
from ..dtypes import DTypeLike, bfloat16, complex128, complex_of, float16, float32, float64
from ..errors import ArgumentError, DTypeError
from ..primitives.complex import conj
from ..primitives.fourier import BY_LENGTH, BY_ROOT, NONE
from .axes import one_axis
from .convert import ArrayLike, asarray, convert
from .outputs import store
from .rearranging import roll

if TYPE_CHECKING:
    from ..array import Array

Axes = int | Sequence[int] | None
_SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho", None: "forward"}


def _norm(norm: str | None, *, inverse: bool) -> int:
    if norm not in _SWAPPED:
        raise ArgumentError(f"fft: got norm {norm!r}; it is 'backward', 'ortho' or 'forward'")
    if norm == "ortho":
        return BY_ROOT
    return BY_LENGTH if (norm == "forward") != inverse else NONE


def _length(name: str, n: Any) -> int:
    try:
        count = int(n.__index__())
    except AttributeError:
        raise DTypeError(f"{name}: got n = {n!r}; it must be an integer") from None
    if count < 1:
        raise ArgumentError(f"{name}: got {count} elements; it takes one or more")
    return count


def _complex(x: Array) -> Array:
    return convert(x, complex_of(x.dtype) if x.dtype.is_inexact else complex128)


def _resized(x: Array, axis: int, n: int) -> Array:
    """The first n elements along an axis, zeros where there are fewer."""
    size = x.shape[axis]
    if size > n:
        start, strides = (0,) * x.ndim, (1,) * x.ndim
        sizes = tuple(n if a == axis else m for a, m in enumerate(x.shape))
        return p.slice_(x, start=start, sizes=sizes, strides=strides)
    if size < n:
        high = tuple(n - size if a == axis else 0 for a in range(x.ndim))
        return p.pad(x, low=(0,) * x.ndim, high=high, value=0)
    return x


def _transformed(
    name: str, a: ArrayLike, n: Any, axis: int, norm: str | None, *, inverse: bool
) -> Array:
    x = _complex(asarray(a))
    place = one_axis(name, axis, x.ndim)
    x = _resized(x, place, _length(name, x.shape[place] if n is None else n))
    return p.fft(x, axis=place, inverse=inverse, norm=_norm(norm, inverse=inverse))


def fft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The discrete Fourier transform along an axis, cut or filled with zeros to n elements.

    `norm` is "backward" (no factor; 1/n in the inverse), "ortho" (1/sqrt(n) in both) or "forward"
    (1/n here). Raises ArgumentError, AxisError; DeviceError off the host.

    >>> fft([1.0, 0.0, 0.0, 0.0])
    array([1.+0.j, 1.+0.j, 1.+0.j, 1.+0.j])
    """
    return store("fft", _transformed("fft", a, n, axis, norm, inverse=False), out)


def ifft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `fft`."""
    return store("ifft", _transformed("ifft", a, n, axis, norm, inverse=True), out)


def _from_real(name: str, a: ArrayLike, n: Any, axis: int, norm: str | None) -> Array:
    x = asarray(a)
    if x.dtype.is_complex:
        raise DTypeError(f"{name}: got {x.dtype}; it takes real numbers")
    x = convert(x, float32 if x.dtype in (float16, bfloat16, float32) else float64)
    place = one_axis(name, axis, x.ndim)
    x = _resized(x, place, _length(name, x.shape[place] if n is None else n))
    return p.rfft(x, axis=place, norm=_norm(norm, inverse=False))


def _to_real(name: str, x: Array, n: Any, axis: int, norm: str | None) -> Array:
    place = one_axis(name, axis, x.ndim)
    count = _length(name, 2 * (x.shape[place] - 1) if n is None else n)
    x = _resized(_complex(x), place, count // 2 + 1)
    return p.irfft(x, axis=place, n=count, norm=_norm(norm, inverse=True))


def rfft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The first n // 2 + 1 elements of the transform of real numbers.

    >>> rfft([1.0, 0.0, 0.0])
    array([1.+0.j, 1.+0.j])
    """
    return store("rfft", _from_real("rfft", a, n, axis, norm), out)


def irfft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `rfft`, n real numbers (by default an even number of them)."""
    return store("irfft", _to_real("irfft", asarray(a), n, axis, norm), out)


def hfft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The real spectrum of n numbers of which the first half is given, the rest conjugates."""
    _norm(norm, inverse=False)
    return store("hfft", _to_real("hfft", conj(asarray(a)), n, axis, _SWAPPED[norm]), out)


def ihfft(
    a: ArrayLike, n: int | None = None, axis: int = -1, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `hfft`."""
    _norm(norm, inverse=False)
    return store("ihfft", conj(_from_real("ihfft", a, n, axis, _SWAPPED[norm])), out)


# --------------------------------------------------------------------------- several axes


def _plan(
    name: str, x: Array, s: Sequence[int | None] | None, axes: Axes, *, to_real: bool = False
) -> list[tuple[int, int]]:
    """(axis, length) for each transform, in NumPy's order: the last comes first, or for real ones
    is the one between real and complex."""
    if axes is None:
        count = x.ndim if s is None else len(s)
        axes = tuple(range(-count, 0))
    given = (axes,) if isinstance(axes, int) else tuple(axes)
    places = [one_axis(name, axis, x.ndim) for axis in given]
    if s is not None and len(s) != len(places):
        raise ArgumentError(f"{name}: got {len(s)} lengths for {len(places)} axes")
    lengths = [
        x.shape[place] if size is None or size == -1 else size
        for place, size in zip(places, s if s is not None else [None] * len(places), strict=True)
    ]
    if to_real and s is None and places:
        lengths[-1] = 2 * (x.shape[places[-1]] - 1)
    return list(zip(places, lengths, strict=True))


def _over_axes(
    name: str, a: ArrayLike, s: Any, axes: Axes, norm: str | None, *, inverse: bool
) -> Array:
    x = _complex(asarray(a))
    _norm(norm, inverse=inverse)
    for place, n in reversed(_plan(name, x, s, axes)):
        x = _transformed(name, x, n, place, norm, inverse=inverse)
    return x


def fftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """`fft` along several axes (all by default), each cut or filled to its length in s."""
    return store("fftn", _over_axes("fftn", a, s, axes, norm, inverse=False), out)


def ifftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `fftn`."""
    return store("ifftn", _over_axes("ifftn", a, s, axes, norm, inverse=True), out)


def rfftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """`rfft` along the last of several axes, then `fft` along the others."""
    x = asarray(a)
    plan = _plan("rfftn", x, s, axes)
    if not plan:
        raise ArgumentError("rfftn: got no axes; it takes at least one")
    (place, n), *others = reversed(plan)
    x = _from_real("rfftn", x, n, place, norm)
    for place, n in others:
        x = _transformed("rfftn", x, n, place, norm, inverse=False)
    return store("rfftn", x, out)


def irfftn(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = None, norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `rfftn`."""
    x = asarray(a)
    plan = _plan("irfftn", x, s, axes, to_real=True)
    if not plan:
        raise ArgumentError("irfftn: got no axes; it takes at least one")
    for place, n in plan[:-1]:
        x = _transformed("irfftn", x, n, place, norm, inverse=True)
    place, n = plan[-1]
    return store("irfftn", _to_real("irfftn", x, n, place, norm), out)


def fft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """`fftn` along the last two axes."""
    return fftn(a, s, axes, norm, out)


def ifft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `fft2`."""
    return ifftn(a, s, axes, norm, out)


def rfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """`rfftn` along the last two axes."""
    return rfftn(a, s, axes, norm, out)


def irfft2(
    a: ArrayLike, s: Sequence[int] | None = None, axes: Axes = (-2, -1), norm: str | None = None,
    out: Array | None = None,
) -> Array:  # fmt: skip
    """The inverse of `rfft2`."""
    return irfftn(a, s, axes, norm, out)


# --------------------------------------------------------------------------- frequencies


def fftfreq(
    n: int, d: float = 1.0, device: DeviceLike | None = None, *, dtype: DTypeLike | None = None
) -> Array:
    """The frequencies of the elements of `fft` of n numbers that are d apart.

    >>> fftfreq(4)
    array([ 0.  ,  0.25, -0.5 , -0.25])
    """
    return _frequencies("fftfreq", np.fft.fftfreq, n, d, device, dtype)


def rfftfreq(
    n: int, d: float = 1.0, device: DeviceLike | None = None, *, dtype: DTypeLike | None = None
) -> Array:
    """The frequencies of the elements of `rfft`.

    >>> rfftfreq(4)
    array([0.  , 0.25, 0.5 ])
    """
    return _frequencies("rfftfreq", np.fft.rfftfreq, n, d, device, dtype)


def _frequencies(
    name: str, theirs: Any, n: Any, d: float, device: DeviceLike | None, dtype: DTypeLike | None
) -> Array:
    if not isinstance(n, int | np.integer):
        raise ArgumentError(f"{name}: got n = {n!r}; it must be an integer")
    with record.at(device):
        return asarray(np.asarray(theirs(int(n), float(d))).tolist(), dtype)


def _shifted(name: str, x: ArrayLike, axes: Axes, *, back: bool) -> Array:
    a = asarray(x)
    given = range(a.ndim) if axes is None else (axes,) if isinstance(axes, int) else axes
    places = tuple(one_axis(name, axis, a.ndim) for axis in given)
    halves = tuple(-(a.shape[i] // 2) if back else a.shape[i] // 2 for i in places)
    return roll(a, halves, places) if places else a


def fftshift(x: ArrayLike, axes: Axes = None) -> Array:
    """The second half of each axis before the first, so that frequency 0 is in the middle.

    >>> fftshift([0, 1, 2, -2, -1])
    array([-2, -1,  0,  1,  2])
    """
    return _shifted("fftshift", x, axes, back=False)


def ifftshift(x: ArrayLike, axes: Axes = None) -> Array:
    """The inverse of `fftshift`."""
    return _shifted("ifftshift", x, axes, back=True)


__all__ = [
    "fft",
    "fft2",
    "fftfreq",
    "fftn",
    "fftshift",
    "hfft",
    "ifft",
    "ifft2",
    "ifftn",
    "ifftshift",
    "ihfft",
    "irfft",
    "irfft2",
    "irfftn",
    "rfft",
    "rfft2",
    "rfftfreq",
    "rfftn",
]
