"""Fusion is composition: the element of a value at a position, from its node's rule.

A `Scope` knows which values lie in memory; all others are computed where they are read. An
element that was computed for a position is not computed again for the same position object.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any

from ..dsl.graph import Aval, Node, Var, params_text
from ..dsl.primitive import Expr, Map
from ..dsl.sizes import product
from .index import (
    Index,
    Run,
    address,
    broadcast_index,
    components,
    from_components,
    reshaped_index,
    shifted_index,
    sliced_index,
    transposed_index,
    without_last,
)
from .tvm_api import tirx
from .vocabulary import TirxVocabulary, int64

Source = Callable[[Index], Expr]
Mover = Callable[[TirxVocabulary, Index, Node], Index]

_POSITIONS = frozenset({"int64"})  # the type of index arithmetic, which never overflows

# Movements whose positions keep their runs; all other rules are asked for single components.
MOVERS: dict[str, Mover] = {
    "broadcast_to": lambda t, index, node: broadcast_index(t, index, node.inputs[0].aval.shape),
    "transpose": lambda t, index, node: transposed_index(t, index, node.params["axes"]),
    "reshape": lambda t, index, node: reshaped_index(t, index, node.inputs[0].aval.shape),
    "slice": lambda t, index, node: sliced_index(
        t, index, node.params["start"], node.params["strides"], node.inputs[0].aval.shape
    ),
}


@dataclass
class InputReader:
    """An input of a rule that reads at positions of its own choice."""

    scope: Scope
    var: Var

    @property
    def aval(self) -> Aval:
        return self.var.aval

    def __call__(self, index: tuple[Expr, ...]) -> Expr:
        with self.scope.t.for_all_lanes(*index):
            return self.scope.element(self.var, from_components(self.var.aval.shape, tuple(index)))


class Scope:
    """Elements of the values of one kernel inside one nest of loops."""

    def __init__(
        self, t: TirxVocabulary, nodes: tuple[Node, ...], sources: Mapping[Var, Source]
    ) -> None:
        self.t = t
        self.producer = {var: node for node in nodes for var in node.outputs}
        self.sources = dict(sources)
        self.usual: frozenset[Var] = frozenset()  # made of arguments seen to be usual ones
        self._memo: dict[tuple[Var, int], tuple[Expr, Index]] = {}

    @contextmanager
    def block(self) -> Iterator[list[Any]]:
        """A block of statements; what is computed inside is forgotten at its end."""
        kept = dict(self._memo)
        with self.t.block() as statements:
            yield statements
        self._memo = kept

    @contextmanager
    def loop(
        self, name: str, begin: Expr, end: Expr, kind: Any = None, width: int = 1
    ) -> Iterator[Expr]:
        """A loop over [begin, end) of what is emitted inside."""
        var = tirx.Var(name, "int64")
        outside, self.t.scalar_only = self.t.scalar_only, False
        is_vector = kind == tirx.ForKind.VECTORIZED
        with self.t.vector(var, width) if is_vector else nullcontext(), self.block() as statements:
            yield var
        only_scalar, self.t.scalar_only = self.t.scalar_only, outside
        if not statements:
            return
        body = sequence(statements)
        kind = tirx.ForKind.SERIAL if kind is None or only_scalar else kind
        extent = end if isinstance(begin, tirx.IntImm) and begin.value == 0 else end - begin
        self.t.emit(tirx.For(var, begin, extent, kind, body))

    def lanes(self, width: int) -> Any:
        """A vector: all lanes at once, or one by one where a function cannot be vectorised."""
        kind = tirx.ForKind.VECTORIZED if width > 1 else tirx.ForKind.SERIAL
        return self.loop("lane", int64(0), int64(width), kind, width)

    def element(self, var: Var, index: Index) -> Expr:
        """The element of `var` at `index`, as the vocabulary computes with it."""
        found = self._memo.get((var, id(index)))
        if found is not None:
            return found[0]
        source = self.sources.get(var)
        value = self._computed(var, index) if source is None else source(index)
        value = self.t.let(value)
        self._memo[var, id(index)] = (value, index)  # holds the index, so that its id stays its own
        return value

    def _computed(self, var: Var, index: Index) -> Expr:
        node = self.producer[var]
        if node in index.picks:
            return self._picked(node, index)
        if node.primitive.name in ("as_real", "as_complex"):
            return self._reinterpreted(node, index)
        mover = MOVERS.get(node.primitive.name)
        if mover is not None:
            return self.element(node.inputs[0], self._moved(index, node, mover))
        lower = node.primitive.lower
        assert isinstance(lower, Map), f"{node.primitive} is not fused by reading"
        if lower.pointwise:
            elements = [self.element(v, index) for v in node.inputs]
            self.t.usual = var in self.usual
            value = self.t.evaluate(
                lambda: lower.rule(self.t, *elements, out=var.aval, **node.params)
            )
            self.t.usual = False
            return self.t.rounded(value, var.aval.dtype)
        return self._indexed(lower, node, var, index)

    def _picked(self, node: Node, index: Index) -> Expr:
        """The element of a node that chooses among its inputs, where the choice is known."""
        pick = index.picks[node]
        if pick.source is None:
            return self.t.const(node.params["value"], node.output.aval.dtype)
        source = node.inputs[pick.source]
        moved = index.derived.get(node)
        if moved is None:
            moved = shifted_index(self.t, index, pick.start, source.aval.shape)
            index.derived[node] = moved
        return self.element(source, moved)

    def _reinterpreted(self, node: Node, index: Index) -> Expr:
        """Complex numbers as pairs of floats, or the other way round; runs are kept."""
        source = node.inputs[0]
        if node.primitive.name == "as_complex":
            places = (Index((*index.runs, Run((2,), int64(i)))) for i in (0, 1))
            return self.t.complex(*(self.element(source, at) for at in places))
        memory = self.sources.get(source)
        if isinstance(memory, Memory):
            return memory.floats(index)
        whole, part = without_last(self.t, index)
        z = self.element(source, whole)
        return self.t.select(part < int64(1), z.real, z.imag)

    def _indexed(self, lower: Map, node: Node, var: Var, index: Index) -> Expr:
        readers = [InputReader(self, v) for v in node.inputs]
        parts = tuple(self.t.let(i) for i in components(self.t, index))
        return self.t.evaluate(
            lambda: lower.rule(self.t, parts, *readers, out=var.aval, **node.params),
            _POSITIONS,
        )

    def _moved(self, index: Index, node: Node, mover: Mover) -> Index:
        params = params_text(tuple(node.params.items()))
        key = (node.primitive.name, node.inputs[0].aval.shape, params)
        moved = index.derived.get(key)
        if moved is None:
            moved = index.derived[key] = mover(self.t, index, node)
        return moved


@dataclass
class Memory:
    """Reads a value from a flat buffer that holds it contiguously."""

    t: TirxVocabulary
    var: Var
    buffer: Any

    def __call__(self, index: Index) -> Expr:
        aval = self.var.aval
        at = int64(0) if product(aval.shape) == 1 else address(self.t, index)
        return self.t.load(self.buffer, at, aval.dtype)

    def floats(self, index: Index) -> Expr:
        """The floats of a complex value, at a position that has one axis more."""
        return self.t.load(self.buffer, address(self.t, index), self.var.aval.dtype.real)


def sequence(statements: list[Any]) -> Any:
    """Statements as one (tirx forbids a sequence of one)."""
    return tirx.SeqStmt(statements) if len(statements) > 1 else statements[0]
