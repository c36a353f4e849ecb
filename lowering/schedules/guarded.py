"""Two bodies for a block of elements: a short one for the usual arguments, one for all.

Vector code has no branches by lane, so a function pays for its rarest arguments with every element:
sines for angles of thousands of turns, logarithms for subnormal numbers and what is
not positive, powers for all of these and for results near the ends of the range. So the extremes of
a block's arguments are found first, and where they are usual the code for others is left out.
Results are the same bits either way.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import reduce

from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr, Map
from ...dsl.sizes import Dim, Shape
from ..frame import RangeFrame
from ..fusion import Group
from ..index import Index
from ..math.power import USUAL
from ..math.real import Real, real
from ..math.trigonometric import NEAR
from ..readers import sequence
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import int64
from .nest import Body, vectors

VECTORS = 32  # of a block along one axis: short enough for the first-level cache
_ANGULAR = frozenset({"sin", "cos", "tan"})
_LOGARITHMIC = frozenset({"log", "log2", "log10"})
_POWERS = frozenset({"pow"})
_CHEAP = 8  # instructions that may be repeated to look at an argument
_MOVED = frozenset({"broadcast_to", "full", "reshape"})

At = Callable[[Shape, Expr], Index]  # the position of element j in a value of some shape


def guards(group: Group) -> tuple[Node, ...]:
    """The nodes of the group that have a shorter body and arguments that are cheap to look at."""
    made = {var: node for node in group.nodes for var in node.outputs}
    return tuple(n for n in group.nodes if _has_usual(n, group) and _look_price(n, made) <= _CHEAP)


def _has_usual(node: Node, group: Group) -> bool:
    name, aval = node.primitive.name, node.output.aval
    if not aval.dtype.is_float or without_ones(aval.shape) != group.space:
        return False
    return name in _ANGULAR | _LOGARITHMIC | _POWERS


def _look_price(node: Node, made: dict[Var, Node]) -> int:
    """Instructions to compute the arguments of a node once more."""
    return sum(_price(made[v], made) for v in dict.fromkeys(node.inputs) if v in made)


def _price(node: Node, made: dict[Var, Node]) -> int:
    lower = node.primitive.lower
    if not isinstance(lower, Map) or not (lower.pointwise or node.primitive.name in _MOVED):
        return _CHEAP + 1
    return lower.cost + _look_price(node, made)


def guarded(
    frame: RangeFrame,
    nodes: tuple[Node, ...],
    width: int,
    span: tuple[Expr, Expr, Dim],
    body: Body,
    at: At,
) -> None:
    """`body(j)` for j in [low, high) of an axis, by the body that the block's arguments need."""
    scope, (low, high, size) = frame.scope, span
    extremes = _Extremes(frame, nodes, width)
    extremes.find(low, high, at)
    bodies = []
    for usual in (frozenset(n.output for n in nodes), frozenset()):
        scope.usual = usual
        with scope.block() as statements:
            vectors(scope, width, low, high, size, body)
        bodies.append(sequence(statements))
    frame.t.emit(tirx.IfThenElse(extremes.are_usual(), *bodies))


