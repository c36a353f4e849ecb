"""Primitives that take a window out, put one in, surround with a value, or join."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import accumulate
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DType, bool_
from ..errors import AxisError, DTypeError, ShapeError
from ..graph import Aval
from ..primitive import REGISTRY, Expr, Lanes, Primitive, Reader, Sample, Vocabulary
from ..sizes import Dim, Shape
from .families import movement
from .lanes import all_spread, along_axis
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array

Ints = tuple[int, ...]
Index = tuple[Expr, ...]
Scalar = bool | int | float


def _check_window(name: str, x: Aval, start: Shape, sizes: Shape, strides: Ints) -> None:
    if not len(start) == len(sizes) == len(strides) == x.ndim:
        raise ShapeError(f"{name}: got a window of rank {len(sizes)} for {x.shape}; must be equal")
    for axis, (begin, size, step) in enumerate(zip(start, sizes, strides, strict=True)):
        if step == 0:
            raise ShapeError(f"{name}: got stride 0 on axis {axis}; it must not be 0")
        length = x.shape[axis]
        if not (isinstance(begin, int) and isinstance(size, int) and isinstance(length, int)):
            continue
        last = begin + (size - 1) * step
        if size < 0 or (size and not (0 <= begin < length and 0 <= last < length)):
            raise ShapeError(
                f"{name}: got elements {begin} to {last} on axis {axis} of size {length}; "
                "they must lie inside"
            )


def _infer_slice(x: Aval, *, start: Shape, sizes: Shape, strides: Ints) -> Aval:
    _check_window("slice", x, start, sizes, strides)
    return Aval(sizes, x.dtype)


def _lower_slice(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, start: Shape, sizes: Shape, strides: Ints
) -> Expr:
    return x(
        tuple(
            t.size(begin) + i * t.size(step)
            for begin, i, step in zip(start, index, strides, strict=True)
        )
    )


def _window(start: Shape, sizes: Shape, strides: Ints) -> tuple[Any, ...]:
    """The window as NumPy's index."""
    index = []
    for begin, size, step in zip(start, sizes, strides, strict=True):
        assert isinstance(begin, int) and isinstance(size, int)
        stop: int | None = begin + size * step
        index.append(slice(begin, stop if stop is not None and stop >= 0 else None, step))
        if size == 0:
            index[-1] = slice(0, 0)
    return tuple(index)


def _vjp_slice(ct: Array, out: Array, x: Array, **window: Any) -> tuple[Array]:
    zeros = REGISTRY["full"](shape=x.shape, value=0.0, dtype=x.dtype)
    return (update_slice(zeros, ct, start=window["start"], strides=window["strides"]),)


def _batch_slice(lanes: Lanes, x: Array, *, start: Shape, sizes: Shape, strides: Ints) -> Array:
    whole = (lanes.count, *sizes)
    return slice_(x, start=(0, *start), sizes=whole, strides=(1, *strides))


_WINDOWS: tuple[tuple[Ints, Ints, Ints, Ints], ...] = (
    ((5,), (1,), (3,), (1,)), ((5,), (4,), (5,), (-1,)), ((7,), (1,), (3,), (2,)),
    ((3, 4), (0, 1), (2, 3), (1, 1)), ((3, 4), (2, 3), (3, 2), (-1, -2)), ((5,), (2,), (0,), (1,)),
    ((), (), (), ()), ((0, 3), (0, 0), (0, 2), (1, 1)), ((2, 9), (0, 1), (2, 8), (1, 1)),
)  # fmt: skip


def _slice_samples(dtype: DType) -> Iterator[Sample]:
    for shape, start, sizes, strides in _WINDOWS:
        window = {"start": start, "sizes": sizes, "strides": strides}
        yield Sample((smooth(dtype, *shape),), window)


slice_: Primitive = movement(
    "slice",
    _infer_slice,
    _lower_slice,
    lambda x, *, start, sizes, strides: x[_window(start, sizes, strides)],
    _slice_samples,
    _vjp_slice,
    _batch_slice,
)


def _infer_update_slice(x: Aval, update: Aval, *, start: Shape, strides: Ints) -> Aval:
    if update.dtype is not x.dtype:
        raise DTypeError(f"update_slice: got {x.dtype} and {update.dtype}; they must be equal")
    _check_window("update_slice", x, start, update.shape, strides)
    return x


