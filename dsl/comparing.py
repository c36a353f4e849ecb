"""Whether two traces are one program: compared step by step, with words for the first difference.

Traces at different sizes differ in numbers alone where the function does the same for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .dtypes import to_numpy
from .errors import TilewrightError
from .graph import Graph, Node, Source, Var, params_text
from .primitive import Primitive

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


def _inputs(form: Form) -> tuple[Var, ...]:
    return (*form.graph.inputs, *(v for v, _ in form.graph.constants))


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
    except (TilewrightError, ValueError, IndexError, NotImplementedError):
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


def _at(source: Source | None) -> str:
    return "" if source is None else f" at {source.short}"
