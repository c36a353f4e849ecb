"""The batch rule of every primitive against a loop over the lanes; read off the registry."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from primitive_support import name
from ulp_support import is_inexact

import tilewright as tw
from tilewright.dsl.batching import bind_lanes
from tilewright.dsl.dtypes import DType, complex128, float64
from tilewright.dsl.primitive import REGISTRY, Primitive, Sample

LANES = 3
# One dtype of each kind: the rules do not look at it.
CASES = [
    (p, d)
    for p in REGISTRY.values()
    for d in ([d for d in (float64, complex128) if d in p.dtypes] or p.dtypes[-1:])
]
cases = pytest.mark.parametrize(("primitive", "of"), CASES, ids=name)


def samples(primitive: Primitive, of: DType) -> list[Sample]:
    """Small samples with inputs, each shape once."""
    found: dict[Any, Sample] = {}
    for sample in primitive.samples(of):
        if sample.inputs and sum(x.size for x in sample.inputs) <= 60:
            ranks = tuple((x.ndim, 0 in x.shape) for x in sample.inputs)
            places = tuple(v for k, v in sample.params.items() if k in ("axis", "axes", "mode"))
            found.setdefault((ranks, places), sample)
    return list(found.values())[:6]


def lanes_of(x: Any, wanted: bool, number: int) -> list[Any]:
    """An input of each lane: the sample's, its elements turned, and so on."""
    if not wanted or not x.size:
        return [x] * LANES
    if x.ndim >= 2 and x.shape[-1] == x.shape[-2] and is_inexact(x):
        # Matrices stay what they were: symmetric, positive, far from singular.
        return [(x * (1 + k / 16)).astype(x.dtype) for k in range(LANES)]
    if x.ndim == 1 and number == 0 and x.dtype.kind == "f" and (np.sort(x) == x).all():
        return [(x * (1 + k / 16)).astype(x.dtype) for k in range(LANES)]  # a sorted table
    return [np.roll(x, k) for k in range(LANES)]


@cases
def test_batch_rule_is_a_loop(primitive: Primitive, of: DType) -> None:
    for sample in samples(primitive, of):
        for flags in itertools.product((False, True), repeat=len(sample.inputs)):
            if (any(flags) and len(sample.inputs) <= 3) or all(flags):
                check(primitive, sample, list(flags))


def check(primitive: Primitive, sample: Sample, flags: list[bool]) -> None:
    each = [lanes_of(x, w, i) for i, (x, w) in enumerate(zip(sample.inputs, flags, strict=True))]
    wide = [
        tw.asarray(np.stack(lanes) if has else lanes[0])
        for lanes, has in zip(each, flags, strict=True)
    ]
    (found,), (has,) = bind_lanes(primitive, wide, flags, dict(sample.params), LANES)
    assert has
    if primitive.per_lane and not flags[0]:
        return  # each lane has numbers of its own: see test_vmap.py
    loop = [
        primitive(*(tw.asarray(lanes[k]) for lanes in each), **sample.params).numpy()
        for k in range(LANES)
    ]
    want = np.stack(loop)
    assert (found.shape, found.numpy().dtype) == (want.shape, want.dtype), (sample.params, flags)
    np.testing.assert_allclose(
        found.numpy(), want, rtol=1e-12, atol=1e-13, err_msg=f"{sample.params} {flags}"
    )


def test_every_primitive_with_inputs_has_a_rule() -> None:
    """Those without inputs are the same in all lanes."""
    bare = [
        p.name
        for p in REGISTRY.values()
        if p.batch is None and any(s.inputs for s in p.samples(p.dtypes[0]))
    ]
    assert not bare


SMOOTH = [
    (p, d)
    for p, d in CASES
    if p.vjp is not None and d in (float64, complex128) and p.name != "stop_gradient"
]


@pytest.mark.parametrize(("primitive", "of"), SMOOTH, ids=name)
def test_gradient_of_each_lane(primitive: Primitive, of: DType) -> None:
    """vmap of grad is a loop of grad; the gradient of a sum over lanes is the same."""
    chosen = [s for s in samples(primitive, of) if is_smooth(s)]
    for sample in chosen[:1]:
        places = [i for i, x in enumerate(sample.inputs) if is_inexact(x)]
        values = [np.stack(lanes_of(sample.inputs[i], True, i)) for i in places]

        def f(*own: Any, sample: Sample = sample, places: list[int] = places) -> Any:
            inputs: list[Any] = [tw.asarray(x) for x in sample.inputs]
            for place, value in zip(places, own, strict=True):
                inputs[place] = value
            out = primitive(*inputs, **sample.params)
            if not out.dtype.is_inexact:
                return None
            return (abs(out) ** 2).sum() if out.dtype.is_complex else (out * out).sum()

        arrays = [tw.asarray(v) for v in values]
        if not values or f(*(a[0] for a in arrays)) is None:
            continue
        slopes = tw.grad(f, tuple(range(len(values))))
        want = [np.stack(g) for g in zip(*(
            [x.numpy() for x in slopes(*(a[k] for a in arrays))] for k in range(LANES)
        ), strict=True)]  # fmt: skip
        each = tw.vmap(slopes)(*arrays)
        whole = tw.grad(lambda *a, f=f: tw.vmap(f)(*a).sum(), tuple(range(len(values))))(*arrays)
        for one, all_, expected in zip(each, whole, want, strict=True):
            for found in (one, all_):
                np.testing.assert_allclose(found.numpy(), expected, rtol=1e-9, atol=1e-11)


def is_smooth(sample: Sample) -> bool:
    """Whether its inputs lie where functions have derivatives (as in test_primitive_gradients)."""

    def inside(x: Any) -> bool:
        parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
        return all(bool(((v > 0.1) & (v < 2)).all()) for v in parts)

    return all(inside(x) for x in sample.inputs if is_inexact(x)) and any(
        x.size for x in sample.inputs
    )