def _lower_update_slice(
    t: Vocabulary,
    index: Index,
    x: Reader,
    update: Reader,
    *,
    out: Aval,
    start: Shape,
    strides: Ints,
) -> Expr:
    if 0 in update.aval.shape:
        return x(index)
    inside: Expr = t.const(True, bool_)
    places: list[Expr] = []
    for i, begin, step, size in zip(index, start, strides, update.aval.shape, strict=True):
        # The distance from the window's start, in the direction of the step.
        ahead = i - t.size(begin) if step > 0 else t.size(begin) - i
        width = abs(step)
        far = t.size(0) if size == 1 else t.size((size - 1) * width)
        near = t.call("minimum", t.call("maximum", ahead, t.size(0)), far)
        inside = t.call("bitwise_and", inside, t.call("eq", near, ahead))
        if width > 1:
            rest = t.call("index_mod", near, t.size(width))
            inside = t.call("bitwise_and", inside, t.call("eq", rest, t.size(0)))
            near = t.call("index_div", near, t.size(width))
        places.append(near)
    # Both arms are evaluated, so the window's index is kept inside it.
    return t.select(inside, update(tuple(places)), x(index))


def _update_reference(x: Numpy, update: Numpy, *, start: Ints, strides: Ints) -> Numpy:
    out = x.copy()
    out[_window(start, update.shape, strides)] = update
    return out


def _vjp_update_slice(
    ct: Array, out: Array, x: Array, update: Array, *, start: Shape, strides: Ints
) -> tuple[Array, Array]:
    sizes = update.shape
    zeros = REGISTRY["full"](shape=sizes, value=0.0, dtype=x.dtype)
    rest = update_slice(ct, zeros, start=start, strides=strides)
    return rest, slice_(ct, start=start, sizes=sizes, strides=strides)


def _batch_update_slice(
    lanes: Lanes, x: Array, update: Array, *, start: Shape, strides: Ints
) -> Array:
    x, update = all_spread(lanes, (x, update))
    return update_slice(x, update, start=(0, *start), strides=(1, *strides))


def _update_samples(dtype: DType) -> Iterator[Sample]:
    for shape, start, sizes, strides in _WINDOWS:
        inputs = smooth(dtype, *shape), smooth(dtype, *sizes, seed=1)
        yield Sample(inputs, {"start": start, "strides": strides})


update_slice: Primitive = movement(
    "update_slice",
    _infer_update_slice,
    _lower_update_slice,
    _update_reference,
    _update_samples,
    _vjp_update_slice,
    _batch_update_slice,
    cost=2,
)


# --------------------------------------------------------------------------- padding, joining


def _infer_pad(x: Aval, *, low: Shape, high: Shape, value: Scalar) -> Aval:
    if not len(low) == len(high) == x.ndim:
        raise ShapeError(f"pad: got widths for {len(low)} axes and an array of {x.ndim} axes")
    if any(isinstance(width, int) and width < 0 for width in (*low, *high)):
        raise ShapeError(f"pad: got widths {low} and {high}; they must not be negative")
    sizes = zip(low, x.shape, high, strict=True)
    return Aval(tuple(before + size + after for before, size, after in sizes), x.dtype)


def _lower_pad(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, low: Shape, high: Shape, value: Scalar
) -> Expr:
    filler = t.const(value, out.dtype)
    if 0 in x.aval.shape:
        return filler
    inside: Expr = t.const(True, bool_)
    places: list[Expr] = []
    for i, before, after, size in zip(index, low, high, x.aval.shape, strict=True):
        ahead = i - t.size(before)
        if before == after == 0:
            places.append(ahead)
            continue
        near = t.call("minimum", t.call("maximum", ahead, t.size(0)), t.size(size - 1))
        inside = t.call("bitwise_and", inside, t.call("eq", near, ahead))
        places.append(near)
    return t.select(inside, x(tuple(places)), filler)


def _pad_reference(x: Numpy, *, low: Ints, high: Ints, value: Scalar) -> Numpy:
    sizes = [b + n + a for b, n, a in zip(low, x.shape, high, strict=True)]
    out = np.full(sizes, value, x.dtype)
    out[tuple(slice(b, b + n) for b, n in zip(low, x.shape, strict=True))] = x
    return out


