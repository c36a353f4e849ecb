"""Loops whose turns do little: one serial kernel, with the state on the stack (scalars end up in
registers). What a turn computes is written out node by node: scalars are named, arrays that are
read more than once are kept in small local arrays, all else is computed where it is read.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ...dsl.graph import Aval, Graph, Node, Var, subgraphs
from ...dsl.primitive import Contract, Control, Expr, Map, Reduce, Scatter
from ...dsl.sizes import Dim, product
from ..calls import type_of
from ..frame import Frame, KernelFrame
from ..fusion import Group
from ..index import Index, Run, address, from_components
from ..kernel import KernelSource
from ..machine import Machine
from ..readers import Scope, Source, sequence
from ..spaces import MOVEMENT
from ..tvm_api import tirx
from ..vocabulary import computed, int64
from .accumulate import Accumulator
from .fixed_tree import LANES

TURN_PS = 2_000  # about what a turn takes

Write = Callable[[Index, Expr], None]  # an element to its place


def loop(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a loop."""
    kernel = KernelFrame(name, group)
    frame = kernel.open()
    (node,) = group.anchors
    with frame.scope.block() as statements:
        places = [_Place(frame, v.aval, frame.buffers[v]) for v in node.outputs]
        readers = [_reader(frame.scope, v) for v in node.inputs]
        _Turns(frame, machine).control(node, readers, places)
    turns: Dim = node.params.get("length", 1000)
    kernel.close(frame, statements, 1, turns * TURN_PS if turns != 0 else 1)
    # Packing and unpacking what a turn hands to the next takes longer than vectors save.
    return replace(kernel.source(), is_scalar=True)


def _reader(scope: Scope, var: Var) -> Source:
    return lambda index: scope.element(var, index)


@dataclass
class _Place:
    """Memory for a value: an output of the kernel or a local array. `row` is the position of the
    value among the slices that lie there, if it is one."""

    frame: Frame
    aval: Aval
    buffer: Any
    row: Expr = None

    def write(self, index: Index, value: Expr) -> None:
        t = self.frame.t
        raw = t.store_cast(value, self.aval.dtype)
        t.emit(tirx.BufferStore(self.buffer, raw, [self._offset(index)]))

    def read(self, index: Index) -> Expr:
        t = self.frame.t
        loaded = t.load_cast(tirx.BufferLoad(self.buffer, [self._offset(index)]), self.aval.dtype)
        return t.let(loaded)

    def _offset(self, index: Index) -> Expr:
        offset = address(self.frame.t, index) if self.aval.shape else int64(0)
        if self.row is None:
            return offset
        return self.row * self.frame.t.size(self.aval.size) + offset


