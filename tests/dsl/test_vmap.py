"""`vmap` against a loop: axes, pytrees, control flow, random numbers, writes, errors."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from flow_support import CASES, Case
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw


@st.composite
def axes_and_shapes(draw: Any) -> tuple[Any, ...]:
    """A shape of a lane, a number of lanes, the axis of lanes in two arguments and the result."""
    shape = tuple(draw(st.lists(st.integers(0, 4), min_size=0, max_size=3)))
    count = draw(st.integers(1, 4))
    places = st.integers(-len(shape) - 1, len(shape))
    first = draw(places)
    second = draw(st.one_of(st.none(), places))
    return shape, count, first, second, draw(places)


@given(axes_and_shapes())
def test_axes_are_those_of_numpy(case: tuple[Any, ...]) -> None:
    shape, count, first, second, out = case
    rng = np.random.default_rng(0)
    x = rng.normal(size=(count, *shape))
    y = rng.normal(size=shape if second is None else (count, *shape))
    want = np.moveaxis(np.sin(x) * y + 1, 0, out)
    f = tw.vmap(lambda a, b: tw.sin(a) * b + 1, in_axes=(first, second), out_axes=out)
    moved = y if second is None else np.moveaxis(y, 0, second)
    found = f(tw.asarray(np.moveaxis(x, 0, first)), tw.asarray(moved))
    assert found.shape == want.shape
    np.testing.assert_allclose(found.numpy(), want)


def test_pytrees_keywords_and_numbers() -> None:
    def f(params: Any, x: Any, *, scale: Any, power: int = 2) -> Any:
        return {"y": params["w"] @ x + params["b"] * scale, "n": power, "none": None}

    params = {"w": tw.asarray(np.ones((2, 3))), "b": tw.asarray(np.arange(4.0))}
    x, scale = tw.asarray(np.arange(12.0).reshape(4, 3)), tw.asarray(np.arange(4.0))
    found = tw.vmap(f, in_axes=({"w": None, "b": 0}, 0))(params, x, scale=scale)
    want = x.numpy().sum(1)[:, None] + (np.arange(4.0) ** 2)[:, None] + np.zeros((4, 2))
    np.testing.assert_allclose(found["y"].numpy(), want)
    assert found["n"].tolist() == [2] * 4 and found["none"] is None
    only = tw.vmap(lambda x: (x, tw.ones(2)), out_axes=(0, None))(x)
    assert only[1].shape == (2,)


def test_it_nests() -> None:
    x, y = np.arange(3.0), np.arange(4.0) + 1
    table = tw.vmap(tw.vmap(lambda a, b: a * b, in_axes=(None, 0)), in_axes=(0, None))
    np.testing.assert_allclose(table(tw.asarray(x), tw.asarray(y)).numpy(), np.outer(x, y))


def test_lanes_of_none() -> None:
    found = tw.vmap(lambda x: tw.cond(x.sum() > 0, lambda: x, lambda: -x))(tw.zeros((0, 3)))
    assert found.shape == (0, 3)
    loop = tw.vmap(lambda x: tw.while_loop(lambda s: s < 1, lambda s: s + 1, x))
    assert tw.jit(loop)(tw.zeros(0)).shape == (0,)


# --------------------------------------------------------------------------- control flow


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_control_flow_is_a_loop(case: Case) -> None:
    """Lanes that part in branches and leave loops at different times: values and gradients, each
    lane's own and of the whole, eagerly and staged."""
    stacked = [np.stack([np.asarray(a, np.float64) for a in column])
               for column in zip(*case.arguments, strict=True)]  # fmt: skip
    wide = [tw.asarray(np.concatenate([s, s * 1.125])) for s in stacked]
    n = wide[0].shape[0]
    f = lambda *a: tw.sum(case.f(*a))  # noqa: E731
    slope = tw.grad(f)
    lanes = [[w[k] for w in wide] for k in range(n)]
    values = np.stack([tw.asarray(f(*a)).numpy() for a in lanes])
    slopes = np.stack([slope(*a).numpy() for a in lanes])
    np.testing.assert_allclose(tw.jit(tw.vmap(f))(*wide).numpy(), values, rtol=1e-11)
    np.testing.assert_allclose(tw.vmap(slope)(*wide).numpy(), slopes, rtol=1e-9, atol=1e-12)
    whole = tw.jit(tw.grad(lambda *a: tw.vmap(f)(*a).sum()))
    np.testing.assert_allclose(whole(*wide).numpy(), slopes, rtol=1e-9, atol=1e-12)