def _vjp_pad(
    ct: Array, out: Array, x: Array, *, low: Shape, high: Shape, value: Scalar
) -> tuple[Array]:
    return (slice_(ct, start=low, sizes=x.shape, strides=(1,) * x.ndim),)


def _pad_samples(dtype: DType) -> Iterator[Sample]:
    for shape, low, high in (
        ((3,), (1,), (2,)), ((3, 4), (0, 1), (2, 0)), ((0, 3), (1, 0), (1, 1)), ((), (), ()),
        ((2, 3), (0, 0), (0, 0)), ((1, 17), (0, 3), (0, 0)),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *shape),), {"low": low, "high": high, "value": 1})


def _batch_pad(lanes: Lanes, x: Array, *, low: Shape, high: Shape, value: Scalar) -> Array:
    return pad(x, low=(0, *low), high=(0, *high), value=value)


pad: Primitive = movement(
    "pad", _infer_pad, _lower_pad, _pad_reference, _pad_samples, _vjp_pad, _batch_pad, cost=2
)


def _infer_concatenate(*parts: Aval, axis: int) -> Aval:
    if not parts:
        raise ShapeError("concatenate: got no array; it takes at least one")
    first = parts[0]
    if not 0 <= axis < first.ndim:
        raise AxisError(f"concatenate: got axis {axis} for {first.shape}")
    total: Dim = 0
    for part in parts:
        if part.dtype is not first.dtype:
            raise DTypeError(f"concatenate: got {first.dtype} and {part.dtype}; must be equal")
        if part.ndim != first.ndim or any(
            part.shape[a] != first.shape[a] for a in range(first.ndim) if a != axis
        ):
            raise ShapeError(
                f"concatenate: got {first.shape} and {part.shape} on axis {axis}; "
                "the other sizes must be equal"
            )
        total = total + part.shape[axis]
    return Aval((*first.shape[:axis], total, *first.shape[axis + 1 :]), first.dtype)


def _lower_concatenate(t: Vocabulary, index: Index, *parts: Reader, out: Aval, axis: int) -> Expr:
    present = [part for part in parts if part.aval.shape[axis] != 0] or list(parts[:1])
    sizes = [part.aval.shape[axis] for part in present]
    starts: list[Dim] = [0, *accumulate(sizes)]
    result: Expr = None
    for part, start, size in reversed(list(zip(present, starts, sizes, strict=False))):
        ahead = index[axis] - t.size(start)
        # All arms are evaluated, so each part's index is kept inside it.
        near = t.call("minimum", t.call("maximum", ahead, t.size(0)), t.size(size - 1))
        element = part((*index[:axis], near, *index[axis + 1 :]))
        after = index[axis] >= t.size(start + size)
        result = element if result is None else t.select(after, result, element)
    return result


def _vjp_concatenate(ct: Array, out: Array, *parts: Array, axis: int) -> tuple[Array, ...]:
    starts: list[Dim] = [0, *accumulate(part.shape[axis] for part in parts)]
    pieces = []
    for part, begin in zip(parts, starts, strict=False):
        start = tuple(begin if a == axis else 0 for a in range(part.ndim))
        pieces.append(slice_(ct, start=start, sizes=part.shape, strides=(1,) * part.ndim))
    return tuple(pieces)


def _concatenate_samples(dtype: DType) -> Iterator[Sample]:
    for axis, shapes in (
        (0, ((3,), (2,), (1,))), (1, ((2, 3), (2, 1))), (0, ((0, 3), (2, 3))), (0, ((4,),)),
        (0, ((0,), (0,))), (1, ((2, 1, 3), (2, 2, 3), (2, 0, 3), (2, 3, 3))),
    ):  # fmt: skip
        parts = tuple(smooth(dtype, *shape, seed=i) for i, shape in enumerate(shapes))
        yield Sample(parts, {"axis": axis})


concatenate = movement(
    "concatenate",
    _infer_concatenate,
    _lower_concatenate,
    lambda *parts, axis: np.concatenate(parts, axis),
    _concatenate_samples,
    _vjp_concatenate,
    along_axis("concatenate"),
    cost=2,
)
