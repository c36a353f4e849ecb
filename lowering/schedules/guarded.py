"""Two bodies for a block of elements: a short one for the usual arguments, one for all.

Vector code has no branches by lane, so a function pays for its rarest arguments with every element.
The sines of float32 do: so a block's largest angle is found first, and if it is near (see
math/trigonometric.py) the code that far angles need is left out. Results are the same either way.
"""

from __future__ import annotations

from ...dsl.graph import Var
from ...dsl.primitive import Expr
from ...dsl.sizes import Dim
from ..frame import RangeFrame
from ..fusion import Group
from ..index import Index
from ..math.trigonometric import NEAR
from ..readers import sequence
from ..spaces import without_ones
from ..tvm_api import tirx
from ..vocabulary import int64
from .nest import Body, index_at, vectors

_VECTORS = 32  # of a block: short enough for the first-level cache
_ANGULAR = ("sin", "cos", "tan")


def angles(group: Group) -> tuple[Var, ...]:
    """The inputs of the group that are angles, if it has no others and they may be near or far."""
    nodes = [n for n in group.nodes if n.primitive.name in _ANGULAR]
    given = tuple(dict.fromkeys(n.inputs[0] for n in nodes))
    fits = all(v in group.inputs and _is_angular(v, group) for v in given)
    return given if fits else ()


def _is_angular(var: Var, group: Group) -> bool:
    dtype = var.aval.dtype
    is_single = dtype.is_float and dtype.itemsize <= 4  # the half types are computed in float32
    return is_single and without_ones(var.aval.shape) == group.space


def guarded(
    frame: RangeFrame, given: tuple[Var, ...], width: int, whole: Expr, size: Dim, body: Body
) -> None:
    """`body(j)` for j up to `whole`, in blocks of near or any angles."""
    scope, t, block = frame.scope, frame.t, width * _VECTORS
    largest = frame.local("largest", "float32", width)
    first = t.let(frame.begin * int64(width))
    blocks = tirx.truncdiv(whole - first + int64(block - 1), int64(block))
    with scope.loop("block", int64(0), blocks) as number:
        low = t.let(first + number * int64(block))
        high = t.let(tirx.Min(whole, low + int64(block)))
        _find_largest(frame, largest, given, (width, low, high))
        bodies = []
        for near in (True, False):
            t.near_angles = near
            with scope.block() as statements:
                vectors(scope, width, low, high, size, body)
            bodies.append(sequence(statements))
        is_near = tirx.BufferLoad(largest, [int64(0)]) < tirx.const(NEAR, "float32")
        t.emit(tirx.IfThenElse(is_near, *bodies))


def _find_largest(
    frame: RangeFrame, largest: object, given: tuple[Var, ...], span: tuple[int, Expr, Expr]
) -> None:
    """The largest magnitude of a block, infinities included and NaN left out, into lane 0."""
    scope, t, (width, low, high) = frame.scope, frame.t, span

    def take(lane: Expr, value: Expr) -> None:
        before = t.let(tirx.BufferLoad(largest, [lane]))
        t.emit(tirx.BufferStore(largest, tirx.Select(value > before, value, before), [lane]))

    def look(j: Expr, lane: Expr) -> None:
        for var in given:
            index: Index = index_at(var.aval.shape, [(len(without_ones(var.aval.shape)), j)])
            take(lane, t.let(t.call("abs", scope.element(var, index))))

    with scope.lanes(width) as lane:
        t.emit(tirx.BufferStore(largest, tirx.const(0.0, "float32"), [lane]))
    count = tirx.truncdiv(high - low, int64(width))
    with scope.loop("j", int64(0), count) as i, scope.lanes(width) as lane:
        look(low + i * int64(width) + lane, lane)
    half = width // 2
    while half:
        with scope.lanes(half) as lane:
            take(lane, t.let(tirx.BufferLoad(largest, [lane + int64(half)])))
        half //= 2
    with scope.loop("rest", low + count * int64(width), high) as j:
        look(j, int64(0))
