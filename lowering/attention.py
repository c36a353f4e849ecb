"""Attention as products, for devices without a schedule of its own."""

from __future__ import annotations

from typing import Any

from ..dsl.graph import Node, Var
from ..dsl.primitive import Attend
from ..dsl.staging import stage
from .rewrites import Found, View, apply


def attention_as_products(node: Node, view: View) -> Found:
    """The products, exponentials and sums that an attention (or its gradient) says it is."""
    lower = node.primitive.lower
    if not isinstance(lower, Attend):
        return None
    avals = [v.aval for v in node.inputs]

    def function(*arrays: Any) -> Any:
        return lower.parts(*arrays, **node.params)

    parts = stage(node.primitive.name, function, avals, tuple).graph
    env: dict[Var, Var] = dict(zip(parts.inputs, node.inputs, strict=True))
    made: list[Node] = []
    for part in parts.nodes:
        inputs = tuple(env[v] for v in part.inputs)
        made.append(apply(part.primitive.name, *inputs, like=node, **part.params))
        env.update(zip(part.outputs, made[-1].outputs, strict=True))
    # The last node gives the result, whatever the order of the others.
    result = env[parts.outputs[0]]
    return (*made, apply("reshape", result, like=node, shape=result.aval.shape))
