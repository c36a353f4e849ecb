"""Statements of a phase function, built directly: loops, stores, pointers, int64 arithmetic."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from functools import partial
from typing import Any

from ...dsl.sizes import Dim
from ..tvm_api import PointerType, PrimType, tirx
from ..vocabulary import TirxVocabulary

Expr = Any
Stmt = Any
Buffer = Any
Body = Callable[[Expr], "Statements"]
Statements = Stmt | Sequence["Statements"]


def i64(value: int) -> Expr:
    """An index constant."""
    return tirx.IntImm("int64", value)


def variable(name: str, dtype: str = "int64") -> Expr:
    """A name for a number or a vector."""
    return tirx.Var(name, dtype)


def as_expr(value: Expr | int) -> Expr:
    """A number as an int64 expression."""
    return i64(value) if isinstance(value, int) else value


def lowest(a: Expr, b: Expr | int) -> Expr:
    """The smaller of two numbers."""
    return tirx.min(as_expr(a), as_expr(b))


def highest(a: Expr, b: Expr | int) -> Expr:
    """The larger of two numbers."""
    return tirx.max(as_expr(a), as_expr(b))


def quotient(a: Expr | int, b: Expr | int) -> Expr:
    """`a // b` for non-negative numbers (truncating division is one instruction)."""
    return tirx.truncdiv(as_expr(a), as_expr(b))


def ceil_quotient(a: Expr | int, b: int | Expr) -> Expr:
    """`a / b` rounded up, for non-negative numbers."""
    return quotient(as_expr(a) + (b - 1), b)


def sequence(body: Statements) -> Stmt:
    """Nested lists of statements as one statement."""
    flat = list(_flatten(body))
    if not flat:
        return tirx.Evaluate(i64(0))
    return flat[0] if len(flat) == 1 else tirx.SeqStmt(flat)


def _flatten(body: Statements) -> Iterable[Stmt]:
    if isinstance(body, list | tuple):
        for part in body:
            yield from _flatten(part)
    else:
        yield body


def loop(name: str, start: Expr | int, stop: Expr | int, body: Body, step: int = 1) -> Stmt:
    """`for name in range(start, stop, step)`; with a step, the body gets start + step * i."""
    counter = variable(name)
    extent = as_expr(stop) - as_expr(start)
    if step == 1:
        return _for(counter, as_expr(start), extent, tirx.ForKind.SERIAL, body(counter))
    inside = body(as_expr(start) + counter * step)
    return _for(counter, i64(0), ceil_quotient(extent, step), tirx.ForKind.SERIAL, inside)


def _for(counter: Expr, start: Expr, extent: Expr, kind: Any, body: Statements) -> Stmt:
    return tirx.For(counter, start, extent, kind, sequence(body))


def let(name: str, value: Expr | int, body: Body) -> Statements:
    """`body` with a name for a number (none if it is a constant or a name already).

    The number goes through a cell on the stack, which LLVM removes: tirx's analyser otherwise puts
    what each name stands for into what follows, and takes seconds over nested loops.
    """
    value = as_expr(value)
    if isinstance(value, tirx.Var | tirx.IntImm):
        return body(value)
    var = variable(name)
    cell = tirx.decl_buffer((i64(1),), "int64", f"{name}_cell", scope="local")
    made = tirx.AllocBuffer(cell, {"disable_lower_builtin": tirx.IntImm("bool", 1)})
    return [made, store(cell, value, i64(0)), tirx.Bind(var, load(cell, i64(0))), body(var)]


def when(condition: Expr | bool, then: Statements, otherwise: Statements | None = None) -> Stmt:
    """A branch; one that is known when the kernel is built leaves no trace."""
    if isinstance(condition, bool):
        return sequence(then if condition else otherwise or [])
    other = None if otherwise is None else sequence(otherwise)
    return tirx.IfThenElse(condition, sequence(then), other)


def cases(value: Expr | int, branches: Sequence[tuple[int, Statements]]) -> Stmt:
    """The first branch whose bound is at least `value`; the last one if none is."""
    result = sequence(branches[-1][1])
    for bound, body in reversed(branches[:-1]):
        condition = value <= bound if isinstance(value, int) else as_expr(value) <= bound
        result = when(condition, body, result)
    return result


def load(buffer: Buffer, index: Expr, width: int = 1) -> Expr:
    """The element, or the vector of `width` elements, at `index`."""
    return tirx.BufferLoad(buffer, [_ramp(index, width)])


def masked_load(first: Expr, count: Expr | int, width: int) -> Expr:
    """A vector of which only `count` lanes lie in memory, from the element `first` on; zeros else.
    For processors whose loads take masks."""
    dtype = str(first.ty)
    lane = tirx.Ramp(tirx.const(0, "int32"), tirx.const(1, "int32"), width)
    bound = tirx.const(count, "int32") if isinstance(count, int) else tirx.Cast("int32", count)
    mask = lane < tirx.Broadcast(bound, width)
    return tirx.call_llvm_pure_intrin(
        f"{dtype}x{width}", "llvm.masked.load", tirx.address_of(first), mask, zero(dtype, width)
    )


def store(buffer: Buffer, value: Expr, index: Expr, width: int = 1) -> Stmt:
    """Writes an element, or a vector of `width` elements, at `index`."""
    return tirx.BufferStore(buffer, value, [_ramp(index, width)])


def prefetch(element: Expr) -> Stmt:
    """Asks for the cache line of a buffer's element; any address will do."""
    address = tirx.address_of(element)
    how = [tirx.const(word, "int32") for word in (0, 2, 1)]  # to read, second level, data
    return tirx.Evaluate(tirx.call_llvm_intrin("void", "llvm.prefetch", address, *how))


