"""Products: the packed matrix product with readers for its operands and a fused epilogue."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from ...dsl.dtypes import DType
from ...dsl.graph import Node, Var
from ...dsl.primitive import Expr, Map
from ...dsl.sizes import Dim, Shape, known, symbols
from ..frame import sizes_in
from ..fusion import Group
from ..index import Index, from_components
from ..kernel import BufferSpec, KernelSource
from ..knobs import Value, tunable
from ..machine import Machine
from ..readers import Memory, Scope
from ..vocabulary import int64
from .matmul import MatmulSpec, kernel_tiles, matmul_kernel, pack_kernel
from .matmul_space import Problem, refuse_tiles, tile_choices
from .matmul_tiles import MatmulTiles
from .nest import index_at
from .packing import tiles_for

LIGHT = 12  # instructions of an epilogue that may be copied for each register


def product_choices(group: Group, machine: Machine) -> Mapping[str, Sequence[Value]]:
    """What there is to try of a product; the packing of a weight is as its readers want it."""
    if group.anchors[0].primitive.name == "pack_b":
        return {}
    return tile_choices(machine, _problem(spec_of("", group)))


def product_default(group: Group, machine: Machine) -> MatmulTiles:
    """The analytic tiles of a product."""
    spec = spec_of("", group)
    return kernel_tiles(spec, machine)


def _refuse(tiles: MatmulTiles, group: Group, machine: Machine) -> str | None:
    return refuse_tiles(tiles, machine, _problem(spec_of("", group)))


def _problem(spec: MatmulSpec) -> Problem:
    spec = spec.fold()
    m, n, k, items = known((spec.m, spec.n, spec.k, spec.items))
    return Problem(m, n, k, items, spec.dtype, bool(spec.packed_b))


@tunable(MatmulTiles, choices=product_choices, default=product_default, refuse=_refuse)
def contract(
    name: str, group: Group, machine: Machine, knobs: MatmulTiles | None = None
) -> KernelSource:
    """The kernel of a group around one product, or of the packing of a weight."""
    (node,) = group.anchors
    spec = spec_of(name, group)
    if node.primitive.name == "pack_b":
        return pack_kernel(spec, machine, _packed_tiles(spec, machine))
    return matmul_kernel(spec, machine, knobs)


def _packed_tiles(spec: MatmulSpec, machine: Machine) -> MatmulTiles:
    return tiles_for(machine, spec.m * spec.items, spec.n, spec.k, spec.dtype)


@dataclass(frozen=True)
class Operands:
    """Reads and epilogues of a group as functions of a matmul's frame."""

    group: Group
    node: Node
    names: dict[Var, str]

    def scope(self, frame: Any) -> Scope:
        sources = {v: Memory(frame.t, v, frame[self.names[v]]) for v in self.group.inputs}
        return Scope(frame.t, self.group.nodes, sources)

    def read(self, operand: int, frame: Any, index: Sequence[Expr]) -> Expr:
        """An operand's element at a position of the product's batch."""
        var = self.node.inputs[operand]
        inside = tuple(
            int64(0) if n == 1 else i for i, n in zip(index, var.aval.shape, strict=True)
        )
        return self.scope(frame).element(var, from_components(var.aval.shape, inside))

    def read_b(self, frame: Any, index: Sequence[Expr]) -> Expr:
        """The right operand; of a weight to be packed the index has no batch."""
        operand = len(self.node.inputs) - 1
        missing = self.node.inputs[operand].aval.ndim - len(index)
        return self.read(operand, frame, (*[int64(0)] * missing, *index))

    def epilogue(self, frame: Any, index: Sequence[Expr], value: Expr) -> Sequence[Expr]:
        scope = self.scope(frame)
        scope.sources[self.node.output] = lambda at: value
        out = self.node.output.aval.shape
        runs = [(1, i) for i, n in zip(index, out, strict=True) if n != 1]
        positions: dict[Shape, Index] = {}
        found = []
        for var in self.group.outputs:
            shape = var.aval.shape
            at = positions.setdefault(shape, index_at(shape, runs))
            found.append(scope.element(var, at))
        return found


def spec_of(name: str, group: Group) -> MatmulSpec:
    """What the product computes."""
    (node,) = group.anchors
    names = {v: f"p{i}" for i, v in enumerate((*group.inputs, *group.outputs))}
    operands = Operands(group, node, names)

    def specs(values: tuple[Var, ...]) -> tuple[BufferSpec, ...]:
        return tuple(BufferSpec(names[v], v.aval.dtype, v.aval.size) for v in values)

    dims = [d for v in group.vars for d in v.aval.shape]
    dims += [d for n in group.nodes for d in sizes_in(n.params)]
    sizes = _sizes(node)
    is_packed = node.primitive.name == "matmul_packed"
    return MatmulSpec(
        name=name,
        inputs=specs(group.inputs),
        outputs=specs(group.outputs),
        m=sizes.m,
        n=sizes.n,
        k=sizes.k,
        dtype=sizes.dtype,
        a=lambda frame, index: operands.read(0, frame, index),
        b=lambda frame, index: operands.read_b(frame, index),
        batch=sizes.batch,
        epilogue=operands.epilogue,
        packed_b=names[node.inputs[1]] if is_packed else "",
        b_batched=sizes.b_batched,
        light_epilogue=epilogue_cost(group) <= LIGHT,
        sizes=tuple(sorted(set().union(*map(symbols, [*dims, 0])))),
    )


@dataclass(frozen=True)
class _Sizes:
    m: Dim
    n: Dim
    k: Dim
    batch: Shape
    dtype: DType
    b_batched: bool


def _sizes(node: Node) -> _Sizes:
    if node.primitive.name == "pack_b":
        p, dtype = node.params, node.inputs[0].aval.dtype
        return _Sizes(p["m"] * p["items"], p["n"], p["k"], (), dtype, False)
    a, out = node.inputs[0].aval, node.output.aval
    batched = node.primitive.name == "matmul" and any(
        n != 1 for n in node.inputs[1].aval.shape[:-2]
    )
    return _Sizes(a.shape[-2], out.shape[-1], a.shape[-1], out.shape[:-2], a.dtype, batched)


def epilogue_cost(group: Group) -> int:
    """About how many instructions the maps around a product take for an element."""
    lowers = [n.primitive.lower for n in group.nodes]
    return sum(x.cost for x in lowers if isinstance(x, Map))
