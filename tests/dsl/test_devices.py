"""Arrays on every device that computes: making, moving, views, writes, staging, training."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from device_support import device_names

import tilewright as tw
from tilewright import _native

nn = tw.nn


@pytest.fixture(params=device_names())
def place(request: Any) -> Iterator[tw.Device]:
    """Each device in turn, as the current one."""
    with tw.device(request.param) as found:
        yield found


def numbers(*shape: int) -> Any:
    return np.arange(np.prod(shape), dtype="f4").reshape(shape)


def test_devices_are_listed(place: tw.Device) -> None:
    (info,) = [d for d in tw.devices() if d.name == place.name]
    assert info.available and info.processor and info.units > 0
    assert info.default_float is place.default_float
    assert tw.device(place.name) is place and place.name in str(info)


def test_names_that_are_none() -> None:
    for name in ("nothing", "cpu:1", "opencl:x", "null", ""):
        with pytest.raises(tw.DeviceError, match="device: got"):
            tw.device(name)
    with pytest.raises(tw.DeviceError, match="must be a name"):
        tw.device(3)  # type: ignore[arg-type]


def test_arrays_are_made_there(place: tw.Device) -> None:
    made = [
        tw.zeros(3), tw.ones((2, 2)), tw.full(2, 7), tw.arange(4), tw.arange(1, 2, 0.25),
        tw.linspace(0, 1, 5), tw.eye(3), tw.tri(3), tw.array([1, 2]), tw.asarray(numbers(3)),
        tw.uniform(size=3), tw.zeros(0), tw.asarray(2.5), tw.array([tw.ones(()), 2.0]),
    ]  # fmt: skip
    assert all(x.device is place for x in made)
    assert tw.zeros(2).dtype is place.default_float
    np.testing.assert_array_equal(tw.arange(1, 2, 0.25).numpy(), [1, 1.25, 1.5, 1.75])
    np.testing.assert_array_equal(tw.eye(3, k=1).numpy(), np.eye(3, k=1))


def test_the_keyword_wins(place: tw.Device) -> None:
    for make in (
        lambda d: tw.zeros(2, device=d), lambda d: tw.full(2, 1.0, device=d),
        lambda d: tw.arange(3, device=d), lambda d: tw.array([1.0], device=d),
        lambda d: tw.asarray(tw.ones(2), device=d), lambda d: tw.zeros_like(tw.ones(2), device=d),
        lambda d: tw.linspace(0, 1, 3, device=d), lambda d: tw.eye(2, device=d),
    ):  # fmt: skip
        assert make("cpu").device.name == "cpu"
        with tw.device("cpu"):
            assert make(place).device is place


def test_moving(place: tw.Device) -> None:
    with tw.device("cpu"):
        host = tw.array(numbers(3, 4))
    there = host.to(place)
    assert there.device is place and there.to(place) is there
    back = there.T[1:].to("cpu")
    assert back.device.name == "cpu"
    np.testing.assert_array_equal(back.numpy(), numbers(3, 4).T[1:])
    np.testing.assert_array_equal(np.asarray(there), numbers(3, 4))
    assert there.tolist() == numbers(3, 4).tolist() and "array(" in repr(there)


def test_numbers_mix_and_devices_do_not() -> None:
    others = [d for d in device_names() if d != "cpu"]
    host = tw.ones(3, dtype="float32")
    for name in others:
        there = tw.ones(3, dtype="float32", device=name)
        assert (2 * there + 1).tolist() == [3, 3, 3]  # on its device, whatever is current
        assert (there + np.ones(3, "f4")).device.name == name
        for mix in (
            lambda t: host + t, lambda t: tw.where(t > 0, t, host),
            lambda t: tw.concatenate([t, host]), lambda t: host.__setitem__(..., t),
            lambda t: tw.jit(lambda a, b: a * b)(host, t),
            lambda t: tw.jit(lambda a: a * host)(t),
        ):  # fmt: skip
            with pytest.raises(tw.DeviceError, match=f"cpu.* {name}|{name}.* cpu"):
                mix(there)


def test_operations_follow_their_operands(place: tw.Device) -> None:
    x = tw.array(numbers(4, 6))
    with tw.device("cpu"):
        for f in (
            lambda m, v: m.softmax(v), lambda m, v: m.tril(v),
            lambda m, v: m.exp(v * 0.1), lambda m, v: v.mean(axis=1), lambda m, v: v.var(),
            lambda m, v: m.clip(v, 1, 5), lambda m, v: m.stack([v, v * 2]), lambda m, v: v @ v.T,
            lambda m, v: m.cumsum(v, axis=1), lambda m, v: m.where(v > 3, v, 0.5),
            lambda m, v: v[::-1],
        ):  # fmt: skip
            found = f(tw, x)
            assert found.device is place
        np.testing.assert_allclose(tw.cumsum(x, axis=1).numpy(), numbers(4, 6).cumsum(1))
        np.testing.assert_array_equal(tw.tril(x).numpy(), np.tril(numbers(4, 6)))


def test_views_and_writes_mean_what_they_mean(place: tw.Device) -> None:
    def work(np_: Any, a: Any) -> Any:
        row = a[0]
        row += 1
        a[1][2] = 50
        a.T[3] = [7, 8, 9]
        a[::2, ::-2] *= 10
        b = a.reshape(4, 3)
        b[1] = b[2]
        a[[2, 0], 1] = 77
        a[a > 60] = -1
        held = a[2, 1:3] + 0
        a[...] = a + a[0]
        a[1:2] = 5
        return [a, row, b, held, np_.concatenate([a, a[:1]]), a[[1, 1, 0]], a[-1, ::2]]

    for found, wanted in zip(
        work(tw, tw.array(numbers(3, 4))), work(np, numbers(3, 4).copy()), strict=True
    ):
        assert found.device is place
        np.testing.assert_array_equal(found.numpy(), wanted)


def test_values_do_not_change_under_their_holders(place: tw.Device) -> None:
    a = tw.array(numbers(4))
    snapshot, same = a.copy(), a
    a[1:3] = 9
    a += 1
    assert snapshot.tolist() == [0, 1, 2, 3] and same.tolist() == [1, 10, 10, 4]


def test_empty_arrays(place: tw.Device) -> None:
    x = tw.zeros((0, 3), dtype="float32")
    assert (x + 1).shape == (0, 3) and x.sum(axis=0).tolist() == [0, 0, 0]
    assert (x @ tw.ones((3, 2), dtype="float32")).shape == (0, 2)
    assert tw.concatenate([x, tw.ones((1, 3), dtype="float32")]).shape == (1, 3)
    assert (x.T @ x).tolist() == [[0.0] * 3] * 3


def test_few_kernels_serve_all_shapes(place: tw.Device) -> None:
    if place.name == "cpu":
        return  # tests/lowering holds it there
    from tilewright.dsl.engine import engine

    def work(n: int) -> None:
        x = tw.array(numbers(n, n + 1))
        y = (x * 2 + x.T[:n, :1]) @ x.T
        y[1:, ::2] = 3
        tw.concatenate([y, x[:, 1:]], axis=1).sum(axis=0)

    work(3)
    work(5)
    loaded: Any = engine(place)
    before = len(loaded._kernels)
    for n in (4, 7, 12, 33):
        work(n)
    assert len(loaded._kernels) == before


def test_staged_code_runs_where_its_arguments_are(place: tw.Device) -> None:
    scale = tw.array([2.0, 3.0, 4.0], dtype="float32")
    f = tw.jit(lambda x: tw.tanh(x * scale) + tw.arange(3, dtype="float32"))
    with tw.device("cpu"):
        x = tw.array(numbers(2, 3), dtype="float32").to(place)
        y = f(x)
    assert y.device is place
    np.testing.assert_allclose(
        y.numpy(), np.tanh(numbers(2, 3) * [2, 3, 4]) + np.arange(3), rtol=1e-6
    )
    assert tw.jit(lambda: tw.ones(2))().device is place
    with tw.device("cpu"):
        assert tw.jit(lambda v: v + 1)(tw.ones(2)).device.name == "cpu"


def test_state_of_staged_code(place: tw.Device) -> None:
    count, table = tw.zeros((), dtype="int64"), tw.zeros((2, 3), dtype="float32")

    @tw.jit
    def step(x: Any) -> Any:
        count[...] = count + 1
        table[1] = x
        return table.sum() * count

    assert step(tw.ones(3, dtype="float32")).item() == 3
    assert step(tw.ones(3, dtype="float32")).item() == 6
    assert count.device is place and table.tolist() == [[0, 0, 0], [1, 1, 1]]


def test_gradients(place: tw.Device) -> None:
    x = tw.array(numbers(3, 2) / 4, dtype="float32")
    w = tw.array(numbers(2, 2), dtype="float32")

    def loss(v: Any) -> Any:
        return (tw.tanh(v @ w)[1:] ** 2).sum()

    found = tw.grad(loss)(x)
    staged = tw.jit(tw.grad(loss))(x)
    through = tw.grad(tw.jit(loss))(x)
    with tw.device("cpu"):
        x, w = x.to("cpu"), w.to("cpu")
        expected = tw.grad(loss)(x).numpy()
    for g in (found, staged, through):
        assert g.device is place
        np.testing.assert_allclose(g.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_random_numbers_are_the_same_everywhere(place: tw.Device) -> None:
    generator = tw.Generator(7)
    found = [generator.uniform(size=5), generator.normal(size=4), generator.integers(9, size=3)]
    draw = tw.jit(lambda x: x + generator.uniform(size=2, dtype="float32"))
    found.append(draw(tw.zeros(2, dtype="float32")))
    with tw.device("cpu"):
        found.append(generator.uniform(size=2))  # the state comes along
        again = tw.Generator(7)
        wanted = [again.uniform(size=5), again.normal(size=4), again.integers(9, size=3)]
        wanted += [again.uniform(size=2), again.uniform(size=2)]
    found.append(draw(tw.zeros(2, dtype="float32")))
    with tw.device("cpu"):
        wanted.append(again.uniform(size=2))
    assert [x.device.name for x in found] == [place.name] * 4 + ["cpu", place.name]
    for a, b in zip(found, wanted, strict=True):
        np.testing.assert_allclose(a.numpy(), b.numpy(), rtol=3e-6, atol=1e-6)


class Net(nn.Module):  # type: ignore[name-defined,misc]
    def __init__(self) -> None:
        rng = np.random.default_rng(3)
        self.first = nn.Parameter(rng.standard_normal((6, 8)).astype("f4"))
        self.bias = nn.Parameter(np.zeros(8, "f4"))
        self.second = nn.Parameter(rng.standard_normal((8, 3)).astype("f4"))

    def forward(self, x: Any) -> Any:
        return tw.relu(x @ self.first + self.bias) @ self.second


@pytest.mark.parametrize("staged", [False, True])
def test_training(place: tw.Device, staged: bool) -> None:
    def losses(where: str) -> list[float]:
        model = Net().to(where)
        optimizer = nn.Adam(model.parameters(), lr=0.05)
        rng = np.random.default_rng(4)
        x = tw.asarray(rng.standard_normal((16, 6)).astype("f4"), device=where)
        y = tw.asarray(rng.integers(0, 3, 16), device=where)

        def step(x: Any, y: Any) -> Any:
            loss = nn.cross_entropy(model(x), y)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            return loss

        run = tw.jit(step) if staged else step
        found = [run(x, y).item() for _ in range(4)]
        state = [*model.state_dict().values(), *optimizer.state_dict().values()]
        assert all(v.device.name == where for v in state)
        return found

    with tw.device("cpu"):
        expected = losses("cpu")
        found = losses(place.name)
    np.testing.assert_allclose(found, expected, rtol=1e-4)
    assert found[-1] < found[0]


def test_modules_move_in_place(place: tw.Device) -> None:
    with tw.device("cpu"):
        model = Net()
        optimizer = nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
        known = model.first
        model(tw.ones((2, 6), dtype="float32")).sum().backward()
        assert model.to(place) is model and model.first is known
        optimizer.to(place)
        assert known.device is place and known.grad.device is place and known.requires_grad
        optimizer.step()
        state = {name: value.numpy() for name, value in model.state_dict().items()}
        model.load_state_dict(state)
        assert known.device is place
        with pytest.raises(tw.TraceError, match="in staged code"):
            tw.jit(lambda x: model.to("cpu")(x))(tw.ones((2, 6), dtype="float32", device=place))


def test_temporaries_do_not_pile_up(place: tw.Device) -> None:
    x = tw.ones(10_000, dtype="float32")
    f = tw.jit(lambda v: tw.tanh(v * 2).sum() + (v * v).sum())
    for _ in range(5):
        f(x + 1)
    _native.reset_peak(place.index)
    start = tw.memory_stats(place)["in_use"]
    for _ in range(300):
        f(x + 1)
    assert tw.memory_stats(place)["peak"] - start < 20 * x.nbytes
    assert tw.memory_stats(place)["in_use"] - start < 4 * x.nbytes
    tw.empty_cache(place)
    assert tw.memory_stats(place)["pooled"] == 0