def test_lanes_that_did_not_choose_a_branch_do_not_spoil_it() -> None:
    """The logarithm of a negative number is NaN, and its slope times zero is NaN as well."""

    def safe(x: Any, w: Any) -> Any:
        return tw.cond(x > 0, lambda: tw.log(x * w), lambda: x * 0)

    x, w = tw.array([1.0, 0.0, -2.0, 4.0]), tw.array(2.0)
    total = tw.grad(lambda x, w: tw.vmap(safe, in_axes=(0, None))(x, w).sum(), (0, 1))
    for f in (total, tw.jit(total)):
        by_x, by_w = f(x, w)
        np.testing.assert_allclose(by_x.numpy(), [1.0, 0.0, 0.0, 0.25])
        np.testing.assert_allclose(by_w.numpy(), 1.0)


def test_a_branch_with_a_loop_runs_for_those_that_chose_it() -> None:
    """With the others' values the loop would never end."""

    def f(x: Any) -> Any:
        grow = lambda: tw.while_loop(lambda s: s < 100.0, lambda s: s * x, x)  # noqa: E731
        return tw.cond(x > 1, grow, lambda: x)

    x = np.array([2.0, 0.5, -1.0, 3.0])
    want = [128.0, 0.5, -1.0, 243.0]
    assert tw.jit(tw.vmap(f))(tw.asarray(x)).tolist() == want
    assert tw.jit(tw.vmap(f))(tw.asarray(x[1:3])).tolist() == want[1:3]  # nobody chose it


def test_a_branch_with_a_routine_fails_for_nobody() -> None:
    good, bad = np.eye(2) * 4, -np.eye(2)
    f = lambda a: tw.cond(a[0, 0] > 0, lambda: tw.linalg.cholesky(a), lambda: a)  # noqa: E731
    found = tw.vmap(f)(tw.asarray(np.stack([good, bad]))).numpy()
    np.testing.assert_allclose(found, np.stack([np.eye(2) * 2, bad]))


# --------------------------------------------------------------------------- state


def test_each_lane_draws_numbers_of_its_own() -> None:
    x = tw.asarray(np.arange(6.0).reshape(3, 2))

    def noisy(x: Any) -> Any:
        return x + tw.random.normal(size=2, dtype="float64")

    tw.random.seed(3)
    found, after = tw.vmap(noisy)(x).numpy(), tw.random.normal(dtype="float64").item()
    tw.random.seed(3)
    want = x.numpy() + tw.random.normal(size=(3, 2), dtype="float64").numpy()
    np.testing.assert_array_equal(found, want)
    assert after == tw.random.normal(dtype="float64").item()  # one call, whatever the lanes
    tw.random.seed(3)
    np.testing.assert_array_equal(tw.jit(tw.vmap(noisy))(x).numpy(), want)


def test_a_generator_for_each_lane() -> None:
    rng = tw.random.default_rng(5)
    own = lambda i: tw.random.Generator(rng.bit_generator.fold_in(i)).normal(size=2)  # noqa: E731
    found = tw.vmap(own)(tw.arange(3)).numpy()
    want = np.stack([own(tw.asarray(i)).numpy() for i in range(3)])
    np.testing.assert_allclose(found, want, rtol=1e-12)


def test_a_generator_where_lanes_part_is_refused() -> None:
    def f(x: Any) -> Any:
        zero = lambda: tw.zeros((), dtype="float32")  # noqa: E731
        return tw.cond(x > 0, lambda: tw.random.uniform(dtype="float32"), zero)

    with pytest.raises(tw.TraceError, match="random generator cannot be used where lanes part"):
        tw.vmap(f)(tw.array([1.0, -1.0]))


def test_writes() -> None:
    """What all lanes write the same reaches arrays of outside; each writes to its own slice."""
    count, x = tw.zeros(()), tw.asarray(np.arange(6.0).reshape(3, 2))

    def f(row: Any) -> Any:
        count.__iadd__(1)
        row[0] = row[1] * 10
        return row.sum()

    assert tw.vmap(f)(x).tolist() == [11.0, 33.0, 55.0]
    assert x.tolist() == [[10.0, 1.0], [30.0, 3.0], [50.0, 5.0]]
    assert count.item() == 1

    def leak(row: Any) -> Any:
        count.__iadd__(row.sum())
        return row

    with pytest.raises(tw.TraceError, match="writes to an array of outside.*differs from lane"):
        tw.vmap(leak)(x)
    assert count.item() == 1


