"""The operators' Python path: what the native fast path does not take.

It handles promotion, Python scalars, foreign arrays, staged and taped operands, and operators that
write in place.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import eager, eager_device, example, record
from . import trace as tracing
from .device import following
from .dispatch import dispatched
from .dtypes import DType
from .errors import DTypeError, ShapeError, ValueNeededError
from .functions import arithmetic, linear, logic
from .functions.convert import convert
from .primitive import REGISTRY

if TYPE_CHECKING:
    from .array import Array

_BINARY: dict[str, Callable[[Any, Any], Any]] = {
    "add": arithmetic.add,
    "sub": arithmetic.subtract,
    "mul": arithmetic.multiply,
    "truediv": arithmetic.divide,
    "floordiv": arithmetic.floor_divide,
    "mod": arithmetic.remainder,
    "pow": arithmetic.power,
    "matmul": linear.matmul,
    "and": logic.bitwise_and,
    "or": logic.bitwise_or,
    "xor": logic.bitwise_xor,
    "lshift": logic.left_shift,
    "rshift": logic.right_shift,
    "lt": logic.less,
    "le": logic.less_equal,
    "eq": logic.equal,
    "ne": logic.not_equal,
    "gt": logic.greater,
    "ge": logic.greater_equal,
}
_UNARY: dict[str, Callable[[Any], Any]] = {
    "neg": arithmetic.negative,
    "pos": arithmetic.positive,
    "abs": arithmetic.absolute,
    "invert": logic.invert,
}
# Operators that are one primitive for dtypes of these kinds. `**` is not: it has special cases.
_DIRECT = {
    "add": ("add", "iufc"),
    "sub": ("sub", "iufc"),
    "mul": ("mul", "iufc"),
    "truediv": ("div", "fc"),
    "floordiv": ("floordiv", "iuf"),
    "mod": ("mod", "iuf"),
    "and": ("bitwise_and", "biu"),
    "or": ("bitwise_or", "biu"),
    "xor": ("bitwise_xor", "biu"),
    "lt": ("lt", "biufc"),
    "le": ("le", "biufc"),
    "eq": ("eq", "biufc"),
    "ne": ("ne", "biufc"),
    "gt": ("gt", "biufc"),
    "ge": ("ge", "biufc"),
}
_DEVICE: dict[str, Callable[[Any, Any], Any]] = {
    "contiguous": lambda x, _: eager_device.contiguous(x),
    "write": eager_device.write,
}  # what the core asks for where it cannot touch the memory
_known_fast: set[tuple[str, DType, bool]] = set()  # by the mode, too
_PYTHON: dict[str, type] = {
    "bool": bool, "int": int, "float": float, "index": int, "complex": complex,
}  # fmt: skip


@following
def binary_slow(op: str, a: Any, b: Any) -> Any:
    """Apply an operator by name; NotImplemented for operands that are no arrays."""
    if op in _DEVICE:
        return _DEVICE[op](a, b)
    if op in _PYTHON:
        return to_python(op, a)
    if op in _UNARY:
        return _UNARY[op](a)
    if not (_is_operand(a) and _is_operand(b)):
        return NotImplemented
    function = _BINARY.get(op)
    if function is None:
        return _in_place(op, a, b)
    result = function(a, b)
    _speed_up(op, a, b)
    return result


def set_operators() -> None:
    """Tell the core what its operators call where they have no kernel of their own."""
    for op, function in (_BINARY | _UNARY).items():
        operator = functools.partial(binary_slow, op)
        slow = operator if op in _BINARY else functools.partial(_unary_slow, op)
        _native.set_operator_function(op, dispatched(function, slow))


def _unary_slow(op: str, a: Any) -> Any:
    return binary_slow(op, a, None)


def _speed_up(op: str, a: Any, b: Any) -> None:
    """Let the native core do this operator on this dtype by itself from now on, where the
    operator is one primitive there."""
    x = a if isinstance(a, _native.Cell) else b
    name, kinds = _DIRECT.get(op, ("", ""))
    if (
        tracing.current() is not None
        or not isinstance(x, _native.Cell)
        or x.dtype.kind not in kinds
    ):
        return
    if x._device:
        return
    known = (op, x.dtype, _native.reproducible())
    if known not in _known_fast:
        _known_fast.add(known)
        kernel = eager.map_kernel(REGISTRY[name], (x.dtype, x.dtype), {})
        _native.set_operator(op, x.dtype.code, kernel)


_OPERANDS = (_native.Cell, bool, int, float, complex, np.ndarray, np.generic, list, tuple)


def _is_operand(x: Any) -> bool:
    return isinstance(x, _OPERANDS)


def _in_place(op: str, target: Array, other: Any) -> Array:
    """`target op= other`: computed, then written through the cell (a view writes its base)."""
    result: Array = _BINARY[op[1:]](target, other)
    if result.shape != target.shape:
        raise ShapeError(
            f"{op}: got {target.shape} and {result.shape}; the result must fit the array that is "
            "written"
        )
    if not _same_kind(result.dtype, target.dtype):
        raise DTypeError(f"{op}: got a result of {result.dtype} for an array of {target.dtype}")
    record.write(target, convert(result, target.dtype))
    return target


def _same_kind(source: DType, target: DType) -> bool:
    """NumPy's rule of what an operator in place may convert."""
    rank = {"b": 0, "u": 1, "i": 2, "f": 3, "c": 4}
    return rank[source.kind] <= rank[target.kind]


def to_python(op: str, x: Array) -> Any:
    """bool(x), int(x), float(x), or x as an index."""
    known = example.value_of(op, x)
    if known is x:
        require_known(x, op)
    x = known
    if x.ndim and op != "bool":
        raise DTypeError(f"{op}: got an array of shape {x.shape}; it must have no axes")
    if x.size != 1:
        raise ShapeError(f"{op}: got an array of shape {x.shape}; it must hold one element")
    if op == "index" and not x.dtype.is_integer:
        raise DTypeError(f"index: got an array of {x.dtype}; it must be an integer")
    return _PYTHON[op](_native.item(x))


def is_known(x: Array) -> bool:
    """Whether a value may be read now: a captured array is an input of the program being traced,
    so its value of today must not be frozen into it."""
    return not record.is_tracing() and x._is_concrete


def require_text(x: Array) -> None:
    """Raise ValueNeededError where an array would be written before the program has its value."""
    if not is_known(x):
        raise ValueNeededError(
            f"str: got a traced {x.dtype}{x.shape}, whose text would be made once, when the "
            "function is traced; tw.debug.print writes it each time the program runs"
        )


def require_known(x: Array, op: str) -> None:
    """Raise TraceError for a value that a staged program will only know when it runs."""
    if is_known(x):
        return
    what = "an array of the program's state," if x._is_concrete else "a traced"
    raise ValueNeededError(
        f"{op}: got {what} {x.dtype}{x.shape}, known only when the program runs, at "
        f"{tracing.user_source()}; stage the function with tw.script, choose with tw.cond or "
        "tw.where, or return it"
    )
