"""Graph -> fusion groups: what becomes one kernel.

Values are computed where they are read unless they lie in memory. *Free* nodes (movement,
constants, cheap unary arithmetic) are repeated in every reader. All others are members of
clusters, which grow along edges: maps over one space, a row-wise reduction with the maps over its
space and its rows, a product with its pointwise epilogue. A merge must leave no path that goes
out of the cluster and back in, and inside a cluster values are passed only at the same position.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

from ..dsl.graph import Graph, Node, Var, has_effect
from ..dsl.primitive import Map, Reduce
from ..dsl.sizes import Shape, product
from ..dsl.timeline import stage
from .clusters import Axes, Cluster, as_columns, inside, single, unify, why_apart
from .spaces import (
    Edge,
    Mapping,
    base,
    computes_positions,
    edge_of,
    mapping_of,
    reads_memory,
    space_of,
    without_ones,
)

FREE_COST = 3  # instructions that are rather repeated than stored
FREE_SCALAR_COST = 12  # the same for one element, which loops need not compute again
MAX_BUFFERS = 32  # of one kernel
MAX_DEPTH = 3  # steps that compute positions from positions, one after the other, in one kernel


@dataclass(frozen=True)
class Refusal:
    """A merge that was not made: with the kernel of which node, and why."""

    other: Node
    reason: str


@dataclass(frozen=True, eq=False)
class Group:
    """One kernel: `nodes` in order (free ones included), what it reads and what it writes.

    `kind`: map, row (reductions of rows, with maps before, between and after), columns (the same
    along other axes than the last), reduce (one reduction), contract, convolution, scatter, attend,
    native (a routine of the core), effect, loop (control flow as a kernel) or control. `space` is
    the iteration space without axes of one element; `n_outer` of its axes (of a row: the first
    ones) are those of a reduction's result. `anchors` are the nodes that are not maps.
    `refused` tells which neighbours did not become part of it, and why.
    """

    kind: str
    nodes: tuple[Node, ...]
    inputs: tuple[Var, ...]
    outputs: tuple[Var, ...]
    space: Shape
    n_outer: int
    anchors: tuple[Node, ...]
    refused: tuple[Refusal, ...] = ()

    @property
    def vars(self) -> tuple[Var, ...]:
        made = tuple(v for n in self.nodes for v in n.outputs)
        return tuple(dict.fromkeys((*self.inputs, *made)))


@stage("fuse", lambda graph, *_: graph.name)
def fuse(graph: Graph) -> tuple[Group, ...]:
    """The kernels of a graph, in an order of execution."""
    return _Fusion(graph).groups()


class _Fusion:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.producer = {v: n for n in graph.nodes for v in n.outputs}
        self.position = {n: i for i, n in enumerate(graph.nodes)}
        self.users: dict[Var, list[Node]] = {}
        for node in graph.nodes:
            for var in node.inputs:
                self.users.setdefault(var, []).append(node)
        self.results = self._stored_results()
        self.depth: dict[Node, int] = {}
        self.free = self._free_nodes()
        self.cluster: dict[Node, Cluster] = {}
        self.edges: dict[Node, list[Edge]] = {}
        self.readers: dict[Node, list[Edge]] = {n: [] for n in graph.nodes}
        self.refused: dict[tuple[Node, Node], str] = {}

    # ------------------------------------------------------------------ free nodes

    def _stored_results(self) -> set[Var]:
        """What must lie in memory: results, what routines, effects, control flow and convolutions
        read, and what nodes with effects give. A reshape's source stands for the reshape."""
        read = (v for n in self.graph.nodes if reads_memory(n) for v in n.inputs)
        made = (v for n in self.graph.nodes if has_effect(n) for v in n.outputs)
        return {base(v, self.producer) for v in (*self.graph.outputs, *read, *made)}

    def _free_nodes(self) -> dict[Node, int]:
        """Nodes that every reader repeats, with their cost in instructions."""
        free: dict[Node, int] = {}
        for node in self.graph.nodes:
            cost = self._free_cost(node, free)
            if cost is not None and not set(node.outputs) & self.results:
                free[node] = cost
        return free

    def _free_cost(self, node: Node, free: dict[Node, int]) -> int | None:
        lower = node.primitive.lower
        if not isinstance(lower, Map):
            return None
        if self._depth(node, free) > MAX_DEPTH:
            return None
        before = [free.get(self.producer.get(v), 0) for v in node.inputs]  # type: ignore[arg-type]
        cost = lower.cost + sum(before)
        if not lower.pointwise:
            if lower.cost <= 1:
                return cost if cost <= FREE_COST else None
            single = len(self.users.get(node.output, ())) == 1
            return cost if single and cost <= 2 * FREE_COST else None
        big = {v for i in node.inputs for v in self._big_sources(i, free)}
        if not big and product(node.output.aval.shape) == 1:
            return cost if cost <= FREE_SCALAR_COST else None
        return cost if len(big) <= 1 and cost <= FREE_COST and lower.cost <= 1 else None

    def _depth(self, node: Node, free: dict[Node, int]) -> int:
        """How many steps of positions a read of the node goes through (a longer chain is cut by
        storing a value: its positions cost more than memory, and its code takes long to make)."""
        found = self.depth.get(node)
        if found is None:
            makers = (self.producer.get(v) for v in node.inputs)
            before = max((self._depth(n, free) for n in makers if n in free), default=0)
            found = self.depth[node] = before + computes_positions(node)
        return found

    def _big_sources(self, var: Var, free: dict[Node, int]) -> set[Var]:
        node = self.producer.get(var)
        if node is None or node not in free:
            return {var} if product(var.aval.shape) != 1 else set()
        return {v for i in node.inputs for v in self._big_sources(i, free)}

    # ------------------------------------------------------------------ edges

    def _find_edges(self) -> None:
        for node in self.graph.nodes:
            if node in self.free:
                continue
            found = [e for v in node.inputs for e in self._trace(node, v)]
            self.edges[node] = found
            for edge in found:
                if edge.source in self.producer:
                    self.readers[self.producer[edge.source]].append(edge)

    def _trace(self, node: Node, var: Var) -> list[Edge]:
        """Edges to what lies behind the free nodes before an input."""
        if not isinstance(node.primitive.lower, Map) and not isinstance(
            node.primitive.lower, Reduce
        ):
            return [Edge(v, node, False, None) for v in self._behind(var)]
        is_indexed = isinstance(node.primitive.lower, Map) and not node.primitive.lower.pointwise
        mapping: Mapping | None = None if is_indexed else tuple(range(var.aval.ndim))
        if is_indexed:
            mapping = self._step(node, mapping_of(node.output.aval.shape), var)
        shape = node.output.aval.shape if is_indexed else var.aval.shape
        return [edge_of(source, node, found, shape) for source, found in self._walk(var, mapping)]

    def _behind(self, var: Var) -> list[Var]:
        return [v for v, _ in self._walk(var, None)]

    def _walk(self, var: Var, mapping: Mapping | None) -> list[tuple[Var, Mapping | None]]:
        node = self.producer.get(var)
        if node is None or node not in self.free:
            return [(var, mapping)]
        found = []
        for source in node.inputs:
            found += self._walk(source, self._step(node, mapping, source))
        return found

    def _step(self, node: Node, mapping: Mapping | None, source: Var) -> Mapping | None:
        """The mapping for an input of `node`, given that for its output."""
        lower = node.primitive.lower
        if mapping is None or (isinstance(lower, Map) and lower.pointwise):
            return mapping
        shape, out = source.aval.shape, node.output.aval.shape
        if node.primitive.name == "broadcast_to":
            kept = mapping[len(out) - len(shape) :]
            return tuple(
                a if n == m else None
                for a, n, m in zip(kept, shape, out[len(out) - len(shape) :], strict=True)
            )
        if node.primitive.name == "reshape" and without_ones(shape) == without_ones(out):
            kept_axes = iter([a for a, n in zip(mapping, out, strict=True) if n != 1])
            return tuple(None if n == 1 else next(kept_axes) for n in shape)
        return None

    # ------------------------------------------------------------------ clusters

    def groups(self) -> tuple[Group, ...]:
        self._find_edges()
        for node in self.edges:
            self.cluster[node] = single(node)
        for node, edges in self.edges.items():
            for edge in edges:
                if edge.source in self.producer:
                    self._merge(self.cluster[self.producer[edge.source]], self.cluster[node])
        self._merge_siblings()
        refused = self._by_cluster()
        return tuple(self._group(c, tuple(refused.get(c, {}).values())) for c in self._ordered())

    def _merge(self, a: Cluster, b: Cluster) -> None:
        if a is b:
            return
        merged = unify(a, b)
        why = why_apart(a, b) if merged is None else self._objection(a, b, merged)
        if merged is not None and why and (wider := as_columns(merged)) is not None:
            merged, why = wider, self._objection(a, b, wider)
        if merged is None or why:
            self.refused[_chief(a), _chief(b)] = why
            return
        merged.members = sorted([*a.members, *b.members], key=self.position.__getitem__)
        for node in merged.members:
            self.cluster[node] = merged

    def _objection(self, a: Cluster, b: Cluster, merged: Cluster) -> str:
        """Why two clusters may not become one, in words; "" if they may."""
        between = [e for n in a.members for e in self.readers[n] if self.cluster[e.node] is b]
        between += [e for n in b.members for e in self.readers[n] if self.cluster[e.node] is a]
        for e in between:
            if not inside(e, self.producer[e.source], merged):
                return _why_stored(e)
        if merged.kind == "reduce" and not self._is_plain_reduction(a, b, merged):
            return "a value before the reduction is wanted by others too, so it is stored"
        few = len(a.members) + len(b.members) <= MAX_BUFFERS // 4
        if not few and self._n_buffers(a, b) > MAX_BUFFERS:
            return f"one kernel would have more than {MAX_BUFFERS} buffers"
        if self._reaches(a, b) or self._reaches(b, a):
            return "another kernel stands between them: it reads the one and is read by the other"
        return ""

    def _is_plain_reduction(self, a: Cluster, b: Cluster, merged: Cluster) -> bool:
        """One reduction, maps used by it alone before it, maps over its result after it."""
        members = {*a.members, *b.members}
        for node in members:
            is_map = isinstance(node.primitive.lower, Map)
            if is_map and space_of(node) == merged.full:
                inside = all(e.node in members for e in self.readers[node])
                if not inside or set(node.outputs) & self.results:
                    return False
        return True

    def _n_buffers(self, a: Cluster, b: Cluster) -> int:
        members = {*a.members, *b.members}
        reads = {e.source for n in members for e in self.edges[n]}
        return len(reads | {v for n in members for v in n.outputs if self._leaves(n, members)})

    def _leaves(self, node: Node, members: set[Node]) -> bool:
        outside = any(e.node not in members for e in self.readers[node])
        return outside or bool(set(node.outputs) & self.results)

    def _reaches(self, a: Cluster, b: Cluster) -> bool:
        """Whether a path leads from a over another cluster to b."""
        last = max(self.position[n] for n in b.members)
        seen: set[Cluster] = {a, b}
        pending = [a]
        while pending:
            current = pending.pop()
            for node in current.members:
                for edge in self.readers[node]:
                    found = self.cluster[edge.node]
                    if found is b and current is not a:
                        return True
                    if found not in seen and self._first(found) <= last:
                        seen.add(found)
                        pending.append(found)
        return False

    def _first(self, cluster: Cluster) -> int:
        return self.position[cluster.members[0]]

    def _merge_siblings(self) -> None:
        """Maps over one space that read the same large value become one kernel, and so do
        reductions of the same axes."""
        by_input: dict[tuple[Var, Shape, Axes | None], dict[Cluster, None]] = {}
        for node, edges in self.edges.items():
            for edge in edges:
                cluster = self.cluster[node]
                alike = cluster.kind in ("map", "row", "columns") or cluster.fit
                if alike and edge.same and product(cluster.full) != 1:
                    key = (edge.source, cluster.full, cluster.kept)
                    by_input.setdefault(key, {})[cluster] = None
        for clusters in by_input.values():
            for a, b in combinations(clusters, 2):
                alive = self.cluster[a.members[0]], self.cluster[b.members[0]]
                self._merge(*alive)

    def _ordered(self) -> list[Cluster]:
        """Depth first over what a cluster reads, in the order of the graph."""
        done: dict[Cluster, None] = {}
        for node in self.edges:
            pending = [self.cluster[node]]
            while pending:
                current = pending[-1]
                before = [c for c in self._before(current) if c not in done]
                if not before:
                    done[pending.pop()] = None
                pending += before
        return list(done)

    def _before(self, cluster: Cluster) -> list[Cluster]:
        found = {
            self.cluster[self.producer[e.source]]: None
            for n in cluster.members
            for e in self.edges[n]
            if e.source in self.producer
        }
        return [c for c in found if c is not cluster]

    # ------------------------------------------------------------------ groups

    def _group(self, cluster: Cluster, refused: tuple[Refusal, ...]) -> Group:
        members = set(cluster.members)
        nodes: dict[Node, None] = {}
        inputs: dict[Var, None] = {}
        for member in cluster.members:
            self._collect(member, members, nodes, inputs)
        outputs = [v for n in cluster.members if self._leaves(n, members) for v in n.outputs]
        return Group(
            kind=cluster.kind,
            nodes=tuple(nodes),
            inputs=tuple(inputs),
            outputs=tuple(outputs),
            space=cluster.full,
            n_outer=len(cluster.full if cluster.outer is None else cluster.outer),
            anchors=tuple(n for n in cluster.members if not isinstance(n.primitive.lower, Map)),
            refused=refused,
        )

    def _by_cluster(self) -> dict[Cluster, dict[Cluster, Refusal]]:
        """For each cluster what was refused of merges of its parts, once for each other one."""
        found: dict[Cluster, dict[Cluster, Refusal]] = {}
        for pair, why in self.refused.items():
            for mine, other in (pair, pair[::-1]):
                here, there = self.cluster[mine], self.cluster[other]
                if here is not there:
                    found.setdefault(here, {})[there] = Refusal(other, why)
        return found

    def _collect(
        self, node: Node, members: set[Node], nodes: dict[Node, None], inputs: dict[Var, None]
    ) -> None:
        """A node behind the free ones that it reads: an order that does not depend on where these
        stand in the graph, so that equal kernels have equal texts."""
        if node in nodes:
            return
        for var in node.inputs:
            before = self.producer.get(var)
            if before is not None and before in self.free:
                self._collect(before, members, nodes, inputs)
            elif before is None or before not in members:
                inputs[var] = None
        nodes[node] = None


def _chief(cluster: Cluster) -> Node:
    """The node that a cluster is called by: its last that is no map, or its last."""
    others = [n for n in cluster.members if not isinstance(n.primitive.lower, Map)]
    return (others or cluster.members)[-1]


def _why_stored(edge: Edge) -> str:
    """Why what passes along an edge lies in memory."""
    if isinstance(edge.node.primitive.lower, Map | Reduce):
        return "a value between them is read at other positions than it is made"
    return f"{edge.node.primitive.name} reads a value of it many times, so it lies in memory"
