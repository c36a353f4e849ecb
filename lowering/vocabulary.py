"""The vocabulary of `lower` rules over tirx.

Elements are scalar expressions: bool as tirx bool, float16 and bfloat16 as float32 expressions
that hold half values (`rounded` brings the result of each rule back to one), the rest as they are.
Intermediate values are named by `Bind` statements of the open block, so that an expression stays
a tree of small size. tirx folds `x * 0` and `x + 0` also for floats, so zeros are hidden from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np

from ..dsl.dtypes import DType, bfloat16, bool_, float16, to_numpy
from ..dsl.primitive import Expr
from ..dsl.sizes import Dim, Size
from . import math
from .tvm_api import tirx
from .wrapping import wrapping

_HALF = (float16, bfloat16)
CELL = "cell"  # the name of cells in memory that names stand for (see `_through_cell`)


def type_of(x: Expr) -> str:
    """The tirx type of an expression."""
    return str(x.ty)


def int64(value: int) -> Expr:
    """An index constant; all index arithmetic is in 64 bits."""
    return tirx.IntImm("int64", value)


def computed(dtype: DType) -> str:
    """The tirx type in which elements of `dtype` are computed."""
    return "float32" if dtype in _HALF else dtype.name


def stored(dtype: DType) -> str:
    """The tirx type of a buffer of `dtype`."""
    return {"bool": "uint8", "bfloat16": "uint16"}.get(dtype.name, dtype.name)


class TirxVocabulary:
    """Implements `dsl.primitive.Vocabulary`; `sizes` maps unknown sizes to their parameters.

    `scalar_only` is set by functions that tirx cannot vectorise: the loop is then a serial one.
    `near_angles` is set while code is made for angles that math/trigonometric.py calls near.
    """

    def __init__(self, sizes: dict[str, Any]) -> None:
        self.sizes = sizes
        self.blocks: list[list[Any]] = []
        self.scalar_only = False
        self.near_angles = False
        self.lane: tuple[Expr, int] | None = None
        self._unwrapped: frozenset[str] | None = None

    # ------------------------------------------------------------------ Vocabulary

    def const(self, value: bool | int | float, dtype: DType) -> Expr:
        if dtype is bool_:
            return tirx.const(bool(value), "bool")
        if not dtype.is_float:
            wrapped = np.array(int(value)).astype(to_numpy(dtype), casting="unsafe")
            return tirx.const(int(wrapped), dtype.name)
        rounded = float(np.array(value, to_numpy(dtype)).astype(np.float64))
        return float_constant(rounded, computed(dtype))

    def cast(self, x: Expr, dtype: DType) -> Expr:
        if dtype is bool_:
            return x if type_of(x) == "bool" else not_equal(x, zero(type_of(x)))
        if type_of(x) == "bool":
            return tirx.Select(x, self.const(1, dtype), self.const(0, dtype))
        if dtype.kind == "u" and type_of(x).startswith("float"):
            x = tirx.Cast("int64", x) if dtype.bits < 64 else x
        converted = x if type_of(x) == computed(dtype) else tirx.Cast(computed(dtype), x)
        return self.rounded(converted, dtype)

    def select(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        return tirx.Select(condition, x, y)

    def call(self, name: str, *args: Expr) -> Expr:
        """A function of the vocabulary by name."""
        found = CALLS.get(name)
        if found is None:
            raise KeyError(f"vocabulary: there is no function {name}")
        return found(self, *args)

    def size(self, dim: Dim) -> Expr:
        if not isinstance(dim, Size):
            return int64(dim)
        total: Expr = None
        for monomial, coefficient in dim.terms:
            term: Expr = int64(coefficient)
            for atom in monomial:
                term = term * self._atom(atom)
            total = term if total is None else total + term
        return total

    def _atom(self, atom: Any) -> Expr:
        if atom.op == "name":
            return self.sizes[atom.name]
        a, b = map(self.size, atom.args)
        return {"floordiv": tirx.truncdiv, "min": tirx.Min, "max": tirx.Max}[atom.op](a, b)

    # ------------------------------------------------------------------ blocks and names

    @contextmanager
    def block(self) -> Iterator[list[Any]]:
        """A new list of statements; `let` and stores go to the innermost one."""
        self.blocks.append([])
        try:
            yield self.blocks[-1]
        finally:
            self.blocks.pop()

    @contextmanager
    def vector(self, lane: Expr, count: int) -> Iterator[None]:
        """Inside, a loop over `lane` will be vectorised; `let` must know of each such loop."""
        outside, self.lane = self.lane, (lane, count)
        try:
            yield
        finally:
            self.lane = outside

    def let(self, x: Expr) -> Expr:
        """Name a value, so that its uses do not copy the expression."""
        if isinstance(x, tirx.Var | tirx.IntImm | tirx.FloatImm) or not self.blocks:
            return x
        if self._unwrapped is not None:
            x = wrapping(x, self._unwrapped)
        if type_of(x) == "bool":  # TVM fails on names for vectors of comparisons
            x = tirx.Select(x, tirx.const(1, "int8"), tirx.const(0, "int8"))
            return tirx.NE(self.let(x), tirx.const(0, "int8"))
        if type_of(x) != "int64":
            x = self._through_cell(x)
        name = tirx.Var("v", type_of(x))
        self.blocks[-1].append(tirx.Bind(name, x))
        return name

    def _through_cell(self, x: Expr) -> Expr:
        """x by way of a local cell, which LLVM removes.

        tirx's analysers put the values of names back into later values, in exponential time where
        each name is used twice; they do not look through memory. Indices (int64) they should see.
        """
        at, size = self.lane or (int64(0), 1)
        cell = tirx.decl_buffer((int64(size),), type_of(x), CELL, scope="local")
        builtin = {"disable_lower_builtin": tirx.IntImm("bool", 1)}
        self.blocks[-1].append(tirx.AllocBuffer(cell, builtin))
        self.blocks[-1].append(tirx.BufferStore(cell, x, [at]))
        return tirx.BufferLoad(cell, [at])

    def evaluate(self, rule: Callable[[], Any], but: frozenset[str] = frozenset()) -> Any:
        """What a rule returns (an expression or several), with integers that wrap."""
        outside, self._unwrapped = self._unwrapped, but
        try:
            value = rule()
        finally:
            self._unwrapped = outside
        many = isinstance(value, tuple)
        return tuple(wrapping(v, but) for v in value) if many else wrapping(value, but)

    def emit(self, statement: Any) -> None:
        """Append a statement to the innermost block."""
        self.blocks[-1].append(statement)

    # ------------------------------------------------------------------ half types and storage

    def stored(self, dtype: DType) -> str:
        """The tirx type of a buffer of `dtype`."""
        return stored(dtype)

    def rounded(self, x: Expr, dtype: DType) -> Expr:
        """A float32 expression rounded to a half type, still as float32."""
        if dtype not in _HALF:
            return x
        return self.load_cast(self.store_cast(x, dtype), dtype)

    def load_cast(self, raw: Expr, dtype: DType) -> Expr:
        """What a buffer holds -> an element."""
        if dtype is bool_:
            return tirx.NE(raw, tirx.const(0, "uint8"))
        if dtype is float16:
            return tirx.Cast("float32", raw)
        if dtype is bfloat16:
            wide = tirx.Cast("uint32", raw)
            return tirx.reinterpret("float32", tirx.shift_left(wide, tirx.const(16, "uint32")))
        return raw

    def store_cast(self, x: Expr, dtype: DType) -> Expr:
        """An element -> what a buffer holds, rounded to nearest even."""
        if dtype is bool_:
            x = self.cast(x, bool_)
            return tirx.Select(x, tirx.const(1, "uint8"), tirx.const(0, "uint8"))
        if dtype is float16:
            return self.let(tirx.Cast("float16", x))
        if dtype is bfloat16:
            return self._to_bfloat16(x)
        return x if type_of(x) == dtype.name else tirx.Cast(dtype.name, x)

    def _to_bfloat16(self, x: Expr) -> Expr:
        def u(value: int) -> Expr:
            return tirx.const(value, "uint32")

        x = self.let(x)
        bits = self.let(tirx.reinterpret("uint32", x))
        odd = tirx.bitwise_and(tirx.shift_right(bits, u(16)), u(1))
        nearest = tirx.shift_right(bits + (odd + u(0x7FFF)), u(16))
        quiet = tirx.bitwise_or(tirx.shift_right(bits, u(16)), u(0x40))
        return self.let(tirx.Cast("uint16", tirx.Select(not_equal(x, x), quiet, nearest)))


def float_constant(value: float, dtype: str) -> Expr:
    """A float constant; a zero is hidden in a call, so that tirx folds nothing into it."""
    imm = tirx.FloatImm(dtype, value)
    if value != 0:
        return imm
    name = "llvm.trunc" if np.signbit(value) else "llvm.fabs"
    return tirx.call_llvm_pure_intrin(dtype, name, imm)


def not_equal(a: Expr, b: Expr) -> Expr:
    """a != b; for floats LLVM would be given the comparison that is false for nan."""
    return tirx.Not(tirx.EQ(a, b)) if _is_float(a) else tirx.NE(a, b)


def zero(dtype: Any) -> Expr:
    """The zero of a tirx type."""
    name = str(dtype)
    return float_constant(0.0, name) if name.startswith("float") else tirx.const(0, name)


# --------------------------------------------------------------------------- functions

Function = Callable[..., Expr]


def _is_float(x: Expr) -> bool:
    return type_of(x).startswith("float")


def _llvm(name: str) -> Function:
    return lambda t, *xs: tirx.call_llvm_pure_intrin(type_of(xs[0]), f"llvm.{name}", *xs)


def _logical(on_bool: Function, on_bits: Function) -> Function:
    return lambda t, *xs: (on_bool if type_of(xs[0]) == "bool" else on_bits)(*xs)


def _neg(t: TirxVocabulary, x: Expr) -> Expr:
    # 0 - x would lose the sign of zero
    return x * tirx.FloatImm(type_of(x), -1.0) if _is_float(x) else zero(type_of(x)) - x


def _abs(t: TirxVocabulary, x: Expr) -> Expr:
    if _is_float(x):
        return _llvm("fabs")(t, x)
    x = t.let(x)
    return tirx.Select(x < zero(type_of(x)), zero(type_of(x)) - x, x)


def _extremum(compare: Function) -> Function:
    def function(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
        if type_of(a) == "bool":
            return (tirx.Or if compare is tirx.GT else tirx.And)(a, b)
        a, b = t.let(a), t.let(b)
        first = compare(a, b)
        return tirx.Select(tirx.Or(first, not_equal(a, a)) if _is_float(a) else first, a, b)

    return function


def _copysign(t: TirxVocabulary, x: Expr, y: Expr) -> Expr:
    return _llvm("copysign")(t, x, y)


def _bitcast(t: TirxVocabulary, x: Expr, dtype: DType) -> Expr:
    return tirx.reinterpret(dtype.name, x)


def _rsqrt(t: TirxVocabulary, x: Expr) -> Expr:
    return tirx.Div(tirx.FloatImm(type_of(x), 1.0), _llvm("sqrt")(t, x))


def _compare(build: Function) -> Function:
    def function(t: TirxVocabulary, a: Expr, b: Expr) -> Expr:
        if type_of(a) == "bool":
            a, b = (tirx.Cast("uint8", x) for x in (a, b))
        return build(a, b)

    return function


def _elementary(name: str) -> Function:
    # looked up at the call: a function of ours if there is one, else LLVM's
    def function(t: TirxVocabulary, *xs: Expr) -> Expr:
        own = getattr(math, name, None)
        return own(t, *(t.let(x) for x in xs)) if own else _llvm(name)(t, *xs)

    return function


_ELEMENTARY = (
    "exp", "exp2", "expm1", "log", "log2", "log10", "log1p", "sin", "cos", "tan", "sinc",
    "asin", "acos", "atan", "atan2", "sinh", "cosh", "tanh", "asinh", "acosh", "atanh",
    "sigmoid", "erf", "pow", "cbrt", "hypot", "ldexp", "mantissa", "exponent", "gcd", "bit_count",
    "fmod", "i0", "i1",
)  # fmt: skip

CALLS: dict[str, Function] = {
    **{name: _elementary(name) for name in _ELEMENTARY},
    **{name: _llvm(name) for name in ("floor", "ceil", "trunc", "sqrt", "fma")},
    "round": _llvm("rint"),
    "rsqrt": _rsqrt,
    "neg": _neg,
    "abs": _abs,
    "maximum": _extremum(tirx.GT),
    "minimum": _extremum(tirx.LT),
    "copysign": _copysign,
    "signbit": lambda t, x: _copysign(t, tirx.FloatImm(type_of(x), 1.0), x) < zero(type_of(x)),
    "div": lambda t, a, b: tirx.Div(a, b),
    "floordiv": lambda t, a, b: tirx.floordiv(a, b),
    "mod": lambda t, a, b: tirx.floormod(a, b),
    "truncmod": lambda t, a, b: tirx.truncmod(a, b),
    "index_div": lambda t, a, b: tirx.truncdiv(a, b),
    "index_mod": lambda t, a, b: tirx.truncmod(a, b),
    "bitwise_and": _logical(tirx.And, tirx.bitwise_and),
    "bitwise_or": _logical(tirx.Or, tirx.bitwise_or),
    "bitwise_xor": _logical(
        lambda a, b: tirx.NE(tirx.Cast("uint8", a), tirx.Cast("uint8", b)), tirx.bitwise_xor
    ),
    "bitwise_not": _logical(tirx.Not, tirx.bitwise_not),
    "shl": lambda t, a, b: tirx.shift_left(a, b),
    "shr": lambda t, a, b: tirx.shift_right(a, b),
    "eq": _compare(tirx.EQ),
    "ne": _compare(not_equal),
    "lt": _compare(tirx.LT),
    "le": _compare(tirx.LE),
    "gt": _compare(tirx.GT),
    "ge": _compare(tirx.GE),
    "isnan": lambda t, x: not_equal(x, x) if _is_float(x) else tirx.const(False, "bool"),
    "bitcast": _bitcast,
    "nextafter": lambda t, x, y, dtype: math.nextafter(t, t.let(x), t.let(y), dtype),
    "let": lambda t, x: t.let(x),
}
