"""Python functions applied along axes, or to each element."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DTypeLike, dtype
from ..errors import ArgumentError
from .axes import one_axis
from .convert import ArrayLike, asarray, broadcast
from .joining import stack
from .shapes import expand_dims, moveaxis, reshape

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


def apply_along_axis(
    func1d: Callable[..., Any], axis: int, arr: ArrayLike, *args: Any, **kwargs: Any
) -> Array:
    """What `func1d` gives for each 1-D row along an axis, one call a row.

    >>> apply_along_axis(lambda row: row[-1] - row[0], 1, [[1, 5], [2, 9]])
    array([4, 7])
    """
    x = asarray(arr)
    place = one_axis("apply_along_axis", axis, x.ndim)
    rows = moveaxis(x, place, -1)
    lead = rows.shape[:-1]
    if 0 in lead:
        raise ArgumentError(f"apply_along_axis: got {x.shape}; there is no row to apply it to")
    made = [asarray(func1d(rows[index], *args, **kwargs)) for index in np.ndindex(*lead)]
    whole = reshape(stack(made), (*lead, *made[0].shape))
    # The axes of a result stand where the row's axis stood.
    n_new = made[0].ndim
    return moveaxis(whole, range(len(lead), len(lead) + n_new), range(place, place + n_new))


def apply_over_axes(
    func: Callable[[Any, int], Any], a: ArrayLike, axes: int | Sequence[int]
) -> Array:
    """What `func(a, axis)` gives for one axis after the other; reduced axes are kept, of size 1.

    >>> apply_over_axes(tw.sum, [[1, 2], [3, 4]], [0, 1])
    array([[10]])
    """
    x = asarray(a)
    ndim = x.ndim
    for axis in axes if isinstance(axes, Sequence) else (axes,):
        place = one_axis("apply_over_axes", axis, ndim)
        made = asarray(func(x, place))
        if made.ndim == ndim - 1:
            made = expand_dims(made, place)
        if made.ndim != ndim:
            raise ArgumentError(f"apply_over_axes: got {made.ndim} axes back from {ndim}")
        x = made
    return x


def frompyfunc(func: Callable[..., Any], /, nin: int, nout: int) -> Callable[..., Any]:
    """A Python function of `nin` numbers as one of arrays, called on the host once an element;
    results become arrays as `array` makes them of Python numbers.

    >>> frompyfunc(lambda a, b: a * 10 + b, 2, 1)([1, 2], 3)
    array([13, 23])
    """

    def apply(*arrays: ArrayLike) -> Any:
        if len(arrays) != nin:
            raise TypeError(f"frompyfunc: got {len(arrays)} arrays; the function takes {nin}")
        given = broadcast("frompyfunc", *map(asarray, arrays))
        shape = given[0].shape
        columns = [x.numpy().reshape(-1).tolist() for x in given]
        made = [func(*values) for values in zip(*columns, strict=True)]
        if nout == 1:
            return reshape(asarray(made), shape)
        parts = zip(*made, strict=True) if made else [()] * nout
        return tuple(reshape(asarray(list(part)), shape) for part in parts)

    return apply


class vectorize:
    """A Python function of numbers as one of arrays, called on the host once an element.

    >>> vectorize(lambda a, b: max(a, b))([1, 5], 3)
    array([3, 5])
    """

    def __init__(
        self,
        pyfunc: Callable[..., Any],
        otypes: Any = None,
        doc: str | None = None,
        excluded: Iterable[int | str] | None = None,
        cache: bool = False,
        signature: str | None = None,
    ) -> None:
        self._host = np.vectorize(pyfunc, otypes, doc, excluded, cache, signature)
        self.pyfunc = pyfunc
        self.__doc__ = doc or pyfunc.__doc__

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Apply the function to every element of the broadcast arguments."""
        arrays = [np.asarray(x) if hasattr(x, "shape") else x for x in args]
        named = {k: np.asarray(x) if hasattr(x, "shape") else x for k, x in kwargs.items()}
        made = self._host(*arrays, **named)
        return tuple(map(asarray, made)) if isinstance(made, tuple) else asarray(made)


def fromiter(iter: Iterable[Any], dtype: DTypeLike, count: int = -1) -> Array:
    """A 1-D array of what an iterable gives: all of it, or the first `count`.

    >>> fromiter((n * n for n in range(3)), int)
    array([0, 1, 4])
    """
    return asarray(np.fromiter(iter, _dtype(dtype).dtype, count))


def iterable(y: object) -> bool:
    """Whether an object can be iterated over.

    >>> iterable([1]), iterable(2)
    (True, False)
    """
    try:
        iter(y)  # type: ignore[call-overload]
    except TypeError:
        return False
    return True


def ndenumerate(arr: ArrayLike) -> Iterator[tuple[tuple[int, ...], Any]]:
    """Each index of an array with its element.

    >>> [(i, int(x)) for i, x in ndenumerate([5, 6])]
    [((0,), 5), ((1,), 6)]
    """
    x = asarray(arr)
    return ((index, x[index]) for index in np.ndindex(*x.shape))


__all__ = [
    "apply_along_axis",
    "apply_over_axes",
    "fromiter",
    "frompyfunc",
    "iterable",
    "ndenumerate",
    "vectorize",
]
