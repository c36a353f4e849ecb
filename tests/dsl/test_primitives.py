"""Every primitive of the registry: value, shape, dtype, gradient of two orders, staged, errors.

Values are measured in units in the last place against the reference in a wider type, and must keep
the bound that the primitive declares.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from ulp_support import complex_errors, is_float, is_inexact, unit, widened

import tilewright as tw
from tilewright.dsl.dtypes import (
    DType,
    bool_,
    complex64,
    complex128,
    float16,
    float32,
    float64,
    int32,
    to_numpy,
    uint32,
)
from tilewright.dsl.graph import Aval
from tilewright.dsl.primitive import REGISTRY, Contract, Native, Primitive, Reduce, Sample
from tilewright.dsl.sizes import symbol

ON_DEVICES = ("mul", "sum", "matmul", "slice", "concatenate", "gather")
CASES = [(p, d) for p in REGISTRY.values() for d in p.dtypes]


def name(value: object) -> str:
    return str(value)


@pytest.fixture
def place(request: Any) -> Iterator[tw.Device]:
    """The device on which a test makes its arrays."""
    with tw.device(request.param) as found:
        yield found


def cases(*dtypes: DType, only: type = object) -> Any:
    """All cases; those of `only` these lowerings with other dtypes are marked exhaustive, as are
    all but one dtype on further devices, whose drivers take seconds for a kernel."""
    marked = [
        pytest.param(p, d, "cpu", marks=pytest.mark.exhaustive)
        if isinstance(p.lower, only) and d not in dtypes
        else pytest.param(p, d, "cpu")
        for p, d in CASES
    ]
    for device in map(tw.device, device_names()[1:]):
        for p, d in CASES:
            # Routines are of the host; test_routines_are_of_the_host holds what devices say.
            if d in device.facts.dtypes and not isinstance(p.lower, Native):
                is_one = d is (float32 if float32 in p.dtypes else p.dtypes[0])
                # Staged kernels are the eager ones fused.
                is_one = is_one and (only is Contract or p.name in ON_DEVICES)
                marks = () if is_one else pytest.mark.exhaustive
                marked.append(pytest.param(p, d, device.name, marks=marks))
    return pytest.mark.parametrize(
        ("primitive", "of", "place"), marked, ids=name, indirect=["place"]
    )


# The kernels of a matrix product take seconds to compile, and differ little by dtype.
every_case = cases(float16, float32, float64, int32, complex64, only=Contract)
staged_cases = cases(float32, int32, bool_, uint32, complex64)
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


# --------------------------------------------------------------------------- values


def exact(primitive: Primitive, sample: Sample, bound: float) -> Any:
    """The reference; where an error is allowed, computed in a wider type."""
    inputs = sample.inputs
    if bound:
        inputs = tuple(map(widened, inputs))
    elif primitive.name not in ("cast", "nextafter"):  # which know the type's own numbers
        inputs = tuple(
            x.astype(np.float32) if x.itemsize == 2 and is_float(x) else x for x in inputs
        )
    return np.asarray(primitive.reference(*inputs, **sample.params))


def magnitude(primitive: Primitive, sample: Sample, expected: Any) -> Any:
    """What an error is relative to: of sums, the sum of the magnitudes; of the decompositions of
    matrices, the largest element."""
    if isinstance(primitive.lower, Native):
        return np.full(expected.shape, np.abs(expected).max(initial=0))
    if primitive.scale is not None:
        return np.asarray(primitive.scale(*map(widened, sample.inputs)))
    if not (isinstance(primitive.lower, Reduce | Contract) or primitive.name == "scatter_add"):
        return np.abs(expected)
    inputs = [np.abs(x) if is_inexact(x) else x for x in map(widened, sample.inputs)]
    return np.asarray(primitive.reference(*inputs, **sample.params))


def declared(primitive: Primitive, sample: Sample, of: DType) -> float:
    """The bound for a sample; of a real function of complex numbers it is that of their dtype."""
    is_complex = any(x.dtype.kind == "c" for x in sample.inputs)
    name = {float32: "complex64", float64: "complex128"}.get(of, of.name) if is_complex else of.name
    return primitive.ulp.get(name, 0)


def check_complex(
    primitive: Primitive, of: DType, found: Any, expected: Any, bound: float, scale: Any
) -> None:
    """Complex numbers exactly, part by part, or within the bound."""
    if not bound:
        rounded = expected.astype(found.dtype)
        for a, b in ((found.real, rounded.real), (found.imag, rounded.imag)):
            np.testing.assert_array_equal(a, b)
            assert (np.signbit(a) == np.signbit(b))[~np.isnan(b)].all(), f"{primitive}: a zero"
        return
    with np.errstate(all="ignore"):
        error = complex_errors(of, found, expected, scale)
    bad = error > bound
    assert not bad.any(), (
        f"{primitive} {of}: {error.max()} ulp at {found[bad][:5]}, exactly "
        f"{expected[bad][:5]}; the bound is {bound}"
    )


def check(primitive: Primitive, sample: Sample, out: Any) -> None:
    """`out` (an Array) is the reference's value within the declared bound."""
    found = out.numpy()
    bound = declared(primitive, sample, out.dtype)
    with np.errstate(all="ignore"):
        expected = exact(primitive, sample, bound)
        if primitive.canonical is not None:
            found, expected = (
                primitive.canonical(x, *sample.inputs, **sample.params) for x in (found, expected)
            )
        rounded = expected.astype(to_numpy(out.dtype))
        scale = magnitude(primitive, sample, expected) if bound else None
    assert out.shape == expected.shape
    assert found.shape == expected.shape
    if out.dtype.is_complex:
        check_complex(primitive, out.dtype, found, expected, bound, scale)
        return
    if not out.dtype.is_float:
        np.testing.assert_array_equal(found, rounded, err_msg=str(sample.params))
        return
    wide, nan = found.astype(np.longdouble), np.isnan(rounded.astype(np.float64))
    np.testing.assert_array_equal(np.isnan(wide), nan)
    same = (wide == rounded.astype(np.longdouble)) | nan
    if not bound:
        assert same.all(), f"{sample}: {found[~same][:5]}, not {rounded[~same][:5]}"
        signs = np.signbit(wide) == np.signbit(rounded.astype(np.float64))
        assert (signs | nan).all(), f"{sample}: a zero has the wrong sign"
        return
    with np.errstate(all="ignore"):
        error = np.where(same, 0, np.abs(wide - expected) / unit(out.dtype, scale))
    assert (error <= bound).all(), (
        f"{primitive} {out.dtype}: {np.nanmax(error)} ulp at {found[error > bound][:5]}, exactly "
        f"{expected[error > bound][:5]}; the bound is {bound}"
    )


