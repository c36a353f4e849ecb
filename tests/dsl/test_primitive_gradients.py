"""The gradients of every primitive, of two orders, against finite differences.

Read off the registry. By a complex number x + iy the gradient is that by x plus i times that by y.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from device_support import device_names
from primitive_support import ON_DEVICES, name
from ulp_support import is_inexact

import tilewright as tw
from tilewright.dsl.dtypes import DType, complex128, float64
from tilewright.dsl.primitive import REGISTRY, Native, Primitive, Sample

SMOOTH = [
    (p, d)
    for d in (float64, complex128)
    for p in REGISTRY.values()
    if p.vjp is not None and d in p.dtypes and p.name != "stop_gradient"
]
# Gradients on further devices: the rules are the same, as they are made of primitives.
differentiable = pytest.mark.parametrize(
    ("primitive", "of", "place"),
    [(p, d, "cpu") for p, d in SMOOTH]
    + [
        pytest.param(p, d, n, marks=() if p.name in ON_DEVICES else pytest.mark.exhaustive)
        for n in device_names()[1:]
        for p, d in SMOOTH
        if d is float64 and d in tw.device(n).facts.dtypes and not isinstance(p.lower, Native)
    ],
    ids=name,
    indirect=["place"],
)


def smooth_samples(primitive: Primitive, of: DType) -> list[Sample]:
    """Samples whose inputs lie where every function has a derivative."""

    def inside(x: Any) -> bool:
        parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
        return not is_inexact(x) or all(bool(((v > 0.1) & (v < 2)).all()) for v in parts)

    samples = primitive.samples(of)
    return [s for s in samples if all(map(inside, s.inputs)) and 0 < total(s) <= 40]


def total(sample: Sample) -> int:
    return sum(x.size for x in sample.inputs)


def weighted(primitive: Primitive, sample: Sample) -> Any:
    """A scalar function of the inputs, whose gradient sees every element of the result."""
    smooth = [i for i, x in enumerate(sample.inputs) if is_inexact(x)]

    def f(*values: Any) -> Any:
        inputs = [tw.asarray(x) for x in sample.inputs]
        for i, value in zip(smooth, values, strict=True):
            inputs[i] = value
        out = primitive(*inputs, **sample.params)
        # Squares, so that the second derivative of a linear primitive is not zero.
        weights = tw.asarray(np.linspace(0.5, 1.5, out.size).reshape(out.shape))
        if out.dtype is complex128:
            x, y = out.real, out.imag
            return ((x * x - 0.75 * y * y + 0.5 * x * y) * weights).sum()
        if out.dtype is not float64:
            return None
        if primitive.name == "window_max":  # a window of nothing has the maximum -inf
            out = tw.where(tw.isfinite(out), out, 0.0)
        return (out * out * weights).sum()

    return f, [sample.inputs[i] for i in smooth]


def differences(f: Any, values: list[Any]) -> list[Any]:
    """The gradient by central differences; by a complex number its parts', as real + i imag."""
    found = []
    for i, x in enumerate(values):
        slope = np.zeros(x.shape, x.dtype)
        for at in np.ndindex(*x.shape):
            for along in (1, 1j) if x.dtype.kind == "c" else (1,):
                ends = []
                for step in (1e-6 * along, -1e-6 * along):
                    moved = x.copy()
                    moved[at] += step
                    new = [*values[:i], moved, *values[i + 1 :]]
                    ends.append(f(*map(tw.asarray, new)).item())
                slope[at] += (ends[0] - ends[1]) / 2e-6 * along
        found.append(slope)
    return found


@differentiable
def test_gradient(primitive: Primitive, of: DType, place: tw.Device) -> None:
    for sample in smooth_samples(primitive, of):
        f, values = weighted(primitive, sample)
        arrays = [tw.asarray(x) for x in values]
        if not values or f(*arrays) is None:
            continue
        grads = tw.grad(f, tuple(range(len(values))))(*arrays)
        for found, expected in zip(grads, differences(f, values), strict=True):
            assert (found.shape, found.numpy().dtype) == (expected.shape, expected.dtype)
            np.testing.assert_allclose(
                found.numpy(), expected, rtol=1e-5, atol=1e-7, err_msg=str(sample.params)
            )


@differentiable
def test_gradient_of_gradient(primitive: Primitive, of: DType, place: tw.Device) -> None:
    for sample in smooth_samples(primitive, of)[:2]:
        f, values = weighted(primitive, sample)
        arrays = [tw.asarray(x) for x in values]
        if not values or f(*arrays) is None or total(sample) > 20:
            continue
        numbers = tuple(range(len(values)))
        first = tw.grad(f, numbers)

        def slope(*xs: Any, first: Any = first) -> Any:
            """The gradient's own projection on a fixed direction."""
            parts = [
                (part * tw.asarray(np.linspace(1, 2 + i, part.size).reshape(part.shape))).sum()
                for g in first(*xs)
                for i, part in enumerate((g.real, g.imag) if g.dtype.is_complex else (g,))
            ]
            return sum(parts[1:], parts[0])

        grads = tw.grad(slope, numbers)(*arrays)
        for found, expected in zip(grads, differences(slope, values), strict=True):
            np.testing.assert_allclose(
                found.numpy(), expected, rtol=1e-4, atol=1e-6, err_msg=str(sample.params)
            )


def test_no_gradient_passes_stop_gradient() -> None:
    x = tw.array([2.0, 3.0])
    assert tw.grad(lambda v: (v * tw.stop_gradient(v)).sum())(x).tolist() == [2.0, 3.0]


def test_product_rule_with_zeros() -> None:
    """The gradient of a product where factors are zero, to second order."""
    x = tw.array([2.0, 0.0, 3.0, 5.0])
    first = tw.grad(lambda v: v.prod())
    np.testing.assert_allclose(first(x).numpy(), [0, 30, 0, 0])
    second = tw.grad(lambda v: first(v)[1])(x)
    np.testing.assert_allclose(second.numpy(), [15, 0, 10, 6])


def test_a_scatter_gives_its_cotangent_to_the_last_writer() -> None:
    updates = tw.array([1.0, 2.0, 3.0]).requires_grad_()
    x = tw.array([7.0, 8.0]).requires_grad_()
    out = REGISTRY["scatter_set"](x, tw.array([0, 0, 0]), updates, axis=0)
    (out * tw.array([10.0, 100.0])).sum().backward()
    assert out.tolist() == [3.0, 8.0]
    assert updates.grad.tolist() == [0.0, 0.0, 10.0]
    assert x.grad.tolist() == [0.0, 100.0]
