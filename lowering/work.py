"""How much a kernel has to do at least: arithmetic, and bytes that come from memory and go there.

Counted from the graph, not from the code: each value that a group reads or writes crosses the
border once, and of a value that is read through a slice or a gather only what these give. What a
schedule does beside (packing, reading an operand twice) is its own loss.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..dsl.dtypes import DType, float32
from ..dsl.graph import Node, Var
from ..dsl.primitive import Contract, Map, Reduce, Scatter
from ..dsl.sizes import Dim, evaluate, product
from .fusion import Group


@dataclass(frozen=True)
class Work:
    """What a launch does. `products`: the two operations of each multiply-add of contractions;
    `others`: about how many instructions its maps and reductions take, for all elements; `reads`
    and `writes` in bytes; `dtype`: the type of most arithmetic."""

    products: float
    others: float
    reads: int
    writes: int
    dtype: DType

    @property
    def bytes(self) -> int:
        """What crosses the border of the kernel."""
        return self.reads + self.writes

    @property
    def operations(self) -> float:
        """All arithmetic."""
        return self.products + self.others


def work_of(group: Group, sizes: Mapping[str, int]) -> Work:
    """The work of a group, at these values of the unknown sizes."""
    products = sum(_products(n, sizes) for n in group.nodes)
    others = sum(_others(n, sizes) for n in group.nodes)
    reads = sum(_read_bytes(v, group, sizes) for v in group.inputs)
    writes = sum(evaluate(v.aval.nbytes, sizes) for v in group.outputs)
    return Work(products, others, reads, writes, _arithmetic(group))


def _count(dim: Dim, sizes: Mapping[str, int]) -> int:
    return evaluate(dim, sizes)


def _products(node: Node, sizes: Mapping[str, int]) -> float:
    """Of a form that counts its own work (`operations`), what it says."""
    lower = node.primitive.lower
    told = getattr(lower, "operations", None)
    if told is not None:
        avals = (v.aval for v in node.inputs)
        return float(_count(told(*avals, out=node.output.aval, **node.params), sizes))
    if not isinstance(lower, Contract) or node.primitive.name == "pack_b":
        return 0.0
    return 2.0 * _count(node.output.aval.size, sizes) * _count(node.inputs[0].aval.shape[-1], sizes)


def _others(node: Node, sizes: Mapping[str, int]) -> float:
    lower = node.primitive.lower
    if isinstance(lower, Map):
        return float(lower.cost * _count(node.output.aval.size, sizes))
    if isinstance(lower, Reduce):
        return float(_count(node.inputs[0].aval.size, sizes))
    if isinstance(lower, Scatter):
        return float(_count(node.inputs[2].aval.size, sizes))
    return 0.0


def _read_bytes(var: Var, group: Group, sizes: Mapping[str, int]) -> int:
    """What is read of a value: all of it, unless each reader takes a part by its own rule."""
    whole = _count(var.aval.nbytes, sizes)
    readers = [n for n in group.nodes if var in n.inputs]
    parts = [_part(n, var, sizes) for n in readers]
    return min(whole, sum(parts)) if parts else whole


def _part(node: Node, var: Var, sizes: Mapping[str, int]) -> int:
    lower = node.primitive.lower
    is_choice = isinstance(lower, Map) and not lower.pointwise and var is node.inputs[0]
    if not is_choice:
        return _count(var.aval.nbytes, sizes)
    return _count(product(node.output.aval.shape), sizes) * var.aval.dtype.itemsize


def _arithmetic(group: Group) -> DType:
    """The type of the products, or else of the widest float; half types compute in float32."""
    anchors = [v.aval.dtype for n in group.anchors for v in n.inputs if v.aval.dtype.is_float]
    floats = [v.aval.dtype for v in group.vars if v.aval.dtype.is_inexact]
    found = anchors[:1] or sorted(floats, key=lambda d: -d.real.itemsize)
    if not found:
        return group.vars[0].aval.dtype if group.vars else float32
    return found[0].real
