"""What a graph's kernels should give: the primitives' NumPy references in float64, and how far
from it the declared bounds allow a kernel to be.

The bounds are pushed through a kernel by stochastic arithmetic (Vignes 1993): the references are
run a few times with each result off by its bound, up or down at random; what comes out spreads as
far as an honest kernel may.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..dsl.dtypes import DType, to_numpy
from ..dsl.functions.limits import finfo
from ..dsl.graph import Graph, Node, Var
from ..dsl.primitive import Contract, Control, Convolve, Map, Native, Reduce
from ..dsl.sizes import known
from .prepack import MATMUL_PACKED, PACK_B

TRIALS = 6
_SAFETY = 6.0  # times the spread of the trials, plus twice the unit of the last place
_MOST_TURNS = 10_000
_OWN_TYPE = frozenset(["cast", "nextafter"])  # which know the type's own numbers
_EXACT = frozenset(["where", "neg", "abs", "max", "min", "maximum", "minimum", "real", "imag"])

Host = np.ndarray[Any, Any]


class Unchecked(Exception):
    """There is no reference for this, with the reason."""


def allowed(graph: Graph, inputs: Sequence[Host]) -> list[tuple[Host, Host]]:
    """For each output of a graph what it should be, and how far from it a kernel may be (of whole
    numbers: 0, or infinity where roundings decide)."""
    exact = Reference().run(graph, inputs)
    trials = [Reference(seed).run(graph, inputs) for seed in range(TRIALS)]
    columns = zip(*trials, strict=True)
    return [
        (right, _tolerance(right, column, var.aval.dtype))
        for right, column, var in zip(exact, columns, graph.outputs, strict=True)
    ]


def _tolerance(exact: Host, trials: Sequence[Host], dtype: DType) -> Host:
    if not dtype.is_inexact:
        differs = np.zeros(exact.shape, dtype=bool)
        for trial in trials:
            differs |= trial != exact
        return np.where(differs, np.inf, 0.0)
    spread = np.zeros(exact.shape)
    for trial in trials:
        spread = np.maximum(spread, np.abs(trial - exact))
    size = np.where(np.isfinite(exact), np.abs(exact), 0.0)
    found = _SAFETY * spread + 2 * _unit(dtype) * size + _smallest(dtype)
    return np.where(np.isnan(found), np.inf, found)


def errors(found: Host, exact: Host, tolerance: Host) -> Host:
    """The error of each element in units of what is allowed; above 1 is out of bounds."""
    if exact.dtype.kind not in "fc":
        return np.where((found == exact) | np.isinf(tolerance), 0.0, np.inf)
    wide = found.astype(exact.dtype)
    with np.errstate(all="ignore"):
        rounded = exact.astype(found.dtype).astype(exact.dtype)
        same = (wide == rounded) | (np.isnan(wide) & np.isnan(exact))
        ratio = np.abs(wide - exact) / tolerance
    ratio = np.where(np.isnan(ratio), np.inf, ratio)
    unknown = np.isinf(tolerance)
    return np.where(same | unknown, 0.0, ratio)


def _unit(dtype: DType) -> float:
    return float(_limits(dtype).eps)


def _smallest(dtype: DType) -> float:
    """What rounds to 0, or to half of one."""
    return 2 * float(_limits(dtype).smallest_normal)


def _limits(dtype: DType) -> Any:
    return finfo(dtype.real if dtype.is_complex else dtype)


def widened(x: Host, dtype: DType) -> Host:
    """Floats in float64, complex numbers in complex128."""
    if dtype.is_complex:
        return x.astype(np.complex128)
    return x.astype(np.float64) if dtype.is_float else x


class Reference:
    """Runs graphs by the references; with a `seed` each result is off by its declared bound."""

    def __init__(self, seed: int | None = None) -> None:
        self.random = None if seed is None else np.random.default_rng(seed)

    def run(self, graph: Graph, inputs: Sequence[Host]) -> list[Host]:
        """The outputs of a graph, floats in float64."""
        taken = (*graph.inputs, *(v for v, _ in graph.constants))
        values = [*inputs, *(host for _, host in graph.constants)][: len(taken)]
        env = {v: widened(np.asarray(x), v.aval.dtype) for v, x in zip(taken, values, strict=True)}
        with np.errstate(all="ignore"):
            for node in graph.nodes:
                env.update(zip(node.outputs, self._node(node, env), strict=True))
        return [env[v] for v in graph.outputs]

    def _node(self, node: Node, env: dict[Var, Host]) -> list[Host]:
        given = [env[v] for v in node.inputs]
        if isinstance(node.primitive.lower, Control):
            return self._control(node, given)
        if node.primitive is PACK_B:
            raise Unchecked("it lays out an operand, which its readers check")
        if node.primitive is MATMUL_PACKED:
            return [self._rounded(node, np.matmul(given[0], given[1]), given)]
        if node.primitive.name in _OWN_TYPE:
            pairs = zip(given, node.inputs, strict=True)
            given = [x.astype(to_numpy(v.aval.dtype)) for x, v in pairs]
        found = np.asarray(node.primitive.reference(*given, **node.params))
        return [self._rounded(node, found, given)]

    def _rounded(self, node: Node, found: Host, given: Sequence[Host]) -> Host:
        """The result as float64 with the range of its type, and with the noise of its bound."""
        dtype = node.output.aval.dtype
        if not dtype.is_inexact:
            return found.astype(to_numpy(dtype), copy=False)
        found = widened(found, dtype)
        if dtype.is_float:
            most = float(_limits(dtype).max)
            found = np.where(np.abs(found) > most * (1 + _unit(dtype)), np.copysign(np.inf, found),
                             found)  # fmt: skip
        if self.random is None or _is_exact(node):
            return found
        kind = node.inputs[0].aval.dtype if node.inputs else dtype
        bound = max(node.primitive.ulp.get(d.name, 0) for d in (dtype, kind)) + 0.5
        signs = self.random.choice((-1.0, 1.0), size=found.shape)
        return found + signs * bound * _unit(dtype) * _scale(node, found, given)

    def _control(self, node: Node, given: list[Host]) -> list[Host]:
        params, kind = node.params, node.primitive.name.removesuffix("_kernel")
        if kind == "cond":
            return self.run(params["branches"][int(given[0])], given[1:])
        n = params["n_constants"]
        if kind == "while":
            constants, state = given[:n], given[n:]
            for _ in range(_MOST_TURNS):
                if not self.run(params["condition"], [*constants, *state])[0]:
                    return state
                state = self.run(params["body"], [*constants, *state])
            raise Unchecked(f"it takes more than {_MOST_TURNS} turns")
        if kind == "scan":
            return self._scan(node, given)
        raise Unchecked(f"there is no reference of {kind}")

    def _scan(self, node: Node, given: list[Host]) -> list[Host]:
        params = node.params
        n, k, length = params["n_constants"], params["n_carries"], params["length"]
        if length > _MOST_TURNS:
            raise Unchecked(f"it takes more than {_MOST_TURNS} turns")
        constants, state, stacked = given[:n], given[n : n + k], given[n + k :]
        rows: list[list[Host]] = []
        order = range(length)
        for i in reversed(order) if params["reverse"] else order:
            found = self.run(params["body"], [*constants, *state, *(x[i] for x in stacked)])
            state = found[:k]
            rows.append(found[k:])
        if params["reverse"]:
            rows.reverse()
        results = [
            np.stack(column) for column in zip(*rows, strict=True)
        ] if rows else [np.zeros(known(v.aval.shape)) for v in node.outputs[k:]]  # fmt: skip
        return [*state, *results]


def _is_exact(node: Node) -> bool:
    lower = node.primitive.lower
    return node.primitive.name in _EXACT or (isinstance(lower, Map) and lower.cost == 0)


def _scale(node: Node, found: Host, given: Sequence[Host]) -> Host:
    """What a declared bound is relative to, as the registry's tests have it."""
    primitive = node.primitive
    if isinstance(primitive.lower, Native):
        return np.full(found.shape, np.abs(found).max(initial=0))
    if primitive.scale is not None:
        return np.asarray(primitive.scale(*given, **node.params))
    summing = Reduce | Contract | Convolve
    is_sum = isinstance(primitive.lower, summing) or primitive.name == "scatter_add"
    if not is_sum:
        return np.abs(found)
    sizes = [np.abs(x) if x.dtype.kind in "fc" else x for x in given]
    if primitive is MATMUL_PACKED:
        return np.asarray(np.matmul(*sizes))
    magnitude: Host = np.abs(primitive.reference(*sizes, **node.params))
    return magnitude
