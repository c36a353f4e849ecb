"""Recording: what a call of a public function comes to, once and for all calls like it.

The native core keeps, for each function, a table from kinds of calls (dtypes, shapes, parameters)
to recipes: kernels and movements in a row, which it runs without Python. Here a recipe is made: the
function is traced, and each node of its graph becomes a step. What a trace refuses (values that
Python needs) and what a function does otherwise when it is staged has no recipe: Python decides
then at each call, as it did at the first.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import trace as tracing
from .graph import Aval, Var
from .recipe_steps import Steps
from .record import read
from .trace import Recording, Unrecordable

if TYPE_CHECKING:
    from .array import Array

_MOST_NODES = 32
# Python's numbers are stood for by these, which every dtype holds and no function singles out.
_INTEGERS = (41, 43, 45, 47)
_FLOATS = tuple(n / 128 for n in _INTEGERS)
_STAND_INS: dict[type, tuple[Any, ...]] = {
    int: _INTEGERS,
    float: _FLOATS,
    complex: tuple(complex(n, n) for n in _FLOATS),
}


def record(
    dispatch: _native.Dispatch, args: tuple[Any, ...], kwargs: dict[str, Any], taped: bool
) -> tuple[Any, bool] | None:
    """The recipe of a call, and whether it holds for other sizes too; None if there is none.

    `taped`: gradients have to pass. The native core calls this when a kind of call comes again.
    """
    try:
        with placing.scope(placing.HOST.index):
            return _record(dispatch, args, kwargs, taped)
    except Exception:  # whatever hinders a recipe: the call itself has been made, by Python's way
        return None


def _record(
    dispatch: _native.Dispatch, args: tuple[Any, ...], kwargs: dict[str, Any], taped: bool
) -> tuple[Any, bool]:
    name = getattr(dispatch, "__name__", "function")
    with tracing.resumed(Recording(name)) as trace:
        trace.device = placing.HOST.index
        operands = _Operands(trace, 0 if taped else dispatch._n_weak)
        stand_ins = [operands.replace(x, place) for place, x in enumerate(args)]
        named = {k: operands.replace(v) for k, v in kwargs.items()}
        made = dispatch._function(*stand_ins, **named)
        operands.require_unwritten(trace)
        many = type(made) is tuple
        outputs = [_output(x, trace, operands, taped) for x in (made if many else (made,))]
        graph = trace.graph(tuple(o.var for o in outputs if o is not None and o.var is not None))
    if len(graph.nodes) > _MOST_NODES:
        raise Unrecordable(f"{name}: {len(graph.nodes)} nodes are too many")
    steps = Steps(graph, operands.keys, operands.given, taped)
    numbers = tuple(None if o is None else _number(o, steps) for o in outputs)
    return steps.recipe(numbers if many else numbers[0]), steps.is_general


class _Operands:
    """The arrays and weak numbers of a call, in the order of the native core's keys."""

    def __init__(self, trace: Recording, n_weak: int) -> None:
        self.trace, self.n_weak = trace, n_weak
        self.given: list[Any] = []
        self.stand_ins: list[Any] = []
        self.keys: list[Any] = []  # what the graph has for each

    def replace(self, x: Any, place: int | None = None) -> Any:
        """What the function is given for an argument while it is traced."""
        if isinstance(x, _native.Cell):
            cell = self.trace.add_input(Aval(x.shape, x.dtype))
            return self._add(x, cell, self.trace.inputs[-1])
        if place is not None and place < self.n_weak and type(x) in _STAND_INS:
            stand_in = _STAND_INS[type(x)][place]
            return self._add(x, stand_in, stand_in)
        if type(x) in (tuple, list):
            return type(x)(self.replace(item) for item in x)
        return x

    def _add(self, given: Any, stand_in: Any, key: Any) -> Any:
        self.given.append(given)
        self.stand_ins.append(stand_in)
        self.keys.append(key)
        return stand_in

    def require_unwritten(self, trace: Recording) -> None:
        """Raise Unrecordable if the function has written to one of its arrays."""
        for cell, key in zip(self.stand_ins, self.keys, strict=True):
            if isinstance(key, Var) and tracing.traced_var(cell, trace) is not key:
                raise Unrecordable("the function writes to its argument")


@dataclass(frozen=True)
class _Output:
    """A result: a value of the graph; or an operand itself, or a view of one by these moves."""

    var: Var | None
    operand: int = 0
    moves: tuple[Any, ...] = ()


def _output(x: Any, trace: Recording, operands: _Operands, taped: bool) -> _Output | None:
    if x is None:
        return None
    if not isinstance(x, _native.Cell):
        raise Unrecordable("the function returns something else than an array")
    by_identity = [id(cell) for cell in operands.stand_ins]
    if id(x) in by_identity:
        if taped:
            raise Unrecordable("the function returns its argument")
        return _Output(None, by_identity.index(id(x)))
    if id(x._base) in by_identity:
        return _Output(None, by_identity.index(id(x._base)), x._moves)
    cell: Array = read(x)  # type: ignore[arg-type]
    return _Output(tracing.traced_var(cell, trace))


def _number(output: _Output, steps: Steps) -> int:
    if output.var is not None:
        return steps.value(output.var)
    number = output.operand
    for primitive, params in output.moves:
        number = steps.view(number, primitive, params)
    return number
