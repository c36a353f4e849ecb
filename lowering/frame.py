"""The frame of a kernel: parameters, buffers, scratch, and the functions of its phases."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from ..dsl.graph import Var
from ..dsl.primitive import Expr
from ..dsl.sizes import Dim, Size, symbols
from .fusion import Group
from .kernel import BufferSpec, KernelSource, Phase, ScratchSpec
from .readers import Memory, Scope, Source, sequence
from .tvm_api import PointerType, PrimType, tirx
from .vocabulary import TirxVocabulary, elements, int64

_ATTRS = {"tirx.noalias": True, "calling_conv": 0, "tirx.is_entry_func": False}

_ON_STACK = {"disable_lower_builtin": tirx.IntImm("bool", 1)}


@dataclass(frozen=True)
class Area:
    """A scratch area of `size` elements of a tirx type."""

    name: str
    dtype: str
    size: Dim
    per_thread: bool = True

    @property
    def bytes(self) -> Dim:
        return self.size * (int("".join(filter(str.isdigit, self.dtype))) // 8)


@dataclass
class Frame:
    """What a schedule writes one phase in: `with frame.scope.block() as body: ...`."""

    t: TirxVocabulary
    scope: Scope
    buffers: dict[Var, Any]
    scratch: dict[str, Any]
    parameters: list[Any]
    declarations: list[Any] = field(default_factory=list)
    windows: dict[Var, tuple[Any, Expr]] = field(default_factory=dict)

    def store(self, var: Var, value: Expr, offset: Expr) -> None:
        """Put an element of `var` into its output buffer; or, while there is one, into a window of
        it: a buffer of its own that begins at some element."""
        if var in self.windows:
            buffer, start = self.windows[var]
            self.t.store(buffer, offset - start, value, var.aval.dtype)
            return
        self.t.store(self.buffers[var], offset, value, var.aval.dtype)

    def local(self, name: str, dtype: str, size: int) -> Any:
        """A small array on the stack (registers, where LLVM can)."""
        buffer = tirx.decl_buffer((int64(size),), dtype, name, scope="local")
        self.declarations.append(tirx.AllocBuffer(buffer, _ON_STACK))
        return buffer


@dataclass
class RangeFrame(Frame):
    """A phase over a range [begin, end) of units."""

    begin: Any = None
    end: Any = None


class KernelFrame:
    """Collects the phases of one kernel for a fusion group."""

    vocabulary: type[TirxVocabulary] = TirxVocabulary

    def __init__(self, name: str, group: Group, areas: tuple[Area, ...] = ()) -> None:
        self.name = name
        self.group = group
        self.areas = areas
        self.phases: list[Phase] = []
        dims = [d for v in group.vars for d in v.aval.shape]
        extra = [a.size for a in areas] + [d for n in group.nodes for d in sizes_in(n.params)]
        self.sizes = tuple(sorted(set().union(*map(symbols, [*dims, *extra, 0]))))

    def open(self) -> RangeFrame:
        """A fresh frame: variables are not shared between functions."""
        begin, end = tirx.Var("begin", "int64"), tirx.Var("end", "int64")
        made = self.parts(begin, end)
        return RangeFrame(**vars(made), begin=begin, end=end)

    def parts(self, *between: Any) -> Frame:
        """A frame whose parameters are pointers, those `between`, and the unknown sizes."""
        sizes = {name: tirx.Var(name, "int64") for name in self.sizes}
        t = self.vocabulary(sizes)
        t.plain_loops = _is_light(self.group)
        frame_vars = (*self.group.inputs, *self.group.outputs)
        pointers, buffers, declared = [], {}, []
        for i, var in enumerate(frame_vars):
            size = t.size(elements(var.aval.dtype, var.aval.size))
            pointer, buffer = _pointer(f"p{i}", t.stored(var.aval.dtype), size)
            pointers.append(pointer)
            declared.append(tirx.DeclBuffer(buffer, data=pointer))
            buffers[var] = buffer
        scratch = {}
        for area in self.areas:
            pointer, scratch[area.name] = _pointer(area.name, area.dtype, t.size(area.size))
            pointers.append(pointer)
            declared.append(tirx.DeclBuffer(scratch[area.name], data=pointer))
        sources: dict[Var, Source] = {v: Memory(t, v, buffers[v]) for v in self.group.inputs}
        scope = Scope(t, self.group.nodes, sources)
        parameters = [*pointers, *between, *sizes.values()]
        return Frame(t, scope, buffers, scratch, parameters, declared)

    @property
    def symbol(self) -> str:
        """The C name of the next phase."""
        return f"{self.name}_phase{len(self.phases)}"

    def close(
        self, frame: Frame, statements: list[Any], extent: Dim, cost_ps: Dim, grain: Dim = 1
    ) -> None:
        """Make `statements` the body of the next phase."""
        symbol = self.symbol
        body = sequence([*frame.declarations, *statements])
        function = tirx.PrimFunc(frame.parameters, body, ret_type=None)
        function = function.with_attr({"global_symbol": symbol, **_ATTRS})
        self.phases.append(Phase(symbol, function, extent, grain, cost_ps))

    def source(self) -> KernelSource:
        """The finished kernel."""
        specs = [
            BufferSpec(f"p{i}", v.aval.dtype, v.aval.size)
            for i, v in enumerate((*self.group.inputs, *self.group.outputs))
        ]
        scratch = tuple(ScratchSpec(a.bytes, a.per_thread) for a in self.areas)
        return KernelSource(
            self.name, tuple(self.phases), tuple(specs), len(self.group.outputs), scratch,
            (), self.sizes,
        )  # fmt: skip


# Maps of complex numbers that LLVM vectorises by itself from a plain loop, where it reads pairs as
# whole vectors and sorts them (twice as fast as lanes that read every second float).
_LIGHT = frozenset({
    "add", "sub", "mul", "neg", "conj", "real", "imag", "complex", "abs", "where", "cast", "eq",
    "ne", "broadcast_to", "reshape", "full",
})  # fmt: skip


def _is_light(group: Group) -> bool:
    values = (*group.inputs, *group.outputs)
    has_complex = any(v.aval.dtype.is_complex for v in values)
    return has_complex and all(n.primitive.name in _LIGHT for n in group.nodes)


def _pointer(name: str, dtype: str, size: Expr) -> tuple[Any, Any]:
    pointer = tirx.Var(name, PointerType(PrimType(dtype)))
    return pointer, tirx.decl_buffer((size,), dtype, name.upper(), data=pointer)


def sizes_in(params: Any) -> Iterable[Dim]:
    """The unknown sizes among a node's parameters."""
    for value in params.values() if hasattr(params, "values") else params:
        if isinstance(value, tuple):
            yield from sizes_in(value)
        elif isinstance(value, Size):
            yield value
