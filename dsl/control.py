"""Control flow in the IR: nodes whose parameters are graphs, and their gradients.

    cond(index, *operands; branches)            the results of branches[index]
    while(*constants, *carries; condition, body)  carries = body(constants, carries) while condition
    scan(*constants, *carries, *xs; body, length) one turn a slice of xs; carries, then stacked ys

All graphs of a node take the same values: the constants, then the carries (then a slice of each of
`xs`). A loop's gradient runs its body again at each turn's carries, which `scan` stacks, and which
a `while` keeps in memory that grows with its turns (`while_vjp`).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any, NoReturn

from .. import _native
from . import trace as tracing
from .autodiff import (
    OutputNode,
    TapeNode,
    cotangent_of,
    enable_grad,
    node_of,
    snapshot,
    walk,
)
from .device import common_index, scope
from .dtypes import bool_, int64
from .effects import bind_effect, without_effects
from .engine import engine
from .errors import GradientError, TraceError
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY, Control, Effect, Primitive
from .primitives.families import zeros_like
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
    *values: Aval, condition: Graph, body: Graph, adjoint: Graph, n_constants: int
) -> tuple[Aval, ...]:
    n_values = len(body.inputs)
    _infer_while(*values[:n_values], condition=condition, body=body, n_constants=n_constants)
    found = _outputs(adjoint)
    _require_avals("while_vjp", adjoint, (*values[:n_values], *found))
    if values[n_values:] != found[: len(values) - n_values]:
        raise TraceError("while_vjp: the cotangents are not of the carries' kinds")
    return found


def _no_rule(*args: Any, **params: Any) -> NoReturn:
    raise NotImplementedError("control flow is tested through the functions that make it")


def _record(kind: str, infer: Callable[..., tuple[Aval, ...]]) -> Primitive:
    return Primitive(kind, infer, Control(kind), _no_rule, _no_rule, ())


COND = _record("cond", _infer_cond)
WHILE = _record("while", _infer_while)
SCAN = _record("scan", _infer_scan)
WHILE_VJP = _record("while_vjp", _infer_while_vjp)


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


def bind_control(
    primitive: Primitive, cells: Sequence[Array], params: dict[str, Any]
) -> list[Array]:
    """Run (as a program of one node), stage and tape a node of control flow; stage an effect."""
    if isinstance(primitive.lower, Effect):
        return bind_effect(primitive, cells, params)
    values = [read(c) for c in cells]
    nodes = [node_of(v) if v.dtype.is_inexact else None for v in values]
    taped = _native.grad_enabled() and any(nodes)
    n_results = None
    if taped and primitive is SCAN and not params.get("history"):
        n_results = len(params["body"].outputs)
        params = _with_history(params)
    outs = _run(primitive, values, params)
    if taped:
        _tape(primitive, values, nodes, params, outs)
    return outs[:n_results]


def _run(primitive: Primitive, values: list[Array], params: dict[str, Any]) -> list[Array]:
    trace = tracing.current()
    if trace is not None:
        inputs = tuple(tracing.traced_var(v, trace) for v in values)
        return trace.append_all(primitive, inputs, params)
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
    rule = _GRADIENTS[primitive.name]
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


# --------------------------------------------------------------------------- gradients


def pull_back(
    graph: Graph, inputs: Sequence[Array], wanted: Sequence[bool], seeds: Seeds
) -> list[Array]:
    """The cotangents of the wanted inputs of a graph, from those of its outputs, in the open
    trace: the graph is evaluated again, on a tape of its own."""
    with enable_grad():
        own = [
            snapshot(x, TapeNode("input", (), lambda cotangents, keep: ())) if w else x
            for x, w in zip(inputs, wanted, strict=True)
        ]
        outs = evaluate(without_effects(graph), own)
        pairs = [
            (y._node, s)
            for y, s in zip(outs, seeds, strict=True)
            if s is not None and node_of(y) is not None
        ]
        leaves = [x for x, w in zip(own, wanted, strict=True) if w]
        targets = frozenset(x._node for x in leaves)
        found = walk(pairs, targets, keep_graph=False) if pairs else {}
    return [cotangent_of(x, found) for x in leaves]


def graph_of(
    name: str, avals: Sequence[Aval], build: Callable[[list[Array]], Sequence[Array]]
) -> Graph:
    """A graph of its own of what `build` does with arrays of these kinds."""
    with tracing.open_trace(name) as trace:
        results = build([trace.add_input(a) for a in avals])
        outputs = tuple(tracing.traced_var(read(y), trace) for y in results)
        del results
    return Graph(tuple(trace.inputs), outputs, tuple(trace.nodes), name=name)


def _avals(cells: Sequence[Array]) -> list[Aval]:
    return [Aval(c.shape, c.dtype) for c in cells]


def _filled(seeds: Seeds, like: Sequence[Array]) -> list[Array]:
    """Cotangents of the float values among `like`: zeros where there is none."""
    return [
        zeros_like(y) if s is None else s
        for s, y in zip(seeds, like, strict=True)
        if y.dtype.is_inexact
    ]


def _spread(found: Sequence[Array], wanted: Sequence[bool]) -> list[Array | None]:
    picked = iter(found)
    return [next(picked) if w else None for w in wanted]


def _cond_vjp(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    """Each branch's own pull-back, as the branches of another cond."""
    index, operands = saved[0], saved[1:]
    given = [s is not None for s in seeds]
    cotangents = [s for s in seeds if s is not None]
    branches = []
    for branch in params["branches"]:

        def build(cells: list[Array], branch: Graph = branch) -> list[Array]:
            inputs, rest = cells[: len(operands)], cells[len(operands) :]
            return pull_back(branch, inputs, wanted[1:], _spread(rest, given))

        avals = _avals([*operands, *cotangents])
        branches.append(graph_of(f"{branch.name}_vjp", avals, build))
    found = bind_control(COND, [index, *operands, *cotangents], {"branches": tuple(branches)})
    return [None, *_spread(found, wanted[1:])]


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
    kind = Aval((1,), carries[0].aval.dtype)
    one = [Node(REGISTRY["reshape"], (v,), {"shape": (1,)}, (Var(kind),)) for v in carries]
    parts = tuple(n.output for n in one)
    joined = Var(Aval((len(parts),), carries[0].aval.dtype))
    return [*one, Node(REGISTRY["concatenate"], parts, {"axis": 0}, (joined,))], joined


