"""A kernel that is out of its bounds, as a program of its own: a .py file, and its arrays in a
.npz file without pickles."""

from __future__ import annotations

import io
import os
from collections.abc import Sequence
from dataclasses import dataclass
from dataclasses import replace as with_changes
from pathlib import Path
from typing import Any

import numpy as np

from ..dsl.control import SCAN, WHILE
from ..dsl.graph import Graph, Node
from ..dsl.graph_code import code_text
from ..dsl.primitive import REGISTRY
from .cache import key_of
from .prepack import MATMUL_PACKED

_TEXT = '''"""The kernel {kernel} of {program} is out of its declared bounds: python {file}.

Written by `f.check(...)`. The function below is the kernel as operations; it is staged, run on the
arrays of {arrays}, and compared with what the NumPy references give in float64.
"""

import sys
from pathlib import Path

import numpy as np

{code}

DTYPES = {dtypes}

data = np.load(Path(__file__).with_name({arrays!r}))
inputs = [tw.asarray(data[f"input{{i}}"], dtype=of) for i, of in enumerate(DTYPES)]
found = tw.jit({function})(*inputs)
worst = 0.0
for i, y in enumerate(found):
    exact, allowed = data[f"exact{{i}}"], data[f"allowed{{i}}"]
    y = y.numpy().astype(exact.dtype)
    with np.errstate(all="ignore"):
        ratio = np.abs(y - exact) / allowed
    ratio = np.where((y == exact) | (np.isnan(y) & np.isnan(exact)) | np.isinf(allowed), 0, ratio)
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    if ratio.max(initial=0) > 1:
        at = np.unravel_index(ratio.argmax(), ratio.shape)
        place = [int(n) for n in at]
        print(f"result {{i}} at {{place}}: got {{y[at]}}, wanted {{exact[at]}} +- {{allowed[at]}}")
    worst = max(worst, float(ratio.max(initial=0)))
print(f"largest error: {{worst:.3g}} of what is allowed")
sys.exit(worst > 1)
'''


@dataclass(frozen=True)
class Failure:
    """A kernel's graph with the arrays of one call: what it took and gave, and for each output
    what it should be and how far from it it may be."""

    program: str
    kernel: str
    graph: Graph
    inputs: Sequence[np.ndarray[Any, Any]]
    results: Sequence[np.ndarray[Any, Any]]
    wanted: Sequence[tuple[np.ndarray[Any, Any], np.ndarray[Any, Any]]]


def write_reproduction(failure: Failure, folder: Path) -> Path:
    """Write both files into a folder, each in whole or not at all; the path of the program."""
    folder.mkdir(parents=True, exist_ok=True)
    graph = with_changes(failure.graph, nodes=tuple(map(_public, failure.graph.nodes)))
    name = f"{failure.kernel}_{key_of('reproduction', str(failure.graph))[:8]}"
    arrays: dict[str, np.ndarray[Any, Any]] = {}
    for i, x in enumerate(failure.inputs):
        arrays[f"input{i}"] = _storable(x)
    for i, (y, (exact, allowed)) in enumerate(zip(failure.results, failure.wanted, strict=True)):
        arrays |= {f"found{i}": _storable(y), f"exact{i}": exact, f"allowed{i}": allowed}
    packed = io.BytesIO()
    np.savez(packed, **arrays)  # type: ignore[arg-type]
    _put(folder / f"{name}.npz", packed.getvalue())
    path = folder / f"{name}.py"
    _put(path, _program(failure, graph, name).encode())
    return path


def _program(failure: Failure, graph: Graph, name: str) -> str:
    return _TEXT.format(
        kernel=failure.kernel,
        program=failure.program,
        file=f"{name}.py",
        arrays=f"{name}.npz",
        code=code_text(graph).rstrip(),
        dtypes=[v.aval.dtype.name for v in graph.inputs],
        function=graph.name if graph.name.isidentifier() else "f",
    )


def _public(node: Node) -> Node:
    """A node by primitives that users have."""
    name = node.primitive.name
    if name == "scan_kernel":
        return with_changes(node, primitive=SCAN)
    if name == "while_kernel":
        params = {k: v for k, v in node.params.items() if k != "n_turns"}
        return with_changes(node, primitive=WHILE, params=params)
    if node.primitive is MATMUL_PACKED:  # its right operand is stored as it was
        return with_changes(node, primitive=REGISTRY["matmul"], params={})
    return node


def _storable(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """NumPy's files have no bfloat16."""
    return x.astype(np.float32) if x.dtype.kind == "V" or x.dtype.name == "bfloat16" else x


def _put(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        temporary.write_bytes(content)
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
