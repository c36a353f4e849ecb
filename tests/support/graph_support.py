"""Graphs built by hand, compiled and run on NumPy arrays."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

import numpy as np

import tilewright  # noqa: F401  (wires the native core)
from tilewright import _native
from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.dtypes import DType, dtype, float32, to_numpy
from tilewright.dsl.graph import Aval, Graph, Node, Var, verify
from tilewright.dsl.primitive import REGISTRY
from tilewright.dsl.sizes import Shape
from tilewright.lowering.engine import Engine


class Build:
    """`b = Build(); x = b.input((3,)); g = b.graph(b("exp", x))`."""

    def __init__(self) -> None:
        self.inputs: list[Var] = []
        self.nodes: list[Node] = []

    def input(self, shape: Shape, dtype: DType = float32) -> Var:
        self.inputs.append(Var(Aval(shape, dtype)))
        return self.inputs[-1]

    def __call__(self, name: str, *inputs: Var, **params: Any) -> Var:
        primitive = REGISTRY[name]
        out = Var(primitive.infer(*(v.aval for v in inputs), **params))
        self.nodes.append(Node(primitive, inputs, params, (out,)))
        return out

    def full(self, shape: Shape, value: float) -> Var:
        return self("full", shape=shape, value=value, dtype=float32)

    def rows(self, x: Var, shape: Shape) -> Var:
        """A value a row, repeated along the last axis."""
        return self("broadcast_to", self("reshape", x, shape=(*x.aval.shape, 1)), shape=shape)

    def graph(self, *outputs: Var) -> Graph:
        return verify(Graph(tuple(self.inputs), outputs, tuple(self.nodes)))


@cache
def engine() -> Engine:
    """The engine of these tests (the folder of its cache is the session's)."""
    return Engine(MANIFEST)


def to_cell(x: Any) -> Any:
    x = np.array(x, order="C")
    kind = dtype(x.dtype)
    return _native.from_buffer(x.view("uint16") if kind.name == "bfloat16" else x, kind.code, True)


def to_host(cell: Any) -> Any:
    raw = np.array(memoryview(_native.raw(cell))).reshape(cell.shape)
    return raw.view(to_numpy(cell.dtype)).reshape(cell.shape)


def call(program: Callable[..., Any], *arrays: Any) -> list[Any]:
    return [to_host(c) for c in program(*map(to_cell, arrays))]


def run(graph: Graph, *arrays: Any) -> list[Any]:
    """Compile a graph and run it."""
    return call(engine().program(graph), *arrays)


def softmax(b: Build, x: Var) -> Var:
    shape = x.aval.shape
    last = (len(shape) - 1,)
    powers = b("exp", b("sub", x, b.rows(b("max", x, axes=last), shape)))
    return b("div", powers, b.rows(b("sum", powers, axes=last), shape))


def layer_norm(b: Build, x: Var, gain: Var, bias: Var) -> Var:
    shape = x.aval.shape
    last, count = (len(shape) - 1,), b.full(shape[:-1], float(shape[-1]))  # type: ignore[arg-type]
    centred = b("sub", x, b.rows(b("div", b("sum", x, axes=last), count), shape))
    variance = b("div", b("sum", b("mul", centred, centred), axes=last), count)
    scale = b("rsqrt", b("add", variance, b.full(shape[:-1], 1e-5)))
    normal = b("mul", centred, b.rows(scale, shape))
    return b(
        "add",
        b("mul", normal, b("broadcast_to", gain, shape=shape)),
        b("broadcast_to", bias, shape=shape),
    )
