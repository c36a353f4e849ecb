"""Control flow in the IR: nodes whose parameters are graphs, and their gradients.

    cond(index, *operands; branches)            the results of branches[index]
    while(*constants, *carries; condition, body)  carries = body(constants, carries) while condition
    scan(*constants, *carries, *xs; body, length) one turn a slice of xs; carries, then stacked ys
    while_vjp(*constants, *carries, *cotangents; condition, body, adjoint, summed)
                                                the loop again, then `adjoint` from the last turn
    custom(*constants, *arguments; function, forward, backward)
                                                function's results, with a gradient of its own:
                                                forward gives residuals behind the n_results,
                                                backward(constants, residuals, cotangents) those of
                                                the inexact arguments; on a tape function is forward

All graphs of a node take the same values: the constants, then the carries (then a slice of each of
`xs`). A loop's gradient runs its body again at each turn's carries, which `scan` stacks, and which
a `while` keeps in memory that grows with its turns (`while_vjp`). Rules of gradients are in
flow_gradients.py, while_gradient.py and custom_vjp.py.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _native
from . import trace as tracing
from .autodiff import (
    OutputNode,
    TapeNode,
    no_grad,
    node_of,
    snapshot,
)
from .device import common_index, scope
from .dtypes import bool_, int64
from .effects import bind_effect
from .engine import engine
from .errors import TraceError
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY, Control, Effect, Primitive
from .record import bind, read
from .sizes import Dim

if TYPE_CHECKING:
    from .array import Array

Seeds = Sequence["Array | None"]
Packs = tuple[tuple[int, ...], ...]  # the numbers of carries that are stacked as one array


# --------------------------------------------------------------------------- records


def _require_avals(what: str, graph: Graph, given: Sequence[Aval]) -> None:
    taken = [v.aval for v in graph.inputs]
    if taken != list(given):
        raise TraceError(f"{what}: {graph.name} takes {taken}; it is given {list(given)}")


def _outputs(graph: Graph) -> tuple[Aval, ...]:
    return tuple(v.aval for v in graph.outputs)


def _infer_cond(index: Aval, *operands: Aval, branches: tuple[Graph, ...]) -> tuple[Aval, ...]:
    if index != Aval((), int64):
        raise TraceError(f"cond: the index is {index}; it must be an int64 scalar")
    for branch in branches:
        _require_avals("cond", branch, operands)
        if _outputs(branch) != _outputs(branches[0]):
            raise TraceError(
                f"cond: {branch.name} returns {_outputs(branch)}, {branches[0].name} returns "
                f"{_outputs(branches[0])}"
            )
    return _outputs(branches[0])


def _infer_while(
    *values: Aval, condition: Graph, body: Graph, n_constants: int
) -> tuple[Aval, ...]:
    for graph in (condition, body):
        _require_avals("while", graph, values)
    if _outputs(condition) != (Aval((), bool_),):
        raise TraceError(f"while: the condition is {_outputs(condition)}; it must be a bool scalar")
    if _outputs(body) != values[n_constants:]:
        raise TraceError(f"while: {body.name} turns {values[n_constants:]} into {_outputs(body)}")
    return values[n_constants:]


def _infer_scan(
    *values: Aval, body: Graph, n_constants: int, n_carries: int, length: Dim, reverse: bool,
    history: Packs = (),
) -> tuple[Aval, ...]:  # fmt: skip
    del reverse, history
    n_whole = n_constants + n_carries
    stacked = values[n_whole:]
    if any(not x.shape or x.shape[0] != length for x in stacked):
        raise TraceError(f"scan: {stacked} must all have {length} slices")
    slices = tuple(Aval(x.shape[1:], x.dtype) for x in stacked)
    _require_avals("scan", body, (*values[:n_whole], *slices))
    carries, found = values[n_constants:n_whole], _outputs(body)
    if found[:n_carries] != carries:
        raise TraceError(f"scan: {body.name} turns {carries} into {found[:n_carries]}")
    return (*carries, *(Aval((length, *y.shape), y.dtype) for y in found[n_carries:]))


def _infer_while_vjp(
    *values: Aval,
    condition: Graph,
    body: Graph,
    adjoint: Graph,
    n_constants: int,
    summed: tuple[int, ...],
) -> tuple[Aval, ...]:
    n_values = len(body.inputs)
    _infer_while(*values[:n_values], condition=condition, body=body, n_constants=n_constants)
    found = _outputs(adjoint)
    _require_avals("while_vjp", adjoint, (*values[:n_values], *found))
    sums = tuple(values[i] for i in summed)
    if (*values[n_values:], *sums) != found:
        raise TraceError("while_vjp: the cotangents are not of the kinds of carries and constants")
    return found


def _infer_custom(
    *values: Aval,
    function: Graph,
    forward: Graph | None,
    backward: Graph | None,
    n_constants: int,
    n_results: int,
) -> tuple[Aval, ...]:
    if forward is None or backward is None:  # nothing may ask for its gradient
        _require_avals("custom", function, values)
        return _outputs(function)
    for graph in (function, forward):
        _require_avals("custom", graph, values)
    made, found = _outputs(function), _outputs(forward)
    outs = made[:n_results]
    if found[: len(made)] != made:
        raise TraceError(f"custom: {forward.name} returns {found}; it must begin with {made}")
    cotangents = tuple(y for y in outs if y.dtype.is_inexact)
    taken = (*values[:n_constants], *found[len(outs) :], *cotangents)
    _require_avals("custom", backward, taken)
    given = tuple(x for x in values[n_constants:] if x.dtype.is_inexact)
    if _outputs(backward) != given:
        raise TraceError(f"custom: {backward.name} returns {_outputs(backward)}; wanted {given}")
    return made


def _no_rule(*args: Any, **params: Any) -> NoReturn:
    raise NotImplementedError("control flow is tested through the functions that make it")


def _record(kind: str, infer: Callable[..., tuple[Aval, ...]]) -> Primitive:
    return Primitive(kind, infer, Control(kind), _no_rule, _no_rule, ())


COND = _record("cond", _infer_cond)
WHILE = _record("while", _infer_while)
SCAN = _record("scan", _infer_scan)
WHILE_VJP = _record("while_vjp", _infer_while_vjp)
CUSTOM = _record("custom", _infer_custom)

# gradient(saved inputs, outputs, cotangents of outputs, which inputs want one, params), by kind.
GRADIENTS: dict[str, Callable[..., list[Any]]] = {}


# --------------------------------------------------------------------------- applying


def evaluate(graph: Graph, values: Sequence[Array]) -> list[Array]:
    """Apply the nodes of a graph to arrays, by bind: eagerly, staged or taped."""
    inputs = (*graph.inputs, *(v for v, _ in graph.constants))
    env = dict(zip(inputs, values, strict=True))
    for node in graph.nodes:
        cells = [env[v] for v in node.inputs]
        if isinstance(node.primitive.lower, Control | Effect):
            found = bind_control(node.primitive, cells, dict(node.params))
        else:
            found = [bind(node.primitive, *cells, **node.params)]
        env.update(zip(node.outputs, found, strict=True))
    return [read(env[v]) for v in graph.outputs]


def without_custom(graph: Graph) -> Graph:
    """The graph with the nodes of `custom` replaced by what they compute: gradients have been taken
    when a graph is lowered."""
    if all(node.primitive is not CUSTOM for node in graph.nodes):
        return graph
    env: dict[Var, Var] = {}
    nodes: list[Node] = []
    for node in graph.nodes:
        _inline(node, env, nodes)
    outputs = tuple(env.get(v, v) for v in graph.outputs)
    return Graph(graph.inputs, outputs, tuple(nodes), graph.constants, graph.name)


def _inline(node: Node, env: dict[Var, Var], nodes: list[Node]) -> None:
    inputs = tuple(env.get(v, v) for v in node.inputs)
    if node.primitive is not CUSTOM:
        nodes.append(Node(node.primitive, inputs, node.params, node.outputs, node.source))
        return
    graph = without_custom(node.params["function"])
    own = dict(zip(graph.inputs, inputs, strict=True))
    for part in graph.nodes:
        outputs = tuple(Var(v.aval) for v in part.outputs)
        taken = tuple(own[v] for v in part.inputs)
        nodes.append(Node(part.primitive, taken, part.params, outputs, part.source))
        own.update(zip(part.outputs, outputs, strict=True))
    env.update(zip(node.outputs, (own[v] for v in graph.outputs), strict=True))


def bind_control(
    primitive: Primitive, cells: Sequence[Array], params: dict[str, Any]
) -> list[Array]:
    """Run (as a program of one node), stage and tape a node of control flow; do an effect."""
    if isinstance(primitive.lower, Effect):
        return bind_effect(primitive, cells, params)
    values = [read(c) for c in cells]
    nodes = [node_of(v) if v.dtype.is_inexact else None for v in values]
    taped = _native.grad_enabled() and any(nodes)
    if not taped:
        return _run(primitive, values, params)
    outs, params, n_results = _run_for_tape(primitive, values, params)
    _tape(primitive, values, nodes, params, outs)
    return outs[:n_results]


def _run_for_tape(
    primitive: Primitive, values: list[Array], params: dict[str, Any]
) -> tuple[list[Array], dict[str, Any], int | None]:
    """The results, and behind them what the gradient needs; the parameters that say so, and the
    number of results, or None if all are wanted."""
    if primitive is SCAN and not params.get("history"):
        grown = _with_history(params)
        return _run(primitive, values, grown), grown, len(params["body"].outputs)
    if primitive is CUSTOM and len(params["function"].outputs) == params["n_results"]:
        grown = {**params, "function": params["forward"] or params["function"]}
        return _run(primitive, values, grown), grown, params["n_results"]
    return _run(primitive, values, params), params, None


def _run(primitive: Primitive, values: list[Array], params: dict[str, Any]) -> list[Array]:
    trace = tracing.current()
    if trace is not None:
        inputs = tuple(tracing.traced_var(v, trace) for v in values)
        return trace.append_all(primitive, inputs, params)
    if primitive is CUSTOM:
        with no_grad():
            return [snapshot(y, None) for y in evaluate(params["function"], values)]
    inputs = tuple(Var(Aval(v.shape, v.dtype)) for v in values)
    avals = primitive.infer_all(*(v.aval for v in inputs), **params)
    node = Node(primitive, inputs, params, tuple(map(Var, avals)))
    graph = Graph(inputs, node.outputs, (node,), name=primitive.name)
    with scope(common_index(primitive.name, values)):
        return list(engine().program(graph)(*values))


def _tape(
    primitive: Primitive,
    values: list[Array],
    nodes: list[TapeNode | None],
    params: dict[str, Any],
    outs: list[Array],
) -> None:
    saved = [snapshot(v, n) for v, n in zip(values, nodes, strict=True)]
    floats = [i for i, y in enumerate(outs) if y.dtype.is_inexact]
    results = [snapshot(y, None) for y in outs]
    rule = GRADIENTS[primitive.name]
    wanted = [n is not None for n in nodes]

    def vjp(cotangents: Seeds, keep_graph: bool) -> list[Array | None]:
        seen = list(results)
        seeds: list[Array | None] = [None] * len(results)
        for number, i in enumerate(floats):
            seeds[i] = cotangents[number]
            if keep_graph:  # only now: stored, they would make a cycle
                seen[i] = snapshot(results[i], OutputNode(node, number))
        return rule(saved, seen, seeds, wanted, params)

    node = TapeNode(primitive.name, tuple(nodes), vjp, len(floats))
    for number, i in enumerate(floats):
        outs[i]._node = OutputNode(node, number)


# --------------------------------------------------------------------------- a scan's history


def _with_history(params: dict[str, Any]) -> dict[str, Any]:
    """A scan that also stacks the carries that each turn begins with: scalars of one dtype
    together, as a loop may have many."""
    body, first = params["body"], params["n_constants"]
    carries = body.inputs[first : first + params["n_carries"]]
    packs: dict[Any, list[int]] = {}
    for i, var in enumerate(carries):
        packs.setdefault(i if var.aval.shape else var.aval.dtype, []).append(i)
    history = tuple(map(tuple, packs.values()))
    nodes, packed = list(body.nodes), []
    for pack in history:
        made, var = _pack([carries[i] for i in pack])
        nodes += made
        packed.append(var)
    grown = Graph(body.inputs, (*body.outputs, *packed), tuple(nodes), name=body.name)
    return {**params, "body": grown, "history": history}


def _pack(carries: Sequence[Var]) -> tuple[list[Node], Var]:
    """One value that holds all: itself, or scalars side by side."""
    if len(carries) == 1:
        return [], carries[0]
    one = [Node(REGISTRY["reshape"], (v,), {"shape": (1,)}, (_single(v),)) for v in carries]
    parts = tuple(n.output for n in one)
    joined = Var(Aval((len(parts),), carries[0].aval.dtype))
    return [*one, Node(REGISTRY["concatenate"], parts, {"axis": 0}, (joined,))], joined


def _single(var: Var) -> Var:
    return Var(Aval((1,), var.aval.dtype))


def unpacked(packs: Packs, stacked: Sequence[Array]) -> list[Array]:
    """The carries in order, from the history of one turn."""
    found: dict[int, Array] = {}
    for pack, value in zip(packs, stacked, strict=True):
        for place, number in enumerate(pack):
            found[number] = value if len(pack) == 1 else _element(value, place)
    return [found[i] for i in range(len(found))]


def _element(vector: Array, place: int) -> Array:
    window = {"start": (place,), "sizes": (1,), "strides": (1,)}
    return read(bind(REGISTRY["reshape"], bind(REGISTRY["slice"], vector, **window), shape=()))
