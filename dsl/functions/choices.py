"""Elements chosen by conditions, and written where a condition or an index says."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import _native
from .. import primitives as p
from .. import record
from ..dtypes import bool_, int64
from ..errors import ArgumentError, BoundsError, DTypeError, ShapeError
from ..sizes import product
from .arithmetic import clip, remainder
from .axes import one_axis
from .convert import ArrayLike, asarray, boolean, broadcast, common_shape, convert, same_dtype
from .cumulative import cumsum
from .logic import equal, logical_not, where
from .logic import logical_or as either
from .outputs import casts, store
from .reductions import any as any_
from .reductions import max as max_
from .reductions import min as min_
from .selection import is_on_host, is_written_in_place, nonzero, positions
from .shapes import broadcast_to, moveaxis, ravel, reshape

if TYPE_CHECKING:
    from ..array import Array

_where = where


def select(
    condlist: Sequence[ArrayLike], choicelist: Sequence[ArrayLike], default: ArrayLike = 0
) -> Array:
    """For each place the choice that belongs to the first condition that holds there.

    >>> x = asarray([1, 2, 3])
    >>> select([x < 2, x > 2], [x, x * 10])
    array([ 1,  0, 30])
    """
    if len(condlist) != len(choicelist):
        raise ArgumentError(f"select: got {len(condlist)} conditions, {len(choicelist)} choices")
    if not len(condlist):
        raise ArgumentError("select: got no condition; it takes at least one")
    conditions = [asarray(c) for c in condlist]
    for i, condition in enumerate(conditions):
        if condition.dtype is not bool_:
            raise DTypeError(f"select: got condition {i} of {condition.dtype}; it must be bool")
    *choices, result = same_dtype(*choicelist, default)
    shape = common_shape("select", *(z.shape for z in (*conditions, *choices, result)))
    result = broadcast_to(result, shape)
    for condition, choice in zip(reversed(conditions), reversed(choices), strict=True):
        result = where(condition, choice, result)
    return result


def piecewise(x: ArrayLike, condlist: Any, funclist: Sequence[Any], *args: Any, **kw: Any) -> Array:
    """A function made of pieces: where a condition holds, what its function gives for these
    elements (or its number); one more is for all other places.

    In staged code each function sees the whole array.

    >>> piecewise([-1.0, 2.0], [asarray([True, False])], [0.0, lambda x: x * 10])
    array([ 0., 20.])
    """
    x = asarray(x)
    conditions = _conditions(x, condlist)
    if len(funclist) == len(conditions) + 1:
        rest = conditions[0]
        for condition in conditions[1:]:
            rest = either(rest, condition)
        conditions.append(logical_not(rest))
    if len(funclist) != len(conditions):
        raise ArgumentError(
            f"piecewise: got {len(conditions)} conditions and {len(funclist)} functions; as many "
            "must be given, or one function more"
        )
    result = p.full(shape=x.shape, value=0, dtype=x.dtype)
    for condition, function in zip(conditions, funclist, strict=True):
        if not callable(function):
            result = where(condition, asarray(function, x.dtype), result)
        elif record.is_tracing():
            result = where(condition, asarray(function(x, *args, **kw), x.dtype), result)
        elif bool(any_(condition)):
            result = asarray(result, copy=True)
            result[condition] = asarray(function(x[condition], *args, **kw), x.dtype)
    return result


def _conditions(x: Array, condlist: Any) -> list[Array]:
    single = not isinstance(condlist, list | tuple) and np.ndim(condlist) == x.ndim
    flat = isinstance(condlist, list | tuple) and x.ndim and all(
        np.ndim(c) == 0 for c in condlist
    )  # fmt: skip
    given = [condlist] if single or flat else list(condlist)
    return [broadcast_to(boolean(c), x.shape) for c in given]


def choose(a: ArrayLike, choices: Any, out: Array | None = None, mode: str = "raise") -> Array:
    """For each place the element of the choice whose number `a` holds there; a number out of range
    is refused, or brought into it by the mode "wrap" or "clip".

    >>> choose([0, 1], [[10, 20], [30, 40]])
    array([10, 40])
    """
    number = asarray(a)
    if not casts(number.dtype, int64, "safe"):
        raise DTypeError(f"choose: got numbers of {number.dtype}; they must cast to int64 safely")
    given = [asarray(c) for c in choices]
    if not given:
        raise ArgumentError("choose: got no choices; it takes at least one")
    parts = same_dtype(*given)
    number = _within("choose", convert(number, int64), len(parts), mode)
    number, *parts = broadcast("choose", number, *parts)
    result = parts[0]
    for i, part in enumerate(parts[1:], 1):
        result = where(equal(number, i), part, result)
    return store("choose", asarray(result, copy=True), out)


def _within(name: str, x: Array, size: int, mode: str, error: Any = ArgumentError) -> Array:
    """Numbers brought into 0..size-1, or refused."""
    if mode == "wrap":
        return remainder(x, size)
    if mode == "clip":
        return clip(x, 0, size - 1)
    if mode != "raise":
        raise ArgumentError(f"{name}: got mode {mode!r}; it is 'raise', 'wrap' or 'clip'")
    if not record.is_tracing() and x.size and (int(min_(x)) < 0 or int(max_(x)) >= size):
        raise error(f"{name}: got a number out of range 0..{size - 1}")
    return x


def compress(
    condition: ArrayLike, a: ArrayLike, axis: int | None = None, out: Array | None = None
) -> Array:
    """The places along an axis at which a 1-D condition holds. Not in staged code.

    >>> compress([False, True], [[1, 2], [3, 4]], axis=0)
    array([[3, 4]])
    """
    mask, x = boolean(condition), asarray(a)
    if mask.ndim != 1:
        raise ArgumentError(f"compress: got a condition of shape {mask.shape}; it has one axis")
    if axis is None:
        x, axis = ravel(x), 0
    place = one_axis("compress", axis, x.ndim)
    if place == 0 and is_on_host(mask) and mask.shape == x.shape[:1]:
        return store("compress", x[mask], out)
    (where_,) = nonzero(mask)
    if where_.size and int(max_(where_)) >= x.shape[place]:
        raise BoundsError(f"compress: got a condition beyond the {x.shape[place]} places")
    return store("compress", p.gather(x, where_, axis=place), out)


def extract(condition: ArrayLike, arr: ArrayLike) -> Array:
    """The elements at which the condition holds, in one axis. Not in staged code.

    >>> extract([True, False, True], [1, 2, 3])
    array([1, 3])
    """
    return compress(ravel(condition), ravel(arr))


# --------------------------------------------------------------------------- writing


def copyto(dst: Array, src: ArrayLike, casting: str = "same_kind", where: ArrayLike = True) -> None:
    """Write `src`, repeated to its shape, into `dst` where the mask holds."""
    new = asarray(src, dst.dtype) if isinstance(src, bool | int | float) else asarray(src)
    if not casts(new.dtype, dst.dtype, casting):
        raise DTypeError(f"copyto: got {new.dtype} for {dst.dtype}, against the rule {casting!r}")
    value = broadcast_to(convert(new, dst.dtype), dst.shape)
    if where is not True:
        value = _where(broadcast_to(boolean(where), dst.shape), value, dst)
    dst[...] = value


def _cycled(values: ArrayLike, x: Array, count: Any) -> Array:
    """`count` values, beginning again at the first when they are used up."""
    new = ravel(asarray(values, x.dtype))
    return p.gather(new, remainder(p.iota(size=count, dtype=int64), new.shape[0]), axis=0)


def put(a: Array, ind: ArrayLike, v: ArrayLike, mode: str = "raise") -> None:
    """Write values at flat positions; the last wins where a position is named twice."""
    where_ = ravel(ind) if np.size(ind) else p.full(shape=(0,), value=0, dtype=int64)
    if mode == "raise":
        where_ = positions("put", where_, 0, a.size)
    elif not where_.dtype.is_integer:
        raise DTypeError(f"put: got positions of {where_.dtype}; they must be integers")
    else:
        where_ = _within("put", convert(where_, int64), a.size, mode)
    if where_.size == 0 or np.size(v) == 0:
        return
    new = asarray(v, a.dtype)
    if new.size != 1 and new.shape != where_.shape:
        new = _cycled(new, a, where_.shape[0])
    if is_written_in_place(a, new):
        _native.put(a, where_, new, 1, a.size, 1)
        return
    done = p.scatter_set(ravel(a), where_, broadcast_to(ravel(new), where_.shape), axis=0)
    a[...] = reshape(done, a.shape)


def putmask(a: Array, /, mask: ArrayLike, values: ArrayLike) -> None:
    """Write where the mask holds: the value at the same flat position (values are repeated)."""
    held = boolean(mask)
    if held.shape != a.shape:
        raise ShapeError(f"putmask: got a mask {held.shape} for {a.shape}; they must be equal")
    if a.size == 0 or np.size(values) == 0:
        return
    a[...] = where(held, reshape(_cycled(values, a, a.size), a.shape), a)


def place(arr: Array, mask: ArrayLike, vals: ArrayLike) -> None:
    """Write where the mask holds: the first value at the first such place, and so on."""
    held = ravel(boolean(mask))
    if held.size != arr.size:
        raise ShapeError(f"place: got a mask of {held.size} places for {arr.size} elements")
    if np.size(vals) == 0:
        if bool(any_(held)):
            raise ArgumentError("place: got no values; it takes at least one")
        return
    new = ravel(asarray(vals, arr.dtype))
    order = remainder(cumsum(held) - 1, new.shape[0])
    value = where(held, p.gather(new, order, axis=0), ravel(arr))
    arr[...] = reshape(value, arr.shape)


def put_along_axis(arr: Array, indices: ArrayLike, values: ArrayLike, axis: int | None) -> None:
    """Write values at positions along `axis`, chosen for each place of the other axes.

    >>> a = asarray([[1, 2], [3, 4]], copy=None)
    >>> put_along_axis(a, [[1], [0]], 9, axis=1)
    >>> a.tolist()
    [[1, 9], [9, 4]]
    """
    x = arr
    if axis is None:
        x, axis = ravel(arr), 0
    along = one_axis("put_along_axis", axis, x.ndim)
    where_ = positions("put_along_axis", indices, along, x.shape[along])
    if where_.ndim != x.ndim:
        raise ShapeError(f"put_along_axis: got {x.shape} and {where_.shape}; equal ranks")
    shape = (*x.shape[:along], where_.shape[along], *x.shape[along + 1 :])
    where_ = broadcast_to(where_, shape)
    new = broadcast_to(asarray(values, x.dtype), shape)
    rows = moveaxis(x, along, -1)
    size, count = x.shape[along], product(rows.shape[:-1])
    first = reshape(p.iota(size=count, dtype=int64) * size, (count, 1))
    spread = (count, shape[along])
    flat = reshape(moveaxis(where_, along, -1), spread) + first
    values_ = reshape(moveaxis(new, along, -1), (product(spread),))
    done = p.scatter_set(ravel(rows), ravel(flat), values_, axis=0)
    arr[...] = reshape(moveaxis(reshape(done, rows.shape), -1, along), arr.shape)


__all__ = [
    "choose",
    "compress",
    "copyto",
    "extract",
    "piecewise",
    "place",
    "put",
    "put_along_axis",
    "putmask",
    "select",
]