def _unpacked(packs: Packs, stacked: Sequence[Array]) -> list[Array]:
    """The carries in order, from the history of one turn."""
    found: dict[int, Array] = {}
    for pack, value in zip(packs, stacked, strict=True):
        for place, number in enumerate(pack):
            found[number] = value if len(pack) == 1 else _element(value, place)
    return [found[i] for i in range(len(found))]


def _element(vector: Array, place: int) -> Array:
    window = {"start": (place,), "sizes": (1,), "strides": (1,)}
    return read(bind(REGISTRY["reshape"], bind(REGISTRY["slice"], vector, **window), shape=()))


def _scan_vjp(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    """A scan the other way round: its carries are the cotangents of the carries, and the sums of
    those of the constants; its slices are the carries' history, the slices, and the cotangents of
    the stacked results."""
    nc, nk, body = params["n_constants"], params["n_carries"], params["body"]
    consts, carries, xs = saved[:nc], saved[nc : nc + nk], saved[nc + nk :]
    is_float = [c.dtype.is_inexact for c in carries]
    from_carries = _filled(seeds[:nk], outs[:nk])
    from_ys = [s for s in seeds[nk:] if s is not None]
    sums = [zeros_like(c) for c, w in zip(consts, wanted, strict=False) if w]
    n_ct, n_sums = len(from_carries), len(sums)

    def build(cells: list[Array]) -> list[Array]:
        take = iter(cells)
        own_consts = [next(take) for _ in consts]
        ct, totals = [next(take) for _ in range(n_ct)], [next(take) for _ in range(n_sums)]
        own = _unpacked(packs, [next(take) for _ in packs]) + [next(take) for _ in xs]
        ys = _spread(list(take), [s is not None for s in seeds[nk:]])
        mask = [*wanted[:nc], *is_float, *wanted[nc + nk :]]
        grads = pull_back(body, [*own_consts, *own], mask, [*_spread(ct, is_float), *ys])
        added = [a + g for a, g in zip(totals, grads, strict=False)]
        return [*grads[n_sums : n_sums + n_ct], *added, *grads[n_sums + n_ct :]]

    packs = params["history"]  # the last results
    slices = [*outs[len(outs) - len(packs) :], *xs, *from_ys]
    avals = _avals([*consts, *from_carries, *sums])
    avals += [Aval(x.shape[1:], x.dtype) for x in slices]
    found = bind_control(
        SCAN,
        [*consts, *from_carries, *sums, *slices],
        {
            "body": graph_of(f"{body.name}_vjp", avals, build), "n_constants": nc,
            "n_carries": n_ct + n_sums, "length": params["length"],
            "reverse": not params["reverse"],
        },
    )  # fmt: skip
    sides = [_spread(found[:n_ct], is_float), _spread(found[n_ct + n_sums :], wanted[nc + nk :])]
    return [*_spread(found[n_ct : n_ct + n_sums], wanted[:nc]), *sides[0], *sides[1]]


def _while_vjp(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    params = {k: without_effects(v) if isinstance(v, Graph) else v for k, v in params.items()}
    nc, body = params["n_constants"], params["body"]
    consts, carries = saved[:nc], saved[nc:]
    is_float = [c.dtype.is_inexact for c in carries]
    from_carries = _filled(seeds, outs)
    n_ct = len(from_carries)
    sums = [zeros_like(c) for c, w in zip(consts, wanted, strict=False) if w]

    def build(cells: list[Array]) -> list[Array]:
        inputs, ct = cells[: len(saved)], cells[len(saved) : len(saved) + n_ct]
        totals = cells[len(saved) + n_ct :]
        mask = [*wanted[:nc], *is_float]
        grads = pull_back(body, inputs, mask, _spread(ct, is_float))
        added = [a + g for a, g in zip(totals, grads, strict=False)]
        return [*grads[len(sums) :], *added]

    adjoint = graph_of(f"{body.name}_vjp", _avals([*saved, *from_carries, *sums]), build)
    found = bind_control(WHILE_VJP, [*saved, *from_carries], {**params, "adjoint": adjoint})
    of_carries = _spread(found[:n_ct], is_float)
    return [*_spread(found[n_ct:], wanted[:nc]), *of_carries]


def _second(*args: Any) -> NoReturn:
    raise GradientError(
        "grad: a second derivative through a loop whose number of turns depends on values is not "
        "there; give tw.fori_loop or tw.scan a fixed number, or differentiate outside of staged "
        "code"
    )


_GRADIENTS: dict[str, Callable[..., list[Any]]] = {
    "cond": _cond_vjp,
    "scan": _scan_vjp,
    "while": _while_vjp,
    "while_vjp": _second,
}
