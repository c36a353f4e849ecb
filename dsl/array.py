"""`Array`: a cell that holds a value, with NumPy's methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import autodiff, indexing, record
from . import functions as f
from .dtypes import DTypeLike, bfloat16
from .errors import GradientError
from .functions.convert import duplicate
from .functions.shapes import ShapeLike
from .operators import binary_slow, is_known, require_known

if TYPE_CHECKING:
    from .functions.convert import ArrayLike, Axis

__all__ = ["Array", "binary_slow"]


class Array(_native.Cell):
    """An n-dimensional array. Make one with `tw.array`, `tw.zeros`, ...

    Basic slices, transposes and reshapes are views, as in NumPy: a write to them is seen in the
    array that they come from.

    >>> import tilewright as tw
    >>> a = tw.zeros((2, 3))
    >>> row = a[0]
    >>> row += 1
    >>> a
    array([[1., 1., 1.],
           [0., 0., 0.]])
    """

    __slots__ = ()
    __array_priority__ = 1000.0  # NumPy's operators leave mixed operands to ours

    # ------------------------------------------------------------------ Python's protocols

    def __repr__(self) -> str:
        if not is_known(self):
            return f"array(traced {self.dtype}{list(self.shape)})"
        return repr(self.numpy())

    def __str__(self) -> str:
        return str(self.numpy()) if is_known(self) else repr(self)

    def __format__(self, spec: str) -> str:
        return format(self.item() if spec and self.ndim == 0 else str(self), spec)

    def __len__(self) -> int:
        if self.ndim == 0:
            raise TypeError("len: got an array without axes")
        return self.shape[0]

    def __iter__(self) -> Iterator[Array]:
        if self.ndim == 0:
            raise TypeError("iter: got an array without axes")
        return (self[i] for i in range(self.shape[0]))

    def __getitem__(self, key: Any) -> Array:
        return indexing.get(self, key)

    def __setitem__(self, key: Any, value: ArrayLike) -> None:
        indexing.put(self, key, value)

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        host = self.numpy()
        if dtype is not None and np.dtype(dtype) != host.dtype:
            return host.astype(dtype)
        return host.copy() if copy else host

    def __copy__(self) -> Array:
        return self.copy()

    def __deepcopy__(self, memo: dict[int, Any]) -> Array:
        made = duplicate(self.detach())
        made.requires_grad = self.requires_grad
        memo[id(self)] = made
        return made

    def __reduce__(self) -> tuple[Any, ...]:
        host = self.numpy()
        return _restore, (host.tobytes(), self.shape, str(self.dtype))

    # ------------------------------------------------------------------ values

    def numpy(self) -> np.ndarray[Any, Any]:
        """The elements as a NumPy array that shares the memory, read-only."""
        require_known(self, "numpy")
        # The buffer protocol has no bfloat16, and calls int64 by another of its C names.
        memory = memoryview(_native.raw(self) if self.dtype is bfloat16 else self)
        return np.asarray(memory).view(self.dtype.dtype)

    def item(self) -> bool | int | float:
        """The only element, as a Python number."""
        require_known(self, "item")
        return _native.item(self)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        require_known(self, "tolist")
        return _native.tolist(self)

    def copy(self) -> Array:
        """A new array with the same elements."""
        return duplicate(self)

    def astype(self, dtype: DTypeLike, *, copy: bool = True) -> Array:
        """The elements converted to another type (a copy)."""
        return f.astype(self, dtype, copy=copy)

    def fill(self, value: ArrayLike) -> None:
        """Write one value to all elements."""
        self[...] = value

    # ------------------------------------------------------------------ gradients

    @property
    def grad(self) -> Array | None:
        """The gradient that `backward` has added up, or None."""
        return autodiff.get_grad(self)

    @grad.setter
    def grad(self, value: Array | None) -> None:
        autodiff.set_grad(self, value)

    def requires_grad_(self, requires_grad: bool = True) -> Array:
        """Mark the array as one whose gradient is wanted; returns it."""
        if requires_grad and not self.dtype.is_float:
            raise GradientError(
                f"requires_grad_: got an array of {self.dtype}; only floats have gradients"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Array:
        """The same value, through which no gradient flows."""
        return autodiff.snapshot(record.read(self), None)

    def backward(self, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
        """Add the gradient of this scalar to the `.grad` of all that it depends on."""
        root = self if self._base is None else record.read(self)  # a view has no node of its own
        autodiff.backward(root, cotangent, retain_graph=retain_graph)

    # ------------------------------------------------------------------ shapes

    @property
    def T(self) -> Array:
        """The axes in reverse order."""
        return f.transpose(self)

    @property
    def mT(self) -> Array:
        """The last two axes exchanged."""
        return f.matrix_transpose(self)

    def reshape(self, *shape: ShapeLike) -> Array:
        """The elements in another shape, given as sizes or as a tuple; -1 is what is left."""
        return f.reshape(self, _one_or_many(shape))

    def ravel(self) -> Array:
        """All elements in one axis: a view where possible."""
        return f.ravel(self)

    def flatten(self) -> Array:
        """All elements in one axis: a copy."""
        return duplicate(f.ravel(self))

    def transpose(self, *axes: Any) -> Array:
        """The axes in another order (reversed by default)."""
        order = _one_or_many(axes)
        return f.transpose(self, None if order in ((), None) else tuple(order))

    def swapaxes(self, axis1: int, axis2: int) -> Array:
        """Two axes exchanged."""
        return f.swapaxes(self, axis1, axis2)

    def squeeze(self, axis: Axis = None) -> Array:
        """Without axes of size 1."""
        return f.squeeze(self, axis)

    def repeat(self, repeats: int, axis: int | None = None) -> Array:
        """Each element `repeats` times in a row."""
        return f.repeat(self, repeats, axis)

    def take(self, indices: ArrayLike, axis: int | None = None) -> Array:
        """The elements at these positions."""
        return f.take(self, indices, axis)

    # ------------------------------------------------------------------ mathematics

    def sum(
        self, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
    ) -> Array:
        """The sum over `axis`."""
        return f.sum(self, axis, dtype=dtype, keepdims=keepdims)

    def prod(
        self, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
    ) -> Array:
        """The product over `axis`."""
        return f.prod(self, axis, dtype=dtype, keepdims=keepdims)

    def mean(
        self, axis: Axis = None, *, dtype: DTypeLike | None = None, keepdims: bool = False
    ) -> Array:
        """The mean over `axis`."""
        return f.mean(self, axis, dtype=dtype, keepdims=keepdims)

    def var(self, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
        """The variance over `axis`."""
        return f.var(self, axis, ddof=ddof, keepdims=keepdims)

    def std(self, axis: Axis = None, *, ddof: int = 0, keepdims: bool = False) -> Array:
        """The standard deviation over `axis`."""
        return f.std(self, axis, ddof=ddof, keepdims=keepdims)

    def max(self, axis: Axis = None, *, keepdims: bool = False) -> Array:
        """The largest element over `axis`."""
        return f.max(self, axis, keepdims=keepdims)

    def min(self, axis: Axis = None, *, keepdims: bool = False) -> Array:
        """The smallest element over `axis`."""
        return f.min(self, axis, keepdims=keepdims)

    def any(self, axis: Axis = None, *, keepdims: bool = False) -> Array:
        """Whether some element over `axis` is not zero."""
        return f.any(self, axis, keepdims=keepdims)

    def all(self, axis: Axis = None, *, keepdims: bool = False) -> Array:
        """Whether every element over `axis` is not zero."""
        return f.all(self, axis, keepdims=keepdims)

    def argmax(self, axis: int | None = None, *, keepdims: bool = False) -> Array:
        """The first position of the largest element."""
        return f.argmax(self, axis, keepdims=keepdims)

    def argmin(self, axis: int | None = None, *, keepdims: bool = False) -> Array:
        """The first position of the smallest element."""
        return f.argmin(self, axis, keepdims=keepdims)

    def cumsum(self, axis: int | None = None) -> Array:
        """Running sums along `axis`."""
        return f.cumsum(self, axis)

    def clip(self, min: ArrayLike | None = None, max: ArrayLike | None = None) -> Array:
        """The elements brought into [min, max]."""
        return f.clip(self, min, max)

    def round(self, decimals: int = 0) -> Array:
        """The elements to `decimals` places, halves to even."""
        return f.round(self, decimals)

    def dot(self, other: ArrayLike) -> Array:
        """The sum of products over the last axis."""
        return f.dot(self, other)

    # ------------------------------------------------------------------ order

    def sort(self, axis: int = -1, kind: str | None = None, *, stable: bool | None = None) -> None:
        """Sort along an axis, in place; NaN comes last."""
        self[...] = f.sort(self, axis, kind, stable=stable)

    def argsort(
        self, axis: int | None = -1, kind: str | None = None, *, stable: bool | None = None
    ) -> Array:
        """The positions that sort along an axis."""
        return f.argsort(self, axis, kind, stable=stable)

    def partition(self, kth: int | Sequence[int], axis: int = -1) -> None:
        """Put element `kth` where sorting would, smaller ones before it, in place."""
        self[...] = f.partition(self, kth, axis)

    def argpartition(self, kth: int | Sequence[int], axis: int | None = -1) -> Array:
        """The positions that partition along an axis."""
        return f.argpartition(self, kth, axis)

    def searchsorted(
        self, v: ArrayLike, side: str = "left", sorter: ArrayLike | None = None
    ) -> Array:
        """Where to insert values into this sorted array."""
        return f.searchsorted(self, v, side, sorter)

    def nonzero(self) -> tuple[Array, ...]:
        """The positions of the elements that are not zero, an array an axis."""
        return f.nonzero(self)


def _one_or_many(given: Sequence[Any]) -> Any:
    """The arguments of reshape(2, 3) and reshape((2, 3)) alike."""
    return given[0] if len(given) == 1 and not isinstance(given[0], int) else tuple(given)


def _restore(data: bytes, shape: tuple[int, ...], dtype: str) -> Array:
    host = np.frombuffer(data, f.result_type(dtype).dtype).reshape(shape)
    return f.asarray(host)
