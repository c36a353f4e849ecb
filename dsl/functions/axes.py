"""Axes and orders as users give them, checked."""

from __future__ import annotations

from collections.abc import Sequence

from ..errors import ArgumentError, AxisError, DTypeError

Axis = int | Sequence[int] | None


def one_axis(name: str, axis: int, ndim: int) -> int:
    """`axis` counted from the front; raises AxisError when out of range."""
    try:
        place = axis.__index__()
    except AttributeError:
        raise DTypeError(f"{name}: got axis {axis!r}; it must be an int") from None
    if not -ndim <= place < ndim:
        raise AxisError(
            f"{name}: got axis {axis} for an array of {ndim} axes; "
            + (f"it must be in {-ndim}..{ndim - 1}" if ndim else "there is none")
        )
    return place % ndim


def many_axes(name: str, axis: Axis, ndim: int) -> tuple[int, ...]:
    """Distinct axes counted from the front, in order; None means all."""
    if axis is None:
        return tuple(range(ndim))
    given = tuple(axis) if isinstance(axis, Sequence) else (axis,)
    axes = tuple(one_axis(name, a, ndim) for a in given)
    if len(set(axes)) != len(axes):
        raise ArgumentError(f"{name}: got axes {given}; an axis is named twice")
    return tuple(sorted(axes))


def check_order(name: str, order: str | None) -> str:
    """The order of elements, 'C' or 'F'; arrays here always lie in C order."""
    if order not in ("C", "F", "A", "K", None):
        raise ArgumentError(f"{name}: got order {order!r}; it is 'C', 'F', 'A' or 'K'")
    return "F" if order == "F" else "C"
