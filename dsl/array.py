"""`Array`: a cell that holds a value, with NumPy's methods."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import autodiff, record
from . import device as placing
from . import functions as f
from .dispatch import dispatched
from .dtypes import DTypeLike, bfloat16
from .errors import ArgumentError, DTypeError, GradientError
from .functions.convert import duplicate
from .functions.shapes import ShapeLike
from .interop import NumPyProtocols, StandardProtocols
from .methods import Layout, Reductions, Selection
from .operators import binary_slow, is_known, require_known, require_text, to_python

if TYPE_CHECKING:
    from .functions.axes import Axis
    from .functions.convert import ArrayLike

__all__ = ["Array", "binary_slow"]


class Array(_native.Cell, Reductions, Selection, Layout, NumPyProtocols, StandardProtocols):
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
        text = repr(self.numpy())
        return f"{text[:-1]}, device={self.device.name!r})" if self._device else text

    def __str__(self) -> str:
        require_text(self)
        return str(self.numpy())

    def __format__(self, spec: str) -> str:
        require_text(self)
        if spec and self.ndim:
            raise DTypeError(f"format: got {spec!r} for an array with axes; only numbers take one")
        return format(self.item() if spec else str(self), spec)

    def __iter__(self) -> Iterator[Array]:
        if self.ndim == 0:
            raise TypeError("iter: got an array without axes")
        return (self[i] for i in range(int(self.shape[0])))

    def __contains__(self, item: Any) -> bool:
        return bool((self == item).any())

    def __complex__(self) -> complex:
        return complex(to_python("complex", self))

    def __divmod__(self, other: Any) -> tuple[Array, Array]:
        return self // other, self % other

    def __rdivmod__(self, other: Any) -> tuple[Array, Array]:
        return other // self, other % self

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray[Any, Any]:
        host = self.numpy()
        is_other = dtype is not None and np.dtype(dtype) != host.dtype
        if copy is False and (is_other or self._device):
            raise ArgumentError(
                f"__array__: got copy=False for an array of {self.dtype} on {self.device}; {dtype} "
                "on the host cannot be made without a copy"
            )
        return host.astype(dtype) if is_other else host.copy() if copy else host

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
        """The elements as a NumPy array that shares the memory, read-only; of an array on a device
        a copy, which waits for what the device has to do before."""
        require_known(self, "numpy")
        host: Array = _native.transfer(self, 0) if self._device else self
        # The buffer protocol has no bfloat16, and calls int64 by another of its C names.
        memory = memoryview(_native.raw(host) if self.dtype is bfloat16 else host)
        return np.asarray(memory).view(self.dtype.dtype)

    def item(self, *args: Any) -> Any:
        """The only element, or the one at an index or a flat position, as a Python number."""
        require_known(self, "item")
        return self.numpy().item(*args) if args else _native.item(self)

    def tolist(self) -> Any:
        """The elements as nested lists of Python numbers."""
        require_known(self, "tolist")
        return _native.tolist(self)

    def copy(self, order: str = "C") -> Array:
        """A new array with the same elements."""
        return f.copy(self, order)

    def astype(self, dtype: DTypeLike, *, copy: bool = True) -> Array:
        """The elements converted to another type (a copy)."""
        return f.astype(self, dtype, copy=copy)

    @property
    def device(self) -> placing.Device:
        """Where the array is."""
        trace = self._traced.trace if self._traced is not None else None
        if trace is None:
            return placing.by_index(self._device)
        return placing.current() if trace.device is None else placing.by_index(trace.device)

    def to(self, device: placing.DeviceLike) -> Array:
        """The array on a device: itself if it is there, else a copy, off the tape.

        >>> import tilewright as tw
        >>> tw.ones(2).to("cpu").device
        tilewright.device('cpu')
        """
        to = placing.device(device)
        if record.is_tracing() or self._device != to.index:
            return record.transfer(record.read(self), to)
        return self

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
        if requires_grad and not self.dtype.is_inexact:
            raise GradientError(
                f"requires_grad_: got an array of {self.dtype}; only floats and complex numbers "
                "have gradients"
            )
        self.requires_grad = requires_grad
        return self

    def detach(self) -> Array:
        """The same value, through which no gradient flows."""
        # In a program this is an operation: its gradient may be taken from outside.
        is_staged = record.is_tracing() and self.dtype.is_inexact
        value = f.stop_gradient(self) if is_staged else self
        return autodiff.snapshot(record.read(value), None)

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

    def reshape(self, *shape: ShapeLike, order: str = "C", copy: bool | None = None) -> Array:
        """The elements in another shape, given as sizes or as a tuple; -1 is what is left."""
        return f.reshape(self, _one_or_many(shape), order, copy=copy)

    def ravel(self, order: str = "C") -> Array:
        """All elements in one axis: a view where possible."""
        return f.ravel(self, order)

    def flatten(self, order: str = "C") -> Array:
        """All elements in one axis: a copy."""
        return duplicate(f.ravel(self, order))

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


# Methods that are functions of the array and plain parameters: calls that come again go without
# Python. (Not those that write, or read values to the host.)
_PURE = (
    *(n for n in vars(Reductions) if not n.startswith("_")),
    "argsort", "astype", "choose", "clip", "conj", "conjugate", "diagonal", "dot", "flatten",
    "ravel", "repeat", "reshape", "round", "searchsorted", "squeeze", "swapaxes", "take",
    "transpose",
)  # fmt: skip


def _offer_methods() -> None:
    for name in _PURE:
        method = getattr(Array, name)
        setattr(Array, name, dispatched(method, method))
    for name in ("T", "mT"):
        getter = vars(Array)[name].fget
        setattr(Array, name, property(dispatched(getter, getter), doc=getter.__doc__))


def _one_or_many(given: Sequence[Any]) -> Any:
    """The arguments of reshape(2, 3) and reshape((2, 3)) alike."""
    return given[0] if len(given) == 1 and not isinstance(given[0], int) else tuple(given)


def _restore(data: bytes, shape: tuple[int, ...], dtype: str) -> Array:
    host = np.frombuffer(data, f.result_type(dtype).dtype).reshape(shape)
    return f.asarray(host)


_offer_methods()
