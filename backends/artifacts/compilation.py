"""`tw.compile`: a function becomes an artifact."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator
from importlib import metadata
from typing import Any

from ... import _native
from ...dsl import tree
from ...dsl.arguments import Dynamic, is_array, leaf_paths
from ...dsl.engine import engine
from ...dsl.entry import Constant
from ...dsl.errors import ArtifactError
from ...dsl.export import Exported, export
from ...dsl.graph import Aval
from ...lowering.words import expression
from . import trees
from .artifact import Artifact
from .container import FORMAT, assemble, kernels_section
from .weights import weights_section

_MOST_NAME = 256


def compile(
    f: Callable[..., Any], *args: Any, dynamic: Dynamic | None = None, **kwargs: Any
) -> Artifact:
    """Compile a function for arguments like these into an artifact, which can be saved.

    `f` is a function, a staged one or a Module; the arguments are arrays (or pytrees of them) of
    which only shapes and dtypes count, and other values, which become part of the program.
    `dynamic` names the axes whose sizes may differ from call to call, by input:
    `{"x": {0: "batch"}}`; equal names are equal sizes. What `f` reads from outside its arguments,
    such as a model's parameters, is frozen as it is now.

    Raises TraceError, with the reason, if `f` changes state, or if it is another program for other
    sizes (a Python `if` on one).

    >>> import tilewright as tw
    >>> scale = tw.array([1.0, 2.0])
    >>> made = compile(lambda x: {"y": x * scale}, tw.zeros((5, 2)), dynamic={"x": {0: "n"}})
    >>> made(tw.ones((1, 2)))
    {'y': array([[1., 2.]])}
    >>> print(made.outputs[0])
    y: float64[n, 2]
    """
    exported = export(f, args, kwargs, dynamic or {})
    n_inputs = len(exported.arguments.names)
    held = engine()
    program = held.export(exported.graph, dict(enumerate(exported.cells, n_inputs)))
    weights = {exported.cell_names[i - n_inputs]: cell for i, cell in program.weights}
    weights |= _named_derived(program.derived, weights)
    manifest = _manifest(exported, list(weights), program.text, held)
    whole = assemble(
        {
            "manifest": [json.dumps(manifest, ensure_ascii=False, allow_nan=False).encode()],
            "program": [program.entry.words],
            "kernels": kernels_section(program.entry.kernels),
            "weights": weights_section(weights),
        }
    )
    return Artifact(_native.Artifact.from_memory(whole, False), whole)


def _named_derived(derived: tuple[Any, ...], weights: dict[str, Any]) -> dict[str, Any]:
    names = (f"derived{i}" for i in range(len(weights) + len(derived)))
    free = (name for name in names if name not in weights)
    return dict(zip(free, derived, strict=False))


def _manifest(exported: Exported, weights: list[str], text: str, held: Any) -> dict[str, Any]:
    n_inputs = len(exported.arguments.names)
    graph, sizes = exported.graph, exported.sizes
    output_names = _output_names(exported)
    index = {name: i for i, name in enumerate(sizes)}
    backend = held.backend
    return {
        "format": FORMAT,
        "tilewright": _version(),
        "name": _checked_name(graph.name),
        "device": backend.run_side or backend.name,
        "fingerprint": backend.fingerprint,
        "needs": list(backend.needs),
        "sizes": list(sizes),
        "requirements": [
            {"words": expression(r.value, index), "reason": r.reason, "size": str(r.value)}
            for r in exported.requirements
        ],
        "inputs": _ports(exported.arguments.names, graph.inputs[:n_inputs]),
        "outputs": _ports(output_names, graph.outputs),
        "arguments": list(_arguments(exported)),
        "result": trees.to_json(exported.result, _numbered(exported)),
        "weights": weights,
        "graph": hashlib.sha256(text.encode()).hexdigest(),
    }


def _version() -> str:
    try:
        return metadata.version("tilewright")
    except metadata.PackageNotFoundError:  # the sources alone, on the path
        return "unknown"


def _ports(names: tuple[str, ...], variables: Any) -> list[dict[str, Any]]:
    return [_port(name, v.aval) for name, v in zip(names, variables, strict=True)]


def _port(name: str, aval: Aval) -> dict[str, Any]:
    shape = [d if isinstance(d, int) else str(d) for d in aval.shape]
    return {"name": _checked_name(name), "dtype": str(aval.dtype), "shape": shape}


def _checked_name(name: str) -> str:
    bad = any(ord(c) < 0x20 or c in "=\x7f" for c in name)
    if bad or not name or len(name.encode()) > _MOST_NAME:
        raise ArtifactError(
            f"compile: got the name {name!r:.100} (of the function, an argument or a key); it must "
            f"have 1 to {_MOST_NAME} bytes, and neither '=' nor control characters"
        )
    return name


def _numbered(exported: Exported) -> Iterator[Any]:
    for found in exported.results:
        yield found.value if isinstance(found, Constant) else trees.ArrayNumber(found)


def _output_names(exported: Exported) -> tuple[str, ...]:
    """`output` for a single array; the keys of a dict; `output.0` and so on for a tuple."""
    root = "" if exported.result.kind is dict else "output"
    paths = leaf_paths(root, exported.result)
    names = [p for p, r in zip(paths, exported.results, strict=True) if not isinstance(r, Constant)]
    repeated = [n for i, n in enumerate(names) if n in names[:i]]
    if repeated:
        raise ArtifactError(f"compile: two outputs have the name {repeated[0]}; rename a key")
    return tuple(names)


def _arguments(exported: Exported) -> Iterator[dict[str, Any]]:
    number = 0
    for name, value in exported.arguments.parameters:
        leaves, structure = tree.flatten(value)
        numbered: list[Any] = []
        for leaf in leaves:
            numbered.append(trees.ArrayNumber(number) if is_array(leaf) else leaf)
            number += is_array(leaf)
        yield {"name": _checked_name(name), "tree": trees.to_json(structure, iter(numbered))}
