"""`checkpoint`, `custom_vjp` and `stop_gradient`: who says what the gradient keeps, and is."""

from __future__ import annotations

import re
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright.dsl.staged_gradient import build

# --------------------------------------------------------------------------- checkpoint


def chain(x: Any) -> Any:
    for _ in range(6):
        x = tw.sin(tw.exp(-x * x) + x)
    return x


def test_checkpoint_is_the_function() -> None:
    x = tw.asarray(np.linspace(-1, 1, 50))
    kept = tw.checkpoint(chain)
    total = lambda f: lambda x: f(x).sum()  # noqa: E731
    want = tw.grad(total(chain))(x).numpy()
    np.testing.assert_allclose(kept(x).numpy(), chain(x).numpy(), rtol=1e-12)
    for g in (tw.grad(total(kept)), tw.jit(tw.grad(total(kept))), tw.grad(total(tw.jit(kept)))):
        np.testing.assert_allclose(g(x).numpy(), want, rtol=1e-11)
    leaf = tw.asarray(np.linspace(-1, 1, 50)).requires_grad_()
    kept(leaf).sum().backward()
    np.testing.assert_allclose(leaf.grad.numpy(), want, rtol=1e-11)


def test_the_gradient_keeps_the_arguments_alone() -> None:
    """The residuals of a staged call, counted in its own graphs."""
    x = tw.asarray(np.linspace(-1, 1, 1000))

    def residuals(f: Any) -> int:
        graph = tw.jit(f)._entry((x,), {})[0].graph
        pair = build(graph, (True,))
        return sum(v.aval.nbytes for v in pair.forward.outputs[pair.n_outputs :])

    assert residuals(tw.checkpoint(chain)) <= 8000 + 8  # and the number of the branch
    assert residuals(chain) >= 10 * 8000


def test_the_memory_plan_is_smaller() -> None:
    """A chain of blocks: what lies inside of them is not alive when the gradient begins."""

    def deep(block: Any) -> Any:
        def f(x: Any) -> Any:
            for _ in range(4):
                x = block(x)
            return x.sum()

        return tw.jit(tw.grad(f))

    def wide(x: Any) -> Any:
        for i in range(3):  # products, so that fusion cannot compute it all again by itself
            x = tw.tanh(x @ (MATRIX + i))
        return x

    x = tw.asarray(np.linspace(-1, 1, 64 * 64).reshape(64, 64).astype(np.float32))
    arenas = []
    for block in (wide, tw.checkpoint(wide)):
        text = deep(block).memory(x)
        arenas.append(int(re.search(r"arena (\d+) bytes", text)[1]))
    assert arenas[1] < 0.7 * arenas[0]


MATRIX = tw.asarray(np.eye(64, dtype=np.float32) * 0.1)


def test_checkpoint_draws_and_writes_once() -> None:
    count = tw.zeros(())

    def noisy(x: Any) -> Any:
        count.__iadd__(1)
        return x * tw.random.normal(size=3, dtype="float64")

    x = tw.asarray(np.arange(3.0))
    for f in (tw.checkpoint(noisy), tw.jit(tw.checkpoint(noisy))):
        tw.random.seed(1)
        value, slope = tw.value_and_grad(lambda x, f=f: f(x).sum())(x)
        tw.random.seed(1)
        factors = tw.random.normal(size=3, dtype="float64").numpy()
        np.testing.assert_allclose(slope.numpy(), factors)
        np.testing.assert_allclose(value.item(), (factors * x.numpy()).sum())
    assert count.item() == 2


def test_checkpoint_of_a_module_in_a_loop() -> None:
    layer = tw.nn.Linear(3, 3)
    x = tw.asarray(np.ones((2, 3), np.float32))

    def loss(call: Any) -> Any:
        return (tw.fori_loop(0, 3, lambda i, h: tw.tanh(call(h)), x) ** 2).sum()

    found = []
    for call in (layer, tw.checkpoint(layer)):
        layer.zero_grad()
        tw.jit(lambda call=call: loss(call).backward())()
        found.append(layer.weight.grad.numpy().copy())
    np.testing.assert_allclose(found[0], found[1], rtol=1e-5)


