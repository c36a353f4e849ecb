"""Calls that come again go without Python: they must mean what they meant the first time.

Every public function is tried on every combination of arguments that fits it, many times in a row,
against its Python path.
"""

from __future__ import annotations

import itertools
import pickle
import threading
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp
from tilewright import _native
from tilewright.dsl import functions
from tilewright.dsl.ufuncs import UFUNCS

DISPATCHED = {
    name: found
    for name in functions.__all__
    if isinstance(found := getattr(functions, name), _native.Dispatch)
}
METHODS = {n: m for n, m in vars(tw.Array).items() if isinstance(m, _native.Dispatch)}


def numbers(*shape: int, dtype: str = "float32", start: int = 1) -> Any:
    count = int(np.prod(shape))
    return tw.asarray((np.arange(start, start + count) % 7).reshape(shape).astype(dtype))


def arrays() -> list[Any]:
    """Layouts and sizes in turn, so that what was learnt of one is met by another."""
    grid = numbers(4, 3)
    return [
        grid, numbers(3, 4), numbers(5, 2), grid.T, grid[::2], numbers(1, 3), numbers(0, 3),
        numbers(4), numbers(6)[::-1], numbers(), numbers(2, 3, 4), numbers(3, 3, dtype="int32"),
        numbers(4, dtype="bool"), tw.broadcast_to(numbers(3), (2, 3)),
        numbers(3, 3, dtype="float64"),
    ]  # fmt: skip


def calls() -> Iterator[tuple[tuple[Any, ...], dict[str, Any]]]:
    given = arrays()
    for x in given:
        yield (x,), {}
        for axis in (0, -1, None):
            yield (x,), {"axis": axis}
        yield (x, 0), {}
        yield (x, 2.5), {}
        yield (x, (0,)), {}
        yield (x,), {"keepdims": True}
    for x, y in itertools.product(given[:4] + given[11:13], repeat=2):
        yield (x, y), {}
    for x in given[:3]:
        yield (2, x), {}
        yield (x > 2, x, 1.5), {}
        yield (x, x, x), {}
        yield ([x, x],), {}


def outcome(function: Callable[..., Any], args: Any, kwargs: Any) -> Any:
    """What a call gives, as plain data: values, dtypes, shapes and who is a view, or the error."""
    try:
        made = function(*args, **kwargs)
    except Exception as error:
        return type(error), str(error)
    return plain(made, args)


def plain(made: Any, args: Any) -> Any:
    if isinstance(made, tuple | list):
        return type(made), [plain(x, args) for x in made]
    if not isinstance(made, tw.Array):
        return type(made), repr(made)
    same = [made is x for x in args]
    bases = [x if x._base is None else x._base for x in args if isinstance(x, tw.Array)]
    is_view = any(made._base is base for base in bases)
    return str(made.dtype), made.shape, made.tolist().__repr__(), same, is_view


@pytest.mark.parametrize("name", sorted(DISPATCHED))
def test_a_call_means_the_same_each_time(name: str) -> None:
    function = DISPATCHED[name]
    function._forget()
    for args, kwargs in calls():
        wanted = outcome(function._slow, args, kwargs)
        for _ in range(4):
            assert outcome(function, args, kwargs) == wanted, (args, kwargs)


@pytest.mark.parametrize("name", sorted(METHODS))
def test_a_method_means_the_same_each_time(name: str) -> None:
    method = METHODS[name]
    method._forget()
    for args, kwargs in calls():
        if not args or not isinstance(args[0], tw.Array):
            continue
        wanted = outcome(method._slow, args, kwargs)
        for _ in range(4):
            assert outcome(method, args, kwargs) == wanted, (args, kwargs)


# What the hot path must not need Python for: function, arguments.
X, Y, M = numbers(4), numbers(4, start=3), numbers(3, 3)
AT = tw.asarray([2, -1, 0])
HOT: dict[str, Callable[[], Any]] = {
    **{n: lambda n=n: getattr(tw, n)(X) for n in ("exp", "sqrt", "tanh", "negative", "abs")},
    **{n: lambda n=n: getattr(tw, n)(X, Y) for n in ("add", "maximum", "less", "power")},
    **{n: lambda n=n: getattr(tw, n)(M, axis=0) for n in ("sum", "mean", "max", "argmax", "all")},
    **{n: lambda n=n: getattr(tw, n)(M) for n in ("softmax", "var", "std", "transpose", "ravel")},
    "where": lambda: tw.where(X > Y, X, 0.5),
    "clip": lambda: tw.clip(X, 1, 2),
    "astype": lambda: tw.astype(X, "float64"),
    "matmul": lambda: tw.matmul(M, M),
    "expand_dims": lambda: tw.expand_dims(X, 0),
    "squeeze": lambda: tw.squeeze(X),
    "broadcast_to": lambda: tw.broadcast_to(X, (3, 4)),
    "reshape": lambda: tw.reshape(X, (2, 2)),
    "concatenate": lambda: tw.concatenate([X, Y, X]),
    "stack": lambda: tw.stack([X, Y], axis=1),
    "vstack": lambda: tw.vstack([M, M]),
    "hstack": lambda: tw.hstack([X, Y]),
    "column_stack": lambda: tw.column_stack([X, Y]),
    "roll": lambda: tw.roll(X, 3),
    "pad": lambda: tw.pad(M, 2),
    "tile": lambda: tw.tile(X, 3),
    "repeat": lambda: tw.repeat(X, 2),
    "take": lambda: tw.take(X, AT),
    "cumsum": lambda: tw.cumsum(X),
    "sort": lambda: tw.sort(X),
}


