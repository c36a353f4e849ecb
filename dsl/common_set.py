"""The kernels that eager code needs: every primitive, its dtypes, and the classes of its operands.

Nothing is listed by hand. Each primitive of the registry is applied eagerly to small arrays of each
class by which eager execution tells kernels apart (an operand is an array or one element for all;
what is reduced lies before, behind or between what is kept; a matrix lies by rows or by columns),
with an engine that notes which graph it was asked for and compiles nothing. So these are the
graphs that eager code will ask for, whatever its canonical forms are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from . import eager_programs, engine
from .device import HOST
from .dtypes import DType, dtype
from .functions.convert import asarray
from .graph import Graph, graph_text
from .primitive import REGISTRY, Contract, Map, Native, Primitive, Reduce, Sample, Scatter
from .primitives.samples import smooth

if TYPE_CHECKING:
    from .array import Array

Case = tuple[tuple[Any, ...], dict[str, Any]]  # arrays and parameters

# What is reduced, and what is kept before and behind it.
_REDUCTIONS = (((3,), (0,)), ((2, 3), (1,)), ((3, 2), (0,)), ((2, 3, 2), (1,)))
_PRODUCTS = (((3, 4), (4, 2)), ((2, 3, 4), (2, 4, 5)), ((1, 4), (4, 1)))
_LENGTH = 3


@dataclass(frozen=True)
class CommonKernel:
    """One of them: its graph, and a line that tells it to people."""

    graph: Graph
    text: str

    @property
    def title(self) -> str:
        """Such as `add(float32[n], float32[n]) -> float32[n]`."""
        params = self.graph.nodes[-1].params.items()
        given = [str(v.aval) for v in self.graph.inputs]
        given += [f"{name}={value}" for name, value in params if isinstance(value, int | float)]
        outputs = ", ".join(str(v.aval) for v in self.graph.outputs)
        return f"{self.graph.name.removeprefix('eager_')}({', '.join(given)}) -> {outputs}"


class _Noted(Exception):
    """Carries the graph that was asked for out of the eager call."""

    def __init__(self, graph: Graph | None) -> None:
        self.graph = graph


class _Recorder:
    """An engine that stops every call with the graph that it was asked for."""

    def program(self, graph: Graph) -> Any:
        raise _Noted(graph)

    kernel = sized_kernel = program

    def is_ready(self, graph: Graph) -> bool:
        """Only what serves all sizes: of two ways to do something, that one is taken."""
        return bool(graph.symbols)

    def routine(self, name: str) -> Any:
        raise _Noted(None)


@contextmanager
def _recording() -> Iterator[None]:
    before = engine.installed(HOST)
    engine.install(_Recorder(), HOST)  # type: ignore[arg-type]
    try:
        with eager_programs.nothing_kept(), np.errstate(all="ignore"):
            yield
    finally:
        engine.install(before, HOST)


def common_kernels() -> list[CommonKernel]:
    """All of them, each once, in an order that is the same in every process.

    No other thread may run eager code meanwhile.

    >>> any(k.title == "exp(float32[n]) -> float32[n]" for k in common_kernels())
    True
    """
    found: dict[str, CommonKernel] = {}
    with _recording():
        for primitive in REGISTRY.values():
            for kind in primitive.dtypes:
                for arrays, params in _cases(primitive, kind):
                    graph = _asked(primitive, arrays, params)
                    if graph is not None and not graph.name.startswith(eager_programs.EXACT):
                        text = graph_text(graph)
                        found.setdefault(text, CommonKernel(graph, text))
    return list(found.values())


def _asked(primitive: Primitive, arrays: Iterable[Array], params: dict[str, Any]) -> Graph | None:
    """The graph that an eager call needs; None if it needs none."""
    try:
        primitive(*arrays, **params)
    except _Noted as noted:
        return noted.graph
    return None


# --------------------------------------------------------------------------- operands


def _cases(primitive: Primitive, kind: DType) -> Iterator[Case]:
    lower = primitive.lower
    if isinstance(lower, Native):
        return
    if isinstance(lower, Reduce):
        rest = _first(primitive.samples(kind)).params
        for shape, axes in _REDUCTIONS:
            yield (_arrays(smooth(kind, *shape)), {**rest, "axes": axes})
    elif isinstance(lower, Contract):
        yield from _product_cases(kind)
    elif isinstance(lower, Scatter):
        for last in ((), (2,)):  # single elements, and rows
            arrays = smooth(kind, 4, *last), np.array([1, 3, 1]), smooth(kind, 3, *last)
            yield _arrays(*arrays), {"axis": 0}
    elif isinstance(lower, Map) and lower.pointwise:
        yield from _pointwise_cases(primitive.samples(kind))
    else:
        for sample in primitive.samples(kind):
            yield _arrays(*sample.inputs), dict(sample.params)


def _first(samples: Iterable[Sample]) -> Sample:
    return next(iter(samples))


def _arrays(*hosts: Any) -> tuple[Array, ...]:
    return tuple(asarray(np.asarray(h)) for h in hosts)


def _pointwise_cases(samples: Iterable[Sample]) -> Iterator[Case]:
    """For each choice of parameters: every operand an array, or one element for all."""
    broadcast = REGISTRY["broadcast_to"]
    seen = set()
    for sample in samples:
        kinds = tuple(dtype(x.dtype) for x in sample.inputs)
        key = kinds, tuple(sorted(sample.params.items()))
        if key in seen:
            continue
        seen.add(key)
        whole = [asarray(smooth(k, _LENGTH)) for k in kinds]
        single = [broadcast(asarray(smooth(k)), shape=(_LENGTH,)) for k in kinds]
        for chosen in product(*zip(whole, single, strict=True)):
            yield chosen, dict(sample.params)


def _product_cases(kind: DType) -> Iterator[Case]:
    transpose = REGISTRY["transpose"]

    def by_columns(shape: tuple[int, ...]) -> Array:
        turned = (*range(len(shape) - 2), len(shape) - 1, len(shape) - 2)
        stored = asarray(smooth(kind, *(shape[i] for i in turned)))
        return transpose(stored, axes=turned)

    def by_rows(shape: tuple[int, ...]) -> Array:
        return asarray(smooth(kind, *shape))

    layouts: tuple[Callable[..., Array], ...] = (by_rows, by_columns)
    for a, b in _PRODUCTS:
        for lay_a, lay_b in product(layouts, layouts):
            yield (lay_a(a), lay_b(b)), {}
