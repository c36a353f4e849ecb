"""What eager execution has compiled, by what it is for, and the graphs of single primitives."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from .. import _native
from .device import current
from .graph import Graph, Node, Var
from .primitive import Primitive

_tables: list[dict[Any, Any]] = []

EXACT = "exact_"  # begins the names of graphs for one shape alone


def new_table() -> dict[Any, Any]:
    """A table of what eager execution keeps."""
    _tables.append({})
    return _tables[-1]


_kernels = new_table()


def cached(key: Any, make: Callable[[], Any]) -> Any:
    """What `make` gives at the first call with this key on the current device, in this mode."""
    key = (current().index, _native.reproducible(), key)
    found = _kernels.get(key)
    if found is None:
        found = _kernels[key] = make()
    return found


def forget_programs() -> None:
    """Ask the engine for every program again at its next use, as when kernels were tuned."""
    for key, found in list(_kernels.items()):
        if not isinstance(found, _native.MapKernel):
            del _kernels[key]
    _native.forget_recipes()


@contextmanager
def nothing_kept() -> Iterator[None]:
    """Inside, eager code asks the engine for every kernel anew, and forgets it at the end."""
    kept = [dict(table) for table in _tables]
    for table in _tables:
        table.clear()
    _native.forget_recipes()
    try:
        yield
    finally:
        for table, before in zip(_tables, kept, strict=True):
            table.clear()
            table.update(before)


def graph_of(
    primitive: Primitive, inputs: tuple[Var, ...], params: dict[str, Any], *before: Node
) -> Graph:
    """The graph of one primitive, applied to the outputs of `before` and other inputs."""
    made = {n.inputs[0]: n.output for n in before}
    args = tuple(made.get(v, v) for v in inputs)
    out = Var(primitive.infer(*(v.aval for v in args), **params))
    node = Node(primitive, args, params, (out,))
    return Graph(inputs, (out,), (*before, node), name=f"eager_{primitive.name}")
