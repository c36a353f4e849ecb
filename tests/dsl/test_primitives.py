"""Every primitive of the registry: value, shape, dtype, gradient of two orders, staged, errors.

Values are measured in units in the last place against the reference in a wider type, and must keep
the bound that the primitive declares.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from primitive_support import ON_DEVICES, name
from ulp_support import complex_errors, is_float, is_inexact, unit, widened

import tilewright as tw
from tilewright.dsl.dtypes import (
    DType,
    bool_,
    complex64,
    float16,
    float32,
    float64,
    int32,
    to_numpy,
    uint32,
)
from tilewright.dsl.graph import Aval
from tilewright.dsl.primitive import (
    REGISTRY,
    Attend,
    Contract,
    Convolve,
    Native,
    Primitive,
    Reduce,
    Sample,
)
from tilewright.dsl.sizes import symbol

PRODUCTS = Attend | Contract | Convolve
CASES = [(p, d) for p in REGISTRY.values() for d in p.dtypes]


def cases(*dtypes: DType, only: Any = object) -> Any:
    """All cases; those of `only` these lowerings with other dtypes are marked exhaustive, as are
    all but one dtype on further devices, whose drivers take seconds for a kernel, and of attention
    (of which tests/lowering/test_attention.py tries more)."""
    marked = [
        pytest.param(p, d, "cpu", marks=pytest.mark.exhaustive)
        if (isinstance(p.lower, only) and d not in dtypes)
        or (isinstance(p.lower, Attend) and d is not float32)
        else pytest.param(p, d, "cpu")
        for p, d in CASES
    ]
    for device in map(tw.device, device_names()[1:]):
        for p, d in CASES:
            # Routines are of the host; test_routines_are_of_the_host holds what devices say.
            if d in device.facts.dtypes and not isinstance(p.lower, Native):
                is_one = d is (float32 if float32 in p.dtypes else p.dtypes[0])
                # Staged kernels are the eager ones fused.
                is_one = is_one and (only is not object or p.name in ON_DEVICES)
                is_one = is_one and not isinstance(p.lower, Attend)
                marks = () if is_one else pytest.mark.exhaustive
                marked.append(pytest.param(p, d, device.name, marks=marks))
    return pytest.mark.parametrize(
        ("primitive", "of", "place"), marked, ids=name, indirect=["place"]
    )


# The kernels of a matrix product take seconds to compile, and differ little by dtype.
every_case = cases(float16, float32, float64, int32, complex64, only=PRODUCTS)
staged_cases = cases(float32, int32, bool_, uint32, complex64)
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
        return np.asarray(primitive.scale(*map(widened, sample.inputs), **sample.params))
    summing = Reduce | Contract | Convolve
    if not (isinstance(primitive.lower, summing) or primitive.name == "scatter_add"):
        return np.abs(expected)
    inputs = [np.abs(x) if is_inexact(x) else x for x in map(widened, sample.inputs)]
    return np.asarray(primitive.reference(*inputs, **sample.params))


def declared(primitive: Primitive, sample: Sample, of: DType) -> float:
    """The bound for a sample: that of its inputs' kind, also where the result is of the other."""
    is_complex = any(x.dtype.kind == "c" for x in sample.inputs)
    name = of.real.name
    if is_complex:
        name = {"float32": "complex64", "float64": "complex128"}.get(name, name)
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
