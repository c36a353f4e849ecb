"""Maps: one output element a position.

Where all values are read at their own position the space is one axis, done in vectors; the last
unit also takes the rest. With broadcasts and transposes the axes are joined as far as every
access allows, the last run of axes is done in vectors, and a run that is contiguous in a
transposed source is blocked with it, so that the source's cache lines are used whole. Where arrays
are joined or padded, each box of the space (boxes.py) has a nest of loops of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass

from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, Shape, ceil_divide, known, product
from ..frame import Frame, KernelFrame, RangeFrame
from ..fusion import Group
from ..index import Index, Pick, address
from ..kernel import AUTO, THREADS, KernelSource, threaded
from ..knobs import Value, tunable
from ..machine import Machine
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import int64
from .boxes import Box, boxes_of, cut_axes
from .guarded import VECTORS, guarded, guards
from .nest import (
    NO_PICKS,
    Block,
    block_range,
    element_cost,
    index_at,
    runs_of,
    split_unit,
    vector_lanes,
    vectors,
)
from .streaming import Stream, block_elements, may_stream
from .turning import Turner, last_place, turned_nodes


@dataclass(frozen=True)
class ElementwiseKnobs:
    """`block`: elements of the last axes in a unit; `tile`: of a transposed run; `grain`: vectors
    (of one axis) that a thread takes at once, at least; `vectors`: registers that are computed
    side by side; `halves`: what fills no vector is done by half vectors, quarters and so on, not
    one by one; `threads`: see `threaded`; `stream`: results are written past the caches."""

    block: int = 4096
    tile: int = 32
    grain: int = 64
    vectors: int = 1
    halves: bool = False
    threads: str = AUTO
    stream: bool = False


def elementwise_choices(group: Group, machine: Machine) -> Mapping[str, Sequence[Value]]:
    """What there is to try: of one axis its grain, of several their blocks."""
    runs = runs_of(group, group.space)
    choices: dict[str, Sequence[Value]] = {"vectors": (1, 2, 4, 8), "threads": THREADS}
    if boxes_of(group):
        return choices | {"block": (256, 1024, 4096, 16384, 65536)}
    if len(runs) <= 1:
        choices["grain"] = (1, 16, 64, 256, 1024)
        if may_stream(group, machine):
            choices["stream"] = (False, True)
    else:
        choices["block"] = (64, 256, 1024, 4096, 16384, 65536)
        if _transposed_run(group, runs) is not None:
            choices["tile"] = (8, 16, 32, 64, 128)
    last: Dim = product(tuple(group.space[a] for a in runs[-1])) if runs else 1
    if isinstance(last, int) and last % (8 * vector_lanes(group, machine)):
        choices["halves"] = (False, True)
    return choices


def _refuse(knobs: ElementwiseKnobs, group: Group, machine: Machine) -> str | None:
    runs = runs_of(group, group.space)
    boxes = boxes_of(group)
    width = vector_lanes(group, machine, _settled(boxes)) * knobs.vectors
    (size,) = known((product(group.space),))
    if knobs.vectors > 1 and width > size:
        return f"{width} lanes for {size} elements"
    if (boxes or len(runs) > 1) and knobs.block % width:
        return f"blocks of {knobs.block} are no multiple of {width} lanes"
    if not boxes and _transposed_run(group, runs) is not None and 2 * knobs.tile % width:
        return f"tiles of {2 * knobs.tile} are no multiple of {width} lanes"
    return None


@tunable(ElementwiseKnobs, choices=elementwise_choices, refuse=_refuse)
def elementwise(
    name: str, group: Group, machine: Machine, knobs: ElementwiseKnobs | None = None
) -> KernelSource:
    """The kernel of a group of maps over one space."""
    knobs = knobs or ElementwiseKnobs()
    kernel = KernelFrame(name, group)
    runs, boxes = runs_of(group, group.space), boxes_of(group)
    width = vector_lanes(group, machine, _settled(boxes)) * knobs.vectors
    if boxes:
        _boxed(kernel, group, boxes, width, knobs)
    elif len(runs) <= 1:
        _flat(kernel, group, machine, width, knobs)
    else:
        _rows(kernel, group, runs, machine, knobs)
    return threaded(kernel.source(), knobs.threads)


def store_outputs(
    frame: Frame,
    outputs: tuple[Var, ...],
    runs: list[tuple[int, Expr]],
    picks: Mapping[Node, Pick] = NO_PICKS,
) -> None:
    """Compute and store all outputs at one position, where nodes choose as `picks` says."""
    indices: dict[Shape, Index] = {}
    for var in outputs:
        shape = var.aval.shape
        index = indices.setdefault(shape, index_at(shape, runs, picks))
        frame.store(var, frame.scope.element(var, index), address(frame.t, index))


def _flat(
    kernel: KernelFrame, group: Group, machine: Machine, width: int, knobs: ElementwiseKnobs
) -> None:
    frame = kernel.open()
    size: Dim = product(group.space)
    n_axes = len(group.space)
    t, scope = frame.t, frame.scope
    n, w = t.size(size), int64(width)
    watched = _watched(group, width, size, knobs)
    length = width * VECTORS if watched else block_elements(group, width)
    stream = Stream(frame, group, length) if knobs.stream else None

    def body(position: Expr) -> None:
        store_outputs(frame, group.outputs, [(n_axes, position)] if n_axes else [])

    def span(start: Expr, end: Expr) -> None:
        if watched:
            guarded(frame, watched, width, (start, end, size), body, _along_one_axis)
        else:
            vectors(scope, width, start, end, size, body, knobs.halves)

    with scope.block() as statements:
        low = frame.begin * w
        whole = tirx.Min(frame.end * w, n)
        if isinstance(size, int) and size % width == 0:
            whole = frame.end * w
        if watched or stream:
            _in_blocks(frame, low, whole, length, span, stream)
        else:
            span(low, whole)
    cost = element_cost(group, width) * width
    kernel.close(frame, statements, ceil_divide(size, width), cost, knobs.grain)


def _in_blocks(
    frame: Frame,
    low: Expr,
    high: Expr,
    length: int,
    span: Callable[[Expr, Expr], None],
    stream: Stream | None,
) -> None:
    """`span(start, end)` for blocks of so many elements of [low, high), whose results are written
    past the caches if there is a stream."""
    t = frame.t
    first = t.let(low)
    blocks = tirx.truncdiv(high - first + int64(length - 1), int64(length))
    with frame.scope.loop("block", int64(0), blocks) as number:
        start = t.let(first + number * int64(length))
        end = t.let(tirx.Min(high, start + int64(length)))
        if stream:
            stream.open(start)
        span(start, end)
        if stream:
            stream.close(start, end)
    if stream:
        stream.end()


def _along_one_axis(shape: Shape, j: Expr) -> Index:
    return index_at(shape, [(len(without_ones(shape)), j)])


def _watched(group: Group, width: int, size: Dim, knobs: ElementwiseKnobs) -> tuple[Node, ...]:
    """The nodes that get a shorter body for blocks of usual arguments."""
    return guards(group) if size != 0 and width > 1 and not knobs.halves else ()


def _rows(
    kernel: KernelFrame, group: Group, runs: list[list[int]], machine: Machine,
    knobs: ElementwiseKnobs,
) -> None:  # fmt: skip
    frame = kernel.open()
    width = vector_lanes(group, machine) * knobs.vectors
    blocks = _blocks(group, runs, knobs)
    nest = _RowNest(frame, group, runs, blocks, width, knobs)
    nest.turn(machine)
    with (
        frame.scope.block() as statements,
        frame.scope.loop("unit", frame.begin, frame.end) as unit,
    ):
        nest.unit(split_unit(frame.t, unit, [b.count for b in blocks]))
    units = product(tuple(b.count for b in blocks))
    kernel.close(frame, statements, units, element_cost(group, width) * _elements_of_unit(blocks))


class _RowNest:
    """The loops over runs of axes in blocks, the last one by vectors."""

    def __init__(
        self, frame: RangeFrame, group: Group, runs: list[list[int]], blocks: list[Block],
        width: int, knobs: ElementwiseKnobs,
    ) -> None:  # fmt: skip
        self.frame, self.group, self.runs, self.blocks = frame, group, runs, blocks
        self.width, self.knobs = width, knobs
        self.watched = _watched(group, width, blocks[-1].size, knobs)
        self.tiled = _transposed_run(group, runs)
        self.turner: Turner | None = None
        self.spans: list[tuple[Expr, Expr]] = []  # the block of each run

    def turn(self, machine: Machine) -> None:
        """Have transposes of inputs turned in registers, if there are any."""
        if self.tiled is None:
            return
        nodes = turned_nodes(self.group, self.runs[self.tiled][-1])
        ends = [b.size for b in (self.blocks[self.tiled], self.blocks[-1])]
        lanes = machine.vector_bytes // 4
        if nodes and not any(isinstance(n, int) and n < lanes for n in ends):
            sides = self.knobs.tile, 2 * self.knobs.tile
            self.turner = Turner(self.frame, self.group, nodes, machine, sides)

    def unit(self, numbers: list[Expr]) -> None:
        """The blocks of these numbers."""
        self.spans = [
            (n, n)
            if b.length == 1 and b is not self.blocks[-1]
            else block_range(self.frame.t, b, n)
            for b, n in zip(self.blocks, numbers, strict=True)
        ]
        if self.turner is not None and self.tiled is not None:
            rows, columns = self.spans[self.tiled], self.spans[-1]
            self.turner.fill(rows, columns, lambda i, j: self._at(numbers, i, j))
            if self.turner.is_all:
                return
        self._level([])

    def _at(self, numbers: list[Expr], i: Expr, j: Expr) -> list[tuple[int, Expr]]:
        """The position for elements of the turned run and of the last one."""
        found = [*numbers[:-1], j]
        found[self.tiled or 0] = i
        return [(len(axes), n) for axes, n in zip(self.runs, found, strict=True)]

    def _level(self, position: list[tuple[int, Expr]]) -> None:
        level = len(position)
        n_axes, (low, high) = len(self.runs[level]), self.spans[level]
        if level == len(self.runs) - 1:
            self._last(low, high, position)
        elif self.blocks[level].length == 1:
            self._level([*position, (n_axes, low)])
        else:
            with self.frame.scope.loop("i", low, high) as i:
                self._level([*position, (n_axes, i)])

    def _last(self, low: Expr, high: Expr, position: list[tuple[int, Expr]]) -> None:
        def runs_at(j: Expr) -> list[tuple[int, Expr]]:
            if self.turner is not None and self.tiled is not None:
                row = position[self.tiled][1] - self.spans[self.tiled][0]
                self.turner.places = row, j - low
            return [*position, (len(self.runs[-1]), j)]

        def body(j: Expr) -> None:
            store_outputs(self.frame, self.group.outputs, runs_at(j))

        def at(shape: Shape, j: Expr) -> Index:
            return index_at(shape, runs_at(j))

        span = low, high, self.blocks[-1].size
        if self.watched:
            guarded(self.frame, self.watched, self.width, span, body, at)
        else:
            vectors(self.frame.scope, self.width, *span, body, self.knobs.halves)


def _settled(boxes: tuple[Box, ...]) -> Collection[Node]:
    return boxes[0].picks if boxes else ()


def _boxed(
    kernel: KernelFrame, group: Group, boxes: tuple[Box, ...], width: int, knobs: ElementwiseKnobs
) -> None:
    """The boxes one after the other: units of each, numbered on from those of the one before."""
    frame, space = kernel.open(), group.space
    t, scope = frame.t, frame.scope
    runs = runs_of(group, space, cut_axes(boxes, space), _settled(boxes))
    first: Dim = 0
    with scope.block() as statements:
        for box in boxes:
            nest = _BoxNest(frame, group, box, runs, width, knobs)
            low = t.let(tirx.Max(frame.begin - t.size(first), int64(0)))
            high = t.let(tirx.Max(tirx.Min(frame.end - t.size(first), t.size(nest.count)), low))
            with scope.loop("unit", low, high) as unit:
                nest.level(split_unit(t, unit, [b.count for b in nest.blocks]), [])
            first = first + nest.count
    elements, inner = product(space), knobs.block
    if isinstance(elements, int) and isinstance(first, int):
        inner = max(1, elements // max(first, 1))
    kernel.close(frame, statements, first, element_cost(group, width) * inner)


class _BoxNest:
    """The loops over one box: its runs of axes in blocks, about `knobs.block` elements a unit."""

    def __init__(
        self, frame: RangeFrame, group: Group, box: Box, runs: list[list[int]], width: int,
        knobs: ElementwiseKnobs,
    ) -> None:  # fmt: skip
        self.frame, self.group, self.box, self.width = frame, group, box, width
        self.halves = knobs.halves
        self.n_axes = [len(axes) for axes in runs]
        # Where the box starts along each run: no axis of a run but the first is cut.
        self.starts = [
            box.start[axes[0]] * product(tuple(box.sizes[a] for a in axes[1:])) for axes in runs
        ]
        self.blocks: list[Block] = []
        left = knobs.block
        for axes in reversed(runs):
            size = product(tuple(box.sizes[a] for a in axes))
            self.blocks.insert(0, Block(size, max(left, 1)))
            left = left // max(size, 1) if isinstance(size, int) else 1
        self.count: Dim = product(tuple(b.count for b in self.blocks))

    def level(self, numbers: list[Expr], position: list[tuple[int, Expr]]) -> None:
        """The loops from a level on, in the blocks of these numbers."""
        t, scope, level = self.frame.t, self.frame.scope, len(position)
        block, start = self.blocks[level], self.starts[level]

        def at(i: Expr) -> list[tuple[int, Expr]]:
            moved = i if start == 0 else i + t.size(start)
            return [*position, (self.n_axes[level], moved)]

        def store(j: Expr) -> None:
            store_outputs(self.frame, self.group.outputs, at(j), self.box.picks)

        is_last = level == len(self.blocks) - 1
        if block.length == 1 and not is_last:
            self.level(numbers, at(numbers[level]))
            return
        low, high = block_range(t, block, numbers[level])
        if is_last:
            vectors(scope, self.width, low, high, block.size, store, self.halves)
            return
        with scope.loop("i", low, high) as i:
            self.level(numbers, at(i))


def _blocks(group: Group, runs: list[list[int]], knobs: ElementwiseKnobs) -> list[Block]:
    """The runs of axes in blocks: whole tiles of a transposed run and the last one."""
    tiled = _transposed_run(group, runs)
    blocks = []
    for i, axes in enumerate(runs):
        size: Dim = product(tuple(group.space[a] for a in axes))
        is_last = i == len(runs) - 1
        length = knobs.tile if i == tiled else (knobs.block if is_last else 1)
        blocks.append(Block(size, 2 * knobs.tile if is_last and tiled is not None else length))
    return blocks


def _elements_of_unit(blocks: list[Block]) -> int:
    inner = 1
    for b in blocks:
        if b.length > 1:
            inner *= min(b.size, b.length) if isinstance(b.size, int) else b.length
    return inner


def _transposed_run(group: Group, runs: list[list[int]]) -> int | None:
    """The run, other than the last, that holds the last axis of a transpose's source."""
    for node in group.nodes:
        if node.primitive.name != "transpose":
            continue
        if without_ones(node.output.aval.shape) != group.space:
            continue
        place = last_place(node)
        found = next(i for i, axes in enumerate(runs) if place in axes)
        if found != len(runs) - 1:
            return found
    return None