@pytest.mark.parametrize("name", HOT)
def test_common_calls_are_learnt(name: str) -> None:
    function = DISPATCHED[name]
    function._forget()
    for _ in range(3):
        HOT[name]()
    assert function._recipes == 1


@pytest.mark.parametrize("name", HOT)
def test_common_calls_are_learnt_for_gradients(name: str) -> None:
    if name in ("less", "argmax", "all"):  # no gradient passes
        return
    function, gradients = DISPATCHED[name], []
    for x in (X, Y, M):
        x.requires_grad = True
    try:
        function._forget()
        for _ in range(4):
            HOT[name]().sum().backward()
            found = [x.grad for x in (X, Y, M) if x.grad is not None]
            gradients.append([g.tolist() for g in found])
            for x in (X, Y, M):
                x.grad = None
    finally:
        for x in (X, Y, M):
            x.requires_grad = False
    assert function._recipes == 1
    assert repr(gradients[1:]) == repr(gradients[:1] * 3) and gradients[0]


def test_positions_are_checked_at_each_call() -> None:
    for at in ([0, 3], [-4, 2], [4, 0], [1, 1], [0, -5], [2, 2]):
        key = tw.asarray(at)
        for call, words in (
            (lambda key=key: X[key], "index"),
            (lambda key=key: tw.take(X, key), "take"),
            (lambda key=key: X.take(key), "take"),
        ):
            if max(at) < 4 and min(at) >= -4:
                assert call().tolist() == X.numpy()[at].tolist()
                continue
            wrong = at[0] if at[0] > 3 else at[1]
            with pytest.raises(IndexError, match=f"{words}: index {wrong} is out of range"):
                call()


def test_sizes_do_not_matter_where_kernels_serve_all() -> None:
    tnp.add._forget()
    tw.sum._forget()
    for n in (2, 3, 5, 9, 17):
        x = numbers(n, n + 1)
        assert tnp.add(x, 1.5).tolist() == (x.numpy() + 1.5).tolist()
        assert tw.sum(x, 0, keepdims=True).tolist() == x.numpy().sum(0, keepdims=True).tolist()
    assert tnp.add._keys == tnp.add._recipes == tw.sum._keys == tw.sum._recipes == 1


def test_numbers_are_told_by_their_type_alone() -> None:
    tnp.multiply._forget()
    for value in (1, 2, -3, 10**6):
        assert tnp.multiply(X, value).tolist() == (X.numpy() * value).tolist()
    assert tnp.multiply._recipes == 1
    small = tw.asarray([1, 2], dtype="uint8")
    for _ in range(3):
        assert tnp.add(small, 5).tolist() == [6, 7]
        with pytest.raises(OverflowError):
            tnp.add(small, 300)
        with pytest.raises(OverflowError):
            tnp.add(small, 10**30)


def test_values_decide_anew_each_time() -> None:
    x = numbers(3, 3)
    for _ in range(4):
        assert tw.take(x, tw.asarray([0, 2]), axis=0).shape == (2, 3)
        with pytest.raises(IndexError):
            tw.take(x, tw.asarray([0, 3]), axis=0)
    two = tw.asarray([2, 3])
    for exponents, wanted in (([1, 2], [2, 9]), ([3, 0], [8, 1]), ([5, 7], [32, 2187])):
        assert tw.power(two, tw.asarray(exponents)).tolist() == wanted
    with pytest.raises(ValueError, match="negative"):
        tw.power(two, tw.asarray([1, -1]))
    for values in ([1, 0, 2], [0, 0, 3], [4, 4, 4]):
        assert len(tw.nonzero(tw.asarray(values))[0]) == np.count_nonzero(values)


def test_views_and_outputs() -> None:
    for _ in range(4):
        x, out = numbers(2, 3), tw.zeros((2, 3), dtype="float32")
        tw.transpose(x)[0, 1] = 50.0
        assert x[1, 0].item() == 50
        assert tnp.add(x, x, out) is out and out[1, 0].item() == 100
        assert tnp.add(x, x, out=out) is out
        total = tw.zeros(3, dtype="float32")
        assert tw.sum(x, 0, None, total) is total and total[0].item() == 50 + x[0, 0].item()
        masked = tnp.add(x, 1, where=x > 3, out=tw.zeros_like(x))
        assert masked.tolist() == np.where(x.numpy() > 3, x.numpy() + 1, 0).tolist()


