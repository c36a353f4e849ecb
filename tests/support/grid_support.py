"""Graphs on a device of grids, launch by launch from Python: a schedule's kernels and nothing else.

`Runner` is handed a way to launch source text on NumPy arrays; programs, memory plans and queues
are tested elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tilewright.dsl.dtypes import to_numpy
from tilewright.dsl.graph import Aval, Graph, Node, Var
from tilewright.dsl.primitive import Primitive
from tilewright.dsl.sizes import evaluate
from tilewright.lowering import pipeline
from tilewright.lowering.fusion import fuse
from tilewright.lowering.kernel import KernelSource
from tilewright.lowering.rewrites import rewrite
from tilewright.lowering.spaces import base


class Runner:
    """Runs graphs by a device's compiler, `load` (source -> module) and `launch`."""

    def __init__(self, compiler: Any, load: Callable[[KernelSource, bytes], Any], launch: Any):
        self.compiler, self.load, self.launch = compiler, load, launch
        self.loaded: dict[str, tuple[KernelSource, Any]] = {}

    def __call__(self, graph: Graph, *arrays: Any, **sizes: int) -> list[Any]:
        graph = rewrite(graph)
        values = dict(zip(graph.inputs, map(np.ascontiguousarray, arrays), strict=True))
        groups = fuse(graph)
        for group in groups:
            self._run(group, values, sizes)
        producer = {v: n for n in graph.nodes for v in n.outputs}
        shapes = [tuple(evaluate(d, sizes) for d in v.aval.shape) for v in graph.outputs]
        found = [values[v] if v in values else values[base(v, producer)] for v in graph.outputs]
        return [x.reshape(shape) for x, shape in zip(found, shapes, strict=True)]

    def kernel(self, group: Any) -> tuple[KernelSource, Any]:
        key = pipeline.group_key(group)
        if key not in self.loaded:
            source = pipeline.source_of(group, self.compiler)
            self.loaded[key] = source, self.load(source, self.compiler.object_code(source))
        return self.loaded[key]

    def _run(self, group: Any, values: dict[Var, Any], sizes: Mapping[str, int]) -> None:
        source, module = self.kernel(group)
        for var in group.outputs:
            shape = [evaluate(d, sizes) for d in var.aval.shape]
            # What no thread writes is seen.
            raw = np.full(int(np.prod(shape)) * var.aval.dtype.itemsize, 0xAB, np.uint8)
            values[var] = raw.view(to_numpy(var.aval.dtype)).reshape(shape)
        buffers = [values[v] for v in (*group.inputs, *group.outputs)]
        scratch = [np.full(evaluate(s.bytes, sizes), 0xCD, np.uint8) for s in source.scratch]
        numbers = [sizes[name] for name in source.sizes]
        for phase in source.phases:
            assert phase.launch is not None
            grid = tuple(evaluate(d, sizes) for d in phase.launch.grid)
            if all(grid):
                self.launch(module, phase, grid, phase.launch.block, [*buffers, *scratch], numbers)


def graph_of(primitive: Primitive, sample: Any, dtypes: Sequence[Any]) -> Graph:
    """The graph of one primitive on a sample's inputs."""
    inputs = tuple(Var(Aval(x.shape, d)) for x, d in zip(sample.inputs, dtypes, strict=True))
    out = Var(primitive.infer(*(v.aval for v in inputs), **sample.params))
    return Graph(inputs, (out,), (Node(primitive, inputs, sample.params, (out,)),))
