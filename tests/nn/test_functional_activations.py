"""Activations of `tw.nn.functional` beside PyTorch's, values and gradients."""

import numpy as np
import pytest

import tilewright as tw

F = tw.nn.functional

CASES = {
    "elu": {"alpha": 0.7},
    "gelu": {"approximate": "tanh"},
    "hardsigmoid": {},
    "hardswish": {},
    "hardtanh": {"min_val": -0.5, "max_val": 2.0},
    "leaky_relu": {"negative_slope": 0.2},
    "log_softmax": {"dim": 0},
    "logsigmoid": {},
    "mish": {},
    "relu": {},
    "relu6": {},
    "sigmoid": {},
    "silu": {},
    "softmax": {"dim": 1},
    "softplus": {"beta": 2.0, "threshold": 5.0},
    "tanh": {},
}


def test_every_activation_has_a_case():
    assert set(CASES) | {"linear"} <= set(F.__all__)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("staged", [False, True])
def test_value_and_gradient_equal_those_of_torch(name, staged):
    torch = pytest.importorskip("torch")
    x = np.random.default_rng(3).normal(0, 4, (5, 7))
    x[0, :3] = [40.0, -40.0, 9.0]
    weights = np.random.default_rng(4).normal(size=(5, 7))

    def loss(a):
        return (getattr(F, name)(a, **CASES[name]) * tw.asarray(weights)).sum()

    value_and_grad = tw.value_and_grad(loss)
    value, gradient = (tw.jit(value_and_grad) if staged else value_and_grad)(tw.asarray(x))
    theirs = torch.tensor(x, requires_grad=True)
    expected = (
        getattr(torch.nn.functional, name)(theirs, **CASES[name]) * torch.tensor(weights)
    ).sum()
    expected.backward()
    np.testing.assert_allclose(float(value), expected.item(), rtol=1e-10, atol=1e-12)
    # PyTorch's gradient of hardsigmoid multiplies by a sixth in float32.
    np.testing.assert_allclose(np.asarray(gradient), theirs.grad.numpy(), rtol=1e-7, atol=1e-12)


def test_linear_takes_weights_as_torch_lays_them_out():
    rng = np.random.default_rng(0)
    x, w, b = rng.normal(size=(2, 3, 4)), rng.normal(size=(5, 4)), rng.normal(size=5)
    got = F.linear(tw.asarray(x), tw.asarray(w), tw.asarray(b))
    np.testing.assert_allclose(np.asarray(got), x @ w.T + b, rtol=1e-12)


def test_wrong_arguments_say_what_was_wanted():
    with pytest.raises(tw.ShapeError, match=r"linear: got an input \(2, 3\)"):
        F.linear(tw.ones((2, 3)), tw.ones((4, 5)))
    with pytest.raises(ValueError, match="gelu: got approximate='erf'"):
        F.gelu(tw.ones(3), approximate="erf")
