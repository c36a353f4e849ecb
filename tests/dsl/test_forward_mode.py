"""Derivatives along tangents: of every primitive against differences, of whole functions against
reverse mode."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from flow_support import CASES, Case
from primitive_support import name
from ulp_support import is_inexact

import tilewright as tw
from tilewright.dsl.dtypes import DType, complex128, float64
from tilewright.dsl.forward_mode import push
from tilewright.dsl.graph import Aval
from tilewright.dsl.primitive import REGISTRY, Primitive, Sample
from tilewright.dsl.pulling import graph_of

STEP = 1e-6
SMOOTH = [
    (p, d)
    for p in REGISTRY.values()
    for d in (float64, complex128)
    if p.vjp is not None and d in p.dtypes and p.name != "stop_gradient"
]


def smooth_samples(primitive: Primitive, of: DType) -> list[Sample]:
    def inside(x: Any) -> bool:
        parts = (x.real, x.imag) if x.dtype.kind == "c" else (x,)
        return not is_inexact(x) or all(bool(((v > 0.1) & (v < 2)).all()) for v in parts)

    return [
        s
        for s in primitive.samples(of)
        if all(map(inside, s.inputs)) and 0 < sum(x.size for x in s.inputs) <= 40
    ]


@pytest.mark.parametrize(("primitive", "of"), SMOOTH, ids=name)
def test_tangent_of_primitive(primitive: Primitive, of: DType) -> None:
    rng = np.random.default_rng(5)
    for sample in smooth_samples(primitive, of)[:3]:
        given = [tw.asarray(x) for x in sample.inputs]
        along = [_direction(rng, x) if is_inexact(x) else None for x in sample.inputs]
        if all(t is None for t in along):
            continue
        graph = graph_of(
            "one",
            [Aval(x.shape, x.dtype) for x in given],
            lambda cells, params=sample.params: [primitive(*cells, **params)],
        )
        tangents = [None if t is None else tw.asarray(t) for t in along]
        (out,), (found,) = push(graph, given, tangents)
        if not out.dtype.is_inexact:
            assert found is None
            continue
        want = _difference(primitive, sample, along)
        if out.dtype not in (float64, complex128):
            continue  # too coarse for differences
        moved = np.zeros(out.shape, out.numpy().dtype) if found is None else found.numpy()
        assert moved.dtype == out.numpy().dtype
        known = np.isfinite(out.numpy())  # a window of nothing has the maximum -inf
        np.testing.assert_allclose(
            moved[known], want[known], rtol=1e-5, atol=1e-7, err_msg=str(sample.params)
        )


def _direction(rng: np.random.Generator, x: Any) -> Any:
    if x.dtype.kind == "c":
        return (rng.normal(size=x.shape) + 1j * rng.normal(size=x.shape)).astype(x.dtype)
    return np.asarray(rng.normal(size=x.shape), x.dtype)


def _difference(primitive: Primitive, sample: Sample, along: list[Any]) -> Any:
    ends = []
    for step in (STEP, -STEP):
        moved = [
            x if t is None else x + step * t for x, t in zip(sample.inputs, along, strict=True)
        ]
        ends.append(primitive(*map(tw.asarray, moved), **sample.params).numpy())
    return (ends[0] - ends[1]) / (2 * STEP)


# --------------------------------------------------------------------------- whole functions

cases = pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)


def arrays(case: Case, number: int = 0) -> list[Any]:
    return [tw.asarray(a, dtype="float64") for a in case.arguments[number]]


@cases
def test_through_control_flow(case: Case) -> None:
    """Eagerly (where Python runs the loops) and staged: u J t both ways."""
    given = arrays(case)
    t = [x * 0.5 + 1 for x in given]
    value, pull = tw.vjp(lambda *a: tw.asarray(case.f(*a)), *given)
    u = value * 0 + 1
    row = sum((g * d).sum().item() for g, d in zip(pull(u), t, strict=True))

    def along(*a: Any) -> Any:
        return tw.jvp(lambda *b: tw.asarray(case.f(*b)), a[: len(given)], a[len(given) :])

    for f in (along, tw.jit(along)):
        out, moved = f(*given, *t)
        np.testing.assert_allclose(out.numpy(), value.numpy(), rtol=1e-12)
        np.testing.assert_allclose(moved.sum().item(), row, rtol=1e-9, atol=1e-12)


@cases
def test_second_derivatives_in_every_order(case: Case) -> None:
    """Reverse over forward, forward over reverse and forward over forward, staged."""
    given = arrays(case)
    t = [x * 0 + 1 for x in given]
    f = lambda *a: tw.sum(case.f(*a))  # noqa: E731
    slope = lambda *a: sum((g * d).sum() for g, d in zip(  # noqa: E731
        tw.grad(f, tuple(range(len(a))))(*a), t, strict=True))  # fmt: skip
    along = lambda *a: tw.jvp(f, a, tuple(t))[1]  # noqa: E731
    want = tw.jit(tw.grad(slope))(*given).numpy()
    np.testing.assert_allclose(tw.jit(tw.grad(along))(*given).numpy(), want, rtol=1e-8, atol=1e-10)
    whole = sum((tw.grad(slope, i)(*given) * d).sum().item() for i, d in enumerate(t))
    for g in (slope, along):
        found = tw.jit(lambda *a, g=g: tw.jvp(g, a, tuple(t))[1])(*given)
        np.testing.assert_allclose(found.item(), whole, rtol=1e-8, atol=1e-10)


def test_memory_of_a_loop_does_not_grow() -> None:
    """Forward mode keeps no turn: the tangent of a `while` is a `while`."""

    def f(x: Any) -> Any:
        return tw.while_loop(lambda s: s < 1000.0, lambda s: s * x, x)

    along = tw.jit(lambda x: tw.jvp(f, (x,), (x * 0 + 1,)))
    text = along.graph(tw.array(1.5))
    assert "while(" in text and "while_vjp" not in text


def test_python_decides_in_eager_code() -> None:
    def f(x: Any) -> Any:
        while x.sum() < 100:
            x = x * x
        return x

    value, moved = tw.jvp(f, (tw.array([2.0, 3.0]),), (tw.array([1.0, 0.0]),))
    assert (value.tolist(), moved.tolist()) == ([256.0, 6561.0], [1024.0, 0.0])
    with pytest.raises(tw.TraceError):
        tw.jit(lambda x: tw.jvp(f, (x,), (x,)))(tw.array([2.0, 3.0]))


def test_linearize_runs_the_function_once() -> None:
    count = [0]

    def f(x: Any, y: Any) -> Any:
        count[0] += 1
        return {"p": x * y, "s": tw.sin(x)}

    x, y = tw.array([1.0, 2.0]), tw.array([3.0, 4.0])
    value, push_along = tw.linearize(f, x, y)
    for t in (1.0, -2.0):
        found = push_along(x * 0 + t, y * 0)
        np.testing.assert_allclose(found["p"].numpy(), t * y.numpy())
        np.testing.assert_allclose(found["s"].numpy(), t * np.cos(x.numpy()))
    assert count == [1]
    np.testing.assert_allclose(value["p"].numpy(), [3.0, 8.0])


def test_complex_tangents_are_derivatives_along_a_line() -> None:
    z, t = tw.array([1 + 2j]), tw.array([0.5 - 1j])
    for staged in (False, True):
        f = lambda z, t: tw.jvp(lambda z: (z * z, abs(z)), (z,), (t,))  # noqa: E731
        value, moved = (tw.jit(f) if staged else f)(z, t)
        np.testing.assert_allclose(moved[0].numpy(), 2 * z.numpy() * t.numpy())
        size = (z.numpy().conj() * t.numpy()).real / np.abs(z.numpy())
        np.testing.assert_allclose(moved[1].numpy(), size)
        np.testing.assert_allclose(value[1].numpy(), np.abs(z.numpy()))


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda x: tw.jvp(tw.sin, x, x), "primals is a Array; it must be a tuple"),
        (lambda x: tw.jvp(tw.sin, (x,), (x, x)), "got 2 arrays in .* for the tangents of sin"),
        (
            lambda x: tw.jvp(tw.sin, (x,), (x[:1],)),
            r"the tangents of sin\[0\] is float64\[1\]; it must be float64\[2\]",
        ),
        (lambda x: tw.jvp(tw.sin, (tw.array([1, 2]),), (x,)), "argument 0 of sin is int64"),
        (lambda x: tw.vjp(lambda a: (a, 1), x), r"the result\[1\] of <lambda> is int"),
        (lambda x: tw.vjp(tw.sin, x)[1](x[:1]), r"the cotangent is float64\[1\]; it must be"),
        (lambda x: tw.vjp(tw.sin, x)[1]((x, x)), "got 2 arrays in .* for the cotangent"),
        (
            lambda x: tw.grad(lambda a, b: a.sum(), 1)(x, {"k": tw.array([1])}),
            r"argument 1\['k'\] of <lambda> is int64",
        ),
        (lambda x: tw.jacrev(lambda a: a.astype("int64"))(x), "the result of <lambda> is int64"),
        (lambda x: tw.jacrev(lambda a: a * 1j)(x), "a result of <lambda> is complex128"),
        (lambda x: tw.jacfwd(tw.sin)(x * 1j), "an argument of sin is complex128; it must be real"),
        (lambda x: tw.jacfwd(tw.sin, argnums=2)(x), "argnums has 2, but sin was called with 1"),
    ],
)
def test_what_does_not_fit_is_refused_by_name(call: Any, message: str) -> None:
    with pytest.raises(tw.GradientError, match=message):
        call(tw.array([1.0, 2.0]))
