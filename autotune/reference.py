"""Inputs for a kernel, what it must compute from them, and how far off it may be.

The reference is each node's meaning in NumPy, floats in float64. The allowed error follows from
what the untuned kernel itself is off by, and from the bounds that the primitives declare; an
element counts as right if it is that close to the reference or to the untuned kernel's (they part
where rounding decides, as in floor and comparisons).
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..dsl import dtypes
from ..dsl.dtypes import DType, to_numpy
from ..dsl.graph import Node, Var
from ..dsl.sizes import known, product
from ..lowering.fusion import Group

_TYPICAL = 0.99  # the share of elements whose error counts as typical
_SLACK = 8  # how many typical errors an element may be off


def make_inputs(group: Group, seed: int) -> list[Any]:
    """Random inputs: floats of either sign and about 1, integers that are places of every axis."""
    rng = np.random.default_rng(seed)
    dims = [n for v in group.vars for n in known(v.aval.shape)]
    return [_random(v, rng, max(1, min(dims, default=1))) for v in group.inputs]


def _random(var: Var, rng: np.random.Generator, places: int) -> Any:
    shape, dtype = known(var.aval.shape), var.aval.dtype
    if dtype is dtypes.bool_:
        return rng.integers(0, 2, shape).astype(bool)
    if dtype.is_complex:
        angles = rng.uniform(-np.pi, np.pi, shape)
        return (rng.uniform(0.5, 1.5, shape) * np.exp(1j * angles)).astype(to_numpy(dtype))
    if dtype.is_float:
        signs = rng.integers(0, 2, shape) * 2 - 1
        return (rng.uniform(0.5, 1.5, shape) * signs).astype(to_numpy(dtype))
    return rng.integers(0, places, shape).astype(to_numpy(dtype))


def references(group: Group, inputs: Sequence[Any], panel: int | None) -> list[Any]:
    """What the outputs are, floats in float64. `panel`: columns of a panel of packed weights."""
    values = dict(zip(group.inputs, map(_widened, inputs), strict=True))
    for node in group.nodes:
        result = _apply(node, [values[v] for v in node.inputs], panel)
        values[node.output] = _widened(np.asarray(result))
    return [values[v].reshape(known(v.aval.shape)) for v in group.outputs]


def _apply(node: Node, inputs: list[Any], panel: int | None) -> Any:
    if node.primitive.name == "matmul_packed":
        assert panel is not None, "a packed weight needs its panels' width"
        return inputs[0] @ _unpacked(inputs[1], node, panel)
    return node.primitive.reference(*inputs, **node.params)


def _unpacked(packed: Any, node: Node, panel: int) -> Any:
    """The right operand from its panels of `panel` columns."""
    n, (k,) = node.params["n"], node.inputs[0].aval.shape[-1:]
    panels = packed.reshape(-1, k, panel)
    return panels.transpose(1, 0, 2).reshape(k, -1)[:, :n]


def _widened(x: Any) -> Any:
    if x.dtype.kind == "c":
        return x.astype(np.complex128)
    return x.astype(np.float64) if x.dtype.kind in "fV" else x


@dataclass(frozen=True)
class Check:
    """What the outputs of a candidate must be near to: the reference, and the untuned kernel's
    outputs; `allowed` is the error that an element of each output may have."""

    expected: tuple[Any, ...]
    untuned: tuple[Any, ...]
    allowed: tuple[Any, ...]

    def complaint(self, outputs: Sequence[Any]) -> str | None:
        """How outputs are wrong, or None."""
        told = zip(outputs, self.expected, self.untuned, self.allowed, strict=True)
        for i, (found, expected, untuned, allowed) in enumerate(told):
            wide = _widened(found)
            bad = ~(_near(wide, expected, allowed) | _near(wide, untuned, allowed))
            if bad.any():
                at = tuple(int(p) for p in np.argwhere(bad)[0])
                return (
                    f"output {i} is wrong in {int(bad.sum())} of {bad.size} elements; at {at} "
                    f"got {wide[at]}, expected {expected[at]}"
                )
        return None


def make_check(group: Group, expected: Sequence[Any], untuned: Sequence[Any]) -> Check:
    """The check of a group, from its reference and what the untuned kernel gives."""
    wide = [_widened(x) for x in untuned]
    ulps = sum(_ulp(n) for n in group.nodes)
    allowed = [
        _allowed(v.aval.dtype, e, u, ulps)
        for v, e, u in zip(group.outputs, expected, wide, strict=True)
    ]
    return Check(tuple(expected), tuple(wide), tuple(allowed))


def _ulp(node: Node) -> float:
    return max(node.primitive.ulp.values(), default=2.0)


def _allowed(dtype: DType, expected: Any, untuned: Any, ulps: float) -> Any:
    if not dtype.is_inexact or product(expected.shape) == 0:
        return np.zeros(expected.shape)
    unit = 2.0 ** -{"float16": 10, "bfloat16": 7, "float32": 23}.get(dtype.real.name, 52)
    with np.errstate(all="ignore"):
        off = np.abs(untuned - expected)
        finite = off[np.isfinite(off)]
        typical = float(np.quantile(finite, _TYPICAL)) if finite.size else 0.0
        size = np.where(np.isfinite(expected), np.abs(expected), 0.0)
    return _SLACK * typical + (ulps + 1) * unit * (size + _mean(size))


def _mean(size: Any) -> float:
    return float(size.mean()) if size.size else 0.0


def _near(found: Any, target: Any, allowed: Any) -> Any:
    if found.dtype.kind != "f":
        return found == target
    same = (found == target) | (np.isnan(found) & np.isnan(target))
    with np.errstate(all="ignore"):
        return same | (np.abs(found - target) <= allowed)


Outputs = Callable[[], Sequence[Any]]
