"""Arrays in other shapes, with axes in another order. Views, where NumPy gives views."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from .. import primitives as p
from .. import record
from ..device import DeviceLike
from ..dtypes import DTypeLike
from ..errors import ArgumentError, AxisError, DTypeError, ShapeError
from ..sizes import Dim, Shape, Size, divide, product
from .axes import Axis, check_order, many_axes, one_axis
from .convert import ArrayLike, asarray, broadcast, broadcast_shapes, duplicate

if TYPE_CHECKING:
    from ..array import Array

ShapeLike = Dim | Sequence[Dim]


def as_shape(name: str, shape: ShapeLike) -> Shape:
    """A shape as a tuple; a single size is a 1-D shape."""
    sizes = _listed(shape)
    if any(isinstance(n, bool) or not hasattr(n, "__index__") for n in sizes if not _is_unknown(n)):
        raise DTypeError(f"{name}: got shape {shape!r}; sizes must be integers")
    return tuple(n if isinstance(n, Size) else _index(name, n) for n in sizes)


def _listed(shape: Any) -> tuple[Any, ...]:
    """Lists, tuples and 1-D arrays are many sizes, all else is one."""
    if isinstance(shape, Sequence) or getattr(shape, "ndim", 0) == 1:
        return tuple(shape)
    return (shape,)


def _index(name: str, size: Any) -> int:
    try:
        return size.__index__()  # type: ignore[no-any-return]
    except TypeError:
        raise DTypeError(f"{name}: got size {size!r}; sizes must be integers") from None


def _is_unknown(size: object) -> bool:
    return isinstance(size, Size)


def reshape(
    a: ArrayLike, /, shape: ShapeLike, order: str = "C", *, copy: bool | None = None
) -> Array:
    """The elements in another shape; one size may be -1, for what is left.

    `order="F"` reads and writes with the first axis moving fastest. A view where that is possible;
    `copy=True` always copies, `copy=False` raises ArgumentError (a ValueError) where it must.

    >>> reshape([1, 2, 3, 4], (2, -1))
    array([[1, 2],
           [3, 4]])
    """
    x = asarray(a)
    wanted = as_shape("reshape", shape)
    if -1 in wanted:
        wanted = _filled(x, wanted)
    if check_order("reshape", order) == "F":
        turned = p.reshape(transpose(x), shape=tuple(reversed(wanted)))
        result = transpose(turned)
    else:
        result = p.reshape(x, shape=wanted)
    if copy is False and not (record.is_tracing() or result._is_view or result is x):
        raise ArgumentError(f"reshape: got {x.shape} and {wanted}; that takes a copy")
    return duplicate(result) if copy else result


def _filled(x: Array, shape: Shape) -> Shape:
    rest, total = product(tuple(n for n in shape if n != -1)), product(x.shape)
    left = divide(total, rest) if rest != 0 else -1
    if shape.count(-1) > 1 or rest == 0 or left * rest != total:
        raise ShapeError(
            f"reshape: got {x.shape} and {shape}; one size may be -1, and {total} elements must "
            "fill the others"
        )
    return tuple(left if n == -1 else n for n in shape)


def ravel(a: ArrayLike, order: str = "C") -> Array:
    """All elements in one axis: a view where possible."""
    x = asarray(a)
    return reshape(x, -1 if product(x.shape) != 0 else 0, order)


def transpose(a: ArrayLike, axes: Sequence[int] | None = None) -> Array:
    """The axes in another order; reversed by default.

    >>> transpose([[1, 2], [3, 4]])
    array([[1, 3],
           [2, 4]])
    """
    x = asarray(a)
    if axes is None:
        return p.transpose(x, axes=tuple(reversed(range(x.ndim))))
    order = tuple(one_axis("transpose", axis, x.ndim) for axis in axes)
    if sorted(order) != list(range(x.ndim)):
        raise ArgumentError(f"transpose: got axes {axes}; they must order {x.ndim} axes")
    return p.transpose(x, axes=order)


permute_dims = transpose


def matrix_transpose(x: ArrayLike, /) -> Array:
    """The last two axes exchanged."""
    x = asarray(x)
    if x.ndim < 2:
        raise ShapeError(f"matrix_transpose: got {x.shape}; it takes two axes or more")
    return swapaxes(x, -1, -2)


def swapaxes(a: ArrayLike, axis1: int, axis2: int) -> Array:
    """Two axes exchanged."""
    x = asarray(a)
    first, second = (one_axis("swapaxes", axis, x.ndim) for axis in (axis1, axis2))
    order = list(range(x.ndim))
    order[first], order[second] = second, first
    return p.transpose(x, axes=tuple(order))


def moveaxis(a: ArrayLike, source: int | Sequence[int], destination: int | Sequence[int]) -> Array:
    """Axes moved to other places; the rest keep their order."""
    x = asarray(a)
    old = _places("moveaxis", source, x.ndim)
    new = _places("moveaxis", destination, x.ndim)
    if len(old) != len(new):
        raise ArgumentError(f"moveaxis: got {source} and {destination}; as many must go as come")
    order = [a for a in range(x.ndim) if a not in old]
    for place, axis in sorted(zip(new, old, strict=True)):
        order.insert(place, axis)
    return p.transpose(x, axes=tuple(order))


def _places(name: str, axes: int | Sequence[int], ndim: int) -> list[int]:
    given = list(axes) if isinstance(axes, Sequence) else [axes]
    places = [one_axis(name, a, ndim) for a in given]
    if len(set(places)) != len(places):
        raise ArgumentError(f"{name}: got axes {given}; an axis is named twice")
    return places


def expand_dims(a: ArrayLike, axis: int | Sequence[int]) -> Array:
    """New axes of size 1 at these places of the result.

    >>> expand_dims([1, 2], 0).shape
    (1, 2)
    """
    x = asarray(a)
    ndim = x.ndim + (len(axis) if isinstance(axis, Sequence) else 1)
    new, old = many_axes("expand_dims", axis, ndim), iter(x.shape)
    return p.reshape(x, shape=tuple(1 if a in new else next(old) for a in range(ndim)))


def squeeze(a: ArrayLike, axis: Axis = None) -> Array:
    """Without axes of size 1: those named, or all."""
    x = asarray(a)
    if axis is None:
        gone: tuple[int, ...] = tuple(a for a, n in enumerate(x.shape) if n == 1)
    else:
        gone = many_axes("squeeze", axis, x.ndim)
    for a in gone:
        if x.shape[a] != 1:
            raise ShapeError(f"squeeze: got axis {a} of {x.shape}; its size must be 1")
    return p.reshape(x, shape=tuple(n for a, n in enumerate(x.shape) if a not in gone))


def broadcast_to(array: ArrayLike, shape: ShapeLike) -> Array:
    """x repeated to `shape`, without a copy."""
    return p.broadcast_to(asarray(array), shape=as_shape("broadcast_to", shape))


def broadcast_arrays(*arrays: ArrayLike) -> tuple[Array, ...]:
    """Arrays repeated to their common shape, without copies."""
    return tuple(broadcast("broadcast_arrays", *map(asarray, arrays))) if arrays else ()


def rollaxis(a: ArrayLike, axis: int, start: int = 0) -> Array:
    """One axis moved back until it stands before the place `start`.

    >>> rollaxis([[1, 2], [3, 4]], 1).tolist()
    [[1, 3], [2, 4]]
    """
    x = asarray(a)
    place, target = one_axis("rollaxis", axis, x.ndim), start + x.ndim if start < 0 else start
    if not 0 <= target <= x.ndim:
        raise AxisError(f"rollaxis: got start {start} for an array of {x.ndim} axes")
    return moveaxis(x, place, target - 1 if place < target else target)


def atleast_1d(*arys: ArrayLike) -> Any:
    """Arrays with one axis or more; one array, or a tuple of them.

    >>> atleast_1d(3)
    array([3])
    """
    return _each(lambda x: x if x.ndim else p.reshape(x, shape=(1,)), arys)


def atleast_2d(*arys: ArrayLike) -> Any:
    """Arrays with two axes or more; new ones come first."""
    return _each(_with_2d, arys)


def _with_2d(x: Array) -> Array:
    return x if x.ndim >= 2 else p.reshape(x, shape=(1,) * (2 - x.ndim) + tuple(x.shape))


def atleast_3d(*arys: ArrayLike) -> Any:
    """Arrays with three axes or more: (n,) becomes (1, n, 1) and (m, n) becomes (m, n, 1)."""
    return _each(
        lambda x: x if x.ndim >= 3 else p.reshape(_with_2d(x), shape=(*_with_2d(x).shape, 1)), arys
    )


def _each(function: Callable[[Array], Array], arrays: Sequence[ArrayLike]) -> Any:
    made = tuple(function(asarray(x)) for x in arrays)
    return made[0] if len(made) == 1 else made


def shape(a: ArrayLike) -> tuple[int, ...]:
    """The sizes of the axes."""
    return asarray(a).shape


def ndim(a: ArrayLike) -> int:
    """The number of axes."""
    return asarray(a).ndim


def size(a: ArrayLike, axis: Axis = None) -> Dim:
    """The number of elements, or of places along `axis`."""
    x = asarray(a)
    return product(tuple(x.shape[place] for place in many_axes("size", axis, x.ndim)))


def astype(
    x: ArrayLike, dtype: DTypeLike, /, *, copy: bool = True, device: DeviceLike | None = None
) -> Array:
    """x with elements of another type, on another device if one is given; a copy also if it has
    that type and is there already."""
    x = asarray(x)
    made = asarray(x, dtype, device=device)
    return duplicate(made) if copy and made is x else made


__all__ = [
    "astype",
    "atleast_1d",
    "atleast_2d",
    "atleast_3d",
    "broadcast_arrays",
    "broadcast_shapes",
    "broadcast_to",
    "expand_dims",
    "matrix_transpose",
    "moveaxis",
    "ndim",
    "permute_dims",
    "ravel",
    "reshape",
    "rollaxis",
    "shape",
    "size",
    "squeeze",
    "swapaxes",
    "transpose",
]
