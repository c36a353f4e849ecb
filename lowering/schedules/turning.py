"""Transposes by squares in registers.

A vector of the result takes one element from each of many rows of the source: a gather, and where
rows are a power of two apart, one that fights for few sets of the cache. So a square of as many
rows as a vector has lanes is read by rows, turned in registers by perfect shuffles (log2(lanes)
stages of lanes / 2 interleavings; Eklundh, IEEE Trans. Computers 1972, has the idea), and written
by rows: to the result, or to a tile that the rest of the kernel reads.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

from ...dsl.graph import Node
from ...dsl.primitive import Expr
from ..frame import Frame
from ..fusion import Group
from ..index import Index, address, transposed_index
from ..machine import Machine
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import int64
from .boxes import at_own_position
from .nest import index_at

_TYPES = ("float32", "float64", "int32", "uint32", "int64", "uint64")

Span = tuple[Expr, Expr]  # the elements [low, high) of a run
Runs = list[tuple[int, Expr]]  # numbers of axes, and the position along them
At = Callable[[Expr, Expr], Runs]  # the position for elements of the turned run and of the last


def turned_nodes(group: Group, place: int) -> tuple[Node, ...]:
    """The transposes of inputs that are read at the loop's position, and whose source has axis
    number `place` of the space as its last."""
    return tuple(
        node
        for node in at_own_position(group)
        if node.primitive.name == "transpose"
        and node.inputs[0] in group.inputs
        and without_ones(node.output.aval.shape) == group.space
        and node.output.aval.dtype.name in _TYPES
        and last_place(node) == place
    )


def last_place(node: Node) -> int:
    """Where in the space of a transpose the last axis of its source is."""
    shape = node.inputs[0].aval.shape
    order = [a for a in node.params["axes"] if shape[a] != 1]
    return order.index(max(order))


@dataclass
class Turner:
    """Turns the sources of `nodes` tile by tile; a tile is `sides` elements of the turned run and
    of the last one. `places` are the loop's elements, counted from the tile's corner, when the
    kernel reads it."""

    frame: Frame
    group: Group
    nodes: tuple[Node, ...]
    machine: Machine
    sides: tuple[int, int]
    places: tuple[Expr, Expr] = (None, None)
    tiles: dict[Node, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.is_all:
            return
        for i, node in enumerate(self.nodes):
            rows, columns = self.sides
            tile = self.frame.local(f"tile{i}", node.output.aval.dtype.name, rows * columns)
            self.tiles[node] = tile
            self.frame.scope.sources[node.output] = self._reader(tile)

    @property
    def is_all(self) -> bool:
        """Whether the kernel does nothing else, so that squares go straight to the result."""
        return len(self.nodes) == 1 and self.group.outputs == self.nodes[0].outputs

    def fill(self, rows: Span, columns: Span, at: At) -> None:
        """Turn the tile with these elements of the turned run and of the last one."""
        for node in self.nodes:
            self._fill(node, rows, columns, at)

    def _reader(self, tile: Any) -> Callable[[Index], Expr]:
        def read(index: Index) -> Expr:
            row, column = self.places
            return tirx.BufferLoad(tile, [row * int64(self.sides[1]) + column])

        return read

    def _fill(self, node: Node, rows: Span, columns: Span, at: At) -> None:
        t, scope = self.frame.t, self.frame.scope
        lanes = self.machine.vector_bytes // node.output.aval.dtype.itemsize
        n_rows, n_columns = t.let(rows[1] - rows[0]), t.let(columns[1] - columns[0])
        squares = [t.let(tirx.truncdiv(n, int64(lanes))) for n in (n_rows, n_columns)]
        whole = [t.let(n * int64(lanes)) for n in squares]

        def one(i: Expr, j: Expr) -> None:
            runs = at(rows[0] + i, columns[0] + j)
            value = tirx.BufferLoad(*self._source(node, runs))
            t.emit(tirx.BufferStore(*self._target(node, runs, i, j, value)))

        with scope.loop("q", int64(0), squares[1]) as q, scope.loop("p", int64(0), squares[0]) as p:
            self._square(node, lanes, (rows[0], p), (columns[0], q), at)
        with scope.loop("i", whole[0], n_rows) as i, scope.loop("j", int64(0), n_columns) as j:
            one(i, j)
        with scope.loop("i", int64(0), whole[0]) as i, scope.loop("j", whole[1], n_columns) as j:
            one(i, j)

    def _square(
        self, node: Node, lanes: int, rows: tuple[Expr, Expr], columns: tuple[Expr, Expr], at: At
    ) -> None:
        t, dtype = self.frame.t, node.output.aval.dtype.name
        i, j = (t.let(number * int64(lanes)) for _, number in (rows, columns))
        values = []
        for r in range(lanes):
            buffer, (place,) = self._source(node, at(rows[0] + i, columns[0] + j + int64(r)))
            ramp = tirx.Ramp(t.let(place), int64(1), lanes)
            values.append(self._named(tirx.BufferLoad(buffer, [ramp]), f"{dtype}x{lanes}"))
        for r, value in enumerate(self._turned(values, dtype)):
            row = i + int64(r)
            runs = at(rows[0] + row, columns[0] + j)
            buffer, value, (place,) = self._target(node, runs, row, j, value)
            t.emit(tirx.BufferStore(buffer, value, [tirx.Ramp(t.let(place), int64(1), lanes)]))

    def _turned(self, values: list[Any], dtype: str) -> list[Any]:
        lanes = len(values)
        kind, pair = f"{dtype}x{lanes}", f"{dtype}x{2 * lanes}"
        for _ in range(lanes.bit_length() - 1):
            mixed = []
            for a, b in zip(values[: lanes // 2], values[lanes // 2 :], strict=True):
                call = tirx.call_llvm_pure_intrin(pair, "llvm.vector.interleave2", a, b)
                both = self._named(call, pair)
                mixed += [
                    self._named(
                        tirx.call_llvm_pure_intrin(
                            kind, "llvm.vector.extract", both, int64(half * lanes)
                        ),
                        kind,
                    )
                    for half in (0, 1)
                ]
            values = mixed
        return values

    def _named(self, value: Any, kind: str) -> Any:
        name = tirx.Var("r", kind)
        self.frame.t.emit(tirx.Bind(name, value))
        return name

    def _source(self, node: Node, runs: Runs) -> tuple[Any, Sequence[Expr]]:
        index = index_at(node.output.aval.shape, runs)
        moved = transposed_index(self.frame.t, index, node.params["axes"])
        return self.frame.buffers[node.inputs[0]], [address(self.frame.t, moved)]

    def _target(
        self, node: Node, runs: Runs, row: Expr, column: Expr, value: Expr
    ) -> tuple[Any, Expr, Sequence[Expr]]:
        if node in self.tiles:
            return self.tiles[node], value, [row * int64(self.sides[1]) + column]
        index = index_at(node.output.aval.shape, runs)
        return self.frame.buffers[node.output], value, [address(self.frame.t, index)]
