"""Reductions whose bits depend on their elements alone: those of the reproducible mode.

Element p of the reduced axes is taken in by lane p % LANES of block p // BLOCK; the lanes of a
block are joined as a tree, then the blocks in order. So it is in every schedule, for any vectors,
threads and neighbours. Sixteen lanes hide the latency of a chain where a vector holds eight or
four.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from ...dsl.graph import Node
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim, ceil_divide
from ..frame import Frame
from ..tvm_api import tirx
from ..vocabulary import int64
from .accumulate import Accumulator

LANES = 16
BLOCK = 1 << 14

Take = Callable[[Expr, Expr], None]  # takes the element at a position into a lane


class FixedTree:
    """The state of one reduction: of the open block, and of the blocks before it."""

    def __init__(self, frame: Frame, node: Node, tag: str) -> None:
        self.frame = frame
        self.total = Accumulator(frame, node, 1, f"{tag}_total")
        self._lanes = Accumulator(frame, node, LANES, tag)
        # Lanes that are counted at run time keep an array out of registers, so the loop over whole
        # vectors has one of its own.
        self._rest = Accumulator(frame, node, LANES, f"{tag}_rest")
        self._open = self._lanes

    def reset(self) -> None:
        """No block has been taken in."""
        self.total.reset()

    def begin_block(self) -> None:
        """All lanes hold the identity."""
        self._lanes.reset()
        self._open = self._lanes

    def begin_rest(self) -> None:
        """What follows fills no vector."""
        with self.frame.scope.lanes(LANES) as lane:
            self._rest.put(self._lanes.state(lane), lane)
        self._open = self._rest

    def take(self, x: Expr, position: Expr, lane: Expr | None = None) -> None:
        """Take one element in."""
        self._open.take(x, position, lane)

    def end_block(self) -> tuple[Expr, ...]:
        """The state of the block."""
        self._rest.join_lanes()
        return self._rest.state()

    def state(self) -> tuple[Expr, ...]:
        return self.total.state()

    def finish(self, state: tuple[Expr, ...]) -> Expr:
        """The result of the reduction from its state."""
        return self.total.finish(state)


def walk_block(
    frame: Frame, trees: Sequence[FixedTree], low: Expr, high: Expr, size: Dim, take: Take
) -> list[tuple[Expr, ...]]:
    """The states of reductions over one block, the positions [low, high) of `size` in all."""
    scope, t = frame.scope, frame.t
    for tree in trees:
        tree.begin_block()
    if not isinstance(size, int) or size >= LANES:
        count = t.let(tirx.truncdiv(high - low, int64(LANES)))
        with scope.loop("j", int64(0), count) as i, scope.lanes(LANES) as lane:
            take(low + i * int64(LANES) + lane, lane)
        low = t.let(low + count * int64(LANES))
    for tree in trees:
        tree.begin_rest()
    if not isinstance(size, int) or size % LANES:
        with scope.loop("rest", low, high) as j:
            take(j, j - low)
    return [tree.end_block() for tree in trees]


def walk(frame: Frame, trees: Sequence[FixedTree], size: Dim, take: Take) -> None:
    """Reductions over the positions [0, size), block after block."""
    scope, t = frame.scope, frame.t
    for tree in trees:
        tree.reset()

    def one(low: Expr, high: Expr) -> None:
        states = walk_block(frame, trees, low, high, size, take)
        for tree, state in zip(trees, states, strict=True):
            tree.total.merge(state)

    if isinstance(size, int) and size <= BLOCK:
        one(int64(0), int64(size))
        return
    with scope.loop("block", int64(0), t.size(ceil_divide(size, BLOCK))) as number:
        low = t.let(number * int64(BLOCK))
        one(low, t.let(tirx.Min(t.size(size), low + int64(BLOCK))))
