"""Nests of loops that all schedules share: runs of axes, blocks of a run, vectors with a tail."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from ...dsl.graph import Node
from ...dsl.primitive import Expr, Map
from ...dsl.primitives.random import BY_POSITION
from ...dsl.sizes import Dim, Shape, ceil_divide
from ..fusion import Group
from ..index import Index, Pick, Run
from ..machine import Machine
from ..readers import Scope, sequence
from ..spaces import MOVEMENT, SAME_BYTES, without_ones
from ..tvm_api import tirx
from ..vocabulary import TirxVocabulary, int64

Body = Callable[[Expr], object]
NO_PICKS: Mapping[Node, Pick] = {}
# What sees its own position alone, however the axes are joined.
_BY_POSITION = {"full", *BY_POSITION}


def vector_lanes(group: Group, machine: Machine, settled: Collection[Node] = ()) -> int:
    """Lanes of a vector loop: a full register of the widest value, positions included where each
    lane computes its own, which the nodes `settled` do not."""
    of_rows = group.kind in ("row", "reduce", "columns")  # whose results are one for many elements
    made = [v for v in group.outputs if not of_rows or without_ones(v.aval.shape) == group.space]
    buffers = (*group.inputs, *made)
    widest = max((v.aval.dtype.real.itemsize for v in buffers), default=4)
    if any(_computes_positions(node) for node in group.nodes if node not in settled):
        widest = 8
    return machine.vector_bytes // max(min(widest, 8), 2)


def _computes_positions(node: Node) -> bool:
    """Whether neighbouring lanes may read places that are no neighbours, as in pad and gather."""
    lower = node.primitive.lower
    if node.primitive.name == "gather":
        indices = node.inputs[1].aval
        return all(n == 1 for n in node.output.aval.shape[node.params["axis"] + indices.ndim :])
    return isinstance(lower, Map) and not lower.pointwise and node.primitive.name not in MOVEMENT


def vectors(
    scope: Scope, width: int, low: Expr, high: Expr, size: Dim, body: Body, halves: bool = False
) -> None:
    """`body(j)` for j in [low, high): whole vectors, then the rest one by one, or by vectors of
    half the width, a quarter and so on. `low` is a multiple of the width, and `high` is one too
    unless it is the end of the axis of `size` elements."""
    if scope.t.plain_loops:
        with scope.loop("j", low, high) as j:
            body(j)
        return
    if not isinstance(size, int) or size >= width:
        w = int64(width)
        first, last = tirx.truncdiv(low, w), tirx.truncdiv(high, w)
        with scope.loop("j", first, last) as i, scope.lanes(width) as lane:
            body(i * w + lane)
        low = last * w
    if isinstance(size, int) and size % width == 0:
        return
    if halves:
        in_halves(scope, width, low, high, lambda j, lane: body(j))
        return
    with scope.loop("rest", low, high) as j:
        body(j)


def in_halves(
    scope: Scope, width: int, low: Expr, high: Expr, body: Callable[[Expr, Expr], object]
) -> None:
    """`body(j, lane)` for the fewer than `width` (a power of two) elements in [low, high), by the
    binary digits of their number: half a vector, a quarter, at last one element."""
    t = scope.t
    left = t.let(high - low)
    half = width // 2
    while half:
        whole = int64(2 * half)
        done = t.let(tirx.truncdiv(left, whole) * whole)
        with scope.block() as statements:
            if half == 1:
                body(low + done, int64(0))
            else:
                with scope.lanes(half) as lane:
                    body(low + done + lane, lane)
        t.emit(tirx.IfThenElse(left - done >= int64(half), sequence(statements), None))
        half //= 2


@dataclass(frozen=True)
class Block:
    """One run of axes split into blocks: its size and the length of a block (1: no inner loop)."""

    size: Dim
    length: int = 1

    @property
    def count(self) -> Dim:
        if isinstance(self.size, int) and self.size <= self.length:
            return min(self.size, 1) if self.length > 1 else self.size
        return ceil_divide(self.size, self.length)


def split_unit(t: TirxVocabulary, unit: Expr, counts: list[Dim]) -> list[Expr]:
    """A unit's number -> the number of its block along each run; where one has none, no unit is
    ever taken."""
    counts = [1 if n == 0 else n for n in counts]
    found: list[Expr] = []
    for i in range(len(counts) - 1, -1, -1):
        if counts[i] == 1:
            found.append(int64(0))
        elif all(n == 1 for n in counts[:i]):
            found.append(unit)
        else:
            found.append(t.let(tirx.truncmod(unit, t.size(counts[i]))))
            unit = t.let(tirx.truncdiv(unit, t.size(counts[i])))
    return found[::-1]


def block_range(t: TirxVocabulary, block: Block, number: Expr) -> tuple[Expr, Expr]:
    """The elements [low, high) of a block."""
    size = t.size(block.size)
    if block.count == 1:
        return int64(0), size
    low = t.let(number * int64(block.length))
    if isinstance(block.size, int) and block.size % block.length == 0:
        return low, t.let(low + int64(block.length))
    return low, t.let(tirx.Min(size, low + int64(block.length)))


def index_at(
    shape: Shape, runs: list[tuple[int, Expr]], picks: Mapping[Node, Pick] = NO_PICKS
) -> Index:
    """The position in `shape` for positions along runs of (number of axes, position); axes of one
    element are not counted, and join the run before them. `picks` is what nodes choose there."""
    found: list[Run] = []
    axis = 0
    for n_axes, position in runs:
        start, left = axis, n_axes
        while axis < len(shape) and (left or shape[axis] == 1):
            left -= shape[axis] != 1
            axis += 1
        if axis > start:
            found.append(Run(shape[start:axis], position))
    if axis < len(shape):
        found.append(Run(shape[axis:], int64(0)))
    return Index(tuple(found), picks=picks)


# --------------------------------------------------------------------------- axes that step as one


def runs_of(
    group: Group, space: Shape, always: tuple[int, ...] = (), settled: Collection[Node] = ()
) -> list[list[int]]:
    """The axes of a space, grouped so that every access of the group sees a group as one axis (but
    for the nodes `settled`, which are cut along `always` alone)."""
    cuts = set(always)
    for node in group.nodes:
        if node not in settled:
            cuts |= cuts_of(node, space)
    runs: list[list[int]] = []
    for axis in range(len(space)):
        if axis == 0 or axis in cuts:
            runs.append([])
        runs[-1].append(axis)
    return runs


def cuts_of(node: Node, space: Shape) -> set[int]:
    """The axes of a space before which a node's access steps differently."""
    lower, name = node.primitive.lower, node.primitive.name
    out = node.output.aval.shape
    if not isinstance(lower, Map) or lower.pointwise or without_ones(out) != space:
        return set()
    if name in _BY_POSITION:
        return set()
    if name == "broadcast_to":
        real = _real_axes(node)
        return {i for i in range(1, len(real)) if real[i] != real[i - 1]}
    if name == "transpose":
        axes = [a for a in node.params["axes"] if node.inputs[0].aval.shape[a] != 1]
        return {i for i in range(1, len(axes)) if axes[i] != axes[i - 1] + 1}
    if name in SAME_BYTES:
        return set()
    if name == "slice":
        return _window_cuts(node)
    return set(range(1, len(space)))


