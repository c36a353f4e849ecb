"""Groups of reductions as passes over their elements: which takes what in, stores and keeps."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from ...dsl.graph import Node, Var
from ...dsl.primitive import Map, Reduce
from ..fusion import Group
from ..spaces import without_ones
from ..vocabulary import computed, stored
from .lines import Lines


@dataclass(frozen=True)
class Pass:
    """One walk over a row: reductions to take in, outputs to store, values to keep."""

    reduces: tuple[Node, ...]
    outputs: tuple[Var, ...]
    kept: tuple[Var, ...]


def kept_in_place(group: Group, passes: list[Pass]) -> dict[Var, Var]:
    """A kept value -> the output in whose memory it lies until that is stored: the one output of
    the last pass, which reads each element before it stores it. That is less memory to walk."""
    last = passes[-1]
    if last.reduces or len(last.outputs) != 1:
        return {}
    (output,) = last.outputs
    for var in (v for p in passes for v in p.kept):
        dtype = var.aval.dtype
        if dtype is output.aval.dtype and computed(dtype) == stored(dtype):
            return {var: output}
    return {}


def computed_storage(var: Var) -> str:
    """The type in which a scratch row holds a value."""
    dtype = computed(var.aval.dtype)
    return "uint8" if dtype == "bool" else dtype


def plan(group: Group, keep_cost: int = 8) -> list[Pass]:
    """Which pass takes which reductions and outputs; a pass needs the results of those before."""
    level = levels_of(group)
    reduces = [n for n in group.anchors if isinstance(n.primitive.lower, Reduce)]
    n_levels = 1 + max(level[n.inputs[0]] for n in reduces)
    lines = Lines.of(group)
    full = {v for v in group.outputs if lines.is_full(v.aval.shape)}
    passes: list[Pass] = []
    for i in range(n_levels + 1):
        taken = tuple(n for n in reduces if level[n.inputs[0]] == i)
        stored = tuple(v for v in group.outputs if v in full and level[v] == i)
        if taken or stored:
            passes.append(Pass(taken, stored, ()))
    return _with_kept(group, passes, keep_cost)


def levels_of(group: Group) -> dict[Var, int]:
    """How many reductions one after another a value needs."""
    level = dict.fromkeys(group.inputs, 0)
    for node in group.nodes:
        found = max((level[v] for v in node.inputs), default=0)
        is_reduce = isinstance(node.primitive.lower, Reduce)
        level.update(dict.fromkeys(node.outputs, found + is_reduce))
    return level


def _with_kept(group: Group, passes: list[Pass], keep_cost: int) -> list[Pass]:
    producer = {v: n for n in group.nodes for v in n.outputs}
    needed = [set(needed_by(p, producer)) for p in passes]
    ready: set[Var] = set(group.outputs)
    result = []
    for i, p in enumerate(passes):
        later = set().union(*needed[i + 1 :]) if passes[i + 1 :] else set()
        kept = tuple(
            v
            for v in needed[i]
            if v in later
            and v not in ready
            and without_ones(v.aval.shape) == group.space
            and cost_of(producer[v]) >= keep_cost
            and not v.aval.dtype.is_complex  # rare in rows: computed again
        )
        ready |= set(kept)
        result.append(Pass(p.reduces, p.outputs, tuple(sorted(kept, key=lambda v: v.id))))
    return result


def cost_of(node: Node) -> int:
    """Instructions of a map, about."""
    lower = node.primitive.lower
    return lower.cost if isinstance(lower, Map) else 0


def needed_by(p: Pass, producer: dict[Var, Node]) -> Iterator[Var]:
    """The values of maps that a pass computes."""
    pending = [*p.outputs, *(n.inputs[0] for n in p.reduces)]
    seen: set[Var] = set()
    while pending:
        var = pending.pop()
        node = producer.get(var)
        if var in seen or node is None or isinstance(node.primitive.lower, Reduce):
            continue
        seen.add(var)
        yield var
        pending += node.inputs