# --------------------------------------------------------------------------- custom_vjp


def tripled() -> Any:
    """x * x * y, whose gradient by x is said to be three times too large, by y zero."""

    @tw.custom_vjp
    def f(x: Any, y: Any) -> Any:
        return x * x * y

    return f.defvjp(lambda x, y: (x * x * y, (x, y)), lambda r, ct: (6 * r[0] * r[1] * ct, None))


def test_its_gradient_is_what_was_given() -> None:
    f, (x, y) = tripled(), (tw.array(2.0), tw.array(5.0))
    for g in (tw.grad(f, (0, 1)), tw.jit(tw.grad(f, (0, 1))), tw.grad(tw.jit(f), (0, 1))):
        assert [c.item() for c in g(x, y)] == [60.0, 0.0]
    assert f(x, y).item() == tw.jit(f)(x, y).item() == 20.0


def test_it_composes() -> None:
    f, y = tripled(), tw.array(5.0)
    xs = tw.array([1.0, 2.0, 3.0])
    for wrap in (lambda g: g, tw.jit):
        assert wrap(tw.vmap(tw.grad(f), (0, None)))(xs, y).tolist() == [30.0, 60.0, 90.0]
        whole = lambda x, y: tw.vmap(f, (0, None))(x, y).sum()  # noqa: E731
        by_x, by_y = wrap(tw.grad(whole, (0, 1)))(xs, y)
        assert (by_x.tolist(), by_y.item()) == ([30.0, 60.0, 90.0], 0.0)
        assert wrap(tw.grad(tw.grad(f)))(xs[0], y).item() == 30.0
        along = wrap(lambda x, y: tw.jvp(f, (x, y), (x * 0 + 1, y * 0 + 1))[1])
        assert along(xs[1], y).item() == 60.0
        assert wrap(tw.hessian(f))(xs[0], y).item() == 30.0
        assert wrap(tw.grad(tw.checkpoint(f)))(xs[1], y).item() == 60.0
    shared = lambda y: tw.vmap(lambda x: g(y, x))(xs).sum()  # noqa: E731
    g = tripled()
    assert tw.grad(shared)(y).item() == 6 * 5 * 6.0  # the lanes' cotangents, added up


def test_its_gradient_counts_in_every_order() -> None:
    """sin(f(x)) with f(x) = x * x, whose slope is said to be 3 x."""

    @tw.custom_vjp
    def f(x: Any) -> Any:
        return x * x

    f.defvjp(lambda x: (x * x, tw.sin(x)), lambda r, ct: (3 * tw.arcsin(r) * ct,))
    g = lambda x: tw.sin(f(x))  # noqa: E731
    x = 0.7
    want = -np.sin(x * x) * 9 * x * x + 3 * np.cos(x * x)
    one = tw.ones((), dtype="float64")
    seconds = {
        "reverse": tw.grad(tw.grad(g)),
        "staged inside": tw.grad(tw.grad(tw.jit(g))),
        "hessian": tw.hessian(g),
        "forward": lambda x: tw.jvp(tw.grad(g), (x,), (one,))[1],
        "over forward": tw.grad(lambda x: tw.jvp(g, (x,), (one,))[1]),
        "lanes": lambda x: tw.vmap(tw.hessian(g))(tw.stack([x, x]))[0],
        "over lanes": lambda x: tw.grad(lambda v: tw.vmap(tw.grad(g))(v).sum())(x[None])[0],
        "again": tw.grad(tw.grad(tw.checkpoint(g))),
    }
    for name, second in seconds.items():
        for h in (second, tw.jit(second)):
            np.testing.assert_allclose(h(tw.array(x)).item(), want, rtol=1e-9, err_msg=name)


def test_it_goes_through_loops() -> None:
    f = tripled()
    loop = lambda x: tw.fori_loop(0, 2, lambda i, s: f(s, x * 0 + 1), x)  # noqa: E731
    assert tw.jit(tw.grad(loop))(tw.array(2.0)).item() == 12.0 * 24.0
    assert tw.grad(loop)(tw.array(2.0)).item() == 12.0 * 24.0


