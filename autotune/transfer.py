"""Kernel groups and compiled kernels as plain JSON data, for the way to a worker and back."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Any

from ..dsl import dtypes
from ..dsl.dtypes import DType
from ..dsl.graph import Aval, Node, Var
from ..dsl.primitive import REGISTRY, Primitive
from ..lowering.entry import KernelEntry
from ..lowering.fusion import Group
from ..lowering.prepack import MATMUL_PACKED, PACK_B

_INTERNAL = {p.name: p for p in (PACK_B, MATMUL_PACKED)}


def group_to_plain(group: Group) -> dict[str, Any]:
    """A group of known sizes; values are numbered, the group's inputs first."""
    number = {var: i for i, var in enumerate(group.vars)}
    position = {node: i for i, node in enumerate(group.nodes)}
    return {
        "kind": group.kind,
        "vars": [[v.aval.dtype.name, list(v.aval.shape)] for v in number],
        "inputs": [number[v] for v in group.inputs],
        "outputs": [number[v] for v in group.outputs],
        "space": list(group.space),
        "n_outer": group.n_outer,
        "anchors": [position[n] for n in group.anchors],
        "nodes": [
            {
                "primitive": n.primitive.name,
                "inputs": [number[v] for v in n.inputs],
                "outputs": [number[v] for v in n.outputs],
                "params": {k: _param_to_plain(v) for k, v in n.params.items()},
            }
            for n in group.nodes
        ],
    }


def group_from_plain(plain: Mapping[str, Any]) -> Group:
    """The inverse of `group_to_plain`; all of the values are new."""
    values = [Var(Aval(tuple(shape), dtypes.dtype(name))) for name, shape in plain["vars"]]
    nodes = tuple(
        Node(
            _primitive(n["primitive"]),
            tuple(values[i] for i in n["inputs"]),
            {k: _param_from_plain(v) for k, v in n["params"].items()},
            tuple(values[i] for i in n["outputs"]),
        )
        for n in plain["nodes"]
    )
    return Group(
        kind=plain["kind"],
        nodes=nodes,
        inputs=tuple(values[i] for i in plain["inputs"]),
        outputs=tuple(values[i] for i in plain["outputs"]),
        space=tuple(plain["space"]),
        n_outer=plain["n_outer"],
        anchors=tuple(nodes[i] for i in plain["anchors"]),
    )


def _primitive(name: str) -> Primitive:
    return _INTERNAL[name] if name in _INTERNAL else REGISTRY[name]


def _param_to_plain(value: Any) -> Any:
    """Floats as text, so that every value of theirs survives; what JSON lacks with a tag."""
    if isinstance(value, DType):
        return {"dtype": value.name}
    if isinstance(value, float):
        return {"float": value.hex()}
    if isinstance(value, tuple):
        return {"tuple": [_param_to_plain(v) for v in value]}
    if value is None or isinstance(value, bool | int | str):
        return value
    raise TypeError(f"a parameter of type {type(value).__name__} cannot go to a worker")


def _param_from_plain(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    ((tag, inside),) = value.items()
    if tag == "dtype":
        return dtypes.dtype(inside)
    if tag == "float":
        return float.fromhex(inside)
    return tuple(map(_param_from_plain, inside))


def entry_to_plain(entry: KernelEntry) -> dict[str, Any]:
    """A compiled kernel."""
    return {
        "code": _text(entry.code),
        "words": _text(entry.words),
        "tables": [_text(t) for t in entry.tables],
        "sizes": list(entry.sizes),
    }


def entry_from_plain(plain: Mapping[str, Any]) -> KernelEntry:
    """The inverse of `entry_to_plain`."""
    tables = tuple(map(_bytes, plain["tables"]))
    return KernelEntry(_bytes(plain["code"]), _bytes(plain["words"]), tables, tuple(plain["sizes"]))


def _text(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


def _bytes(text: str) -> bytes:
    return base64.b64decode(text)
