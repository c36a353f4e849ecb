"""The whole way through the house in a few seconds. `make test` runs this file first."""

from __future__ import annotations

import numpy as np

import tilewright as tw


def test_eager_array_code() -> None:
    x = np.arange(6, dtype=np.float32).reshape(2, 3)
    a = tw.array(x)
    np.testing.assert_allclose((a * 2 + a.sum(axis=0)).numpy(), x * 2 + x.sum(axis=0))


def test_a_write_to_a_view_reaches_its_base() -> None:
    a = tw.zeros((2, 3))
    row = a[0]
    row += 1
    a[1, 2] = 5
    assert a.tolist() == [[1, 1, 1], [0, 0, 5]]


def test_staged_chain_is_one_kernel(rng: np.random.Generator) -> None:
    x, y = rng.uniform(0.5, 2, (2, 1000)).astype(np.float32)
    f = tw.jit(lambda x, y: tw.tanh(x * y + x) * tw.exp(-y) + tw.log(x))
    expected = np.tanh(x * y + x) * np.exp(-y) + np.log(x)
    np.testing.assert_allclose(f(tw.array(x), tw.array(y)).numpy(), expected, rtol=1e-5, atol=1e-6)


def test_matmul_of_odd_sizes(rng: np.random.Generator) -> None:
    a = rng.standard_normal((37, 65), dtype=np.float32)
    b = rng.standard_normal((65, 19), dtype=np.float32)
    for f in (lambda a, b: a @ b, tw.jit(lambda a, b: a @ b)):
        np.testing.assert_allclose(f(tw.array(a), tw.array(b)).numpy(), a @ b, rtol=1e-4, atol=1e-4)


def test_gradient_eager_and_staged() -> None:
    x = tw.array([1.0, 2.0, 3.0], dtype=tw.float32)
    x.requires_grad = True
    (x * x).sum().backward()
    np.testing.assert_allclose(x.grad.numpy(), [2, 4, 6])
    staged = tw.jit(tw.grad(lambda x: (x * x * x).sum()))
    np.testing.assert_allclose(staged(tw.array([1.0, 2.0])).numpy(), [3, 12], rtol=1e-6)


def test_a_training_step_lowers_the_loss(rng: np.random.Generator) -> None:
    tw.seed(0)
    model = tw.nn.Sequential(tw.nn.Linear(8, 16), tw.nn.ReLU(), tw.nn.Linear(16, 2))
    optimiser = tw.nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
    inputs = rng.standard_normal((32, 8), dtype=np.float32)
    x, labels = tw.array(inputs), tw.array((inputs[:, 0] > 0).astype(np.int64))

    @tw.jit
    def step(x: tw.Array, labels: tw.Array) -> tw.Array:
        optimiser.zero_grad()
        loss = tw.nn.cross_entropy(model(x), labels)
        loss.backward()
        optimiser.step()
        return loss

    losses = [step(x, labels).item() for _ in range(20)]
    assert losses[-1] < 0.5 * losses[0]
