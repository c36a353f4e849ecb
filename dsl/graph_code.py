"""A graph as runnable Python over `tilewright.primitives`."""

from __future__ import annotations

import math
from typing import Any

from . import primitives
from .dtypes import DType
from .graph import Graph, Var


def code_text(graph: Graph) -> str:
    """A graph as a Python function over `tilewright.primitives`; constants are a parameter."""
    names: dict[Var, str] = {}
    for i, var in enumerate(graph.inputs):
        names[var] = f"a{i}"
    for i, (var, _) in enumerate(graph.constants):
        names[var] = f"constants[{i}]"
    extra = ", *, constants" if graph.constants else ""
    comments = ", ".join(f"{names[v]}: {v.aval}" for v in graph.inputs)
    name = graph.name if graph.name.isidentifier() else "f"
    lines = [
        "import tilewright as tw",
        "from tilewright import primitives as p",
        "",
        "",
        f"def {name}({', '.join(names[v] for v in graph.inputs)}{extra}):  # {comments}",
    ]
    for i, node in enumerate(graph.nodes):
        names[node.output] = f"v{i}"
        args = [names[v] for v in node.inputs]
        args += [f"{k}={_python(v)}" for k, v in node.params.items()]
        where = f"  # {node.output.aval}"
        lines.append(f"    v{i} = p.{_name(node.primitive.name)}({', '.join(args)}){where}")
    results = ", ".join(names[v] for v in graph.outputs)
    trailing = "," if len(graph.outputs) == 1 else ""
    lines.append(f"    return ({results}{trailing})")
    return "\n".join(lines) + "\n"


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