def _ramp(index: Expr, width: int) -> Expr:
    return index if width == 1 else tirx.Ramp(as_expr(index), i64(1), width)


def splat(value: Expr, width: int) -> Expr:
    """A vector of `width` equal lanes."""
    return value if width == 1 else tirx.Broadcast(value, width)


def cast(value: Expr, dtype: str) -> Expr:
    """A value in another type."""
    return value if str(value.ty) == dtype else tirx.Cast(dtype, value)


def zero(dtype: str, width: int = 1) -> Expr:
    """The zero of a type, as a vector of `width` lanes."""
    return splat(tirx.const(0, dtype), width)


# Sizes of buffers say nothing that code generation needs, and as expressions they slow it down.
_ENDLESS = i64(1 << 40)


class Frame:
    """One phase function while it is built: its pointers, its range and the unknown sizes.

    All phases of a kernel share one parameter list: `pointers` are (name, tirx type) of the
    buffers, then of the scratch areas. `t` is the vocabulary that readers and epilogues speak.
    """

    def __init__(self, pointers: Sequence[tuple[str, str]], names: Sequence[str]) -> None:
        self.begin, self.end = variable("begin"), variable("end")
        self.t = TirxVocabulary({name: variable(name) for name in names})
        self.buffers: dict[str, Buffer] = {}
        self._data: list[Expr] = []
        self._locals: list[Stmt] = []
        for name, dtype in pointers:
            pointer = tirx.Var(name, PointerType(PrimType(dtype)))
            self._data.append(pointer)
            self.buffers[name] = tirx.decl_buffer((_ENDLESS,), dtype, name, data=pointer)

    def __getitem__(self, name: str) -> Buffer:
        return self.buffers[name]

    def size(self, dim: Dim) -> Expr:
        """A size as an int64 expression of the function's parameters."""
        return self.t.size(dim)

    def block(self, body: Callable[[], Statements]) -> Statements:
        """What `body` returns, after the names that readers in it have made."""
        with self.t.block() as names:
            result = body()
        return [names, result]

    def lanes(self, count: int, body: Body) -> Statements:
        """The body for each of `count` lanes of a vector; one by one if it cannot be vectorised."""
        lane = i64(0) if count == 1 else variable("lane")
        self.t.scalar_only = False
        if count == 1:
            return self.block(lambda: body(lane))
        with self.t.vector(lane, count):
            inside = self.block(lambda: body(lane))
        kinds = tirx.ForKind
        kind = kinds.SERIAL if self.t.scalar_only else kinds.VECTORIZED
        return _for(lane, i64(0), i64(count), kind, inside)

    def local(self, name: str, dtype: str, size: int) -> Buffer:
        """A small array on the stack, or in registers if all indices are constants."""
        buffer = tirx.decl_buffer((i64(size),), dtype, name, scope="local")
        on_stack = {"disable_lower_builtin": tirx.IntImm("bool", 1)}
        self._locals.append(tirx.AllocBuffer(buffer, on_stack))
        return buffer

    def function(self, symbol: str, body: Statements) -> Any:
        """The finished function under the plain C ABI."""
        parameters = [*self._data, self.begin, self.end, *self.t.sizes.values()]
        pairs = zip(self.buffers.values(), self._data, strict=True)
        declared = [tirx.DeclBuffer(buffer, data=data) for buffer, data in pairs]
        made = tirx.PrimFunc(parameters, sequence([declared, self._locals, body]), ret_type=None)
        attributes = {
            "global_symbol": symbol,
            "tirx.noalias": True,
            "calling_conv": 0,
            "tirx.is_entry_func": False,
        }
        return made.with_attr(attributes)


def run(
    frame: Frame,
    start: Expr | int,
    stop: Expr,
    width: int,
    body: Body,
    before: Body | None = None,
) -> Statements:
    """`body(i)` for a range known at run time: whole vectors (each after `before(i)`), then one
    by one."""

    def vector(at: Expr) -> Statements:
        main = frame.lanes(width, lambda lane: body(at + lane))
        return main if before is None else [frame.block(lambda: before(at)), main]

    def parts(first: Expr, done: Expr) -> Statements:
        rest = loop("j", done, stop, lambda j: frame.block(lambda: body(j)))
        return [loop("j", first, done, vector, width), rest]

    def named(first: Expr) -> Statements:
        last = first + quotient(stop - first, width) * width
        return let("whole", last, lambda done: parts(first, done))

    return let("first", start, named)


def pieces(frame: Frame, start: int, count: int, width: int, body: Body) -> Statements:
    """`body(i)` for `count` elements by vectors as wide as fit: 40 = 16 + 16 + 8."""
    made: list[Statements] = []

    def vector(at: Expr, lanes: int) -> Statements:
        return frame.lanes(lanes, lambda lane: body(at + lane))

    done = count // width * width
    if done:
        made.append(loop("j", start, start + done, partial(vector, lanes=width), width))
    while done < count:
        width //= 2
        if width <= count - done:
            made.append(vector(i64(start + done), width))
            done += width
    return made
