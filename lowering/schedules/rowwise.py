"""Row-wise groups: reductions over the same last axes with maps before, between and after.

A unit is one row. Reductions that need nothing of each other share a pass over the row; values
that are expensive and needed by a later pass are kept in the thread's scratch row (or read back
from an output), all others are computed again. Softmax, norms and losses of rows are one kernel.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr, Map, Reduce
from ...dsl.sizes import Dim, known, product
from ..calls import type_of
from ..frame import Area, Frame, KernelFrame
from ..fusion import Group
from ..index import Index, address
from ..kernel import AUTO, THREADS, KernelSource, threaded
from ..knobs import Value, tunable
from ..machine import Machine
from ..readers import Source
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import computed, int64
from .accumulate import Accumulator
from .nest import element_cost, in_halves, index_at, vector_lanes


@dataclass(frozen=True)
class RowKnobs:
    """`keep_cost`: instructions from which a value is kept for a later pass; `vectors`: registers
    side by side, each with a chain of its own; `halves`: the end of a row by half vectors,
    quarters and so on, not one by one; `grain`: rows that a thread takes at once, at least;
    `threads`: see `threaded`."""

    keep_cost: int = 8
    vectors: int = 1
    halves: bool = False
    grain: int = 1
    threads: str = AUTO


def row_choices(group: Group, machine: Machine) -> Mapping[str, Sequence[Value]]:
    """What there is to try; only costs that some value of the group has make a difference."""
    costs = {_cost(n) + d for n in group.nodes for d in (0, 1) if _cost(n)}
    choices: dict[str, Sequence[Value]] = {
        "keep_cost": sorted(costs, reverse=True)[:6],
        "vectors": (1, 2, 4, 8),
        "grain": (1, 2, 4, 8, 16, 32),
        "threads": THREADS,
    }
    length = product(group.space[group.n_outer :])
    if isinstance(length, int) and length % (8 * vector_lanes(group, machine)):
        choices["halves"] = (False, True)
    return choices


def _refuse(knobs: RowKnobs, group: Group, machine: Machine) -> str | None:
    outer, inner = group.space[: group.n_outer], group.space[group.n_outer :]
    rows, length = known((product(outer), product(inner)))
    width = vector_lanes(group, machine) * knobs.vectors
    if knobs.vectors > 1 and width > length:
        return f"{width} lanes for rows of {length} elements"
    if knobs.grain > 1 and knobs.grain > rows:
        return f"a grain of {knobs.grain} for {rows} rows"
    return None


@dataclass(frozen=True)
class Pass:
    """One walk over a row: reductions to take in, outputs to store, values to keep."""

    reduces: tuple[Node, ...]
    outputs: tuple[Var, ...]
    kept: tuple[Var, ...]


def default_knobs(group: Group, machine: Machine) -> RowKnobs:
    """As many registers side by side as hide the latency of a chain; in rows that they do not
    divide only where the rest is small beside the row."""
    length, lanes = product(group.space[group.n_outer :]), vector_lanes(group, machine)
    if not isinstance(length, int):
        return RowKnobs()
    for vectors in (4, 2):
        width = vectors * lanes
        if length >= width and length % width == 0:
            return RowKnobs(vectors=vectors)
        if length >= 16 * width:
            return RowKnobs(vectors=vectors, halves=True)
    return RowKnobs()


@tunable(RowKnobs, choices=row_choices, default=default_knobs, refuse=_refuse, revision=1)
def rowwise(
    name: str, group: Group, machine: Machine, knobs: RowKnobs | None = None
) -> KernelSource:
    """The kernel of a row-wise group."""
    knobs = knobs or default_knobs(group, machine)
    return threaded(row_kernel(name, group, machine, knobs, RowWriter), knobs.threads)


def row_kernel(
    name: str, group: Group, machine: Machine, knobs: RowKnobs, make: type[RowWriter]
) -> KernelSource:
    """The kernel of a row-wise group, its rows written by a `make`."""
    passes = plan(group, knobs)
    length = product(group.space[group.n_outer :])
    kept = [v for p in passes for v in p.kept]
    areas = tuple(Area(f"row{i}", computed_storage(v), length) for i, v in enumerate(kept))
    kernel = KernelFrame(name, group, areas)
    frame = kernel.open()
    for area, var in zip(areas, kept, strict=True):
        frame.buffers[var] = frame.scratch[area.name]
    width = vector_lanes(group, machine) * knobs.vectors
    n_folded = 1 if knobs.halves else knobs.vectors
    writer = make(frame, group, length, width, knobs.halves, n_folded)
    rows = product(group.space[: group.n_outer])
    scope = frame.scope
    with scope.block() as statements, scope.loop("row", frame.begin, frame.end) as row:
        writer.row(row, passes)
    cost = element_cost(group, vector_lanes(group, machine)) * len(passes)
    kernel.close(frame, statements, rows, cost * length, knobs.grain)
    return kernel.source()


def computed_storage(var: Var) -> str:
    """The type in which a scratch row holds a value."""
    dtype = computed(var.aval.dtype)
    return "uint8" if dtype == "bool" else dtype


# --------------------------------------------------------------------------- passes


def plan(group: Group, knobs: RowKnobs) -> list[Pass]:
    """Which pass takes which reductions and outputs; a pass needs the results of those before."""
    level = _levels(group)
    reduces = [n for n in group.anchors if isinstance(n.primitive.lower, Reduce)]
    n_levels = 1 + max(level[n.inputs[0]] for n in reduces)
    full = {v for v in group.outputs if is_full(group, v)}
    passes: list[Pass] = []
    for i in range(n_levels + 1):
        taken = tuple(n for n in reduces if level[n.inputs[0]] == i)
        stored = tuple(v for v in group.outputs if v in full and level[v] == i)
        if taken or stored:
            passes.append(Pass(taken, stored, ()))
    return _with_kept(group, passes, knobs)


def _levels(group: Group) -> dict[Var, int]:
    """How many reductions one after another a value needs."""
    level = dict.fromkeys(group.inputs, 0)
    for node in group.nodes:
        found = max((level[v] for v in node.inputs), default=0)
        is_reduce = isinstance(node.primitive.lower, Reduce)
        level.update(dict.fromkeys(node.outputs, found + is_reduce))
    return level


def is_full(group: Group, var: Var) -> bool:
    """Whether a value has an element for each position of the rows, not one a row."""
    is_row = without_ones(var.aval.shape) == group.space[: group.n_outer]
    return not is_row or len(group.space) == group.n_outer


def _with_kept(group: Group, passes: list[Pass], knobs: RowKnobs) -> list[Pass]:
    producer = {v: n for n in group.nodes for v in n.outputs}
    needed = [set(_needed(p, producer)) for p in passes]
    ready: set[Var] = set(group.outputs)
    result = []
    for i, p in enumerate(passes):
        later = set().union(*needed[i + 1 :]) if passes[i + 1 :] else set()
        kept = tuple(
            v
            for v in needed[i]
            if v in later
            and v not in ready
            and without_ones(v.aval.shape) == group.space
            and _cost(producer[v]) >= knobs.keep_cost
            and not v.aval.dtype.is_complex  # rare in rows: computed again
        )
        ready |= set(kept)
        result.append(Pass(p.reduces, p.outputs, tuple(sorted(kept, key=lambda v: v.id))))
    return result


def _cost(node: Node) -> int:
    lower = node.primitive.lower
    return lower.cost if isinstance(lower, Map) else 0


def _needed(p: Pass, producer: dict[Var, Node]) -> Iterator[Var]:
    """The values of maps that a pass computes."""
    pending = [*p.outputs, *(n.inputs[0] for n in p.reduces)]
    seen: set[Var] = set()
    while pending:
        var = pending.pop()
        node = producer.get(var)
        if var in seen or node is None or isinstance(node.primitive.lower, Reduce):
            continue
        seen.add(var)
        yield var
        pending += node.inputs


# --------------------------------------------------------------------------- one row


class RowWriter:
    """Writes the passes over one row, in vectors of `width` elements."""

    def __init__(
        self, frame: Frame, group: Group, length: Dim, width: int, halves: bool, n_folded: int
    ) -> None:
        self.frame, self.group, self.length, self.halves = frame, group, length, halves
        fits = not isinstance(length, int) or length >= width
        self.width, self.n_folded = (width, n_folded) if fits else (1, 1)
        self.states = {n: self._state(n, f"s{i}") for i, n in enumerate(group.anchors)}
        self.n_inner = len(group.space) - group.n_outer

    def _state(self, node: Node, tag: str) -> Any:
        """What takes the elements of a reduction in."""
        state = Accumulator(self.frame, node, self.width, tag)
        if state.folds and self.n_folded > 1:  # the registers side by side are added first
            return Accumulator(self.frame, node, self.width // self.n_folded, tag)
        return state

    def row(self, row: Expr, passes: list[Pass]) -> None:
        """All passes over a row, and what is stored once for it."""
        for p in passes:
            for node in p.reduces:
                self.states[node].reset()
            self._walk(row, p)
            for node in p.reduces:
                state = self.states[node]
                self.frame.scope.sources[node.output] = known_value(state.finish(state.state()))
            self._read_back((*p.outputs, *p.kept))
        self._store_rows(row)
        reduced = [n.output for n in self.states]
        for var in [*reduced, *(v for p in passes for v in (*p.outputs, *p.kept))]:
            self.frame.scope.sources.pop(var, None)

    def _walk(self, row: Expr, p: Pass) -> None:
        scope, zero, t = self.frame.scope, int64(0), self.frame.t
        width, low = self.width, zero
        size = t.size(self.length)
        if width > 1:
            count = tirx.truncdiv(size, int64(width))
            self._vectors(row, p, count)
            low = count * int64(width)
        is_ragged = width == 1 or not isinstance(self.length, int) or bool(self.length % width)
        by_halves = is_ragged and self.halves and width > 1
        if by_halves:
            in_halves(scope, width, low, size, lambda j, lane: self._element(row, j, p, lane))
        if width > 1:
            for node in p.reduces:
                self.states[node].join_lanes()
        if is_ragged and not by_halves:
            with scope.loop("rest", low, size) as j:
                self._element(row, j, p, None)

    def _vectors(self, row: Expr, p: Pass, count: Expr) -> None:
        """The elements of a row that fill vectors."""
        scope, width = self.frame.scope, self.width
        folds = any(self.states[n].folds for n in p.reduces) and self.n_folded > 1
        step = width // self.n_folded if folds else width
        with scope.loop("j", int64(0), count) as i, scope.lanes(step) as lane:
            folded: dict[Node, list[Expr]] = {}
            for at in range(0, width, step):
                place = lane + int64(at)
                self._element(row, i * int64(width) + place, p, place, folded if folds else None)
            for node, found in folded.items():
                self.states[node].take_folded(found, lane)

    def _element(
        self, row: Expr, j: Expr, p: Pass, lane: Expr | None,
        folded: dict[Node, list[Expr]] | None = None,
    ) -> None:  # fmt: skip
        """One element; what `folded` collects is taken in by who gave it."""
        scope, frame = self.frame.scope, self.frame
        indices: dict[object, Index] = {}

        def index_of(var: Var) -> Index:
            shape = var.aval.shape
            return indices.setdefault(shape, self._index(shape, row, j))

        for var in p.kept:
            value = scope.element(var, index_of(var))
            raw = tirx.Cast("uint8", value) if type_of(value) == "bool" else value
            frame.t.emit(tirx.BufferStore(frame.buffers[var], raw, [j]))
        for var in p.outputs:
            value = scope.element(var, index_of(var))
            frame.store(var, value, address(frame.t, index_of(var)))
        for node in p.reduces:
            var = node.inputs[0]
            value = scope.element(var, index_of(var))
            if folded is not None and self.states[node].folds:
                folded.setdefault(node, []).append(value)
            else:
                self.states[node].take(value, j, lane)

    def _index(self, shape: tuple[Dim, ...], row: Expr, j: Expr) -> Index:
        runs = [(self.group.n_outer, row)] if self.group.n_outer else []
        return index_at(shape, [*runs, (self.n_inner, j)] if self.n_inner else runs)

    def _read_back(self, values: tuple[Var, ...]) -> None:
        """Later passes read what this one has put into memory."""
        for var in values:
            self.frame.scope.sources[var] = self._memory(var)

    def _memory(self, var: Var) -> Source:
        frame, buffer = self.frame, self.frame.buffers[var]
        is_scratch = var not in self.group.outputs

        def read(index: Index) -> Expr:
            if not is_scratch:
                return frame.t.load(buffer, address(frame.t, index), var.aval.dtype)
            raw = tirx.BufferLoad(buffer, [_last_position(index)])
            is_bool = var.aval.dtype.name == "bool"
            return tirx.NE(raw, tirx.const(0, "uint8")) if is_bool else raw

        return read

    def _store_rows(self, row: Expr) -> None:
        """Outputs with one element a row."""
        indices: dict[object, Index] = {}
        n_outer = self.group.n_outer
        for var in self.group.outputs:
            if is_full(self.group, var):
                continue
            shape = var.aval.shape
            index = indices.setdefault(shape, index_at(shape, [(n_outer, row)] if n_outer else []))
            value = self.frame.scope.element(var, index)
            self.frame.store(var, value, address(self.frame.t, index))


def known_value(value: Expr) -> Source:
    """The source of a value that is the same at all positions of a row."""
    return lambda index: value


def _last_position(index: Index) -> Expr:
    """The position along the last run that has more than one element."""
    runs = [run for run in index.runs if product(run.shape) != 1]
    return runs[-1].position if runs else int64(0)
