"""What NumPy's own functions do with our arrays: `np.sin(x)` is ours, and stays an Array."""

from __future__ import annotations

from typing import Any

import numpy as np

from .. import _native
from .namespace import BY_MODULE
from .ufuncs import UFUNCS


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