@every_case
def test_value(primitive: Primitive, of: DType, place: tw.Device) -> None:
    for sample in primitive.samples(of):
        inputs = [tw.asarray(x) for x in sample.inputs]
        out = primitive(*inputs, **sample.params)
        avals = (Aval(x.shape, x.dtype) for x in inputs)
        aval = primitive.infer(*avals, **sample.params)
        assert (out.shape, out.dtype, out.device) == (aval.shape, aval.dtype, place)
        check(primitive, sample, out)


@pytest.mark.parametrize("device", device_names()[1:])
@pytest.mark.parametrize(
    "primitive", [p for p in REGISTRY.values() if isinstance(p.lower, Native)], ids=name
)
def test_routines_are_of_the_host(primitive: Primitive, device: str) -> None:
    assert isinstance(primitive.lower, Native)
    dtype = float32 if float32 in primitive.dtypes else primitive.dtypes[0]
    for sample in primitive.samples(dtype):
        inputs = [tw.asarray(x, device=device) for x in sample.inputs]
        if primitive.infer(*(Aval(x.shape, x.dtype) for x in inputs), **sample.params).size:
            break
    said = f"no native routine {primitive.lower.name} on {device}"
    with pytest.raises(tw.DeviceError, match=said):
        primitive(*inputs, **sample.params)


@staged_cases
def test_staged_value(primitive: Primitive, of: DType, place: tw.Device) -> None:
    """All samples of a dtype in one program."""
    samples = list(primitive.samples(of))

    @tw.jit
    def run(inputs: Any) -> Any:
        pairs = zip(samples, inputs, strict=True)
        return [primitive(*given, **sample.params) for sample, given in pairs]

    outs = run([[tw.asarray(x) for x in s.inputs] for s in samples])
    for sample, out in zip(samples, outs, strict=True):
        check(primitive, sample, out)


