"""One graph for all sizes, from graphs that were traced at some.

Cells have sizes of Python ints, so a trace is always at known sizes. A function is traced at
several points; where the graphs agree but for numbers, each number becomes a polynomial of the
unknown sizes. Where they do not, the function does something else for other sizes, which is
refused.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

import numpy as np

from .dtypes import to_numpy
from .errors import TilewrightError, TraceError
from .graph import Aval, Graph, Node, Source, Var, params_text, verify
from .polynomials import Grid
from .primitive import Primitive
from .sizes import Dim, Size, evaluate

# Parameters that primitives take unknown sizes for.
SIZE_PARAMETERS = frozenset(["shape", "start", "sizes", "size", "low", "high", "length"])


@dataclass(frozen=True)
class Step:
    """A node by the numbers of its values, with its whole numbers taken out."""

    primitive: Primitive
    inputs: tuple[int, ...]
    text: str  # of parameters and types, with a mark for each number
    numbers: tuple[int, ...]
    node: Node


@dataclass(frozen=True)
class Form:
    """A graph as data: equal for two traces but for numbers."""

    steps: tuple[Step, ...]
    outputs: tuple[int, ...]
    graph: Graph


def form_of(graph: Graph) -> Form:
    """Number the values of a graph: inputs, constants, then results in order."""
    values = (*graph.inputs, *(v for v, _ in graph.constants))
    number = {var: i for i, var in enumerate(values)}
    steps = []
    for node in graph.nodes:
        inputs = tuple(number[v] for v in node.inputs)
        numbers: list[int] = []
        params = [(k, _abstract(k, v, node, numbers)) for k, v in sorted(node.params.items())]
        shapes = [_abstract("shape", v.aval.shape, node, numbers) for v in node.outputs]
        types = [str(v.aval.dtype) for v in node.outputs]
        text = f"{params}{shapes}{types}"
        steps.append(Step(node.primitive, inputs, text, tuple(numbers), node))
        number.update((v, len(number) + i) for i, v in enumerate(node.outputs))
    return Form(tuple(steps), tuple(number[v] for v in graph.outputs), graph)


def _may_vary(key: str, node: Node) -> bool:
    return key in SIZE_PARAMETERS or (key == "value" and node.primitive.name == "full")


def _abstract(key: str, value: Any, node: Node, numbers: list[int]) -> str:
    """The text of a parameter; numbers that may depend on a size are put into `numbers`."""
    if isinstance(value, tuple):
        return f"({','.join(_abstract(key, v, node, numbers) for v in value)})"
    if isinstance(value, Graph):
        return _abstract_graph(value, node, numbers)
    if _may_vary(key, node) and _is_whole(value):
        numbers.append(int(value))
        return "#"
    return params_text(value)


def _abstract_graph(graph: Graph, node: Node, numbers: list[int]) -> str:
    """A graph inside a node, as its parameters are."""
    form = form_of(graph)
    taken = [_abstract("shape", v.aval.shape, node, numbers) for v in graph.inputs]
    for step in form.steps:
        numbers += step.numbers
    steps = [(step.primitive.name, step.inputs, step.text) for step in form.steps]
    return f"{taken}{[v.aval.dtype for v in graph.inputs]}{steps}{form.outputs}"


def _is_whole(value: Any) -> bool:
    # The divisor of a mean is a float that is a size. (Negative zero is no size.)
    return type(value) is int or (type(value) is float and value.is_integer() and value != 0)


def _filled(key: str, value: Any, node: Node, dims: Any) -> Any:
    """The parameter with its numbers replaced by the next of `dims`."""
    if isinstance(value, tuple):
        return tuple(_filled(key, v, node, dims) for v in value)
    if _may_vary(key, node) and _is_whole(value):
        dim = next(dims)
        return dim if isinstance(dim, Size) else value
    return value


# --------------------------------------------------------------------------- rebuilding


def generalise(grid: Grid, graphs: Sequence[Graph]) -> Graph:
    """The graph of unknown sizes that is `graphs[i]` at `grid.points[i]`, verified.

    Raises TraceError, with the user's line, where there is none.
    """
    forms = [form_of(graph) for graph in graphs]
    for point, form in zip(grid.points, forms, strict=True):
        difference = first_difference(forms[0], form)
        if difference is not None:
            _refuse(grid, grid.points[0], point, difference)
    first = forms[0]
    values = [Var(_fit_aval(grid, [f.graph for f in forms], i)) for i in range(len(_inputs(first)))]
    n_inputs = len(first.graph.inputs)
    inputs, constants = tuple(values[:n_inputs]), values[n_inputs:]
    nodes = []
    for steps in zip(*(f.steps for f in forms), strict=True):
        node = _rebuilt(grid, steps, values)
        nodes.append(node)
        values.extend(node.outputs)
    hosts = [host for _, host in first.graph.constants]
    made = Graph(
        inputs, tuple(values[i] for i in first.outputs), tuple(nodes),
        tuple(zip(constants, hosts, strict=True)), first.graph.name,
    )  # fmt: skip
    return verify(made)


def _inputs(form: Form) -> tuple[Var, ...]:
    return (*form.graph.inputs, *(v for v, _ in form.graph.constants))


def _fit_aval(grid: Grid, graphs: Sequence[Graph], index: int) -> Aval:
    avals = [(*g.inputs, *(v for v, _ in g.constants))[index].aval for g in graphs]
    dims = [_fit(grid, column, None) for column in zip(*(a.shape for a in avals), strict=True)]
    return Aval(tuple(dims), avals[0].dtype)


def _fit(grid: Grid, found: Sequence[Any], source: Source | None) -> Dim:
    dim = grid.fit([int(n) for n in found])
    if dim is None:
        raise TraceError(
            f"compile: a size{_at(source)} is {', '.join(map(str, found))} for "
            f"{'; '.join(_point_text(grid, p) for p in grid.points)}: no polynomial of the unknown "
            "sizes is, and a program can hold nothing else"
        )
    return dim


def _rebuilt(grid: Grid, steps: Sequence[Step], values: Sequence[Var]) -> Node:
    node = steps[0].node
    columns = zip(*(s.numbers for s in steps), strict=True)
    dims = iter([_fit(grid, column, node.source) for column in columns])
    params = {k: _filled(k, v, node, dims) for k, v in sorted(node.params.items())}
    outputs = tuple(
        Var(Aval(_filled("shape", v.aval.shape, node, dims), v.aval.dtype)) for v in node.outputs
    )
    inputs = tuple(values[i] for i in steps[0].inputs)
    return Node(node.primitive, inputs, params, outputs, node.source)


# --------------------------------------------------------------------------- comparing


def first_difference(one: Form, other: Form) -> str | None:
    """Where two traces part in more than numbers, in words; None if they do not."""
    for a, b in zip(one.steps, other.steps, strict=False):
        if a.primitive is not b.primitive:
            return f"{a.primitive}{_at(a.node.source)} against {b.primitive}{_at(b.node.source)}"
        if a.text != b.text or len(a.numbers) != len(b.numbers):
            return f"{a.primitive}{_at(a.node.source)}: {_parting(a, b)}"
        if a.inputs != b.inputs:
            return f"{a.primitive}{_at(a.node.source)} is applied to other values"
    if len(one.steps) != len(other.steps):
        longer = max(one.steps, other.steps, key=len)
        step = longer[min(len(one.steps), len(other.steps))]
        return f"{step.primitive}{_at(step.node.source)} is in one of them only"
    if one.outputs != other.outputs or len(_inputs(one)) != len(_inputs(other)):
        return "the results are other values"
    return _other_constants(one.graph, other.graph)


def _parting(a: Step, b: Step) -> str:
    for key, value in a.node.params.items():
        other = b.node.params.get(key)
        if _abstract(key, value, a.node, []) != _abstract(key, other, b.node, []):
            return f"its {key} is {value!r} against {other!r}"
    return "its types or ranks differ"


def _other_constants(one: Graph, other: Graph) -> str | None:
    for (_, a), (_, b) in zip(one.constants, other.constants, strict=True):
        if a.shape != b.shape or a.tobytes() != b.tobytes():
            return "a constant array that depends on the size (make it by tw.arange and its like)"
    return None


def instantiate(graph: Graph, values: Mapping[str, int]) -> Graph:
    """The graph at given sizes."""
    known: dict[Var, Var] = {}

    def aval(var: Var) -> Aval:
        return Aval(tuple(evaluate(d, values) for d in var.aval.shape), var.aval.dtype)

    def at(value: Any) -> Any:
        if isinstance(value, tuple):
            return tuple(map(at, value))
        return evaluate(value, values) if isinstance(value, Size) else value

    def var(old: Var) -> Var:
        return known.setdefault(old, Var(aval(old)))

    nodes = tuple(
        Node(n.primitive, tuple(map(var, n.inputs)), {k: at(v) for k, v in n.params.items()},
             tuple(map(var, n.outputs)), n.source)
        for n in graph.nodes
    )  # fmt: skip
    return Graph(
        tuple(map(var, graph.inputs)), tuple(map(var, graph.outputs)), nodes,
        tuple((var(v), host) for v, host in graph.constants), graph.name,
    )  # fmt: skip


def is_same(one: Form, other: Form) -> bool:
    """Whether two traces are the same program, numbers included."""
    if first_difference(one, other) is not None:
        return False
    same_inputs = [v.aval for v in _inputs(one)] == [v.aval for v in _inputs(other)]
    pairs = zip(one.steps, other.steps, strict=True)
    return same_inputs and all(a.numbers == b.numbers for a, b in pairs)


def computes_same(one: Graph, other: Graph, arrays: Sequence[Any]) -> bool:
    """Whether two graphs of known sizes give the same on these arrays, by the references."""
    try:
        pairs = list(zip(_reference(one, arrays), _reference(other, arrays), strict=True))
    except (TilewrightError, ValueError, IndexError):
        return False
    return all(_are_close(a, b) for a, b in pairs)


def _are_close(a: Any, b: Any) -> bool:
    if a.shape != b.shape or a.dtype != b.dtype:
        return False
    if a.dtype.kind in "bui":
        return bool(np.array_equal(a, b))
    wide_a, wide_b = a.astype(np.float64), b.astype(np.float64)
    return bool(np.allclose(wide_a, wide_b, rtol=1e-2, atol=1e-6, equal_nan=True))


def _reference(graph: Graph, arrays: Sequence[Any]) -> list[Any]:
    env = dict(zip((v for v in graph.inputs), arrays, strict=True))
    env.update(graph.constants)
    with np.errstate(all="ignore"):
        for node in graph.nodes:
            found = node.primitive.reference(*(env[v] for v in node.inputs), **node.params)
            kind = to_numpy(node.output.aval.dtype)
            env[node.output] = np.asarray(found).astype(kind, copy=False)
    return [env[v] for v in graph.outputs]


def _point_text(grid: Grid, point: Sequence[int]) -> str:
    return ", ".join(f"{n} = {v}" for n, v in zip(grid.names, point, strict=True))


def _refuse(grid: Grid, one: Sequence[int], other: Sequence[int], difference: str) -> NoReturn:
    raise TraceError(
        f"compile: the program depends on more than numbers on the unknown sizes: for "
        f"{_point_text(grid, one)} it is another than for {_point_text(grid, other)} "
        f"({difference}). A Python `if`, loop or index that uses such a size makes one; compile "
        "for fixed sizes, or write it with tw.where and array functions"
    )


def _at(source: Source | None) -> str:
    return "" if source is None else f" at {source.short}"
