"""Losses of `tw.nn.functional` beside PyTorch's: values and gradients, eager and staged; errors."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilewright as tw

F = tw.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def theirs() -> Any:
    return pytest.importorskip("torch").nn.functional


def agree(name: str, theirs: Any, *arrays: Any, **options: Any) -> None:
    """Value and gradient of the first array, eagerly and staged, in float64 beside PyTorch."""
    torch = pytest.importorskip("torch")
    tensors = [torch.from_numpy(x) for x in arrays]
    tensors[0].requires_grad_()
    there = {k: torch.from_numpy(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}
    expected = getattr(theirs, name)(*tensors, **there)
    expected.sum().backward()
    here = {k: tw.asarray(v) if isinstance(v, np.ndarray) else v for k, v in options.items()}

    def ours(*xs: tw.Array) -> tuple[tw.Array, tw.Array]:
        loss, pull = tw.vjp(lambda x: getattr(F, name)(x, *xs[1:], **here), xs[0])
        return loss, pull(tw.ones_like(loss))[0]

    given = [tw.asarray(x) for x in arrays]
    for f in (ours, tw.jit(ours)):
        loss, slope = f(*given)
        np.testing.assert_allclose(loss.numpy(), expected.detach().numpy(), 1e-9, 1e-12)
        np.testing.assert_allclose(slope.numpy(), tensors[0].grad.numpy(), 1e-9, 1e-12)


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


CLASSES = [
    ((6,), {}),
    ((5, 4), {"reduction": "none"}),
    ((5, 4), {"label_smoothing": 0.1}),
    ((5, 4), {"weight": np.array([0.5, 1.0, 2.0, 0.1]), "label_smoothing": 0.2}),
    ((5, 4), {"weight": np.array([0.5, 1.0, 2.0, 0.1]), "ignore_index": 1}),
    ((2, 3, 4, 2), {"ignore_index": 2, "reduction": "mean"}),
    ((2, 3, 4), {"reduction": "sum", "weight": np.array([0.5, 1.0, 2.0])}),
]


@pytest.mark.parametrize(("shape", "options"), CLASSES)
def test_class_numbers(theirs: Any, shape: tuple[int, ...], options: dict[str, Any]) -> None:
    n = shape[0] if len(shape) == 1 else shape[1]
    target = RNG.integers(0, n, () if len(shape) == 1 else (shape[0], *shape[2:]))
    agree("cross_entropy", theirs, normal(*shape), np.asarray(target), **options)
    if "label_smoothing" not in options:
        agree("nll_loss", theirs, -np.abs(normal(*shape)), np.asarray(target), **options)


def test_probabilities_of_classes(theirs: Any) -> None:
    target = np.abs(normal(4, 5))
    target /= target.sum(1, keepdims=True)
    for options in (
        {},
        {"label_smoothing": 0.3},
        {"weight": np.arange(1.0, 6)},
        {"reduction": "none"},
    ):
        agree("cross_entropy", theirs, normal(4, 5), target, **options)


POINTWISE: list[tuple[str, dict[str, Any]]] = [
    ("mse_loss", {}),
    ("l1_loss", {"reduction": "sum"}),
    ("smooth_l1_loss", {"beta": 0.5}),
    ("smooth_l1_loss", {"beta": 0.0}),
    ("huber_loss", {"delta": 0.7, "reduction": "none"}),
    ("kl_div", {"reduction": "batchmean"}),
    ("kl_div", {"log_target": True, "reduction": "sum"}),
    ("binary_cross_entropy_with_logits", {}),
    ("binary_cross_entropy_with_logits", {"weight": np.array([1.0, 2.0, 0.5]), "reduction": "sum"}),
    ("binary_cross_entropy_with_logits", {"pos_weight": np.array([3.0, 0.2, 1.0])}),
]


@pytest.mark.parametrize(("name", "options"), POINTWISE)
def test_one_target_an_element(theirs: Any, name: str, options: dict[str, Any]) -> None:
    x, target = normal(4, 3) * 2, RNG.uniform(0.0, 1.0, (4, 3))
    x[0, 0] = target[1, 1] = 0.0
    agree(name, theirs, x, target, **options)


def test_probabilities_of_two(theirs: Any) -> None:
    x, target = RNG.uniform(0.01, 0.99, (4, 3)), RNG.uniform(0.0, 1.0, (4, 3))
    agree("binary_cross_entropy", theirs, x, target, weight=np.array([1.0, 2.0, 0.5]))
    sure = F.binary_cross_entropy(tw.asarray([0.0, 1.0]), tw.asarray([1.0, 1.0]), reduction="none")
    np.testing.assert_allclose(sure.numpy(), [100.0, 0.0])


def test_far_logits_stay_finite() -> None:
    x = tw.asarray(np.array([1e4, -1e4, 1e4], np.float32))
    target = tw.asarray(np.array([1.0, 0.0, 0.0], np.float32))
    loss = F.binary_cross_entropy_with_logits(x, target, reduction="none")
    np.testing.assert_allclose(loss.numpy(), [0.0, 0.0, 1e4])


def test_what_is_refused_says_why() -> None:
    x = tw.zeros((4, 3))
    with pytest.raises(tw.ShapeError, match=r"weight \(2,\) for scores \(4, 3\)"):
        F.cross_entropy(x, tw.asarray([0, 1, 2, 0]), tw.ones((2,)))
    with pytest.raises(ValueError, match="label_smoothing=2"):
        F.cross_entropy(x, tw.asarray([0, 1, 2, 0]), label_smoothing=2)
    with pytest.raises(tw.BoundsError, match=r"from 0 to 2, or -100 \(ignore_index\)"):
        F.nll_loss(x, tw.asarray([0, 1, 2, 3]))
    with pytest.raises(tw.ShapeError, match="must be equal"):
        F.huber_loss(x, tw.zeros((3,)))
    with pytest.raises(ValueError, match="delta=0"):
        F.huber_loss(x, x, delta=0)
    with pytest.raises(tw.ShapeError, match="does not fit"):
        F.binary_cross_entropy(x, x, tw.ones((2, 4, 3)))
    with pytest.raises(ValueError, match="reduction='most'"):
        F.kl_div(x, x, "most")
