"""A graph as runnable Python over `tilewright.primitives`."""

from __future__ import annotations

import math
from typing import Any

from . import primitives
from .dtypes import DType
from .graph import Graph, Node, Var, has_effect, subgraphs
from .primitive import Control, Effect


def code_text(graph: Graph) -> str:
    """A graph as a Python function over `tilewright.primitives`; constants are a parameter. The
    graphs of control flow are functions inside it."""
    head = ["import tilewright as tw", "from tilewright import primitives as p", "", ""]
    return "\n".join([*head, *_function(graph, graph.name)]) + "\n"


def _function(graph: Graph, name: str) -> list[str]:
    names: dict[Var, str] = {}
    for i, var in enumerate(graph.inputs):
        names[var] = f"a{i}"
    for i, (var, _) in enumerate(graph.constants):
        names[var] = f"constants[{i}]"
    extra = ", *, constants" if graph.constants else ""
    comments = ", ".join(f"{names[v]}: {v.aval}" for v in graph.inputs)
    name = name if name.isidentifier() else "f"
    lines = [f"def {name}({', '.join(names[v] for v in graph.inputs)}{extra}):  # {comments}"]
    for node in graph.nodes:
        lines += [f"    {line}" for line in _statement(node, names)]
    results = ", ".join(names[v] for v in graph.outputs)
    trailing = "," if len(graph.outputs) == 1 else ""
    return [*lines, f"    return ({results}{trailing})"]


def _statement(node: Node, names: dict[Var, str]) -> list[str]:
    """The line of a node, after the functions that are its parameters."""
    first = len(names)
    lines: list[str] = []
    args = [names[v] for v in node.inputs]
    for key, value in node.params.items():
        found, text = _parameter(f"{key}_{first}", value)
        lines += found
        args.append(f"{key}={text}")
    for var in node.outputs:
        names[var] = f"v{len(names)}"
    results = ", ".join(names[v] for v in node.outputs)
    where = f"  # {', '.join(str(v.aval) for v in node.outputs)}"
    if isinstance(node.primitive.lower, Control):
        flow = _flow(node, args[: len(node.inputs)], lines, first)
        return [*lines, *flow[:-1], f"{results}, = {flow[-1]}{where}"]
    if isinstance(node.primitive.lower, Effect):
        return [f"{results}, = {_effect(node, args)}{where}"]
    return [*lines, f"{results} = p.{_name(node.primitive.name)}({', '.join(args)}){where}"]


def _effect(node: Node, args: list[str]) -> str:
    """An effect by its record; the first token is an array without elements."""
    if not has_effect(node):
        return "tw.zeros((0,), dtype=tw.uint8),"
    return f"tw.debug.replay({node.primitive.name!r}, {', '.join(args)})"


def _flow(node: Node, args: list[str], lines: list[str], first: int) -> list[str]:
    """Control flow by the public functions (a gradient of a `while` as a loop): statements, then
    the expression of the results."""
    kind, params = node.primitive.name, node.params
    n = params.get("n_constants", 0)
    constants = "".join(f"{a}, " for a in args[:n])
    if kind == "custom":
        return [f"function_{first}({', '.join(args)})"]
    if kind == "cond":
        branches = [f"branches_{first}_{i}" for i in range(len(params["branches"]))]
        return [f"tw.switch({args[0]}, [{', '.join(branches)}], {', '.join(args[1:])})"]
    n_carries = params.get("n_carries", len(subgraphs(node)[0].inputs) - n)
    state, rest = _tuple(args[n : n + n_carries]), args[n + n_carries :]
    body, test = f"body_{first}({constants}*s", f"condition_{first}({constants}*s)[0]"
    if kind == "while":
        return [f"tw.while_loop(lambda s: {test}, lambda s: {body}), {state})"]
    if kind == "scan":
        turn = f"lambda s, x: (lambda y: (y[:{n_carries}], y[{n_carries}:]))({body}, *x))"
        further = f"length={_python(params['length'])}, reverse={params['reverse']}"
        call = f"s, ys = tw.scan({turn}, {state}, {_tuple(rest)}, {further})"
        return [call, "(*s, *ys)"]
    zeros = [
        f"tw.zeros({v.aval.shape}, dtype={_python(v.aval.dtype)})"
        for v in node.outputs[len(rest) :]
    ]
    return [
        f"s, before, back = {state}, [], {_tuple([*rest, *zeros])}",
        f"while {test}:",
        f"    before.append(s); s = {body})",
        "for s in reversed(before):",
        f"    back = adjoint_{first}({constants}*s, *back)",
        "back",
    ]


def _tuple(texts: list[str]) -> str:
    return f"({''.join(f'{t}, ' for t in texts)})"


def _parameter(name: str, value: Any) -> tuple[list[str], str]:
    """A parameter as text; a graph is the name of a function that is defined before."""
    if isinstance(value, Graph):
        return _function(value, name), name
    if isinstance(value, tuple) and value and all(isinstance(v, Graph) for v in value):
        names = [f"{name}_{i}" for i in range(len(value))]
        lines = [line for n, v in zip(names, value, strict=True) for line in _function(v, n)]
        return lines, f"({', '.join(names)},)"
    return [], _python(value)


def _python(value: Any) -> str:
    if isinstance(value, DType):
        return f"tw.{value.name}" if value.name != "bool" else "tw.bool_"
    if isinstance(value, float) and not math.isfinite(value):
        return f'float("{value}")'
    if isinstance(value, tuple):
        return f"({', '.join(map(_python, value))}{',' if len(value) == 1 else ''})"
    return repr(value)


def _name(primitive: str) -> str:
    """The name in `tilewright.primitives`; what Python has taken ends in an underscore there."""
    return primitive if hasattr(primitives, primitive) else f"{primitive}_"
