"""Fusion groups as text, for the `kernels` stage."""

from __future__ import annotations

from collections.abc import Callable

from ..dsl.graph import Var, params_text
from .fusion import Group


def group_text(group: Group, names: dict[Var, str]) -> str:
    """A kernel group as text: what it reads, its nodes, what it writes."""

    def name(var: Var) -> str:
        return names.setdefault(var, f"%{len(names)}")

    space = ", ".join(map(str, group.space))
    lines = [f"{group.kind}[{space}; rows: {group.n_outer}] reads {_list(group.inputs, name)}:"]
    for node in group.nodes:
        args = ", ".join(
            [name(v) for v in node.inputs]
            + [f"{k}={params_text(v)}" for k, v in sorted(node.params.items())]
        )
        outs = ", ".join(f"{name(v)}: {v.aval}" for v in node.outputs)
        lines.append(f"  {outs} = {node.primitive.name}({args})")
    lines.append(f"  writes {_list(group.outputs, name)}")
    return "\n".join(lines)


def _list(values: tuple[Var, ...], name: Callable[[Var], str]) -> str:
    return ", ".join(map(name, values))
