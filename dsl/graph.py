"""The one IR: a page of immutable types.

A `Graph` is a list of `Node`s in order of execution; each applies one primitive to `Var`s and
defines new ones. `verify` holds between all stages of lowering.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .dtypes import DType
from .errors import TraceError
from .sizes import Dim, Shape, product, symbols

if TYPE_CHECKING:
    from .primitive import Primitive

_ids = itertools.count()


@dataclass(frozen=True)
class Aval:
    """What an array is like: its shape (sizes may be unknown) and its dtype.

    >>> import tilewright as tw
    >>> str(tw.Aval((2, 3), tw.float32))
    'float32[2, 3]'
    """

    shape: Shape
    dtype: DType

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    @property
    def size(self) -> Dim:
        """The number of elements."""
        return product(self.shape)

    @property
    def nbytes(self) -> Dim:
        """The number of bytes of the elements."""
        return self.size * self.dtype.itemsize

    def __str__(self) -> str:
        return f"{self.dtype}[{', '.join(map(str, self.shape))}]"


@dataclass(frozen=True, eq=False)
class Var:
    """A value in a graph, known by identity."""

    aval: Aval
    id: int = field(default_factory=lambda: next(_ids))

    def __str__(self) -> str:
        return f"v{self.id}"


@dataclass(frozen=True)
class Source:
    """The user's line that made a node."""

    file: str
    line: int

    def __str__(self) -> str:
        return f"{self.file}:{self.line}"

    @property
    def short(self) -> str:
        """Without the folder, for what is read on other machines."""
        return f"{os.path.basename(self.file)}:{self.line}"


@dataclass(frozen=True, eq=False)
class Node:
    """One application of a primitive. `params` hold plain hashable data only."""

    primitive: Primitive
    inputs: tuple[Var, ...]
    params: Mapping[str, Any]
    outputs: tuple[Var, ...]
    source: Source | None = None

    @property
    def output(self) -> Var:
        return self.outputs[0]


@dataclass(frozen=True, eq=False)
class Graph:
    """A program. `constants` are inputs whose arrays are known now, by position after `inputs`."""

    inputs: tuple[Var, ...]
    outputs: tuple[Var, ...]
    nodes: tuple[Node, ...]
    constants: tuple[tuple[Var, Any], ...] = ()
    name: str = "f"

    def __str__(self) -> str:
        return graph_text(self)

    @property
    def symbols(self) -> tuple[str, ...]:
        """The names of all unknown sizes, in order of first use by the inputs."""
        names: dict[str, None] = {}
        for var in self.inputs:
            for dim in var.aval.shape:
                names.update(dict.fromkeys(sorted(symbols(dim))))
        return tuple(names)


def verify(graph: Graph) -> Graph:
    """Check that every value is defined once, before its use, and that each aval is what the
    primitive's rule says. Returns the graph, so that it can stand between two stages."""
    defined = {*graph.inputs, *(var for var, _ in graph.constants)}
    for node in graph.nodes:
        for var in node.inputs:
            _require(var in defined, node, f"input {var} is not defined before its use")
        expected = node.primitive.infer_all(*(v.aval for v in node.inputs), **node.params)
        found = tuple(v.aval for v in node.outputs)
        _require(expected == found, node, f"outputs are {found}, the rule says {expected}")
        for var in node.outputs:
            _require(var not in defined, node, f"output {var} is defined twice")
            defined.add(var)
    for var in graph.outputs:
        if var not in defined:
            raise TraceError(f"graph {graph.name}: output {var} is never defined")
    return graph


def has_effect(node: Node) -> bool:
    """Whether a node does something beside computing, so that it must run even if nothing reads
    its results."""
    inside = (inner for graph in subgraphs(node) for inner in graph.nodes)
    return node.primitive.is_effect or any(map(has_effect, inside))


def without_dead_code(graph: Graph) -> Graph:
    """Drop the nodes that no output needs and that do nothing but compute."""
    needed = set(graph.outputs)
    kept = []
    for node in reversed(graph.nodes):
        if needed & set(node.outputs) or has_effect(node):
            kept.append(node)
            needed |= set(node.inputs)
    return Graph(graph.inputs, graph.outputs, tuple(kept[::-1]), graph.constants, graph.name)


def _require(holds: bool, node: Node, message: str) -> None:
    if not holds:
        raise TraceError(f"graph: node {node.primitive.name} at {node.source}: {message}")


def subgraphs(node: Node) -> tuple[Graph, ...]:
    """The graphs among a node's parameters, which control flow runs."""
    return graphs_in(node.params)


def graphs_in(params: Mapping[str, Any]) -> tuple[Graph, ...]:
    """The graphs among parameters."""
    found: list[Graph] = []
    for value in params.values():
        values = value if isinstance(value, tuple) else (value,)
        found += [v for v in values if isinstance(v, Graph)]
    return tuple(found)


def all_nodes(graph: Graph) -> Iterator[Node]:
    """The nodes of a graph and of the graphs inside it."""
    for node in graph.nodes:
        yield node
        for inner in subgraphs(node):
            yield from all_nodes(inner)


def graph_dtypes(graph: Graph) -> set[DType]:
    """The dtypes of all values of a graph."""
    made = [v for n in all_nodes(graph) for v in n.outputs]
    return {v.aval.dtype for v in (*graph.inputs, *(v for v, _ in graph.constants), *made)}


def graph_text(graph: Graph) -> str:
    """The graph as text, values numbered in order, so that equal graphs give equal text.

    This text is also the key under which a compiled program is cached.
    """
    names: dict[Var, str] = {}

    def name(var: Var) -> str:
        return names.setdefault(var, f"%{len(names)}")

    def typed(var: Var) -> str:
        return f"{name(var)}: {var.aval}"

    lines = [f"{graph.name}({', '.join(typed(v) for v in graph.inputs)}) {{"]
    lines += [f"  {typed(v)} = constant" for v, _ in graph.constants]
    for node in graph.nodes:
        args = [name(v) for v in node.inputs]
        args += [f"{k}={params_text(v)}" for k, v in sorted(node.params.items())]
        outputs = ", ".join(typed(v) for v in node.outputs)
        lines.append(f"  {outputs} = {node.primitive.name}({', '.join(args)})")
    lines.append(f"  return {', '.join(name(v) for v in graph.outputs)}\n}}")
    return "\n".join(lines)


def params_text(value: Any) -> str:
    """A parameter as text that is the same in every process (floats in full precision)."""
    if isinstance(value, tuple):
        return f"({', '.join(params_text(v) for v in value)}{',' if len(value) == 1 else ''})"
    if isinstance(value, Graph):
        return f"{{{graph_text(value)}}}"
    return str(value) if isinstance(value, DType) else repr(value)
