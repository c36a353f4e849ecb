"""Kernels of a wheel's library: a process's first operations, and kernels beside native ones."""

from __future__ import annotations

import itertools
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, cast

import numpy as np

import tilewright as tw
from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.common_set import CommonKernel, common_kernels
from tilewright.dsl.graph import Aval, Graph, Node, Var
from tilewright.lowering import machine
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine
from tilewright.lowering.library import Library, levels_of
from tilewright.lowering.protocols import Backend
from tilewright.warming.goal import Goal
from tilewright.warming.warmup import warm_up, write_libraries

from .harness import OURS, Case, Options, agree
from .harness import Goal as Bar

FIRST = Bar("start of Python to the first eager (a + b).sum(), by a library: 0.6 s", seconds=0.6)
KERNELS = Bar(
    "kernels of a library: at least 0.9x those for this machine", 0.9, "native", mean=0.97
)
NATIVE, EXACT = "native", "one shape"

_FIRST = """
import numpy as np
import tilewright as tw
a = tw.asarray(np.ones((30, 40), np.float32))
assert float((a + a).sum()) == 2400
"""
_NUMPY = "import numpy as np\na = np.ones((30, 40), np.float32)\nassert (a + a).sum() == 2400"
_TITLES = {
    "add": "add(float32[n], float32[n]) -> float32[n]",
    "exp": "exp(float32[n]) -> float32[n]",
    "sum": "sum(float32[reduced]) -> float32[]",
    "sum of rows": "sum(float32[outer, reduced]) -> float32[outer]",
    "sum of columns": "sum(float32[reduced, inner]) -> float32[inner]",
    "matmul": "matmul(float32[m, k], float32[k, columns]) -> float32[m, columns]",
}
_NUMPYS: dict[str, Callable[..., Any]] = {
    "add": np.add, "exp": np.exp, "sum": np.sum, "sum of rows": lambda x: x.sum(1),
    "sum of columns": lambda x: x.sum(0), "matmul": np.matmul,
}  # fmt: skip
_SIZES: dict[str, Sequence[tuple[int, ...]]] = {
    "add": ((1 << 14,), (1 << 20,)),
    "exp": ((1 << 14,), (1 << 20,)),
    "sum": ((1 << 14,), (1 << 20,)),
    "sum of rows": ((1000, 1000),),
    "sum of columns": ((1000, 1000),),
    "matmul": ((8, 8), (64, 64), (256, 256), (601, 601), (1024, 1024)),
}


class _Kernels:
    """A library of some kernels, made now, and engines with it and without."""

    def __init__(self) -> None:
        self.folder = tempfile.TemporaryDirectory(prefix="tilewright-bench-")
        self.chosen = {k.title: k for k in common_kernels() if k.title in _TITLES.values()}
        goal = Goal(levels_of(machine.host())[0], is_library=True)
        kernels = tuple(self.chosen.values())
        warm_up([goal], kernels=kernels)
        ((path, _),) = write_libraries(Path(self.folder.name) / "kernels", [goal], "", kernels)
        backend = cast(Backend, MANIFEST)
        empty = Cache(Path(self.folder.name) / "empty")
        self.library = Engine(backend, empty, library=Library(path))
        self.native = Engine(backend)

    def variables(self, library: str, cache: str) -> dict[str, str]:
        """The environment of a process with these folders for the library and the cache."""
        place = Path(self.folder.name)
        own = {"TILEWRIGHT_KERNELS": place / library, "TILEWRIGHT_CACHE_DIR": place / cache}
        return {**os.environ, **{name: str(path) for name, path in own.items()}}


ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """The start of a process, then each kernel."""
    if not levels_of(machine.host()):
        return
    kernels = _Kernels()
    yield _first(kernels)
    for name, title in _TITLES.items():
        for shape in _SIZES[name]:
            yield _kernel(kernels, kernels.chosen[title], name, shape)


def _first(kernels: _Kernels) -> Case:
    """Compiled now: each time into another cache that is empty."""
    number = itertools.count()
    of_library = kernels.variables("kernels", "first")
    warmed = kernels.variables("none", "warm")
    runs = {
        OURS: lambda: _seconds(_FIRST, of_library),
        "warmed up": lambda: _seconds(_FIRST, warmed),
        "compiled now": lambda: _seconds(_FIRST, kernels.variables("none", f"{next(number)}")),
        "NumPy": lambda: _seconds(_NUMPY, of_library),
    }
    return Case("first operations", runs, FIRST, lambda: None, times_itself=True)


def _seconds(program: str, variables: dict[str, str]) -> float:
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", program], check=True, env=variables)
    return time.perf_counter() - start


def _kernel(kernels: _Kernels, kernel: CommonKernel, name: str, shape: tuple[int, ...]) -> Case:
    rng = np.random.default_rng(0)
    hosts = [rng.uniform(0.5, 1.5, shape).astype(np.float32) for v in kernel.graph.inputs]
    cells = [tw.asarray(h) for h in hosts]
    exact = _exact(kernel.graph, shape)
    runs = {
        OURS: _run(kernels.library.program(kernel.graph), cells),
        NATIVE: _run(kernels.native.program(kernel.graph), cells),
        EXACT: _run(kernels.native.program(exact), cells),
        "NumPy": lambda: _NUMPYS[name](*hosts),
    }
    flops = 2.0 * shape[0] ** 3 if name == "matmul" else 0.0
    title = f"{name} {'x'.join(map(str, shape))}"
    return Case(title, runs, KERNELS, agree(runs, 1e-4, 1e-3), flops=flops)


def _run(program: Any, cells: Sequence[Any]) -> Callable[[], Any]:
    return lambda: program(*cells)[0]


def _exact(graph: Graph, shape: tuple[int, ...]) -> Graph:
    """The same operation for these sizes alone."""
    (node,) = graph.nodes
    inputs = tuple(Var(Aval(shape, v.aval.dtype)) for v in graph.inputs)
    out = Var(node.primitive.infer(*(v.aval for v in inputs), **node.params))
    made = Node(node.primitive, inputs, node.params, (out,))
    return Graph(inputs, (out,), (made,), name=graph.name)
