"""Uniform integers and bytes."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import primitives as p
from ... import record
from ...dtypes import DType, DTypeLike, bool_, dtype, int64, uint64
from ...errors import ArgumentError, DTypeError, ShapeError, TraceError
from ...sizes import Shape
from ..convert import ArrayLike, common_shape, convert, is_array, on_host
from ..shapes import as_shape, broadcast_to
from .bit_generator import Philox
from .draws import Size, Source, first_accepted

if TYPE_CHECKING:
    from ...array import Array

_dtype = dtype


class Integers:
    """Methods of `Generator`."""

    _bits: Philox

    def integers(
        self, low: ArrayLike, high: ArrayLike | None = None, size: Size = None,
        dtype: DTypeLike = int64, endpoint: bool = False,
    ) -> Array:  # fmt: skip
        """Integers from low to before high (with `endpoint` to high itself), equally likely; from
        0 to before `low` if there is no high.

        Each has its chance to within 2**-64 (D. Lemire, 2019). `low` and `high` are read on the
        host; arrays of them broadcast. Raises ArgumentError where low >= high or where the dtype
        does not hold them.

        >>> import tilewright as tw
        >>> dice = tw.Generator(7).integers(1, 6, 100, endpoint=True)
        >>> int(dice.min()) >= 1 and int(dice.max()) <= 6
        True
        """
        of = _dtype(dtype)
        if not (of.is_integer or of is bool_):
            raise DTypeError(f"integers: got {of}; it draws integers and bool")
        begin, last = (0, low) if high is None else (low, high)
        begin, last = _bounds("integers", begin), _bounds("integers", last)
        last = last if endpoint else np.asarray(last - 1, object)
        _check_bounds(begin, last, of)
        common: Shape = np.broadcast_shapes(begin.shape, last.shape)
        shape = common if size is None else as_shape("integers", size)
        if common_shape("integers", shape, common) != shape:
            raise ShapeError(f"integers: got size {shape} and bounds of {common}; they do not fit")
        drawn = self._from(shape, begin, last)
        return convert(drawn, of)

    def _from(self, shape: Shape, begin: Any, last: Any) -> Array:
        """int64 or uint64: begin plus numbers up to last - begin, which wrap."""
        if begin.size == last.size == 1:
            first, span = int(begin.flat[0]), int(last.flat[0]) - int(begin.flat[0]) + 1
            if span <= 2**32:
                state = self._bits.reserve()
                drawn = p.random_below(state, shape=shape, dtype=int64, span=span)
                if first == 0:
                    return drawn
                return _wrapped(convert(drawn, uint64), first)
        lowest, spans = np.broadcast_arrays(begin, np.asarray(last - begin + 1, object))
        # 2**64 numbers are the words themselves: a span of 0 stands for that.
        width = np.asarray(spans % 2**64, object).astype(np.uint64)
        surplus = np.asarray(2**64 % spans, object).astype(np.uint64)
        given = [_spread(x, shape) for x in (width, surplus)]
        drawn = first_accepted(
            "integers", self._bits, shape, uint64, _rounds(spans), _candidates, *given
        )
        start = _spread(np.asarray(lowest % 2**64, object).astype(np.uint64), shape)
        return drawn + start

    def bytes(self, length: int) -> bytes:
        """Random bytes, on the host. Not in staged code."""
        if record.is_tracing():
            raise TraceError("bytes: staged code cannot make them; draw them outside")
        if length < 0:
            raise ArgumentError(f"bytes: got length {length}; it must not be negative")
        state = self._bits.reserve()
        words = p.random_bits(state, shape=(-(-length // 4),)).numpy()
        return bytes(words.astype("<u4").tobytes()[:length])


def _bounds(name: str, x: ArrayLike) -> Any:
    """Bounds as exact integers on the host."""
    if is_array(x) and not x._is_concrete:
        raise TraceError(f"{name}: bounds are read on the host; a traced value is not known there")
    found = np.asarray(on_host(x)) if not isinstance(x, int) else np.array(x, object)
    if found.dtype.kind == "f":
        if not (np.isfinite(found) & (found == np.floor(found))).all():
            raise DTypeError(f"{name}: got bounds of {found.dtype}; they must be integers")
    elif found.dtype.kind not in "iubO" or not all(isinstance(v, int) for v in _objects(found)):
        raise DTypeError(f"{name}: got bounds of {found.dtype}; they must be integers")
    whole = np.empty(found.shape, object)
    whole[...] = np.array([int(v) for v in found.flat], object).reshape(found.shape)
    return whole


def _objects(found: Any) -> Any:
    return found.flat if found.dtype.kind == "O" else ()


def _check_bounds(begin: Any, last: Any, of: DType) -> None:
    least, most = (
        (0, 1) if of is bool_ else (int(np.iinfo(of.dtype).min), int(np.iinfo(of.dtype).max))
    )
    if begin.size and min(begin.flat) < least:
        raise ArgumentError(f"integers: low = {min(begin.flat)} is out of bounds for {of}")
    if last.size and max(last.flat) > most:
        raise ArgumentError(f"integers: high = {max(last.flat)} is out of bounds for {of}")
    if np.any(np.asarray(begin > last, bool)):
        raise ArgumentError("integers: got low >= high; there is no number to draw")


def _rounds(spans: Any) -> int:
    """So many candidates that all are refused with a probability below 2**-64."""
    worst = max((int(2**64 % s) for s in spans.flat if s), default=0)
    if worst == 0:
        return 1
    return math.ceil(64 / -math.log2(worst / 2**64))


def _spread(host: Any, shape: Shape) -> Array:
    if host.size == 1:
        return p.full(shape=shape, value=int(host.flat[0]), dtype=uint64)
    return broadcast_to(record.constant(host, uint64), shape)


def _wrapped(x: Array, add: int) -> Array:
    return x + p.full(shape=(), value=add % 2**64, dtype=uint64)


def _candidates(draw: Source, width: Array, surplus: Array) -> tuple[Array, Array]:
    """The upper half of a word times the width, refused where the lower is below the surplus."""
    word = draw.words()
    mask, shift = (p.full(shape=word.shape, value=v, dtype=uint64) for v in (0xFFFFFFFF, 32))
    high, low = p.shift_right(word, shift), p.bitwise_and(word, mask)
    width_high, width_low = p.shift_right(width, shift), p.bitwise_and(width, mask)
    middle = high * width_low + p.shift_right(low * width_low, shift)
    other = low * width_high + p.bitwise_and(middle, mask)
    upper = high * width_high + p.shift_right(middle, shift) + p.shift_right(other, shift)
    nothing = p.full(shape=word.shape, value=0, dtype=uint64)
    found = p.where(p.eq(width, nothing), word, upper)
    return found, p.ge(word * width, surplus)