def test_a_module_over_examples() -> None:
    model = tw.nn.Sequential(tw.nn.Linear(3, 4), tw.nn.Tanh(), tw.nn.Linear(4, 2))
    x = tw.asarray(np.linspace(-1, 1, 15).reshape(5, 3).astype(np.float32))
    np.testing.assert_allclose(tw.vmap(model)(x).numpy(), model(x).numpy(), rtol=1e-5, atol=1e-6)
    (tw.vmap(model)(x) ** 2).sum().backward()
    found = [p.grad.numpy() for p in model.parameters()]
    model.zero_grad()
    (model(x) ** 2).sum().backward()
    for a, p in zip(found, model.parameters(), strict=True):
        np.testing.assert_allclose(a, p.grad.numpy(), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("device", device_names()[1:])
def test_on_devices(device: str) -> None:
    """The lanes run where the arrays are, in eager code too."""

    def f(x: Any) -> Any:
        y = tw.checkpoint(lambda v: tw.sin(v) * OFFSET)(x)
        return tw.cond(x[0] > 0, lambda: (y * y).sum(), lambda: y.sum())

    x = tw.asarray(np.linspace(-1, 1, 6).reshape(3, 2).astype(np.float32))
    want = tw.vmap(tw.grad(f))(x).numpy()
    for g in (tw.vmap(tw.grad(f)), tw.jit(tw.vmap(tw.grad(f)))):
        found = g(x.to(device))
        assert found.device.name.startswith(device.split(":")[0])
        np.testing.assert_allclose(found.numpy(), want, rtol=1e-5, atol=1e-6)


OFFSET = 2.0

# --------------------------------------------------------------------------- errors


def _two(a: Any, b: Any) -> Any:
    return a + b


def _vmap(*args: Any, **options: Any) -> Callable[[], Any]:
    return lambda: tw.vmap(_two, **options)(*args)


@pytest.mark.parametrize(
    ("call", "kind", "message"),
    [
        (_vmap(tw.ones((3, 2)), tw.ones((4, 2))), tw.ShapeError,
         "argument 0 of _two has 3 lanes along axis 0, argument 1 of _two has 4 along axis 0"),
        (_vmap(tw.ones(3), tw.ones(()), in_axes=(0, 0)), tw.AxisError,
         r"argument 1 of _two has shape \(\); in_axes asks for its axis 0"),
        (_vmap(tw.ones(3), 2.0), tw.AxisError, "argument 1 of _two is the number 2.0"),
        (_vmap(tw.ones(3), tw.ones(3), in_axes=(0,)), tw.ArgumentError,
         "in_axes has 1 entries, but _two was called with 2"),
        (_vmap(tw.ones(3), tw.ones(3), in_axes=None), tw.ArgumentError, "no argument of _two has"),
        (_vmap(tw.ones(3), tw.ones(3), in_axes=(0, {"a": 0})), tw.ArgumentError,
         "in_axes does not fit the arguments of _two"),
        (_vmap(tw.ones(3), tw.ones(3), out_axes=None), tw.ArgumentError,
         "the result of _two differs from lane to lane"),
        (_vmap(tw.ones(3), tw.ones(3), out_axes=2), tw.AxisError, "the result of _two has 0 axes"),
        (_vmap(tw.ones(3), tw.ones(3), out_axes=(0, 0)), tw.ArgumentError, "out_axes does not fit"),
        (lambda: tw.vmap(lambda x: x if x > 0 else -x)(tw.ones(3)), tw.TraceError,
         "bool: got a traced"),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_refused_by_name(
    call: Callable[[], Any], kind: type[Exception], message: str
) -> None:
    with pytest.raises(kind, match=message):
        call()


# --------------------------------------------------------------------------- others


def test_as_jax(oracle: Callable[[str], ModuleType]) -> None:
    jax = oracle("jax")
    jax.config.update("jax_enable_x64", True)

    def f(np_: Any, x: Any, w: Any) -> Any:
        return np_.tanh(w @ x).sum() * x[0]

    x, w = np.linspace(-1, 1, 12).reshape(4, 3), np.linspace(0, 1, 9).reshape(3, 3)
    for ours, theirs in (
        (
            tw.vmap(lambda a, b: f(tw, a, b), (0, None)),
            jax.vmap(lambda a, b: f(jax.numpy, a, b), (0, None)),
        ),
        (
            tw.vmap(tw.hessian(lambda a, b: f(tw, a, b)), (0, None)),
            jax.vmap(jax.hessian(lambda a, b: f(jax.numpy, a, b)), (0, None)),
        ),
        (
            tw.vmap(tw.jacrev(lambda a, b: f(tw, a, b), 1), (0, None)),
            jax.vmap(jax.jacrev(lambda a, b: f(jax.numpy, a, b), 1), (0, None)),
        ),
    ):
        want = np.asarray(theirs(x, w))
        np.testing.assert_allclose(ours(tw.asarray(x), tw.asarray(w)).numpy(), want, rtol=1e-9)