def test_pytrees_and_what_is_no_array() -> None:
    @tw.custom_vjp
    def scaled(p: Any, n: int) -> Any:
        return {"y": p["a"] * n, "k": p["b"]}

    def backward(n: Any, ct: Any) -> Any:
        return {"a": ct["y"] * 100 * n, "b": None}, None

    scaled.defvjp(lambda p, n: (scaled(p, n), n), backward)
    p = {"a": tw.array([1.0, 2.0]), "b": tw.array([3, 4])}
    f = lambda a: scaled({**p, "a": a}, 2)["y"].sum()  # noqa: E731
    for g in (tw.grad(f), tw.jit(tw.grad(f))):
        assert g(p["a"]).tolist() == [200.0, 200.0]


def test_a_function_of_python_with_a_gradient() -> None:
    """The gradient of a callback; its forward function calls the function itself."""

    @tw.custom_vjp
    def f(x: Any) -> Any:
        return tw.callback(np.sinh, x, x)

    f.defvjp(lambda x: (f(x), x), lambda x, ct: (ct * tw.cosh(x),))
    x = tw.array([1.0, 2.0])
    total = lambda x: f(x).sum()  # noqa: E731
    each = lambda x: tw.scan(lambda s, v: (s + f(v), None), 0.0, x)[0]  # noqa: E731
    first = (tw.grad(total), tw.jit(tw.grad(total)), tw.grad(tw.jit(total)), tw.jit(tw.grad(each)))
    for g in first:
        np.testing.assert_allclose(g(x).numpy(), np.cosh([1.0, 2.0]))
    second = tw.grad(lambda x: tw.grad(total)(x).sum())
    for g in (second, tw.jit(second)):
        np.testing.assert_allclose(g(x).numpy(), np.sinh([1.0, 2.0]))
    with pytest.raises(tw.TraceError, match="callback of sinh .* for several lanes"):
        tw.vmap(f)(x)


def test_a_graph_as_code_calls_the_function() -> None:
    f = tw.jit(tripled())
    scope: dict[str, Any] = {}
    exec(f.code(tw.array(2.0), tw.array(5.0)), scope)  # the test's own text
    (made,) = (v for k, v in scope.items() if callable(v) and k not in ("tw", "p"))
    assert made(tw.array(2.0), tw.array(5.0))[0].item() == 20.0


def _with(backward: Any) -> Any:
    made = tw.custom_vjp(lambda x, y: x * y)
    return made.defvjp(lambda x, y: (x * y, (x, y)), backward)


@pytest.mark.parametrize(
    ("f", "message"),
    [
        (tw.custom_vjp(lambda x, y: x * y), "has no gradient yet; give it with"),
        (_with(lambda r, ct: (ct,)), "returned 1 cotangents; <lambda> has 2 arguments"),
        (_with(lambda r, ct: (ct[None], None)), r"cotangent float64\[1\] for argument 0"),
        (_with(lambda r, ct: ((ct,), None)), "for argument 0 of <lambda>"),
        (tw.custom_vjp(lambda x, y: x).defvjp(lambda x, y: x, max), "must return a pair"),
    ],
)
@pytest.mark.parametrize("wrap", [lambda g: g, tw.jit], ids=["eager", "staged"])
def test_what_does_not_fit_is_refused_by_name(wrap: Any, f: Any, message: str) -> None:
    with pytest.raises(tw.GradientError, match=message):
        wrap(tw.grad(lambda x, y: f(x, y)))(tw.array(1.0), tw.array(2.0))


# --------------------------------------------------------------------------- stop_gradient


def test_stop_gradient_under_each_transform() -> None:
    f = lambda x: (x * tw.stop_gradient(x)).sum()  # noqa: E731
    x = tw.array([2.0, 3.0])
    for wrap in (lambda g: g, tw.jit):
        assert wrap(tw.grad(f))(x).tolist() == [2.0, 3.0]
        assert wrap(lambda x: tw.jvp(f, (x,), (x * 0 + 1,))[1])(x).item() == 5.0
        assert wrap(tw.vmap(tw.grad(lambda v: f(v))))(x[:, None]).tolist() == [[2.0], [3.0]]
        assert wrap(tw.hessian(f))(x).tolist() == [[0.0, 0.0], [0.0, 0.0]]