def test_modes_change_between_calls() -> None:
    x = numbers(4)
    staged = tw.jit(lambda x: tw.exp(x).sum())
    for _ in range(3):
        plain_result = tw.exp(x)
        assert plain_result._node is None
        x.requires_grad = True
        taped = tw.exp(x)
        assert taped._node is not None and taped.tolist() == plain_result.tolist()
        with tw.no_grad():
            assert tw.exp(x)._node is None
        assert abs(staged(x).item() - plain_result.sum().item()) < 1e-3
        taped.sum().backward()
        assert np.allclose(x.grad.numpy(), plain_result.numpy(), rtol=1e-6)
        x.grad = None
        x.requires_grad = False
        assert tw.exp(x)._node is None


def test_gradients_of_gradients_and_views() -> None:
    x = numbers(3, 3, dtype="float64").requires_grad_()
    for _ in range(3):
        grad = tw.grad(lambda x: (tw.grad(lambda y: (y.T @ y * y[0]).sum())(x) ** 2).sum())(x)
        (x.T.reshape(9)[2:5] * 2).sum().backward()
        wanted = np.zeros(9)
        wanted[2:5] = 2
        assert x.grad.numpy().T.ravel().tolist() == wanted.tolist()
        x.grad = None
    y = x.detach().numpy()

    def inner(y: Any) -> Any:
        return tw.grad(lambda y: (y.T @ y * y[0]).sum())(tw.asarray(y)).numpy()

    step, numeric = 1e-5, np.zeros((3, 3))
    for i, j in itertools.product(range(3), repeat=2):
        moved = np.zeros((3, 3))
        moved[i, j] = step
        numeric[i, j] = ((inner(y + moved) ** 2).sum() - (inner(y - moved) ** 2).sum()) / (2 * step)
    assert np.allclose(grad.numpy(), numeric, rtol=1e-5)


def test_a_write_between_forward_and_backward_spoils_nothing() -> None:
    for _ in range(4):
        w = numbers(3).requires_grad_()
        x = numbers(3, start=2)
        before = x.numpy().tolist()
        loss = (w * x).sum()
        x += 100
        x[0] = -1.0
        loss.backward()
        assert w.grad.tolist() == before


@pytest.mark.parametrize(
    "copied", [tw.array, tw.copy, lambda x: tw.roll(x, 0), lambda x: tw.array(x, "float64")]
)
@pytest.mark.parametrize("made", [lambda x: x, lambda x: x * 1.0, lambda x: x[::-1]])
def test_gradients_pass_copies_which_may_be_written_to(copied: Any, made: Any) -> None:
    for _ in range(4):
        x = tw.array([1.0, 2.0, 3.0]).requires_grad_()
        y = copied(made(x))
        y[1] = 7.0
        (y * 2).sum().backward()
        assert x.grad.tolist() == [2, 0, 2] and x.tolist() == [1, 2, 3]


def test_a_long_tape_is_dropped_without_recursion() -> None:
    x = numbers(2).requires_grad_()
    for _ in range(3):
        y = x
        for _ in range(60_000):
            y = -y
        y.sum().backward()
        del y
    assert x.grad.tolist() == [3.0, 3.0]


def test_two_threads_at_once() -> None:
    large = tw.asarray(np.random.default_rng(0).random((600, 500)))
    wanted = (np.exp(large.numpy()) + large.numpy()).sum(axis=0)
    wrong: list[str] = []

    def work(seed: int) -> None:
        for i in range(40):
            small = numbers(4 + (i + seed) % 5)
            if tw.exp(small).tolist() != tw.exp._slow(small).tolist():
                wrong.append(f"small {i}")
            if not np.allclose(tnp.add(tw.exp(large), large).sum(axis=0).numpy(), wanted):
                wrong.append(f"large {i}")
            if i % 10 == seed:
                tw.exp._forget()

    threads = [threading.Thread(target=work, args=(seed,)) for seed in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def test_functions_remain_functions() -> None:
    import inspect

    for name, function in DISPATCHED.items():
        assert function.__doc__ and inspect.signature(function) == inspect.signature(
            function.__wrapped__
        )
        assert pickle.loads(pickle.dumps(function)) is function, name
    assert str(inspect.signature(tw.Array.sum)).startswith("(self, axis")
    assert tw.Array.sum.__doc__ == "The sum over `axis`."
    for name, ufunc in UFUNCS.items():
        assert pickle.loads(pickle.dumps(ufunc)) is ufunc, name
    bound = numbers(3).sum
    assert bound().item() == 6 and tw.Array.sum(numbers(3)).item() == 6