def _window_cuts(node: Node) -> set[int]:
    """Before each axis that is shorter than the source's (or stepped along), as it ends a run of
    the source; behind it if the window has one element there."""
    source, out = node.inputs[0].aval.shape, node.output.aval.shape
    spans = enumerate(zip(source, out, node.params["strides"], strict=True))
    places = {len(without_ones(out[:a])) for a, (n, m, step) in spans if n != m or step != 1}
    return {place for place in places if 0 < place < len(without_ones(out))}


def _real_axes(node: Node) -> list[bool]:
    """For each axis of the result that is not of one element: whether the source has it."""
    source, out = node.inputs[0].aval.shape, node.output.aval.shape
    lead = len(out) - len(source)
    return [a >= lead and source[a - lead] == n for a, n in enumerate(out) if n != 1]


# --------------------------------------------------------------------------- cost estimates

PS_PER_INSTRUCTION = 130  # of a vector
PS_PER_BYTE = 15  # of memory traffic, much of it from caches


def element_cost(group: Group, width: int) -> int:
    """Picoseconds that one element of the space takes, about."""
    instructions = 1
    for node in group.nodes:
        lower = node.primitive.lower
        instructions += lower.cost if isinstance(lower, Map) else 2
    n_bytes = sum(v.aval.dtype.itemsize for v in (*group.inputs, *group.outputs))
    return max(1, instructions * PS_PER_INSTRUCTION // width + n_bytes * PS_PER_BYTE)
