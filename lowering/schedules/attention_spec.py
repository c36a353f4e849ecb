"""What an attention computes, apart from how: sizes, rows, operands, which keys a row may see.

The *rows* that a kernel tiles are the queries of one head; where there is one query a head (a step
of decoding), the heads that share keys. All other axes before the last are the *lead*.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import e, log2
from typing import Any

from ...dsl.dtypes import bool_
from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, Shape, product
from ..frame import RangeFrame
from ..index import from_components
from ..machine import Machine
from ..tvm_api import tirx
from ..vocabulary import computed, int64
from .nest import vectors

TO_POWERS_OF_TWO = log2(e)  # exp(x) = 2**(x * this)


@dataclass(frozen=True)
class AttentionSpec:
    """The one node of a group, and its sizes."""

    node: Node
    machine: Machine

    @property
    def operands(self) -> tuple[Var, ...]:
        """Queries, keys, values, extras; those of a gradient stand behind two others."""
        return self.node.inputs[2 if self.node.primitive.name == "attention_gradient" else 0 :]

    @property
    def queries(self) -> Shape:
        """(B, H, G, L, E)."""
        return self.operands[0].aval.shape

    @property
    def n_keys(self) -> Dim:
        return self.operands[1].aval.shape[2]

    @property
    def width(self) -> Dim:
        """Of queries and keys."""
        return self.queries[4]

    @property
    def n_values(self) -> Dim:
        """The width of values."""
        return self.operands[2].aval.shape[3]

    @property
    def dtype(self) -> str:
        """The tirx type that is computed with."""
        return computed(self.operands[0].aval.dtype)

    @property
    def lanes(self) -> int:
        """Of a vector register."""
        return self.machine.vector_bytes // (4 if self.dtype == "float32" else 8)

    @property
    def by_heads(self) -> bool:
        """Whether rows are the heads that share keys, as each has one query."""
        return self.queries[3] == 1

    @property
    def lead(self) -> Shape:
        return self.queries[:2] if self.by_heads else self.queries[:3]

    @property
    def rows(self) -> Dim:
        return self.queries[2] if self.by_heads else self.queries[3]

    @property
    def items(self) -> Dim:
        """How many times there are rows."""
        return product(self.lead)

    @property
    def causal(self) -> str:
        causal: str = self.node.params["causal"]
        return causal

    @property
    def is_diagonal(self) -> bool:
        """Whether rows of one tile see different numbers of keys."""
        return bool(self.causal) and not self.by_heads

    @property
    def sums(self) -> bool:
        return bool(self.node.params["sums"])

    @property
    def scale(self) -> float:
        """Of scores that are powers of two."""
        return float(self.node.params["scale"]) * TO_POWERS_OF_TWO

    def extra(self, name: str) -> Var | None:
        """The mask or the length."""
        names = self.node.params["extras"]
        return self.operands[3 + names.index(name)] if name in names else None


@dataclass
class Item:
    """One item of the lead inside a phase function: reads of its operands, bounds of its rows."""

    spec: AttentionSpec
    frame: RangeFrame
    lead: Sequence[Expr]

    def _read(self, var: Var, *index: Expr) -> Expr:
        shape = var.aval.shape
        inside = (int64(0) if n == 1 else i for i, n in zip(index, shape, strict=True))
        return self.frame.scope.element(var, from_components(shape, tuple(inside)))

    def of_row(self, var: Var, row: Expr, place: Expr) -> Expr:
        """An element of what has the axes of queries before its last."""
        return self._read(var, *self._row(row), place)

    def _row(self, row: Expr) -> tuple[Expr, ...]:
        spec = self.spec
        return (*self.lead, row, int64(0)) if spec.by_heads else (*self.lead, row)

    def query(self, row: Expr, place: Expr) -> Expr:
        """An element of a query, as it is computed with."""
        return self._read(self.spec.operands[0], *self._row(row), place)

    def key(self, key: Expr, place: Expr) -> Expr:
        """An element of a key."""
        return self._read(self.spec.operands[1], *self.lead[:2], key, place)

    def value(self, key: Expr, place: Expr) -> Expr:
        """An element of a value."""
        return self._read(self.spec.operands[2], *self.lead[:2], key, place)

    def masked(self, score: Expr, row: Expr, key: Expr) -> Expr:
        """A score with what the mask says of it."""
        mask, t = self.spec.extra("mask"), self.frame.t
        if mask is None:
            return score
        found = self._read(mask, *self._row(row), key)
        if mask.aval.dtype is bool_:
            return tirx.Select(found, score, self.constant(-float("inf")))
        return t.call("fma", found, self.constant(TO_POWERS_OF_TWO), score)

    def constant(self, value: float) -> Expr:
        """A number of the type that is computed with."""
        return tirx.FloatImm(self.spec.dtype, value)

    def n_keys(self) -> Expr:
        """How many keys there are for any row."""
        t, spec = self.frame.t, self.spec
        count, length = t.size(spec.n_keys), spec.extra("length")
        if length is not None:
            told = self._read(length, self.lead[0])
            count = t.let(tirx.Max(int64(0), tirx.Min(count, told)))
        return count

    def seen_before(self, count: Expr) -> Expr:
        """How many keys row r sees beside its r + 1 own, of `count`: less than none may be."""
        t = self.frame.t
        if self.spec.causal == "end":
            return t.let(count - t.size(self.spec.queries[3]))
        return int64(0)

    def limit(self, count: Expr, before: Expr, stop: Expr) -> Expr:
        """How many keys the rows before `stop` see."""
        t, spec = self.frame.t, self.spec
        if not spec.causal:
            return count
        last = before + (int64(1) if spec.by_heads else stop)
        return t.let(tirx.Max(int64(0), tirx.Min(count, last)))

    def place(self, row: Expr) -> Expr:
        """Where the result of a row begins in the output."""
        spec, t = self.spec, self.frame.t
        at = self.lead[0]
        for i, size in zip(self.lead[1:], spec.lead[1:], strict=True):
            at = at * t.size(size) + i
        width = spec.n_values + 1 if spec.sums else spec.n_values
        return (at * t.size(spec.rows) + row) * t.size(width)

    def finish(self, row: Expr, most: Expr, total: Expr, value: Any) -> None:
        """Writes a row: `value(i)` over the total, and with sums the logarithm."""
        frame, t, spec = self.frame, self.frame.t, self.spec
        out = spec.node.output
        at = t.let(self.place(row))
        total = t.let(total)
        none = tirx.EQ(total, tirx.FloatImm(spec.dtype, 0.0))
        divisor = t.let(tirx.Select(none, self.constant(1.0), total))

        def one(i: Expr) -> None:
            frame.store(out, t.rounded(value(i) / divisor, out.aval.dtype), at + i)

        n_values = t.size(spec.n_values)
        vectors(frame.scope, spec.lanes, int64(0), n_values, spec.n_values, one)
        if spec.sums:
            power = t.let(most) + t.call("log2", total)
            made = power * self.constant(1 / TO_POWERS_OF_TWO)
            frame.store(out, made, at + t.size(spec.n_values))
