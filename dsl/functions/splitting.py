"""Arrays taken apart along an axis, into views."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from ..errors import DivisionError, ShapeError
from .axes import one_axis
from .convert import ArrayLike, asarray
from .cumulative import part
from .shapes import moveaxis

if TYPE_CHECKING:
    from ..array import Array

Sections = int | Sequence[int]


def array_split(ary: ArrayLike, indices_or_sections: Sections, axis: int = 0) -> list[Array]:
    """Parts along an axis, as equal as may be (the first ones are longer by one), or cut before
    the given positions.

    >>> array_split([1, 2, 3], 2)
    [array([1, 2]), array([3])]
    """
    x = asarray(ary)
    place = one_axis("array_split", axis, x.ndim)
    size = x.shape[place]
    if _is_count(indices_or_sections):
        count = int(indices_or_sections)  # type: ignore[arg-type]
        if count < 1:
            raise ShapeError(f"array_split: got {count} parts; it takes one or more")
        each, longer = divmod(size, count)
        cuts = [each * i + min(i, longer) for i in range(1, count)]
    else:
        cuts = [int(c) for c in indices_or_sections]  # type: ignore[union-attr]
    # As a slice counts: from the end if negative, and no further than the end.
    ends = [min(max(c + size if c < 0 else c, 0), size) for c in cuts]
    bounds = zip([0, *ends], [*ends, size], strict=True)
    return [part(x, place, begin, max(end - begin, 0)) for begin, end in bounds]


def _is_count(sections: Any) -> bool:
    return not isinstance(sections, Sequence) and getattr(sections, "ndim", 0) == 0


def split(ary: ArrayLike, indices_or_sections: Sections, axis: int = 0) -> list[Array]:
    """x cut along an axis into equal parts, or before the given positions.

    >>> split([1, 2, 3, 4], 2)
    [array([1, 2]), array([3, 4])]
    """
    x = asarray(ary)
    size = x.shape[one_axis("split", axis, x.ndim)]
    if _is_count(indices_or_sections):
        count = int(indices_or_sections)  # type: ignore[arg-type]
        if count == 0:
            raise DivisionError("split: got 0 parts; it takes one or more")
        if count < 1 or size % count:
            raise ShapeError(f"split: got {size} elements for {count} parts; must divide evenly")
    return array_split(x, indices_or_sections, axis)


def _split_axis(name: str, ary: ArrayLike, sections: Sections, axis: int, ndim: int) -> list[Array]:
    x = asarray(ary)
    if x.ndim < ndim:
        raise ShapeError(f"{name}: got {x.shape}; it takes {ndim} axes or more")
    return split(x, sections, axis)


def vsplit(ary: ArrayLike, indices_or_sections: Sections) -> list[Array]:
    """Parts along the first axis, of an array with two or more."""
    return _split_axis("vsplit", ary, indices_or_sections, 0, 2)


def hsplit(ary: ArrayLike, indices_or_sections: Sections) -> list[Array]:
    """Parts along the second axis, or the only one."""
    x = asarray(ary)
    return _split_axis("hsplit", x, indices_or_sections, 1 if x.ndim > 1 else 0, 1)


def dsplit(ary: ArrayLike, indices_or_sections: Sections) -> list[Array]:
    """Parts along the third axis."""
    return _split_axis("dsplit", ary, indices_or_sections, 2, 3)


def unstack(x: ArrayLike, /, *, axis: int = 0) -> tuple[Array, ...]:
    """The arrays that x is a stack of, along an axis.

    >>> unstack([[1, 2], [3, 4]])
    (array([1, 2]), array([3, 4]))
    """
    x = asarray(x)
    if x.ndim == 0:
        raise ShapeError("unstack: got an array without axes; it takes one or more")
    return tuple(moveaxis(x, one_axis("unstack", axis, x.ndim), 0))


__all__ = ["array_split", "dsplit", "hsplit", "split", "unstack", "vsplit"]
