"""Reductions inside a block: each thread its own part, then a tree over the threads.

The threads of a block are `teams` of `lanes`; the lanes of a team reduce together, in a tree whose
shape is fixed, so that results do not depend on the order in which threads run.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from ....dsl.dtypes import DType
from ....dsl.primitive import Expr
from ...readers import sequence
from ...tvm_api import tirx
from ...vocabulary import int64
from .frame import GridFrame


@dataclass(frozen=True)
class Arrangement:
    """`teams` of `lanes` threads (a power of two). Neighbouring threads are lanes of one team, or
    (`teams_first`) one lane of neighbouring teams."""

    lanes: int
    teams: int
    teams_first: bool = False

    @property
    def threads(self) -> int:
        return self.lanes * self.teams

    @property
    def stride(self) -> int:
        """Between the numbers of neighbouring lanes."""
        return self.teams if self.teams_first else 1

    def place(self, frame: GridFrame) -> tuple[Expr, Expr]:
        """A thread's team and lane."""
        fast = int64(self.teams if self.teams_first else self.lanes)
        if self.lanes == 1:
            return frame.thread, int64(0)
        if self.teams == 1:
            return int64(0), frame.thread
        slow = frame.t.let(tirx.truncdiv(frame.thread, fast))
        quick = frame.t.let(tirx.truncmod(frame.thread, fast))
        return (quick, slow) if self.teams_first else (slow, quick)


class State(Protocol):
    """What a thread has of a reduction."""

    @property
    def dtypes(self) -> tuple[DType, ...]: ...
    def state(self) -> tuple[Expr, ...]: ...
    def merge(self, state: Sequence[Expr]) -> None: ...


class Tree:
    """Joins the states of a team's lanes by way of shared memory."""

    def __init__(self, frame: GridFrame, shape: Arrangement, state: State, tag: str) -> None:
        self.frame, self.shape, self.accumulator = frame, shape, state
        self.slots = [
            frame.shared(f"{tag}_tree{i}", d.name, shape.threads)
            for i, d in enumerate(state.dtypes)
            if shape.lanes > 1
        ]

    def join(self, lane: Expr) -> tuple[Expr, ...]:
        """The state of the whole team, for each of its lanes; all threads must come here."""
        frame, shape = self.frame, self.shape
        if shape.lanes == 1:
            return self.accumulator.state()
        self._put()
        frame.barrier()
        half = shape.lanes // 2
        while half:
            with frame.scope.block() as statements:
                self.accumulator.merge(self._get(frame.thread + int64(half * shape.stride)))
                self._put()
            frame.t.emit(tirx.IfThenElse(lane < int64(half), sequence(statements), None))
            frame.barrier()
            half //= 2
        total = self._get(frame.t.let(frame.thread - lane * int64(shape.stride)))
        frame.barrier()
        return total

    def _put(self) -> None:
        for slot, value in zip(self.slots, self.accumulator.state(), strict=True):
            self.frame.t.emit(tirx.BufferStore(slot, value, [self.frame.thread]))

    def _get(self, at: Expr) -> tuple[Expr, ...]:
        return tuple(self.frame.t.let(tirx.BufferLoad(slot, [at])) for slot in self.slots)


def power_of_two_up_to(limit: int, wanted: int) -> int:
    """The smallest power of two that is at least `wanted`, but not above `limit`."""
    found = 1
    while found < wanted and found * 2 <= limit:
        found *= 2
    return found