class _Turns:
    """Writes out control flow and what it runs."""

    def __init__(self, frame: Frame, machine: Machine) -> None:
        self.frame, self.t, self.machine = frame, frame.t, machine
        self._count = 0

    # ------------------------------------------------------------------ control flow

    def control(self, node: Node, inputs: Sequence[Source], places: Sequence[_Place]) -> None:
        """Run a node of control flow on its inputs; its results go to the places."""
        lower = node.primitive.lower
        assert isinstance(lower, Control)
        if lower.kind == "cond":
            self._cond(node, inputs, places)
        elif lower.kind == "scan":
            self._scan(node, inputs, places)
        else:
            self._while(node, inputs, places)

    def _cond(self, node: Node, inputs: Sequence[Source], places: Sequence[_Place]) -> None:
        number = self.t.let(inputs[0](Index(())))
        branches = subgraphs(node)
        made: Any = self._branch(branches[-1], inputs[1:], places)
        for i in range(len(branches) - 2, -1, -1):
            this = self._branch(branches[i], inputs[1:], places)
            made = tirx.IfThenElse(tirx.EQ(number, int64(i)), this, made)
        self.t.emit(made)

    def _branch(self, graph: Graph, inputs: Sequence[Source], places: Sequence[_Place]) -> Any:
        with self.t.block() as statements:
            self._store(self.run(graph, inputs), places)
        return sequence(statements) if statements else tirx.Evaluate(int64(0))

    def _scan(self, node: Node, inputs: Sequence[Source], places: Sequence[_Place]) -> None:
        params, body = node.params, node.params["body"]
        first, end = params["n_constants"], params["n_constants"] + params["n_carries"]
        state = self._state(node.inputs[first:end], inputs[first:end])
        length = self.t.size(params["length"])
        scope = self.frame.scope
        with scope.loop("turn", int64(0), length) as turn:
            at = self.t.let(length - int64(1) - turn) if params["reverse"] else turn
            slices = [_slice(x, params["length"], at) for x in inputs[end:]]
            taken = [*inputs[:first], *(s.read for s in state), *slices]
            stacked = [
                _Place(self.frame, v.aval, p.buffer, self._row(p, params["length"], at))
                for v, p in zip(body.outputs[len(state) :], places[len(state) :], strict=True)
            ]
            self._turn(body, taken, state, stacked)
        self._leave(state, places)

    def _row(self, place: _Place, length: Dim, at: Expr) -> Expr:
        return at if place.row is None else place.row * self.t.size(length) + at

    def _while(self, node: Node, inputs: Sequence[Source], places: Sequence[_Place]) -> None:
        params, first = node.params, node.params["n_constants"]
        state = self._state(node.inputs[first:], inputs[first:])
        taken = [*inputs[:first], *(s.read for s in state)]
        goes_on = self._local(Aval((), params["condition"].outputs[0].aval.dtype))
        self._store(self.run(params["condition"], taken), [goes_on])
        count = self.frame.local(f"turns{self._number()}", "int64", 1)
        self.t.emit(tirx.BufferStore(count, int64(0), [int64(0)]))
        with self.t.block() as statements:
            self._turn(params["body"], taken, state, [])
            with self.t.block() as rest:
                self._store(self.run(params["condition"], taken), [goes_on])
            statements += rest
            more = tirx.BufferLoad(count, [int64(0)]) + int64(1)
            self.t.emit(tirx.BufferStore(count, more, [int64(0)]))
        test = self.t.load_cast(tirx.BufferLoad(goes_on.buffer, [int64(0)]), goes_on.aval.dtype)
        if "n_turns" in params:
            below = tirx.BufferLoad(count, [int64(0)]) < int64(params["n_turns"])
            test = tirx.And(test, below)
        self.t.emit(tirx.While(test, sequence(statements)))
        self._leave(state, places)

    def _state(self, carries: Sequence[Var], inputs: Sequence[Source]) -> list[_Place]:
        state = [self._local(v.aval) for v in carries]
        for place, source in zip(state, inputs, strict=True):
            self._copy(source, place)
        return state

    def _turn(
        self,
        body: Graph,
        taken: Sequence[Source],
        state: Sequence[_Place],
        stacked: Sequence[_Place],
    ) -> None:
        """One turn: all new values are computed before the state changes."""
        found = self.run(body, taken)
        outputs = body.outputs
        self._store(found[len(state) :], stacked)
        new = [self._held(v, s) for v, s in zip(outputs[: len(state)], found, strict=False)]
        for source, place in zip(new, state, strict=True):
            self._copy(source, place)

    def _leave(self, state: Sequence[_Place], places: Sequence[_Place]) -> None:
        for mine, place in zip(state, places, strict=False):
            self._copy(mine.read, place)

    # ------------------------------------------------------------------ graphs

    def run(self, graph: Graph, inputs: Sequence[Source]) -> list[Source]:
        """Compute the nodes of a graph; gives what reads its results."""
        scope = Scope(self.t, graph.nodes, dict(zip(graph.inputs, inputs, strict=True)))
        readers: dict[Var, int] = {}
        for node in graph.nodes:
            for var in node.inputs:
                readers[var] = readers.get(var, 0) + 1
        for node in graph.nodes:
            self._node(scope, node, readers)
        return [_reader(scope, v) for v in graph.outputs]

    def _node(self, scope: Scope, node: Node, readers: dict[Var, int]) -> None:
        lower = node.primitive.lower
        if isinstance(lower, Map):
            self._map(scope, node, lower, readers)
            return
        places = [self._local(v.aval) for v in node.outputs]
        if isinstance(lower, Reduce):
            self._reduce(scope, node, places[0])
        elif isinstance(lower, Contract):
            self._contract(scope, node, places[0])
        elif isinstance(lower, Scatter):
            self._scatter(scope, node, lower, places[0])
        else:
            self.control(node, [_reader(scope, v) for v in node.inputs], places)
        for var, place in zip(node.outputs, places, strict=True):
            self._settle(scope, var, place)

    def _map(self, scope: Scope, node: Node, lower: Map, readers: dict[Var, int]) -> None:
        var = node.output
        if node.primitive.name == "concatenate" and var.aval.size != 1:
            self._concatenate(scope, node)
            return
        if var.aval.size == 1:
            value = scope.element(var, _origin(var.aval))
            scope.sources[var] = lambda index: value
            return
        is_cheap = node.primitive.name in MOVEMENT or lower.cost <= 1
        if is_cheap and readers.get(var, 0) <= 1:
            return
        place = self._local(var.aval)
        self._copy(_reader(scope, var), place)
        self._settle(scope, var, place)

    def _concatenate(self, scope: Scope, node: Node) -> None:
        """Part after part, so that no element asks which part it is of."""
        place, axis, start = self._local(node.output.aval), node.params["axis"], 0
        for var in node.inputs:
            shape, first = var.aval.shape, int64(start)

            def one(index: list[Expr], var: Var = var, first: Expr = first) -> None:
                moved = [*index[:axis], index[axis] + first, *index[axis + 1 :]]
                value = scope.element(var, from_components(var.aval.shape, tuple(index)))
                place.write(from_components(place.aval.shape, tuple(moved)), value)

            self._over(scope, shape, one)
            start += shape[axis]
        self._settle(scope, node.output, place)

    def _settle(self, scope: Scope, var: Var, place: _Place) -> None:
        """The value lies there from now on; one element is named."""
        if var.aval.size != 1:
            scope.sources[var] = place.read
            return
        value = place.read(_origin(var.aval))
        scope.sources[var] = lambda index: value

    def _reduce(self, scope: Scope, node: Node, place: _Place) -> None:
        x, axes = node.inputs[0], node.params["axes"]
        shape = x.aval.shape
        width = LANES if self.machine.reproducible else 1
        state = Accumulator(self.frame, node, width, f"r{self._number()}")

        def one(kept: list[Expr]) -> None:
            state.reset()
            outer = iter(kept)
            parts = [None if a in axes else next(outer) for a in range(len(shape))]

            def take(inner: list[Expr]) -> None:
                found = iter(inner)
                index = tuple(next(found) if p is None else p for p in parts)
                position: Expr = int64(0)
                for axis, i in zip(axes, inner, strict=True):
                    position = position * self.t.size(shape[axis]) + i
                element = scope.element(x, from_components(shape, index))
                position = self.t.let(position)
                lane = tirx.truncmod(position, int64(width)) if width > 1 else None
                state.take(element, position, lane)

            self._over(scope, tuple(shape[a] for a in axes), take)
            state.join_lanes()
            place.write(
                from_components(node.output.aval.shape, tuple(kept)), state.finish(state.state())
            )

        self._over(scope, node.output.aval.shape, one)

    def _contract(self, scope: Scope, node: Node, place: _Place) -> None:
        a, b = node.inputs
        dtype = node.output.aval.dtype
        total = self.frame.local(f"dot{self._number()}", computed(dtype), 1)
        at = [int64(0)]

        def one(index: list[Expr]) -> None:
            *batch, m, n = index
            zero = self.t.const(0, dtype)
            self.t.emit(tirx.BufferStore(total, zero, at))

            def take(inner: list[Expr]) -> None:
                (k,) = inner
                x = scope.element(a, _item(a.aval.shape, batch, m, k))
                y = scope.element(b, _item(b.aval.shape, batch, k, n))
                found = self.t.evaluate(lambda: self._added(x, y, tirx.BufferLoad(total, at)))
                self.t.emit(tirx.BufferStore(total, found, at))

            self._over(scope, (a.aval.shape[-1],), take)
            value = self.t.rounded(self.t.let(tirx.BufferLoad(total, at)), dtype)
            place.write(from_components(node.output.aval.shape, tuple(index)), value)

        self._over(scope, node.output.aval.shape, one)

    def _added(self, x: Expr, y: Expr, total: Expr) -> Expr:
        """`x * y + total` as products do it."""
        if self.machine.has_fma and type_of(total).startswith("float"):
            return self.t.call("fma", x, y, total)
        return x * y + total

    def _scatter(self, scope: Scope, node: Node, lower: Scatter, place: _Place) -> None:
        x, places, updates = node.inputs
        axis = node.params["axis"]
        self._copy(_reader(scope, x), place)
        size = self.t.size(x.aval.shape[axis])

        def one(index: list[Expr]) -> None:
            at = self.t.let(
                scope.element(places, from_components(places.aval.shape, (index[axis],)))
            )
            target = from_components(x.aval.shape, (*index[:axis], at, *index[axis + 1 :]))
            with self.t.block() as body:
                new = scope.element(updates, from_components(updates.aval.shape, tuple(index)))
                old = place.read(target)
                made = self.t.evaluate(lambda: lower.combine(self.t, old, new))
                place.write(target, self.t.rounded(made, x.aval.dtype))
            inside = tirx.And(at >= int64(0), at < size)
            self.t.emit(tirx.IfThenElse(inside, sequence(body), None))

        self._over(scope, updates.aval.shape, one)

    # ------------------------------------------------------------------ values

    def _store(self, found: Sequence[Source], places: Sequence[_Place]) -> None:
        for source, place in zip(found, places, strict=True):
            self._copy(source, place)

    def _held(self, var: Var, source: Source) -> Source:
        """A value that no later write changes."""
        if var.aval.size == 1:
            value = source(_origin(var.aval))
            return lambda index: value
        place = self._local(var.aval)
        self._copy(source, place)
        return place.read

    def _copy(self, source: Source, place: _Place) -> None:
        shape = place.aval.shape
        if place.aval.size == 1:
            place.write(_origin(place.aval), source(_origin(place.aval)))
            return

        def one(index: list[Expr]) -> None:
            at = from_components(shape, tuple(index))
            place.write(at, source(at))

        self._over(self.frame.scope, shape, one)

    def _over(self, scope: Scope, shape: Sequence[Dim], body: Callable[[list[Expr]], None]) -> None:
        """Nested loops over a shape."""

        def nest(axis: int, index: list[Expr]) -> None:
            if axis == len(shape):
                body(index)
            elif shape[axis] == 1:
                nest(axis + 1, [*index, int64(0)])
            else:
                with scope.loop("i", int64(0), self.t.size(shape[axis])) as i:
                    nest(axis + 1, [*index, i])

        if product(tuple(shape)) == 0:
            return
        with scope.block() as statements:
            nest(0, [])
        for statement in statements:
            self.t.emit(statement)

    def _local(self, aval: Aval) -> _Place:
        size = aval.size
        assert isinstance(size, int)
        buffer = self.frame.local(f"x{self._number()}", self.t.stored(aval.dtype), max(size, 1))
        return _Place(self.frame, aval, buffer)

    def _number(self) -> int:
        self._count += 1
        return self._count


def _origin(aval: Aval) -> Index:
    return from_components(aval.shape, tuple(int64(0) for _ in aval.shape))


def _slice(source: Source, length: Dim, at: Expr) -> Source:
    return lambda index: source(Index((Run((length,), at), *index.runs)))


def _item(shape: Sequence[Dim], batch: Sequence[Expr], i: Expr, j: Expr) -> Index:
    """An element of an operand whose batch axes may be of one element."""
    lead = len(shape) - 2
    own = batch[len(batch) - lead :] if lead else []
    parts = [int64(0) if n == 1 else b for n, b in zip(shape, own, strict=False)]
    return from_components(tuple(shape), (*parts, i, j))
