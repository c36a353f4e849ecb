"""Random orders and choices. Orders are found by sorting, which is the host's: the keys are drawn
there, and the positions go to the device of the operand."""

from __future__ import annotations

from collections.abc import MutableSequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import device as placing
from ... import primitives as p
from ... import record
from ...dtypes import float64, uint64
from ...errors import ArgumentError, DTypeError, TraceError
from ...sizes import Shape, product
from ..axes import one_axis
from ..convert import ArrayLike, asarray, is_array, on_host
from ..selection import take, take_along_axis
from ..shapes import as_shape, ravel, reshape
from ..sorting import argsort
from .bit_generator import Philox
from .draws import Size, source

if TYPE_CHECKING:
    from ...array import Array


class Orders:
    """Methods of `Generator`."""

    _bits: Philox
    integers: Any  # of `Integers`

    def permutation(self, x: int | ArrayLike, axis: int = 0) -> Array:
        """The numbers below x in random order, or a copy of x with an axis in random order.

        >>> import tilewright as tw
        >>> sorted(tw.Generator(7).permutation(4).tolist())
        [0, 1, 2, 3]
        """
        if isinstance(x, int | np.integer):
            if x < 0:
                raise ArgumentError(f"permutation: got {x}; it must not be negative")
            return self._order((int(x),), -1)
        given = asarray(x)
        if given.ndim == 0:
            if not (given.dtype.is_integer and given._is_concrete):
                raise ArgumentError(f"permutation: got {given.dtype}(); it takes a number or axes")
            return self.permutation(int(given.numpy()))
        place = one_axis("permutation", axis, given.ndim)
        return take(given, self._order((given.shape[place],), -1, given), place)

    def shuffle(self, x: Any, axis: int = 0) -> None:
        """Bring an array (ours or NumPy's) or a list into random order along an axis, in place."""
        if is_array(x) or isinstance(x, np.ndarray):
            if x.ndim == 0:
                raise DTypeError("shuffle: got an array of no axes; it needs one")
            order = self._order((x.shape[one_axis("shuffle", axis, x.ndim)],), -1, x)
            x[...] = take(x, order, axis) if is_array(x) else np.take(x, order.numpy(), axis)
            return
        if not isinstance(x, MutableSequence):
            raise DTypeError(f"shuffle: got a {type(x).__name__}; it takes arrays and lists")
        if axis != 0:
            raise NotImplementedError(f"shuffle: got axis {axis}; a list has axis 0 alone")
        x[:] = [x[i] for i in self._order((len(x),), -1).tolist()]

    def permuted(self, x: ArrayLike, *, axis: int | None = None, out: Any = None) -> Array:
        """A copy in which each line along `axis` (all elements, without one) has an order of its
        own; in `out` if it is given."""
        given = asarray(x)
        if axis is None:
            flat = ravel(given)
            found = reshape(take(flat, self._order(flat.shape, -1, given), 0), given.shape)
        else:
            place = one_axis("permuted", axis, given.ndim)
            order = self._order(given.shape, place, given)
            found = take_along_axis(given, order, place)
        if out is None:
            return found
        if not is_array(out) or out.shape != found.shape or out.dtype is not found.dtype:
            raise ArgumentError(f"permuted: got out {out!r}; it must be like x")
        out[...] = found
        return out  # type: ignore[no-any-return]

    def _order(self, shape: Shape, axis: int, like: Any = None) -> Array:
        """Positions along an axis in random order, int64, where `like` is."""
        here = like._device if is_array(like) and like._is_concrete else placing.current().index
        if record.is_tracing():
            return argsort(p.random_words(self._bits.reserve(), shape=shape, dtype=uint64, lane=0),
                           axis)  # fmt: skip
        with placing.HOST:
            keys = p.random_words(self._bits.reserve(), shape=shape, dtype=uint64, lane=0)
            order = argsort(keys, axis)
        return record.transfer(order, placing.by_index(here))

    def choice(
        self, a: int | ArrayLike, size: Size = None, replace: bool = True,
        p: ArrayLike | None = None, axis: int = 0, shuffle: bool = True,
    ) -> Array:  # fmt: skip
        """Elements of a (or numbers below it) along an axis, each with its probability in p (all
        the same by default), with or without replacement.

        Without replacement the order is random whatever `shuffle` says.

        >>> import tilewright as tw
        >>> tw.Generator(7).choice([3, 3, 3], 2).tolist()
        [3, 3]
        """
        if not replace and record.is_tracing() and p is not None:
            raise TraceError("choice: staged code cannot draw without replacement by chances")
        table = None if isinstance(a, int | np.integer) else asarray(a)
        if table is not None and table.ndim == 0:
            a, table = int(table.numpy()), None
        place = 0 if table is None else one_axis("choice", axis, table.ndim)
        count = int(a) if table is None else table.shape[place]
        shape = () if size is None else as_shape("choice", size)
        chances = None if p is None else _chances(p, count)
        wanted = int(product(shape))  # type: ignore[arg-type]
        if count <= 0 and wanted:
            raise ArgumentError(f"choice: got {count} elements; there must be one")
        if not replace and wanted > count:
            raise ArgumentError(f"choice: got {wanted} of {count} elements without replacement")
        found = self._chosen(shape, count, replace, chances, table)
        return found if table is None else take(table, found, place)

    def _chosen(self, shape: Shape, count: int, replace: bool, chances: Any, like: Any) -> Array:
        wanted = int(product(shape))  # type: ignore[arg-type]
        if not replace:
            if chances is None:
                order = self._order((count,), -1, like)
            else:
                if np.count_nonzero(chances) < wanted:
                    raise ArgumentError("choice: got fewer chances above 0 than elements to choose")
                order = self._by_chances(chances, like)
            return reshape(order[:wanted], shape)
        if chances is None:
            drawn: Array = self.integers(0, max(count, 1), shape)
            return drawn
        total = np.cumsum(chances)
        total /= total[-1]
        with placing.HOST:
            unit = source(self._bits, shape, float64).uniform()
            bounds = record.constant(total, float64)
            found = _places(bounds, unit)
        return _moved(found, like)

    def _by_chances(self, chances: Any, like: Any) -> Array:
        """An order by exponential numbers over chances: the first is each with its chance, the
        next with its share of the rest, and so on (P. Efraimidis and P. Spirakis, 2006)."""
        with placing.HOST:
            drawn = source(self._bits, chances.shape, float64).exponential()
            with np.errstate(divide="ignore"):
                inverse = record.constant(1.0 / chances, float64)
            order = argsort(drawn * inverse)
        return _moved(order, like)


def _places(bounds: Array, unit: Array) -> Array:
    return p.searchsorted(bounds, unit, right=True)


def _moved(found: Array, like: Any) -> Array:
    if record.is_tracing():
        return found
    here = like._device if is_array(like) else placing.current().index
    return record.transfer(found, placing.by_index(here))


def _chances(given: ArrayLike, count: int) -> Any:
    """Probabilities on the host, checked."""
    if is_array(given) and not given._is_concrete:
        raise TraceError("choice: p is read on the host; a traced value is not known there")
    found = np.asarray(on_host(given), np.float64)
    if found.shape != (count,):
        raise ArgumentError(f"choice: got p of {found.shape} for {count} elements")
    if not np.isfinite(found).all() or (found < 0).any():
        raise ArgumentError("choice: got p with a chance that is negative or no number")
    if abs(found.sum() - 1) > 1e-8:
        raise ArgumentError(f"choice: got p that adds up to {found.sum()}; it must be 1")
    return found
