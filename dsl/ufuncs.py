"""`Ufunc`: an elementwise function with NumPy's further arguments and methods.

The functions of `functions/` take arrays alone. Here they get `out`, `where`, `dtype` and
`casting`, and reductions, running combinations and tables of all pairs along an axis.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import functions as f
from .dispatch import kind_of
from .dtypes import dtype as as_dtype
from .errors import ArgumentError, BoundsError, DTypeError
from .functions.axes import many_axes, one_axis
from .functions.convert import asarray, common_shape, convert, is_array, is_scalar
from .functions.cumulative import part, scan
from .functions.outputs import NO_VALUE, casts, check_casting, store

if TYPE_CHECKING:
    from .array import Array

# Functions for which (a . b) . c is a . (b . c), so that halves can be combined.
_ASSOCIATIVE = frozenset((
    "add", "multiply", "maximum", "minimum", "fmax", "fmin", "logical_and", "logical_or",
    "logical_xor", "bitwise_and", "bitwise_or", "bitwise_xor", "gcd", "lcm", "hypot", "logaddexp",
    "logaddexp2",
))  # fmt: skip
_IDENTITY: Mapping[str, Any] = {
    "add": 0, "subtract": 0, "multiply": 1, "divide": 1, "power": 1, "logical_and": True,
    "logical_or": False, "logical_xor": False, "bitwise_and": -1, "bitwise_or": 0, "bitwise_xor": 0,
    "gcd": 0, "hypot": 0, "logaddexp": -np.inf, "logaddexp2": -np.inf,
}  # fmt: skip
_NO_IDENTITY = frozenset({"subtract", "divide", "power"})  # of no use in a reduction
_REDUCTIONS: Mapping[str, Callable[..., Any]] = {
    "add": f.sum, "multiply": f.prod, "maximum": f.max, "minimum": f.min,
}  # fmt: skip


class Ufunc(_native.Dispatch):
    """An elementwise function as NumPy offers it.

    >>> import tilewright.numpy as tnp
    >>> tnp.add([1, 2], 3)
    array([4, 5])
    >>> tnp.add.reduce([1, 2, 3])
    array(6)
    """

    def __new__(cls, name: str, function: Callable[..., Any]) -> Ufunc:
        def apply(*args: Any, **kwargs: Any) -> Any:
            return made._apply(args, kwargs)

        made: Ufunc = super().__new__(cls, apply, function, *kind_of(name))
        return made

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        theirs: Any = getattr(np, name)
        self.__name__ = self.__qualname__ = theirs.__name__
        self.__module__ = f"{__package__.split('.')[0]}.numpy"  # where it is found by that name
        self.__doc__ = function.__doc__
        self.__wrapped__ = function
        self.nin, self.nout, self.nargs = theirs.nin, theirs.nout, theirs.nargs
        self.signature = theirs.signature
        self.identity = theirs.identity

    def __repr__(self) -> str:
        return f"<ufunc {self.__name__!r}>"

    def _apply(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """The function of arrays; out, where, dtype and casting as in NumPy."""
        if not kwargs and len(args) == self.nin:
            return self.__wrapped__(*args)
        return self._call(args, **kwargs)

    def _call(
        self, args: tuple[Any, ...], out: Any = None, where: Any = True, dtype: Any = None,
        casting: str = "same_kind", order: str = "K", subok: bool = True, **rest: Any,
    ) -> Any:  # fmt: skip
        if not self.nin <= len(args) <= self.nin + self.nout:
            raise TypeError(
                f"{self.__name__}: got {len(args)} arguments; it takes {self.nin} and its outputs"
            )
        check_casting(self.__name__, casting)
        inputs, outputs = args[: self.nin], args[self.nin :]
        if outputs and out is not None:
            raise TypeError(f"{self.__name__}: got out twice, by place and by name")
        given = list(outputs or (out if isinstance(out, tuple) else (out,)))
        given += [None] * (self.nout - len(given))
        if dtype is not None:
            inputs = tuple(self._in_dtype(x, as_dtype(dtype), casting) for x in inputs)
        made = self.__wrapped__(*inputs, **rest)
        results = made if isinstance(made, tuple) else (made,)
        pairs = zip(results, given, strict=True)
        stored = tuple(self._stored(result, target, where, casting) for result, target in pairs)
        return stored if isinstance(made, tuple) else stored[0]

    def _in_dtype(self, x: Any, to: Any, casting: str) -> Any:
        given = asarray(x)
        if not is_scalar(x) and not casts(given.dtype, to, casting):
            raise DTypeError(
                f"{self.__name__}: got {given.dtype}, which does not cast to {to} by {casting!r}"
            )
        return convert(given, to)

    def _stored(self, result: Array, target: Any, where: Any, casting: str) -> Array:
        name = self.__name__
        if is_array(target) and _fits(result.shape, target.shape):
            result = f.broadcast_to(result, target.shape)  # out takes part in broadcasting
        if where is True:
            return store(name, result, target, casting)
        mask = asarray(where)
        if mask.dtype.kind != "b":
            raise DTypeError(f"{name}: got where of {mask.dtype}; it must be bool")
        shape = common_shape(name, result.shape, mask.shape)
        # Without out the other places are not to be relied on, as in NumPy (they are zeros).
        old = f.zeros(shape, result.dtype) if target is None else target
        whole = f.where(mask, convert(result, old.dtype) if target is not None else result, old)
        if target is not None and not casts(result.dtype, target.dtype, casting):
            raise DTypeError(f"{name}: got out of {target.dtype} for a result of {result.dtype}")
        return store(name, whole, target, casting)

    # ------------------------------------------------------------------ along axes

    def _binary(self, what: str) -> None:
        if self.nin != 2 or self.nout != 1 or self.signature is not None:
            raise ArgumentError(f"{self.__name__}.{what}: only functions of two arrays have it")

    def reduce(
        self, array: Any, axis: Any = 0, dtype: Any = None, out: Any = None,
        keepdims: bool = False, initial: Any = NO_VALUE, where: Any = True,
    ) -> Array:  # fmt: skip
        """The function applied between all elements along `axis`, from the first on."""
        self._binary("reduce")
        known = _REDUCTIONS.get(self.__name__)
        if known is not None:
            more: dict[str, Any] = {} if initial is NO_VALUE else {"initial": initial}
            if self.__name__ in ("add", "multiply"):
                more["dtype"] = dtype
            elif dtype is not None:
                array = asarray(array, dtype)
            total: Array = known(array, axis, out=out, keepdims=keepdims, where=where, **more)
            return total
        x = asarray(array) if dtype is None else asarray(array, dtype)
        axes = many_axes(self.__name__, axis, x.ndim)
        if len(axes) > 1 and self.__name__ not in _ASSOCIATIVE:
            raise ArgumentError(f"{self.__name__}.reduce: got {len(axes)} axes; it takes one")
        if where is not True:
            x = f.where(where, x, self._neutral(x, initial, "where"))
        for place in reversed(axes):
            x = self._fold(x, place, initial)
        if keepdims:
            x = f.expand_dims(x, axes)
        return store(self.__name__, x, out)

    def _neutral(self, x: Array, initial: Any, why: str) -> Any:
        if initial is not NO_VALUE and initial is not None:
            return initial
        if self.__name__ not in _IDENTITY or self.__name__ in _NO_IDENTITY:
            raise ArgumentError(f"{self.__name__}.reduce: got {why}, and it has no identity")
        return np.asarray(_IDENTITY[self.__name__]).astype(x.dtype.dtype).item()

    def _fold(self, x: Array, place: int, initial: Any) -> Array:
        size = x.shape[place]
        if self.__name__.startswith("logical"):
            x = convert(x, as_dtype(bool))
        if size == 0:
            shape = tuple(n for a, n in enumerate(x.shape) if a != place)
            return f.full(shape, self._neutral(x, initial, "no element"), x.dtype)
        if self.__name__ in _ASSOCIATIVE:
            while size > 1:
                half = size // 2
                front, back = part(x, place, 0, half), part(x, place, half, half)
                rest = [part(x, place, 2 * half, 1)] if size % 2 else []
                x = f.concatenate([self(front, back), *rest], place)
                size = x.shape[place]
            total = f.squeeze(x, place)
        else:
            rows = f.unstack(x, axis=place)
            total = rows[0]
            for row in rows[1:]:
                total = self(total, row)
        return total if initial is NO_VALUE or initial is None else self(initial, total)

    def accumulate(self, array: Any, axis: int = 0, dtype: Any = None, out: Any = None) -> Array:
        """What `reduce` would give, after each element along `axis`."""
        self._binary("accumulate")
        x = asarray(array) if dtype is None else asarray(array, dtype)
        if x.ndim == 0:
            raise DTypeError(f"{self.__name__}.accumulate: got an array without axes")
        if self.__name__ in ("add", "multiply"):
            running = f.cumsum if self.__name__ == "add" else f.cumprod
            return running(x, axis, dtype, out)
        place = one_axis(self.__name__, axis, x.ndim)
        if self.__name__ in _ASSOCIATIVE:
            if self.__name__.startswith("logical"):
                x = convert(x, as_dtype(bool))
            return store(self.__name__, scan(x, place, self), out)
        rows = list(f.unstack(x, axis=place))
        for i in range(1, len(rows)):
            rows[i] = self(rows[i - 1], rows[i])
        return store(self.__name__, f.stack(rows, place) if rows else x, out)

    def reduceat(
        self, array: Any, indices: Any, axis: int = 0, dtype: Any = None, out: Any = None
    ) -> Array:
        """`reduce` over the pieces of `axis` that begin at each index and end before the next."""
        self._binary("reduceat")
        x = asarray(array) if dtype is None else asarray(array, dtype)
        place = one_axis(self.__name__, axis, x.ndim)
        size = x.shape[place]
        begins = [int(i) for i in np.asarray(indices)]
        if any(not 0 <= i < size for i in begins):
            raise BoundsError(f"{self.__name__}.reduceat: got {begins}; they are in 0..{size - 1}")
        ends = [*begins[1:], size]
        parts = [
            self.reduce(part(x, place, b, max(e - b, 1)), place, keepdims=True)
            for b, e in zip(begins, ends, strict=True)
        ]
        return store(self.__name__, f.concatenate(parts, place), out)

    def outer(self, A: Any, B: Any, /, **kwargs: Any) -> Array:
        """The function of every element of A with every element of B."""
        self._binary("outer")
        a, b = asarray(A), asarray(B)
        result: Array = self(f.reshape(a, (*a.shape, *(1,) * b.ndim)), b, **kwargs)
        return result

    def at(self, a: Array, indices: Any, b: Any = None, /) -> None:
        """Apply the function in place at an index, once for each time that a place is named."""
        places = f.reshape(f.arange(a.size), a.shape)[indices]
        flat = f.ravel(places)
        if self.nin == 1:
            for place in flat.tolist():
                key = tuple(int(i) for i in np.unravel_index(place, a.shape))
                a[key] = self(a[key])
            return
        self._binary("at")
        updates = f.ravel(f.broadcast_to(asarray(b), places.shape))
        if self.__name__ in ("add", "subtract"):
            values = convert(updates, a.dtype)
            signed = values if self.__name__ == "add" else f.negative(values)
            a[...] = f.reshape(f.scatter_add(f.ravel(a), flat, signed), a.shape)
            return
        if not casts(f.result_type(a, updates), a.dtype, "same_kind"):
            raise DTypeError(f"{self.__name__}.at: got {updates.dtype} for {a.dtype}")
        for place, update in zip(flat.tolist(), updates, strict=True):
            key = tuple(int(i) for i in np.unravel_index(place, a.shape))
            a[key] = self(a[key], update)


def _fits(shape: tuple[int, ...], target: tuple[int, ...]) -> bool:
    """Whether one shape broadcasts to another."""
    lead = len(target) - len(shape)
    return lead >= 0 and all(m in (1, n) for m, n in zip(shape, target[lead:], strict=True))


def _offered() -> dict[str, Ufunc]:
    """Every name that is a ufunc in NumPy and a function here; aliases are one object."""
    made: dict[Any, Ufunc] = {}
    table: dict[str, Ufunc] = {}
    for name in f.__all__:
        if isinstance(getattr(np, name, None), np.ufunc):
            theirs = getattr(np, name)
            if theirs not in made:
                made[theirs] = Ufunc(name, getattr(f, name))
            table[name] = made[theirs]
    return table


UFUNCS = _offered()
