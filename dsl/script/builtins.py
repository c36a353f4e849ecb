"""What Python's builtins and `math` mean for traced values, in the code that tw.script rewrites.

A number that Python would get (`int(x)`, `x.item()`, `math.sqrt(x)`) becomes a scalar that stands
for one: it takes the dtype of what stands beside it.
"""

from __future__ import annotations

import builtins
import functools
import math
from collections.abc import Callable, Iterable
from typing import Any

from .. import functions as f
from .. import trace as tracing
from ..dtypes import complex128, float64, int64
from ..functions.convert import is_array
from .turns import backwards, counter, enumerated, zipped
from .values import as_number, either, is_staged, negate, truth


def _scalar(what: str, value: Any) -> Any:
    """The only element of a traced array, as a scalar."""
    if value.size != 1:
        raise TypeError(
            f"script: {what} at {tracing.user_source()}: got an array of shape {value.shape}; it "
            "must hold one element"
        )
    return value if value.shape == () else f.reshape(value, ())


def integer(*arguments: Any) -> Any:
    """`int(...)`."""
    if not (len(arguments) == 1 and is_staged(arguments[0])):
        return int(*arguments)
    found = _scalar("int()", arguments[0])
    return as_number(f.trunc(found) if found.dtype.is_float else found, int64)


def floating(*arguments: Any) -> Any:
    """`float(...)`."""
    if not (len(arguments) == 1 and is_staged(arguments[0])):
        return float(*arguments)
    return as_number(_scalar("float()", arguments[0]), float64)


def boolean(*arguments: Any) -> Any:
    """`bool(...)`."""
    return truth(arguments[0], "bool()") if len(arguments) == 1 else bool(*arguments)


def _has_axes(arguments: tuple[Any, ...]) -> bool:
    return is_staged(arguments[0]) and arguments[0].ndim > 0


def _extreme(name: str, better: Callable[[Any, Any], Any], plain: Any) -> Callable[..., Any]:
    def call(*arguments: Any, **options: Any) -> Any:
        values = arguments
        if len(arguments) == 1 and (isinstance(arguments[0], list | tuple) or _has_axes(arguments)):
            values = tuple(arguments[0])
        if options or len(values) < 2 or not any(map(is_staged, values)):
            return plain(*arguments, **options)
        found = values[0]
        for other in values[1:]:
            test = truth(better(other, found), f"{name}()")
            found = f.where(test, other, found) if is_array(test) else (other if test else found)
        return found

    return call


def _any(values: Iterable[Any]) -> Any:
    found: Any = False
    for value in values:
        found = either(found, functools.partial(truth, value, "any()"))
        if found is True:
            return True
    return found if is_array(found) else bool(found)


def _all(values: Iterable[Any]) -> Any:
    return negate(_any(negate(truth(v, "all()")) for v in values))


def _rounded(value: Any, digits: int | None = None) -> Any:
    """`round(...)`: without digits an integer."""
    if not is_staged(value):
        return round(value) if digits is None else round(value, digits)
    if digits is not None:
        return f.round(value, digits)
    found = _scalar("round()", value)
    return as_number(f.round(found) if found.dtype.is_float else found, int64)


def item(array: Any, *index: Any) -> Any:
    """`array.item()` and `array.tolist()` of a traced scalar."""
    found = array[index[0] if len(index) == 1 else index] if index else _scalar("item()", array)
    wide = {"f": float64, "i": int64, "u": int64, "c": complex128}
    return as_number(found, wide.get(found.dtype.kind, found.dtype))


# --------------------------------------------------------------------------- math

_FLOATS = (
    "sqrt", "exp", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinh", "cosh",
    "tanh", "hypot", "fabs", "degrees", "radians", "copysign", "cbrt", "exp2", "isnan", "isinf",
    "isfinite", "fmod",
)  # fmt: skip
_OTHER_NAMES = {
    "asin": "arcsin", "acos": "arccos", "atan": "arctan", "atan2": "arctan2", "asinh": "arcsinh",
    "acosh": "arccosh", "atanh": "arctanh", "pow": "power",
}  # fmt: skip
_WHOLE = ("floor", "ceil", "trunc")


def _mathematical(plain: Callable[..., Any], ours: Callable[..., Any], whole: bool) -> Any:
    """A function of `math`: of Python floats, so in double precision."""

    def call(*arguments: Any) -> Any:
        if not any(map(is_staged, arguments)):
            return plain(*arguments)
        values = [floating(x) if is_staged(x) else float(x) for x in arguments]
        found = ours(*values)
        return as_number(found, int64) if whole else as_number(found)

    return functools.update_wrapper(call, plain)


def _of_math() -> dict[Any, Any]:
    pairs = [(n, n) for n in (*_FLOATS, *_WHOLE)] + list(_OTHER_NAMES.items())
    return {
        getattr(math, theirs): _mathematical(
            getattr(math, theirs), getattr(f, ours), theirs in _WHOLE
        )
        for theirs, ours in pairs
        if hasattr(math, theirs) and hasattr(f, ours)
    }


# What scripted code calls instead, by what the user wrote.
INSTEAD: dict[Any, Any] = {
    builtins.range: counter,
    builtins.zip: zipped,
    builtins.enumerate: enumerated,
    builtins.reversed: backwards,
    builtins.int: integer,
    builtins.float: floating,
    builtins.bool: boolean,
    builtins.min: _extreme("min", lambda x, y: x < y, min),
    builtins.max: _extreme("max", lambda x, y: x > y, max),
    builtins.any: _any,
    builtins.all: _all,
    builtins.round: _rounded,
    **_of_math(),
}
