"""The state of a reduction inside a kernel: lanes of a vector, then one scalar.

A sum of floats is kept in float64 (and rounded once), so its error does not grow with the number
of terms; sums of float64 run in as many chains as there are lanes and blocks.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from ...dsl.dtypes import DType, complex64, complex128, float32, float64, int32
from ...dsl.graph import Node
from ...dsl.primitive import Expr, Reduce, Reducer
from ...dsl.sizes import product
from ..frame import Frame
from ..readers import Scope
from ..tvm_api import tirx
from ..vocabulary import int64

_WIDENED = ("sum", "sum_of_squares", "prod")
_PLACES = ("argmax", "argmin")
_WIDER = {float32: float64, complex64: complex128}


def reducer_of(node: Node) -> Reducer:
    """The reducer of a reduction."""
    assert isinstance(node.primitive.lower, Reduce)
    return node.primitive.lower.reducer


def _components(node: Node) -> tuple[DType, ...]:
    """The types of the state's components, as the reducer knows them."""
    found = reducer_of(node).state(node.inputs[0].aval.dtype)
    if node.primitive.name in _WIDENED:
        return tuple(_WIDER.get(d, d) for d in found)
    if node.primitive.name in _PLACES and _few_elements(node):
        return found[0], int32  # places as wide as float32, so that vectors hold as many
    return found


def _few_elements(node: Node) -> bool:
    shape = node.inputs[0].aval.shape
    count = product(tuple(shape[a] for a in node.params["axes"]))
    return isinstance(count, int) and count < 1 << 31


def state_dtypes(node: Node) -> tuple[DType, ...]:
    """The types of what the state is kept in: a complex component is two of floats."""
    return tuple(d.real for c in _components(node) for d in (c, c)[: 1 + c.is_complex])


def _narrow(position: Expr) -> Expr:
    """An int64 position as int32: its terms are, so that lanes are added as narrow numbers."""
    if isinstance(position, tirx.Add | tirx.Mul):
        return type(position)(_narrow(position.a), _narrow(position.b))
    if isinstance(position, tirx.IntImm):
        return tirx.IntImm("int32", position.value)
    return tirx.Cast("int32", position)


class Accumulator:
    """The state of one reduction in local arrays of `width` lanes."""

    def __init__(self, frame: Frame, node: Node, width: int, tag: str) -> None:
        self.frame, self.node, self.width, self.tag = frame, node, width, tag
        self.reducer, self.dtypes = reducer_of(node), state_dtypes(node)
        self.components = _components(node)
        self.lanes = [frame.local(f"{tag}_{i}", d.name, width) for i, d in enumerate(self.dtypes)]

    @property
    def scope(self) -> Scope:
        return self.frame.scope

    def reset(self) -> None:
        """All lanes hold the identity."""
        state = self._apart(self.reducer.init(self.frame.t, self.components))
        if self.width == 1:
            self._put(state, int64(0))
            return
        with self.scope.lanes(self.width) as lane:
            self._put(state, lane)

    def reset_lane(self, lane: Expr) -> None:
        """One lane holds the identity."""
        self._put(self._apart(self.reducer.init(self.frame.t, self.components)), lane)

    def take(self, x: Expr, position: Expr, lane: Expr | None = None) -> None:
        """Take one element in."""
        lane = int64(0) if lane is None else lane
        t = self.frame.t
        element = t.let(t.cast(x, self.components[0]))
        state = self._together(self._get(lane))
        if self.components[1:] == (int32,):
            position = t.let(_narrow(position))
        new = t.evaluate(lambda: self.reducer.step(t, state, element, position))
        self._put(self._apart(new), lane)

    @property
    def folds(self) -> bool:
        """Whether neighbours may be added in the elements' own type before they are taken in."""
        return self.node.primitive.name == "sum" and self.node.inputs[0].aval.dtype is float32

    def take_folded(self, xs: Sequence[Expr], lane: Expr | None = None) -> None:
        """Take in a power of two of elements, added as a tree in their own type: one conversion
        for all of them, and log2 of their number roundings more."""
        while len(xs) > 1:
            half = len(xs) // 2
            xs = [self.frame.t.let(a + b) for a, b in zip(xs[:half], xs[half:], strict=True)]
        self.merge([self.frame.t.let(self.frame.t.cast(xs[0], self.components[0]))], lane)

    def merge(self, state: Sequence[Expr], lane: Expr | None = None) -> None:
        """Join another state into a lane."""
        lane = int64(0) if lane is None else lane
        t, mine = self.frame.t, self._together(self._get(lane))
        other = self._together(tuple(state))
        new = t.evaluate(lambda: self.reducer.merge(t, mine, other))
        self._put(self._apart(new), lane)

    def join_lanes(self) -> None:
        """A tree over the lanes; the result is in lane 0."""
        half = self.width // 2
        while half:
            if half == 1:
                self.merge(self._get(int64(1)))
            else:
                with self.scope.lanes(half) as lane:
                    self.merge(self._get(lane + int64(half)), lane)
            half //= 2

    def state(self, lane: Expr | None = None) -> tuple[Expr, ...]:
        return self._get(int64(0) if lane is None else lane)

    def put(self, state: Sequence[Expr], lane: Expr | None = None) -> None:
        """Give a lane a state as `state` has it."""
        self._put(state, int64(0) if lane is None else lane)

    def finish(self, state: tuple[Expr, ...]) -> Expr:
        """The result of the reduction from its state."""
        node, t = self.node, self.frame.t
        x = node.inputs[0].aval
        count = t.size(product(tuple(x.shape[a] for a in node.params["axes"])))
        dtype = node.output.aval.dtype
        value = self.reducer.finish(t, self._together(state), dtype, count)
        return t.let(t.rounded(value, dtype))

    def _together(self, state: tuple[Expr, ...]) -> tuple[Expr, ...]:
        """What is kept as the reducer's components."""
        kept = iter(state)
        t = self.frame.t
        return tuple(
            t.complex(next(kept), next(kept)) if c.is_complex else next(kept)
            for c in self.components
        )

    def _apart(self, state: Sequence[Expr]) -> tuple[Expr, ...]:
        """The reducer's components as what is kept."""
        pairs = zip(state, self.components, strict=True)
        return tuple(p for x, c in pairs for p in (x.parts if c.is_complex else (x,)))

    def _get(self, lane: Expr) -> tuple[Expr, ...]:
        t = self.frame.t
        return tuple(t.let(tirx.BufferLoad(b, [lane])) for b in self.lanes)

    def _put(self, state: Sequence[Any], lane: Expr) -> None:
        values = [self.frame.t.let(v) for v in state]
        for buffer, value in zip(self.lanes, values, strict=True):
            self.frame.t.emit(tirx.BufferStore(buffer, value, [lane]))
