"""What other libraries' functions do with our arrays: NumPy's `np.sin(x)` is ours and stays an
Array, and code written for the array API standard finds our namespace."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from .errors import ArgumentError
from .inspection import check_version
from .namespace import BY_MODULE
from .ufuncs import UFUNCS

if TYPE_CHECKING:
    from .array import Array
    from .device import Device, DeviceLike

_find_namespace: list[Callable[[], ModuleType]] = []


def install_namespace(find: Callable[[], ModuleType]) -> None:
    """Install what gives the module of NumPy's names; it stands outside of this room."""
    _find_namespace[:] = [find]


class StandardProtocols:
    """The array API standard: the namespace of an array, and its device."""

    __slots__ = ()

    def __array_namespace__(self, *, api_version: str | None = None) -> ModuleType:
        """`tilewright.numpy`, which holds the functions of the array API standard.

        Raises ArgumentError (a ValueError) for a version of the standard that it does not know.

        >>> import tilewright as tw
        >>> xp = tw.ones(3).__array_namespace__(api_version="2024.12")
        >>> xp.sum(xp.asarray([1, 2]))
        array(3)
        """
        check_version(api_version)
        (find,) = _find_namespace
        return find()

    if TYPE_CHECKING:

        def to(self, device: DeviceLike) -> Array: ...

        @property
        def device(self) -> Device: ...

    def to_device(self, device: DeviceLike, /, *, stream: Any = None) -> Array:
        """The array on a device, as `to`; work is queued in order there, so there is no `stream`.

        >>> import tilewright as tw
        >>> tw.ones(2).to_device("cpu").device
        tilewright.device('cpu')
        """
        if stream is not None:
            raise ArgumentError(f"to_device: got stream {stream!r}; devices have one queue: None")
        return self.to(device)


class NumPyProtocols:
    """NEP 13 and NEP 18. A function that is not there is a TypeError, never a silent copy to the
    host: ask for that by `x.numpy()`."""

    __slots__ = ()

    def __array_ufunc__(self, ufunc: Any, method: str, *inputs: Any, **kwargs: Any) -> Any:
        ours = UFUNCS.get(ufunc.__name__)
        if ours is None or any(map(_is_foreign, inputs)):
            return NotImplemented
        call = ours if method == "__call__" else getattr(ours, method)
        targets = kwargs.pop("out", ())
        if not any(isinstance(target, np.ndarray) for target in targets):
            return call(*inputs, **kwargs, **({"out": targets} if targets else {}))
        # An operator in place on a NumPy array, as in host += ours.
        made = call(*inputs, **kwargs)
        results = made if isinstance(made, tuple) else (made,)
        for target, result in zip(targets, results, strict=True):
            np.copyto(target, result.numpy(), casting=kwargs.get("casting", "same_kind"))
        return targets[0] if len(targets) == 1 else targets

    def __array_function__(self, func: Any, types: Any, args: Any, kwargs: Any) -> Any:
        ours = BY_MODULE.get(func.__module__, {}).get(func.__name__)
        if ours is None or not all(issubclass(t, _native.Cell | np.ndarray) for t in types):
            return NotImplemented
        return ours(*args, **kwargs)


def _is_foreign(x: Any) -> bool:
    """Whether an operand is of a third library that has a say of its own."""
    if isinstance(x, _native.Cell | np.ndarray | np.generic):
        return False
    return hasattr(type(x), "__array_ufunc__")
