"""The steps of a recipe: each node of a traced graph as a call of a native kernel or movement.

The steps are run once as they are written, on the arrays of the call that is recorded: how these
lie in memory decides how products take them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import eager, views
from . import eager_moves as moves
from .eager_products import Product, plan_product
from .eager_routines import routine_step
from .graph import Graph, Node, Var
from .primitive import REGISTRY, Contract, Map, Native, Primitive, Reduce
from .primitives.indexing import gather_sizes
from .sizes import known
from .trace import Unrecordable

if TYPE_CHECKING:
    from .array import Array

_VALUE, _DETACH = _native.Move("value", ()), _native.Move("detach", ())


class Steps:
    """Writes a recipe. Values are numbered: operands, constants, then one result a step."""

    def __init__(self, graph: Graph, keys: list[Any], values: list[Any], taped: bool) -> None:
        self.taped = taped
        self.is_general = True  # no step depends on a size
        self._values = list(values)
        self._numbers = {key: i for i, key in enumerate(keys)}  # of operands: variables, numbers
        self._n_operands = len(keys)
        self._nodes = {n.output: n for n in graph.nodes}
        self._constants: list[Any] = []
        self._steps: list[tuple[Any, tuple[int, ...], Any]] = []
        self._used: set[int] = set()
        for var, host in graph.constants:
            self._numbers[var] = self._constant(host, var)
        self._scalars = {n.output: self._scalar(n) for n in graph.nodes if _is_full(n)}
        self._fillers = {n.output: self._filler(n) for n in graph.nodes if _is_pad(n)}

    def recipe(self, outputs: Any) -> tuple[Any, ...]:
        """The recipe as the native core takes it."""
        unused = {i for k, i in self._numbers.items() if not isinstance(k, Var)} - self._used
        if unused:
            raise Unrecordable("a Python number does more than to be an operand")
        return tuple(self._constants), tuple(self._steps), outputs

    def value(self, var: Var) -> int:
        """The number of a value that the function returns: an array of its own."""
        number = self._number(var)
        is_fresh = number >= self._n_operands + len(self._constants)
        if is_fresh and not self._values[number]._is_view:
            return number
        return self._step(_VALUE, (number,))

    def view(self, number: int, primitive: Primitive, params: Any) -> int:
        """The number of a view that the function returns."""
        self.is_general = False
        return self._step(_movement(primitive, dict(params), True), (number,))

    # ------------------------------------------------------------------ constants

    def _constant(self, host: Any, var: Var) -> int:
        self.is_general = self.is_general and var.aval.shape == ()
        cell = _native.from_buffer(views.exportable(host), var.aval.dtype.code, True)
        return self._add_constant(cell)

    def _scalar(self, node: Node) -> int:
        """The number of the element of a `full`: an operand's, or a constant's."""
        value, dtype = node.params["value"], node.params["dtype"]
        if type(value) is not bool and value in self._numbers:
            return self._numbers[value]
        return self._add_constant(_native.from_scalar(value, dtype.code))

    def _filler(self, node: Node) -> int:
        return self._add_constant(moves.filler(node.output.aval.dtype, node.params))

    def _add_constant(self, cell: Array) -> int:
        self._constants.append(cell)
        self._values.append(cell)
        return len(self._values) - 1

    # ------------------------------------------------------------------ nodes

    def _step(self, call: Callable[..., Any], arguments: tuple[int, ...], tape: Any = None) -> int:
        made = call(*(self._values[i] for i in arguments))
        self._values.append(made[0] if isinstance(made, tuple) else made)
        self._steps.append((call, arguments, tape))
        self._used.update(arguments)
        return len(self._values) - 1

    def _number(self, var: Var) -> int:
        found = self._numbers.get(var)
        if found is None:
            found = self._numbers[var] = self._write(self._nodes[var])
        return found

    def _write(self, node: Node) -> int:
        lower = node.primitive.lower
        if _is_full(node):
            return self._full(node)
        if node.primitive.name == "stop_gradient":
            return self._step(_DETACH, self._inputs(node))
        if isinstance(lower, Map) and lower.pointwise and not _is_special(node):
            return self._map(node)
        if isinstance(lower, Reduce):
            return self._reduce(node)
        self.is_general = False
        if node.primitive.name in views.MOVES:
            return self._move(node)
        if isinstance(lower, Contract):
            return self._product(node)
        if node.primitive.name in moves.ASSEMBLIES:
            return self._assembly(node)
        if isinstance(lower, Native):
            return self._routine(node, lower.name, lower.sizes)
        if node.primitive.name == "gather":
            return self._routine(node, "gather", gather_sizes)
        return self._node(node, _plainly(node.primitive, dict(node.params)), self._inputs(node))

    def _node(self, node: Node, call: Callable[..., Any], arguments: tuple[int, ...]) -> int:
        """The step of a node, by a call with these arguments."""
        return self._step(call, arguments, self._tape(node))

    def _inputs(self, node: Node) -> tuple[int, ...]:
        return tuple(map(self._number, node.inputs))

    def _tape(self, node: Node) -> Any:
        primitive = node.primitive
        if not self.taped or primitive.vjp is None or not node.output.aval.dtype.is_inexact:
            return None
        params = node.params
        rule = rule_of(primitive)
        return primitive.name, rule, tuple(params), tuple(params.values()), self._inputs(node)

    def _full(self, node: Node) -> int:
        number, shape = self._scalars[node.output], known(node.output.aval.shape)
        if shape == () and number >= self._n_operands:
            return number
        self.is_general = False
        spread = REGISTRY["broadcast_to"]
        return self._step(_movement(spread, {"shape": shape}, self.taped), (number,))

    def _map(self, node: Node) -> int:
        dtypes = tuple(v.aval.dtype for v in node.inputs)
        kernel = eager.map_kernel(node.primitive, dtypes, dict(node.params))
        return self._node(node, kernel, self._unspread(node) or self._inputs(node))

    def _unspread(self, node: Node) -> tuple[int, ...] | None:
        """The operands of a pointwise kernel before they were repeated, as it repeats them itself;
        None where all were, and the shape of the result with them."""
        sources = [self._source(v) for v in node.inputs]
        shapes = (() if s in self._scalars else known(s.aval.shape) for s in sources)
        if np.broadcast_shapes(*shapes) != node.output.aval.shape:
            return None
        return tuple(self._scalars[s] if s in self._scalars else self._number(s) for s in sources)

    def _source(self, var: Var) -> Var:
        node = self._nodes.get(var)
        while node is not None and node.primitive.name == "broadcast_to":
            var = node.inputs[0]
            node = self._nodes.get(var)
        return var

    def _reduce(self, node: Node, keepdims: bool = False) -> int:
        aval = node.inputs[0].aval
        kernel = eager.reduce_kernel(node.primitive, aval, dict(node.params), keepdims)
        return self._node(node, kernel, self._inputs(node))

    def _assembly(self, node: Node) -> int:
        made = moves.assembly(node.primitive.name, node.params)
        fillers = (self._fillers[node.output],) if _is_pad(node) else ()
        return self._node(node, made, (*self._inputs(node), *fillers))

    def _routine(self, node: Node, name: str, sizes: Callable[..., Any]) -> int:
        avals, out = (v.aval for v in node.inputs), node.output.aval
        step = routine_step(name, out, sizes(*avals, out=out, **node.params))
        return self._node(node, step, self._inputs(node))

    def _move(self, node: Node) -> int:
        if node.primitive.name == "reshape" and node.output.aval == node.inputs[0].aval:
            return self._number(node.inputs[0])
        before = self._nodes.get(node.inputs[0])
        if before is not None and not self.taped and _keeps_axes(before, node):
            self.is_general = True
            return self._reduce(before, keepdims=True)
        inputs, params = self._inputs(node), dict(node.params)
        if not self.taped:
            return self._step(_movement(node.primitive, params), inputs)
        try:
            return self._step(_movement(node.primitive, params, True), inputs)
        except ValueError:  # that takes a copy, which is a value of its own
            moved = self._step(_movement(node.primitive, params), inputs)
            return self._node(node, _VALUE, (moved,))

    def _product(self, node: Node) -> int:
        inputs = self._inputs(node)
        left, right = (self._values[i] for i in inputs)
        aval = node.output.aval
        product = plan_product(node.primitive, aval, left, right, dict(node.params))
        placed = []
        for number, operand in zip(inputs, product.operands, strict=True):
            for name, params in operand.moves:
                number = self._step(_native.Move(name, _ints(name, params), None, True), (number,))
            placed.append(number)
        shape = known(aval.shape)
        if _shape_of(product) == shape:
            return self._node(node, product.program, tuple(placed))
        flat = self._step(product.program, tuple(placed))
        folded = self._step(_native.Move("reshape", (shape,), None, True), (flat,))
        return self._node(node, _VALUE, (folded,)) if self.taped else folded


def _shape_of(product: Product) -> tuple[int, ...]:
    left, right = (x.cell.shape for x in product.operands)
    rows = left[-1] if product.turned[0] else left[-2]
    columns = right[-2] if product.turned[1] else right[-1]
    return (*left[:-2], rows, columns)


def _is_special(node: Node) -> bool:
    """Whether eager execution has another way for it than a kernel."""
    return node.primitive.name in eager.SPECIAL and node.primitive.name != "cast"


def _is_full(node: Node) -> bool:
    return node.primitive.name == "full"


def _is_pad(node: Node) -> bool:
    return node.primitive.name == "pad"


def _keeps_axes(reduction: Node, reshape: Node) -> bool:
    """Whether a reshape gives a reduction its axes back, with one element each."""
    if reshape.primitive.name != "reshape" or not isinstance(reduction.primitive.lower, Reduce):
        return False
    axes, shape = reduction.params["axes"], reduction.inputs[0].aval.shape
    return bool(axes) and reshape.params["shape"] == tuple(
        1 if axis in axes else n for axis, n in enumerate(shape)
    )


def _movement(primitive: Primitive, params: dict[str, Any], as_view: bool = False) -> _native.Move:
    """A movement. As a view the result remembers it, for tape and traces, and is never a copy."""
    entry = (primitive, tuple(params.items())) if as_view else None
    return _native.Move(primitive.name, _ints(primitive.name, params), entry, not as_view)


def _ints(name: str, params: dict[str, Any]) -> tuple[Any, ...]:
    if name == "slice":
        return params["start"], params["sizes"], params["strides"]
    return tuple(params.values())


def _plainly(primitive: Primitive, params: dict[str, Any]) -> Callable[..., Array]:
    """A primitive that Python runs, as its kernels are for exactly these shapes."""

    def run(*cells: Array) -> Array:
        made = eager.run(primitive, cells, params)
        return _VALUE(made) if made._is_view else made

    return run


@cache
def rule_of_move(entry: tuple[Primitive, Any]) -> tuple[Any, ...]:
    """What the tape has of a movement, as it stands among the moves of a view."""
    primitive, params = entry
    names, values = tuple(k for k, _ in params), tuple(v for _, v in params)
    return primitive.name, rule_of(primitive), names, values


@cache
def rule_of(primitive: Primitive) -> Callable[..., Any]:
    """The gradient's rule of a primitive, which remembers what its calls come to."""
    rule = primitive.vjp
    assert rule is not None, f"{primitive.name} has no rule"
    dispatch = _native.Dispatch(rule, rule)
    dispatch.__name__ = f"{primitive.name}_vjp"
    return dispatch
