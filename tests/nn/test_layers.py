"""Layers against NumPy's formulas, eager and staged, with PyTorch as a second oracle."""

import math

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn

ERF = np.vectorize(math.erf)
ACTIVATIONS = {
    nn.ReLU: lambda x: np.maximum(x, 0),
    nn.Tanh: np.tanh,
    nn.Sigmoid: lambda x: 1 / (1 + np.exp(-x)),
    nn.GELU: lambda x: x * 0.5 * (1 + ERF(x / math.sqrt(2))),
}


def both(layer, *inputs):
    """The result of a layer, which must be the same eagerly and staged."""
    eager = layer(*inputs).numpy()
    staged = tw.jit(lambda *a: layer(*a))(*inputs).numpy()
    np.testing.assert_allclose(staged, eager, rtol=2e-6, atol=2e-6)
    return eager


@pytest.mark.parametrize("kind", ACTIVATIONS, ids=lambda k: k.__name__)
def test_activations(kind, rng):
    x = rng.standard_normal((3, 37)).astype(np.float32)
    expected = ACTIVATIONS[kind](x.astype(np.float64))
    np.testing.assert_allclose(both(kind(), tw.asarray(x)), expected, rtol=2e-6, atol=1e-6)


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("lead", [(), (5,), (2, 3)])
def test_linear(lead, bias, rng):
    layer = nn.Linear(7, 4, bias=bias)
    x = rng.standard_normal((*lead, 7)).astype(np.float32)
    if not lead:
        x = x.reshape(1, 7)
    expected = x.astype(np.float64) @ layer.weight.numpy().astype(np.float64)
    if bias:
        expected = expected + layer.bias.numpy()
    np.testing.assert_allclose(both(layer, tw.asarray(x)), expected, rtol=1e-5, atol=1e-6)


def test_linear_starts_as_pytorch_does():
    layer = nn.Linear(100, 2000)
    bound = 1 / math.sqrt(100)
    for p in layer.parameters():
        values = p.numpy()
        assert values.dtype == np.float32
        assert np.abs(values).max() <= bound
        assert abs(values.std() - bound / math.sqrt(3)) < 0.05 * bound
        assert abs(values.mean()) < 0.05 * bound
    tw.seed(5)
    first = nn.Linear(3, 3).weight.numpy()
    tw.seed(5)
    assert np.array_equal(first, nn.Linear(3, 3).weight.numpy())


def test_linear_names_a_wrong_size():
    with pytest.raises(tw.ShapeError, match=r"Linear: got an input \(2, 4\).*must be 3"):
        nn.Linear(3, 2)(tw.ones((2, 4), dtype="float32"))


def test_linear_gradients_against_pytorch(torch, rng):
    x = rng.standard_normal((6, 5)).astype(np.float32)
    ours, theirs = nn.Linear(5, 3), torch.nn.Linear(5, 3)
    with torch.no_grad():
        theirs.weight.copy_(torch.from_numpy(ours.weight.numpy().T.copy()))
        theirs.bias.copy_(torch.from_numpy(ours.bias.numpy().copy()))
    (ours(tw.asarray(x)) ** 2).sum().backward()
    (theirs(torch.from_numpy(x)) ** 2).sum().backward()
    np.testing.assert_allclose(ours.weight.grad.numpy(), theirs.weight.grad.numpy().T, rtol=1e-4)
    np.testing.assert_allclose(ours.bias.grad.numpy(), theirs.bias.grad.numpy(), rtol=1e-4)


def test_layer_norm(rng):
    layer = nn.LayerNorm(33)
    x = rng.standard_normal((4, 5, 33)).astype(np.float32) * 3 + 1
    with tw.no_grad():
        layer.weight[...] = tw.asarray(rng.standard_normal(33).astype(np.float32))
        layer.bias[...] = tw.asarray(rng.standard_normal(33).astype(np.float32))
    wide = x.astype(np.float64)
    centred = wide - wide.mean(-1, keepdims=True)
    expected = centred / np.sqrt(wide.var(-1, keepdims=True) + 1e-5)
    expected = expected * layer.weight.numpy() + layer.bias.numpy()
    np.testing.assert_allclose(both(layer, tw.asarray(x)), expected, rtol=1e-5, atol=1e-5)
    with pytest.raises(tw.ShapeError, match="its last size must be 33"):
        layer(tw.ones((2, 3), dtype="float32"))


def test_embedding_and_its_gradient(rng):
    layer = nn.Embedding(10, 4)
    indices = np.array([[1, 1], [9, 0]])
    assert np.array_equal(both(layer, tw.asarray(indices)), layer.weight.numpy()[indices])
    layer(tw.asarray(indices)).sum().backward()
    expected = np.zeros((10, 4), np.float32)
    np.add.at(expected, indices.reshape(-1), 1)
    assert np.array_equal(layer.weight.grad.numpy(), expected)


def test_flatten():
    x = tw.zeros((2, 3, 4, 5))
    assert nn.Flatten()(x).shape == (2, 60)
    assert nn.Flatten(2)(x).shape == (2, 3, 20)
    assert nn.Flatten(0)(x).shape == (120,)
    with pytest.raises(tw.ShapeError, match="Flatten"):
        nn.Flatten(2)(tw.zeros((2, 3)))


def test_bfloat16_linear_computes_in_its_own_type(rng):
    layer = nn.Linear(8, 3, dtype="bfloat16")
    y = layer(tw.ones((2, 8), dtype="bfloat16"))
    assert y.dtype == tw.bfloat16
    expected = layer.weight.numpy().astype(np.float32).sum(0)
    expected += layer.bias.numpy().astype(np.float32)
    np.testing.assert_allclose(y.numpy().astype(np.float32)[0], expected, rtol=2e-2, atol=1e-2)


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
@pytest.mark.parametrize("p", [0.1, 0.5, 0.9])
def test_dropout_statistics(p, staged):
    layer = nn.Dropout(p)
    f = tw.jit(lambda x: layer(x)) if staged else layer
    x = tw.ones((40_000,), dtype="float32")
    first, second = f(x).numpy(), f(x).numpy()
    assert set(np.unique(first)) == {np.float32(0), np.float32(np.float32(1.0) / (1 - p))}
    # Six standard deviations of a mean of 40,000 draws.
    assert abs((first == 0).mean() - p) < 6 * math.sqrt(p * (1 - p) / 40_000)
    both_kept = ((first != 0) & (second != 0)).mean()
    assert abs(both_kept - (1 - p) ** 2) < 0.02  # each call draws anew


def test_dropout_is_the_same_eagerly_and_staged_from_one_seed():
    layer = nn.Dropout(0.3)
    x = tw.ones((999,), dtype="float32")
    tw.seed(11)
    eager = [layer(x).numpy() for _ in range(3)]
    tw.seed(11)
    f = tw.jit(lambda x: layer(x))
    for expected in eager:
        assert np.array_equal(f(x).numpy(), expected)


def test_dropout_gradient_uses_the_same_mask():
    x = tw.ones((500,), dtype="float32").requires_grad_()
    y = nn.Dropout(0.5)(x)
    y.sum().backward()
    assert np.array_equal(x.grad.numpy(), y.detach().numpy())


def test_dropout_edges():
    x = tw.ones((5,), dtype="float32")
    assert nn.Dropout(0.0)(x).tolist() == [1.0] * 5
    assert nn.Dropout(1.0)(x).tolist() == [0.0] * 5
    assert nn.Dropout(1.0).eval()(x).tolist() == [1.0] * 5
    with pytest.raises(ValueError, match="got p=1.5"):
        nn.Dropout(1.5)
