"""Convolution and correlation of sequences, as matrix products, and windows of signals."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from .. import primitives as p
from ..dtypes import bool_, float64, int64
from ..errors import ArgumentError
from .arithmetic import add, divide
from .convert import ArrayLike, asarray, boolean, convert, same_dtype
from .creation import ones, zeros
from .elementary import i0, sqrt
from .linear import matmul
from .logic import less, less_equal, logical_and, where
from .rearranging import flip
from .shapes import ravel, reshape
from .trigonometric import cos

if TYPE_CHECKING:
    from ..array import Array

_BLOCK = 512  # places of the longer sequence that are multiplied at once


def _sequences(name: str, a: ArrayLike, v: ArrayLike) -> tuple[Array, Array]:
    x, y = (reshape(z, (1,)) if z.ndim == 0 else z for z in same_dtype(asarray(a), asarray(v)))
    for z in (x, y):
        if z.ndim != 1:
            raise ArgumentError(f"{name}: got {z.shape}; it takes one axis")
        if z.shape[0] == 0:
            raise ArgumentError(f"{name}: got an empty sequence")
    return x, y


def _check_mode(name: str, mode: str) -> None:
    if mode not in ("full", "same", "valid"):
        raise ArgumentError(f"{name}: got mode {mode!r}; it is 'full', 'same' or 'valid'")


def _full(x: Array, v: Array) -> Array:
    """The whole convolution: blocks of x times a band of v's, added where they overlap."""
    if x.dtype is bool_:
        return boolean(_full(convert(x, int64), convert(v, int64)))
    size, taps = x.shape[0], v.shape[0]
    block = min(size, _BLOCK)
    n_blocks = -(-size // block)
    width = block + taps - 1
    rest = n_blocks * block - size
    whole = p.pad(x, low=(0,), high=(rest,), value=0) if rest else x
    rows = reshape(whole, (n_blocks, block))
    products = matmul(rows, _band(v, block, width))
    if n_blocks == 1:
        return reshape(products, (width,))[: size + taps - 1]
    first = reshape(p.iota(size=n_blocks, dtype=int64) * block, (n_blocks, 1))
    places = ravel(first + p.iota(size=width, dtype=int64))
    total = p.full(shape=((n_blocks - 1) * block + width,), value=0, dtype=x.dtype)
    return p.scatter_add(total, places, ravel(products), axis=0)[: size + taps - 1]


def _band(v: Array, block: int, width: int) -> Array:
    """The matrix whose row i holds v from column i on."""
    row = reshape(p.iota(size=block, dtype=int64), (block, 1))
    ahead = p.iota(size=width, dtype=int64) - row
    inside = logical_and(less_equal(0, ahead), less(ahead, v.shape[0]))
    return where(inside, p.gather(v, ahead, axis=0), zeros((), v.dtype))


def _cut(full: Array, longer: int, shorter: int, mode: str) -> Array:
    if mode == "full":
        return full
    if mode == "same":
        begin = (shorter - 1) // 2
        return full[begin : begin + longer]
    return full[shorter - 1 : longer]


def convolve(a: ArrayLike, v: ArrayLike, mode: str = "full") -> Array:
    """The convolution of two sequences: "full", as long as the longer ("same"), or only where they
    overlap whole ("valid").

    >>> convolve([1, 2, 3], [1, 1])
    array([1, 3, 5, 3])
    """
    x, y = _sequences("convolve", a, v)
    _check_mode("convolve", mode)
    if y.shape[0] > x.shape[0]:
        x, y = y, x
    return asarray(_cut(_full(x, y), x.shape[0], y.shape[0], mode), copy=True)


def correlate(a: ArrayLike, v: ArrayLike, mode: str = "valid") -> Array:
    """The sums of products of a with v moved along it.

    >>> correlate([1, 2, 3], [0, 1, 0.5])
    array([3.5])
    """
    x, y = _sequences("correlate", a, v)
    y = p.conj_(y) if y.dtype.is_complex else y
    _check_mode("correlate", mode)
    if y.shape[0] > x.shape[0]:
        # As NumPy: the sequences change places, and the result is turned round.
        full = _full(y, flip(x))
        return asarray(flip(_cut(full, y.shape[0], x.shape[0], mode)), copy=True)
    return asarray(_cut(_full(x, flip(y)), x.shape[0], y.shape[0], mode), copy=True)


# --------------------------------------------------------------------------- windows


def _places(M: float) -> Array | None:
    """2k - (M - 1) for the places k of a window, or None for one that has no inside."""
    if M < 1 or M == 1:
        return None
    steps = p.iota(size=math.ceil(M), dtype=float64)
    return steps * 2.0 + (1.0 - float(M))


def _trivial(M: float) -> Array:
    return ones((1,)) if M == 1 else zeros((0,))


def bartlett(M: float) -> Array:
    """A triangle, zero at both ends.

    >>> bartlett(3)
    array([0., 1., 0.])
    """
    n = _places(M)
    if n is None:
        return _trivial(M)
    rest = n / float(M - 1)
    return where(less_equal(n, 0), 1.0 + rest, 1.0 - rest)


def blackman(M: float) -> Array:
    """Blackman's window, of three cosines."""
    n = _places(M)
    if n is None:
        return _trivial(M)
    angle = n * (math.pi / (M - 1))
    return add(0.42 + 0.5 * cos(angle), 0.08 * cos(2.0 * angle))


def hamming(M: float) -> Array:
    """Hamming's window: a raised cosine that does not reach zero."""
    n = _places(M)
    return _trivial(M) if n is None else 0.54 + 0.46 * cos(n * (math.pi / (M - 1)))


def hanning(M: float) -> Array:
    """Hann's window: a raised cosine, zero at both ends.

    >>> hanning(3).round(12)
    array([0., 1., 0.])
    """
    n = _places(M)
    return _trivial(M) if n is None else 0.5 + 0.5 * cos(n * (math.pi / (M - 1)))


def kaiser(M: float, beta: float) -> Array:
    """Kaiser's window: a Bessel function, the steeper the larger `beta` is.

    >>> kaiser(3, 0.0)
    array([1., 1., 1.])
    """
    n = _places(M)
    if n is None:
        return _trivial(M)
    rest = divide(n, float(M - 1))
    return divide(i0(sqrt(1.0 - rest * rest) * float(beta)), i0(float(beta)))


__all__ = ["bartlett", "blackman", "convolve", "correlate", "hamming", "hanning", "kaiser"]