class _Extremes:
    """The extremes of the arguments of some nodes over a block, kept in a vector for each."""

    def __init__(self, frame: RangeFrame, nodes: tuple[Node, ...], width: int) -> None:
        self.frame, self.nodes, self.width = frame, nodes, width
        self.cells: dict[tuple[Var, str], object] = {}
        for node in nodes:
            for key in _watched(node):
                if key not in self.cells:
                    name, kind = f"{key[1]}{len(self.cells)}", _kind(key)
                    self.cells[key] = frame.local(name, kind, width)

    def find(self, low: Expr, high: Expr, at: At) -> None:
        """Into lane 0 of each vector: the extreme over [low, high)."""
        scope, t, width = self.frame.scope, self.frame.t, self.width
        with scope.lanes(width) as lane:
            for key, cell in self.cells.items():
                t.emit(tirx.BufferStore(cell, _first(key), [lane]))
        count = tirx.truncdiv(high - low, int64(width))
        with scope.loop("j", int64(0), count) as i, scope.lanes(width) as lane:
            self._look(low + i * int64(width) + lane, lane, at)
        half = width // 2
        while half:
            with scope.lanes(half) as lane:
                for key, cell in self.cells.items():
                    self._take(key, lane, t.let(tirx.BufferLoad(cell, [lane + int64(half)])))
            half //= 2
        with scope.loop("rest", low + count * int64(width), high) as j:
            self._look(j, int64(0), at)

    def _look(self, j: Expr, lane: Expr, at: At) -> None:
        places: dict[Shape, Index] = {}
        for key in self.cells:
            var, name = key
            index = places.setdefault(var.aval.shape, at(var.aval.shape, j))
            x = self.frame.scope.element(var, index)
            m = real(self.frame.t, x)
            x = m.abs(x) if name in ("size", "power") else x
            self._take(key, lane, x if name == "size" else m.bits(x))

    def _take(self, key: tuple[Var, str], lane: Expr, value: Expr) -> None:
        cell, t = self.cells[key], self.frame.t
        before = t.let(tirx.BufferLoad(cell, [lane]))
        # NaN is no larger angle than any
        better = value < before if key[1] == "least" else value > before
        t.emit(tirx.BufferStore(cell, tirx.Select(better, value, before), [lane]))

    def are_usual(self) -> Expr:
        """Whether the shorter body of every node serves."""
        return reduce(tirx.And, (c for node in self.nodes for c in self._conditions(node)))

    def _found(self, var: Var, name: str) -> Expr:
        return self.frame.t.let(tirx.BufferLoad(self.cells[var, name], [int64(0)]))

    def _conditions(self, node: Node) -> Iterator[Expr]:
        x = node.inputs[0]
        if node.primitive.name in _ANGULAR:
            yield self._found(x, "size") < tirx.const(NEAR, _type(x))
            return
        m = _real_of(self.frame, x)
        least, most = self._found(x, "least"), self._found(x, "most")
        yield least >= m.word(m.bits_of(2.0 ** (1 - m.bias)))  # positive and normal, all of them
        yield most < m.word(m.bits_of(float("inf")))
        if node.primitive.name in _POWERS:
            size = m.from_bits(self._found(node.inputs[1], "power"))
            above = _exponent(m, most) + m.const(1.0)
            below = _exponent(m, least) * m.const(-1.0)
            # |log2(x)| is at most the larger; a power that is NaN is not below the limit
            yield size * tirx.Select(above > below, above, below) < m.const(USUAL - 1.0)


def _watched(node: Node) -> Iterator[tuple[Var, str]]:
    if node.primitive.name in _ANGULAR:
        yield node.inputs[0], "size"
        return
    yield node.inputs[0], "least"
    yield node.inputs[0], "most"
    if node.primitive.name in _POWERS:
        yield node.inputs[1], "power"


def _type(var: Var) -> str:
    return "float64" if var.aval.dtype.itemsize == 8 else "float32"


def _kind(key: tuple[Var, str]) -> str:
    """The type of a vector of extremes: floats for sizes, else bits."""
    return _type(key[0]) if key[1] == "size" else _type(key[0]).replace("float", "uint")


def _real_of(frame: RangeFrame, var: Var) -> Real:
    return Real(frame.t, _type(var))


def _first(key: tuple[Var, str]) -> Expr:
    """What an extreme starts from; the least number from infinity, which is no usual one."""
    if key[1] != "least":
        return tirx.const(0, _kind(key))
    m = Real(None, _type(key[0]))  # type: ignore[arg-type]
    return m.word(m.bits_of(float("inf")))


def _exponent(m: Real, bits: Expr) -> Expr:
    """The exponent of a positive number as a float."""
    biased = tirx.Cast(m.dtype, tirx.Cast("int64", tirx.shift_right(bits, m.word(m.fraction_bits))))
    return m.let(biased - m.const(float(m.bias)))
