"""Dropout, tables, padding and lengths of `tw.nn.functional`, and the norms' layers, beside
PyTorch's."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

import tilewright as tw

F = tw.nn.functional
RNG = np.random.default_rng(0)


@pytest.fixture(scope="module")
def torch() -> Any:
    return pytest.importorskip("torch")


def normal(*shape: int) -> Any:
    return RNG.standard_normal(shape)


def test_dropout() -> None:
    x = tw.ones((50, 40), dtype="float32")
    tw.seed(0)
    dropped = F.dropout(x, 0.25).numpy()
    assert set(np.unique(dropped)) == {np.float32(0), np.float32(4 / 3)}
    assert 0.2 < (dropped == 0).mean() < 0.3
    staged = tw.jit(lambda x: F.dropout(x, 0.25))
    assert (staged(x).numpy() != staged(x).numpy()).any()
    assert F.dropout(x, 0.25, training=False) is x
    assert not F.dropout(x, 1.0).numpy().any()
    with pytest.raises(ValueError, match="p=1.5"):
        F.dropout(x, 1.5)


def test_embedding(torch: Any) -> None:
    weight, at = normal(5, 3), np.array([[0, 2], [4, 2]])
    table = torch.from_numpy(weight).requires_grad_()
    expected = torch.nn.functional.embedding(torch.from_numpy(at), table, padding_idx=2)
    (expected**2).sum().backward()

    def loss(w: tw.Array) -> tw.Array:
        return (F.embedding(tw.asarray(at), w, padding_idx=2) ** 2).sum()

    for f in (tw.grad(loss), tw.jit(tw.grad(loss))):
        np.testing.assert_allclose(f(tw.asarray(weight)).numpy(), table.grad.numpy())
    with pytest.raises(tw.BoundsError, match="padding_idx=5 for 5 rows"):
        F.embedding(tw.asarray(at), tw.asarray(weight), padding_idx=5)


def test_one_hot(torch: Any) -> None:
    at = np.array([[0, 2], [3, 2]])
    for n in (-1, 6):
        expected = torch.nn.functional.one_hot(torch.from_numpy(at), n).numpy()
        np.testing.assert_array_equal(F.one_hot(tw.asarray(at), n).numpy(), expected)
    staged = tw.jit(lambda x: F.one_hot(x, 4))
    np.testing.assert_array_equal(staged(tw.asarray(at)).numpy(), np.eye(4)[at])
    with pytest.raises(tw.BoundsError, match="from 0 to 2"):
        F.one_hot(tw.asarray(at), 3)
    with pytest.raises(ValueError, match="num_classes must be given in a staged program"):
        tw.jit(F.one_hot)(tw.asarray(at))


@pytest.mark.parametrize(
    ("widths", "options"),
    [
        ((1, 2), {}),
        ((1, -2, -1, 3), {"value": 5.0}),
        ((2, 1, 1, 2), {"mode": "reflect"}),
        ((2, 1), {"mode": "replicate"}),
        ((2, 3), {"mode": "circular"}),
    ],
)
def test_pad(torch: Any, widths: tuple[int, ...], options: dict[str, Any]) -> None:
    x = normal(2, 4, 5)
    expected = torch.nn.functional.pad(torch.from_numpy(x), widths, **options).numpy()
    f = lambda x: F.pad(x, widths, **options)  # noqa: E731
    for call in (f, tw.jit(f)):
        np.testing.assert_array_equal(call(tw.asarray(x)).numpy(), expected)


def test_what_pad_refuses() -> None:
    x = tw.zeros((2, 3))
    with pytest.raises(ValueError, match="mode='edge'"):
        F.pad(x, (1, 1), "edge")
    with pytest.raises(ValueError, match="they are pairs"):
        F.pad(x, (1, 1, 1))
    with pytest.raises(tw.ShapeError, match="no axis has so many"):
        F.pad(x, (-2, -2))
    with pytest.raises(ValueError, match="none may be negative"):
        F.pad(x, (-1, 1), "reflect")


@pytest.mark.parametrize("p", [1.0, 2.0, 3.0, float("inf")])
def test_normalize(torch: Any, p: float) -> None:
    x = normal(3, 5)
    x[1] = 0.0
    expected = torch.nn.functional.normalize(torch.from_numpy(x), p, dim=1).numpy()
    np.testing.assert_allclose(F.normalize(tw.asarray(x), p, dim=1).numpy(), expected, 1e-12)
    if p == 2.0:
        slope = tw.grad(lambda x: F.normalize(x).sum())(tw.asarray(x)).numpy()
        assert np.isfinite(slope).all()


def test_cosine_similarity(torch: Any) -> None:
    a, b = normal(3, 5), normal(1, 5)
    expected = torch.nn.functional.cosine_similarity(torch.from_numpy(a), torch.from_numpy(b))
    found = F.cosine_similarity(tw.asarray(a), tw.asarray(b))
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-12)


@pytest.mark.parametrize("size", [1, 2, 5])
def test_local_response_norm(torch: Any, size: int) -> None:
    x = normal(2, 7, 3)
    expected = torch.nn.functional.local_response_norm(torch.from_numpy(x), size, 0.3, 0.6, 2.0)
    found = F.local_response_norm(tw.asarray(x), size, 0.3, 0.6, 2.0)
    np.testing.assert_allclose(found.numpy(), expected.numpy(), 1e-12)


LAYERS: list[tuple[str, tuple[Any, ...], dict[str, Any], tuple[int, ...]]] = [
    ("BatchNorm1d", (3,), {}, (4, 3)),
    ("BatchNorm1d", (3,), {"momentum": None}, (4, 3, 5)),
    ("BatchNorm2d", (3,), {"affine": False}, (2, 3, 4, 5)),
    ("BatchNorm3d", (3,), {"track_running_stats": False}, (2, 3, 2, 2, 2)),
    ("InstanceNorm1d", (3,), {"affine": True}, (3, 5)),
    ("InstanceNorm2d", (3,), {"track_running_stats": True}, (2, 3, 4, 5)),
    ("InstanceNorm3d", (3,), {}, (2, 3, 2, 2, 3)),
    ("GroupNorm", (2, 4), {}, (3, 4, 5)),
    ("RMSNorm", ((4, 5),), {}, (3, 4, 5)),
]


@pytest.mark.parametrize(("name", "args", "options", "shape"), LAYERS)
def test_layers(torch: Any, name: str, args: Any, options: dict[str, Any], shape: Any) -> None:
    """Two steps of training, then evaluation; the same names of weights and statistics."""
    ours = getattr(tw.nn, name)(*args, **options)
    theirs = getattr(torch.nn, name)(*args, **options)
    assert set(ours.state_dict()) == set(theirs.state_dict())
    step = tw.jit(ours)
    for call in (ours, step):
        x = RNG.standard_normal(shape).astype(np.float32)
        expected = theirs(torch.from_numpy(x)).detach().numpy()
        np.testing.assert_allclose(call(tw.asarray(x)).numpy(), expected, 1e-4, 1e-5)
    for key, value in theirs.state_dict().items():
        np.testing.assert_allclose(ours.state_dict()[key].numpy(), value.numpy(), 1e-5, 1e-6)
    x = RNG.standard_normal(shape).astype(np.float32)
    expected = theirs.eval()(torch.from_numpy(x)).detach().numpy()
    np.testing.assert_allclose(ours.eval()(tw.asarray(x)).numpy(), expected, 1e-4, 1e-5)


def test_what_layers_refuse() -> None:
    with pytest.raises(tw.ShapeError, match=r"BatchNorm2d: got an input \(2, 3\); it must have 4"):
        tw.nn.BatchNorm2d(3)(tw.zeros((2, 3), dtype="float32"))
    with pytest.raises(ValueError, match="num_groups=3 for num_channels=4"):
        tw.nn.GroupNorm(3, 4)
    with pytest.raises(tw.ShapeError, match=r"must be \(N, 4, ...\)"):
        tw.nn.GroupNorm(2, 4)(tw.zeros((2, 3), dtype="float32"))