# --------------------------------------------------------------------------- gradients


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
        return (out * out * weights).sum() if out.dtype is float64 else None

    return f, [sample.inputs[i] for i in smooth]


def differences(f: Any, values: list[Any]) -> list[Any]:
    """The gradient by central differences; by a complex number its parts', as real + i imag."""
    found = []
    for i, x in enumerate(values):
        slope = np.zeros(x.shape, x.dtype)
        for place in np.ndindex(*x.shape):
            for unit in (1, 1j) if x.dtype.kind == "c" else (1,):
                ends = []
                for step in (1e-6 * unit, -1e-6 * unit):
                    moved = x.copy()
                    moved[place] += step
                    new = [*values[:i], moved, *values[i + 1 :]]
                    ends.append(f(*map(tw.asarray, new)).item())
                slope[place] += (ends[0] - ends[1]) / 2e-6 * unit
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


# --------------------------------------------------------------------------- shapes and errors


def test_rules_take_unknown_sizes() -> None:
    n, m = symbol("n"), symbol("m")
    x = Aval((n, m), float32)
    infer = {key: p.infer for key, p in REGISTRY.items()}
    assert infer["exp"](x).shape == (n, m)
    assert infer["sum"](x, axes=(0,)).shape == (m,)
    assert infer["transpose"](x, axes=(1, 0)).shape == (m, n)
    assert infer["reshape"](x, shape=(n * m,)).shape == (n * m,)
    assert infer["pad"](x, low=(1, 0), high=(2, 0), value=0).shape == (n + 3, m)
    assert infer["concatenate"](x, x, axis=0).shape == (2 * n, m)
    assert infer["matmul"](x, Aval((m, 5), float32)).shape == (n, 5)
    assert infer["full"](shape=(n,), value=n * m, dtype=float32).shape == (n,)
    with pytest.raises(tw.ShapeError):
        infer["add"](x, Aval((m, n), float32))


@pytest.mark.parametrize(
    ("op", "avals", "params", "message"),
    [
        ("add", ((3,), (4,)), {}, r"add: got \(3,\) and \(4,\); they must be equal"),
        ("matmul", ((3, 4), (5, 6)), {}, "the inner sizes 4 and 5 must be equal"),
        ("matmul", ((2, 3, 4), (3, 4, 5)), {}, "the batch sizes 2 and 3 must be equal or 1"),
        ("reshape", ((3, 4),), {"shape": (5,)}, "the numbers of elements must be equal"),
        ("broadcast_to", ((3,),), {"shape": (4,)}, "each size must be equal or 1"),
        ("max", ((0, 3),), {"axes": (0,)}, "there is no element to reduce"),
        ("slice", ((3,),), {"start": (2,), "sizes": (2,), "strides": (1,)}, "must lie inside"),
        ("pad", ((3,),), {"low": (-1,), "high": (0,), "value": 0}, "must not be negative"),
        ("concatenate", ((3, 2), (3, 3)), {"axis": 0}, "the other sizes must be equal"),
    ],
)
def test_shape_errors(op: str, avals: Any, params: Any, message: str) -> None:
    with pytest.raises(tw.ShapeError, match=message):
        REGISTRY[op].infer(*(Aval(s, float32) for s in avals), **params)


def test_dtype_errors() -> None:
    infer = {key: p.infer for key, p in REGISTRY.items()}
    with pytest.raises(tw.DTypeError, match="exp: got int32"):
        infer["exp"](Aval((3,), int32))
    with pytest.raises(tw.DTypeError, match="must be equal"):
        infer["add"](Aval((3,), int32), Aval((3,), float32))
    with pytest.raises(tw.DTypeError, match="must be int64"):
        infer["gather"](Aval((3,), float16), Aval((3,), int32), axis=0)
    with pytest.raises(tw.AxisError, match="axes"):
        infer["transpose"](Aval((3, 4), float32), axes=(0, 0))


def test_sums_of_many_equal_numbers_do_not_drift() -> None:
    x = tw.full((1 << 20,), 0.1, tw.float32)
    expected = float(np.float32(0.1)) * (1 << 20)
    assert abs(tw.sum(x).item() - expected) <= 2 * math.ulp(expected) * 2**29
