"""Splitting a graph at what depends on read-only inputs alone.

Weights that a staged function only reads have derived forms: casts, products of weights, and the
packed right operand of a matrix product. The *derive* program computes them when a cell's version
changes; the *main* program takes them as further inputs.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ..dsl.dtypes import DType
from ..dsl.graph import Aval, Graph, Node, Var, without_dead_code
from ..dsl.primitive import Contract, Primitive
from ..dsl.sizes import Dim, product
from .first_channels import with_products_of_pixels
from .joined_products import join_products
from .layouts import with_channels_last
from .rewrites import RULES, Rule, rewrite
from .spaces import MOVEMENT, reads_memory

LEAST_ELEMENTS = 1 << 12  # of a weight that is worth packing
LEAST_ROWS = 4  # of the other operand

# (m, n, k, batch items, dtype) -> elements of the packed form and its dtype, or None for "do not"
PackedSize = Callable[[Dim, Dim, Dim, Dim, DType], tuple[Dim, DType] | None]


def _infer_pack(b: Aval, *, size: Dim, dtype: DType, m: Dim, n: Dim, k: Dim, items: Dim) -> Aval:
    return Aval((size,), dtype)


def _infer_packed(a: Aval, packed: Aval, *, n: Dim) -> Aval:
    return Aval((*a.shape[:-1], n), a.dtype)


def _nothing(*args: Any, **params: Any) -> Any:
    raise NotImplementedError("only lowering makes this primitive")


def _internal(name: str, infer: Callable[..., Aval]) -> Primitive:
    return Primitive(name, infer, Contract(), _nothing, _nothing, ())


PACK_B = _internal("pack_b", _infer_pack)
MATMUL_PACKED = _internal("matmul_packed", _infer_packed)


@dataclass(frozen=True)
class Split:
    """Two graphs. `derive` has all inputs of the whole; `main` those at the positions `kept`, then
    the outputs of `derive`. `read` are the positions whose change makes `derive` run again."""

    derive: Graph
    main: Graph
    kept: tuple[int, ...]
    read: tuple[int, ...]


def split_graph(
    graph: Graph,
    read_only: frozenset[int],
    packed_size: PackedSize,
    rules: tuple[Rule, ...] = RULES,
) -> Split | None:
    """Split at the inputs of these positions (constants count after the inputs); None if nothing
    depends on them alone that is worth keeping."""
    graph = rewrite(with_channels_last(with_products_of_pixels(graph)), rules)
    joined = join_products(graph, _static(graph, read_only))
    if joined is not graph:
        graph = rewrite(joined, rules)
    return _Splitter(graph, read_only, packed_size).split()


def _static(graph: Graph, read_only: frozenset[int]) -> set[Var]:
    """The values that depend on these inputs alone."""
    arguments = (*graph.inputs, *(v for v, _ in graph.constants))
    found = {arguments[i] for i in read_only}
    for node in graph.nodes:
        if node.inputs and all(v in found for v in node.inputs):
            found.update(node.outputs)
    return found


class _Splitter:
    def __init__(self, graph: Graph, read_only: frozenset[int], packed_size: PackedSize) -> None:
        self.graph, self.packed_size = graph, packed_size
        self.arguments = (*graph.inputs, *(v for v, _ in graph.constants))
        self.producer = {v: n for n in graph.nodes for v in n.outputs}
        self.static = _static(graph, read_only)
        self.derived: dict[Var, None] = {}
        self.packs: dict[tuple[Var, str], Node] = {}
        self.main: list[Node] = []

    def split(self) -> Split | None:
        for node in self.graph.nodes:
            if not set(node.outputs) <= self.static:
                self._keep(node)
        for var in self.graph.outputs:
            self._need(var)
        if not self.derived and not self.packs:
            return None
        return self._graphs()

    def _keep(self, node: Node) -> None:
        made = self._packed(node)
        if made is not None:
            self._need(made.inputs[0])
            self.main.append(made)
            return
        for var in node.inputs:
            self._need(var, in_memory=reads_memory(node))
        self.main.append(node)

    def _need(self, var: Var, in_memory: bool = False) -> None:
        """The main graph reads `var`: derive it, or keep the movement that makes it."""
        node = self.producer.get(var)
        if node is None or var not in self.static:
            return
        if in_memory or node.primitive.name not in MOVEMENT:
            self.derived[var] = None
        elif node not in self.main:
            for source in node.inputs:
                self._need(source)
            self.main.append(node)

    def _packed(self, node: Node) -> Node | None:
        """The product with its right operand packed, if that is static and worth it."""
        if node.primitive.name != "matmul" or node.inputs[1] not in self.static:
            return None
        a, b = (v.aval for v in node.inputs)
        m, n, k = a.shape[-2], b.shape[-1], b.shape[-2]
        shared = all(size == 1 for size in b.shape[:-2])
        known = isinstance(n, int) and isinstance(k, int)
        few_rows = isinstance(m, int) and m * _known(product(a.shape[:-2])) < LEAST_ROWS
        if not shared or not known or few_rows or _known(n * k) < LEAST_ELEMENTS:
            return None
        items = product(a.shape[:-2])
        found = self.packed_size(m, n, k, items, a.dtype)
        if found is None:
            return None
        params = {"size": found[0], "dtype": found[1], "m": m, "n": n, "k": k, "items": items}
        key = node.inputs[1], str(params)
        if key not in self.packs:
            out = Var(Aval((found[0],), found[1]))
            self.packs[key] = Node(PACK_B, (node.inputs[1],), params, (out,), node.source)
        packed = self.packs[key].output
        return Node(MATMUL_PACKED, (node.inputs[0], packed), {"n": n}, node.outputs, node.source)

    def _graphs(self) -> Split:
        graph = self.graph
        packs = tuple(self.packs.values())
        made = (*self.derived, *(n.output for n in packs))
        whole = tuple(n for n in graph.nodes if set(n.outputs) <= self.static)
        derive = without_dead_code(
            Graph(self.arguments, made, (*whole, *packs), name=f"{graph.name}_derive")
        )
        # What one reader wants in memory, others that would move it themselves find there.
        moved = tuple(n for n in self.main if not set(n.outputs) <= set(self.derived))
        main = without_dead_code(Graph(self.arguments, graph.outputs, moved, name=graph.name))
        used = {v for n in main.nodes for v in n.inputs} | set(main.outputs)
        # Unknown sizes are read off the inputs, so those that may name one stay.
        kept = tuple(
            i
            for i, v in enumerate(self.arguments)
            if v in used
            or v not in self.static
            or not all(isinstance(d, int) for d in v.aval.shape)
        )
        inputs = (*(self.arguments[i] for i in kept), *made)
        read_vars = {v for n in derive.nodes for v in n.inputs}
        read = tuple(i for i, v in enumerate(self.arguments) if v in read_vars)
        return Split(derive, Graph(inputs, main.outputs, main.nodes, name=main.name), kept, read)


def _known(size: Dim) -> int:
    return size if isinstance(size, int) else 1 << 30


class Prepacked:
    """A program in two parts; called like a program with the inputs of the whole graph.

    Derived values are kept as long as the cells they come from are the same at the same version.
    """

    def __init__(self, split: Split, derive: Any, main: Any) -> None:
        self.split, self.derive, self.main = split, derive, main
        self.known: tuple[tuple[tuple[Any, int], ...], tuple[Any, ...]] | None = None

    def __call__(self, *cells: Any) -> tuple[Any, ...]:
        seen = tuple((cells[i], cells[i]._version) for i in self.split.read)
        known = self.known
        if known is None or not _same(known[0], seen):
            known = self.known = (seen, self.derive(*cells))
        result: tuple[Any, ...] = self.main(*(cells[i] for i in self.split.kept), *known[1])
        return result


def _same(a: tuple[tuple[Any, int], ...], b: tuple[tuple[Any, int], ...]) -> bool:
    # By identity: == of arrays is elementwise.
    return all(x is y and m == n for (x, m), (y, n) in zip(a, b, strict=True))
