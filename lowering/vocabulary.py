"""The vocabulary of `lower` rules over tirx.

Elements are scalar expressions: bool as tirx bool, float16 and bfloat16 as float32 expressions
that hold half values (`rounded` brings the result of each rule back to one), the rest as they are.
A complex element is a `Complex` of two such expressions, and lies in memory as two floats.
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
from .calls import CALLS, float_constant, not_equal, type_of, zero
from .math.complex import Complex
from .math.complex import call as call_complex
from .tvm_api import structural_walk, tirx
from .wrapping import wrapping

_HALF = (float16, bfloat16)
CELL = "cell"  # the name of cells in memory that names stand for (see `_through_cell`)


def int64(value: int) -> Expr:
    """An index constant; all index arithmetic is in 64 bits."""
    return tirx.IntImm("int64", value)


def computed(dtype: DType) -> str:
    """The tirx type in which elements of `dtype` are computed."""
    return "float32" if dtype in _HALF else dtype.name


def stored(dtype: DType) -> str:
    """The tirx type of a buffer of `dtype`."""
    return {"bool": "uint8", "bfloat16": "uint16"}.get(dtype.name, dtype.real.name)


def elements(dtype: DType, count: Dim) -> Dim:
    """How many elements of its tirx type a buffer of `count` elements has."""
    return count * 2 if dtype.is_complex else count


MOST_TERMS = 8  # of a position that is written out wherever it is used


class TirxVocabulary:
    """Implements `dsl.primitive.Vocabulary`; `sizes` maps unknown sizes to their parameters.

    `plain_loops` says that LLVM is to vectorise the kernel; `scalar_only` is set by functions that
    tirx cannot vectorise: the loop is then a serial one. `usual` is set while a rule is evaluated
    for arguments that were seen to be usual ones (schedules/guarded.py).
    """

    def __init__(self, sizes: dict[str, Any]) -> None:
        self.sizes = sizes
        self.blocks: list[list[Any]] = []
        self.scalar_only = False
        self.usual = False
        self.plain_loops = False
        self.lane: tuple[Expr, int] | None = None
        self._lane_level = 0  # of the block in which the vector loop stands
        self._lane_names: list[Any] = []
        self._unwrapped: frozenset[str] | None = None

    # ------------------------------------------------------------------ Vocabulary

    def const(self, value: bool | int | float | complex, dtype: DType) -> Expr:
        if dtype.is_complex:
            whole = complex(value)
            return Complex(self, *(self.const(p, dtype.real) for p in (whole.real, whole.imag)))
        assert not isinstance(value, complex), f"{dtype} has no complex constants"
        if dtype is bool_:
            return tirx.const(bool(value), "bool")
        if not dtype.is_float:
            wrapped = np.array(int(value)).astype(to_numpy(dtype), casting="unsafe")
            return tirx.const(int(wrapped), dtype.name)
        rounded = float(np.array(value, to_numpy(dtype)).astype(np.float64))
        return float_constant(rounded, computed(dtype))

    def cast(self, x: Expr, dtype: DType) -> Expr:
        if isinstance(x, Complex):
            return self._cast_complex(x, dtype)
        if dtype.is_complex:
            return Complex(self, self.cast(x, dtype.real), self.const(0, dtype.real))
        if dtype is bool_:
            return x if type_of(x) == "bool" else not_equal(x, zero(type_of(x)))
        if type_of(x) == "bool":
            return tirx.Select(x, self.const(1, dtype), self.const(0, dtype))
        if dtype.kind == "u" and type_of(x).startswith("float"):
            x = tirx.Cast("int64", x) if dtype.bits < 64 else x
        converted = x if type_of(x) == computed(dtype) else tirx.Cast(computed(dtype), x)
        return self.rounded(converted, dtype)

    def _cast_complex(self, x: Complex, dtype: DType) -> Expr:
        if dtype is bool_:
            return tirx.Or(*(self.cast(part, bool_) for part in x.parts))
        if dtype.is_complex:
            return x.map(lambda part: self.cast(part, dtype.real))
        return self.cast(x.real, dtype)

    def select(self, condition: Expr, x: Expr, y: Expr) -> Expr:
        if isinstance(x, Complex):
            condition = self.let(condition)
            pairs = zip(x.parts, y.parts, strict=True)
            return Complex(self, *(tirx.Select(condition, a, b) for a, b in pairs))
        return tirx.Select(condition, x, y)

    def complex(self, real: Expr, imag: Expr) -> Expr:
        return Complex(self, real, imag)

    def call(self, name: str, *args: Expr) -> Expr:
        """A function of the vocabulary by name."""
        if args and isinstance(args[0], Complex):
            return call_complex(self, name, *args)
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
        outside = self.lane, self._lane_level, self._lane_names
        self.lane, self._lane_level, self._lane_names = (lane, count), len(self.blocks), [lane]
        try:
            yield
        finally:
            self.lane, self._lane_level, self._lane_names = outside

    @contextmanager
    def for_all_lanes(self, *positions: Expr) -> Iterator[None]:
        """What is computed inside is computed before the vector loop, once, if it depends on these
        positions alone and they are the same for all lanes."""
        level, blocks = self._lane_level, self.blocks
        if self.lane is None or len(blocks) != level + 1 or any(map(self._differs, positions)):
            yield
            return
        lane, self.lane, self.blocks = self.lane, None, blocks[:level]
        try:
            yield
        finally:
            self.lane, self.blocks = lane, blocks

    def _differs(self, x: Expr) -> bool:
        """Whether an expression may differ from lane to lane."""
        found: list[Any] = []
        structural_walk(x, (tirx.Var, found.append))
        return any(v.same_as(name) for v in found for name in self._lane_names)

    def let(self, x: Expr) -> Expr:
        """Name a value, so that its uses do not copy the expression."""
        if isinstance(x, Complex):
            return x.named()
        if isinstance(x, tirx.Var | tirx.IntImm | tirx.FloatImm) or not self.blocks:
            return x
        if self.lane is not None and _steps_with(x, self.lane[0]):
            return x  # lanes that are neighbours in memory must be seen to be
        if self._unwrapped is not None:
            x = wrapping(x, self._unwrapped)
        if type_of(x) == "bool":  # TVM fails on names for vectors of comparisons
            x = tirx.Select(x, tirx.const(1, "int8"), tirx.const(0, "int8"))
            return tirx.NE(self.let(x), tirx.const(0, "int8"))
        if type_of(x) != "int64":
            x = self._through_cell(x)
        name = tirx.Var("v", type_of(x))
        self.blocks[-1].append(tirx.Bind(name, x))
        if self.lane is not None:
            self._lane_names.append(name)
        return name

    def _through_cell(self, x: Expr) -> Expr:
        """x by way of a local cell, which LLVM removes.

        tirx's analysers put the values of names back into later values, in exponential time where
        each name is used twice; they do not look through memory. Indices (int64) they should see.
        """
        at, size = self.lane or (int64(0), 1)
        cell = tirx.decl_buffer((int64(size),), type_of(x), CELL, scope="local", layout=None)
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
        if isinstance(value, tuple):
            return tuple(_wrapping(v, but) for v in value)
        return _wrapping(value, but)

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

    def load(self, buffer: Any, at: Expr, dtype: DType) -> Expr:
        """The element at a position of a buffer."""
        if not dtype.is_complex:
            return self.load_cast(tirx.BufferLoad(buffer, [at]), dtype)
        first = at * int64(2)
        return Complex(self, *(tirx.BufferLoad(buffer, [first + int64(i)]) for i in (0, 1)))

    def store(self, buffer: Any, at: Expr, x: Expr, dtype: DType) -> None:
        """Put an element at a position of a buffer."""
        if not dtype.is_complex:
            self.emit(tirx.BufferStore(buffer, self.store_cast(x, dtype), [at]))
            return
        first = at * int64(2)
        for i, part in enumerate(self.let(self.cast(x, dtype)).parts):
            self.emit(tirx.BufferStore(buffer, part, [first + int64(i)]))

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


def _wrapping(x: Expr, but: frozenset[str]) -> Expr:
    return x if isinstance(x, Complex) else wrapping(x, but)


def _steps_with(x: Expr, lane: Expr) -> bool:
    """Whether a position is a sum of names and numbers, the lane of a vector among them."""
    terms, pending = [], [x]
    while pending:
        part = pending.pop()
        if isinstance(part, tirx.Add | tirx.Sub):
            pending += [part.a, part.b]
        elif isinstance(part, tirx.Mul) and isinstance(part.b, tirx.IntImm):
            pending.append(part.a)
        elif isinstance(part, tirx.Var | tirx.IntImm):
            terms.append(part)
        else:
            return False
    return any(term is lane or lane.same_as(term) for term in terms) and len(terms) <= MOST_TERMS
