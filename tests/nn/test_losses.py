"""Losses against NumPy's formulas and PyTorch, with their gradients."""

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn

REDUCE = {"mean": np.mean, "sum": np.sum, "none": lambda x: x}


def log_softmax(x):
    shifted = x - x.max(1, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(1, keepdims=True))


@pytest.fixture(params=[(9, 10), (1, 3), (4, 7, 5), (2, 1)], ids=str)
def scores(request, rng):
    shape = request.param
    x = rng.standard_normal(shape).astype(np.float32) * 4
    return x, rng.integers(0, shape[1], (shape[0], *shape[2:]))


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
@pytest.mark.parametrize("reduction", REDUCE)
def test_cross_entropy_and_nll(scores, reduction, staged):
    x, y = scores
    logs = log_softmax(x.astype(np.float64))
    expected = REDUCE[reduction](-np.take_along_axis(logs, y[:, None], 1)[:, 0])
    losses = {
        nn.cross_entropy: tw.asarray(x),
        nn.nll_loss: tw.asarray(logs.astype(np.float32)),
    }
    for loss, given in losses.items():
        f = lambda a, b, loss=loss: loss(a, b, reduction=reduction)  # noqa: E731
        found = (tw.jit(f) if staged else f)(given, tw.asarray(y))
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("staged", [False, True], ids=["eager", "staged"])
def test_cross_entropy_gradient(scores, staged):
    x, y = scores
    probabilities = np.exp(log_softmax(x.astype(np.float64)))
    expected = (probabilities - np.moveaxis(np.eye(x.shape[1])[y], -1, 1)) / y.size
    gradient = tw.grad(nn.cross_entropy)
    found = (tw.jit(gradient) if staged else gradient)(tw.asarray(x), tw.asarray(y))
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-5, atol=1e-6)


def test_cross_entropy_against_pytorch(torch, rng):
    x, y = rng.standard_normal((32, 10)).astype(np.float32), rng.integers(0, 10, 32)
    theirs = torch.nn.functional.cross_entropy(torch.from_numpy(x), torch.from_numpy(y))
    ours = nn.cross_entropy(tw.asarray(x), tw.asarray(y))
    assert ours.item() == pytest.approx(theirs.item(), rel=1e-6)


def test_cross_entropy_stays_finite_for_extreme_logits():
    x = tw.asarray(np.array([[1e4, -1e4, 0.0], [-np.inf, 0.0, 0.0]], np.float32))
    value, gradient = tw.value_and_grad(nn.cross_entropy)(x, tw.asarray([0, 1]))
    assert value.item() == pytest.approx(np.log(2) / 2, rel=1e-6)
    assert np.isfinite(gradient.numpy()).all()


def test_targets_of_other_integer_types_and_lists():
    x = tw.asarray(np.eye(3, dtype=np.float32))
    expected = nn.cross_entropy(x, tw.asarray([0, 1, 2])).item()
    assert nn.cross_entropy(x, tw.asarray(np.array([0, 1, 2], np.uint8))).item() == expected
    assert nn.cross_entropy(x, [0, 1, 2]).item() == expected


@pytest.mark.parametrize("label", [-1, 3])
def test_a_label_out_of_range(label):
    x, y = tw.zeros((2, 3), dtype="float32"), tw.asarray([0, label])
    with pytest.raises(tw.BoundsError, match=r"with 3 classes they must be from 0 to 2"):
        nn.cross_entropy(x, y)
    # A staged program cannot raise; it does not pass over the mistake in silence either.
    assert np.isnan(tw.jit(nn.cross_entropy)(x, y).item())


def test_wrong_targets_are_named():
    x = tw.zeros((2, 3), dtype="float32")
    with pytest.raises(tw.ShapeError, match=r"scores \(2, 3\) and targets \(3,\)"):
        nn.cross_entropy(x, tw.asarray([0, 1, 2]))
    with pytest.raises(tw.DTypeError, match="float32 scores and float64 targets"):
        nn.cross_entropy(x, tw.asarray([0.0, 1.0]))
    with pytest.raises(ValueError, match="reduction='average'"):
        nn.cross_entropy(x, tw.asarray([0, 1]), reduction="average")


@pytest.mark.parametrize("reduction", REDUCE)
def test_mse(reduction, rng):
    a, b = (rng.standard_normal((4, 5)).astype(np.float32) for _ in range(2))
    found = nn.mse_loss(tw.asarray(a), tw.asarray(b), reduction=reduction).numpy()
    np.testing.assert_allclose(found, REDUCE[reduction]((a - b) ** 2), rtol=1e-5)
    with pytest.raises(tw.ShapeError, match=r"input \(4, 5\) and a target \(5,\)"):
        nn.mse_loss(tw.asarray(a), tw.asarray(b[0]))
    with pytest.raises(ValueError, match="reduction='max'"):
        nn.mse_loss(tw.asarray(a), tw.asarray(b), reduction="max")
