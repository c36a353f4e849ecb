"""Normalisations of `tw.nn.functional` beside PyTorch's: values, gradients, running statistics."""

import numpy as np
import pytest

import tilewright as tw

F = tw.nn.functional

CASES = {
    "layer_norm": ((3, 4, 5), ((4, 5),), {"weight": (4, 5), "bias": (4, 5)}),
    "rms_norm": ((6, 17), ((17,),), {"weight": (17,)}),
    "group_norm": ((3, 6, 2, 5), (3,), {"weight": (6,), "bias": (6,)}),
    "instance_norm": ((3, 4, 2, 9), (), {"weight": (4,), "bias": (4,)}),
    "batch_norm": ((5, 3, 4, 7), (None, None), {"weight": (3,), "bias": (3,)}),
    "local_response_norm": ((2, 5, 3), (3, 0.5, 0.6, 2.0), {}),
}
MORE = {"batch_norm": {"training": True}}


def test_every_norm_has_a_case():
    assert {n for n in F.__all__ if n.endswith("_norm")} == set(CASES)


@pytest.mark.parametrize("name", CASES)
@pytest.mark.parametrize("staged", [False, True])
def test_value_and_gradients_equal_those_of_torch(name, staged):
    torch = pytest.importorskip("torch")
    shape, more, shapes = CASES[name]
    rng = np.random.default_rng(5)
    arrays = [rng.normal(1, 3, s) for s in (shape, *shapes.values())]
    cotangent = rng.normal(size=shape)
    extra = MORE.get(name, {})

    def pulled(*given):
        def apply(x, *parameters):
            return getattr(F, name)(x, *more, **dict(zip(shapes, parameters, strict=True)), **extra)

        y, pull = tw.vjp(apply, *given)
        return y, *pull(tw.asarray(cotangent))

    found = (tw.jit(pulled) if staged else pulled)(*map(tw.asarray, arrays))
    theirs = [torch.tensor(a, requires_grad=True) for a in arrays]
    named = dict(zip(shapes, theirs[1:], strict=True))
    y = getattr(torch.nn.functional, name)(theirs[0], *more, **named, **extra)
    expected = (y, *torch.autograd.grad(y, theirs, torch.tensor(cotangent)))
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(np.asarray(a), b.detach().numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("name", ["batch_norm", "instance_norm"])
@pytest.mark.parametrize("staged", [False, True])
def test_running_statistics_change_in_place_as_those_of_torch(name, staged):
    torch = pytest.importorskip("torch")
    rng = np.random.default_rng(6)
    x, m, v = rng.normal(2, 3, (4, 3, 5)), rng.normal(size=3), rng.uniform(1, 2, 3)
    mean, var = tw.asarray(m, copy=True), tw.asarray(v, copy=True)
    flags = {"training": True} if name == "batch_norm" else {}

    def step(a):
        return getattr(F, name)(a, mean, var, momentum=0.3, **flags)

    (tw.jit(step) if staged else step)(tw.asarray(x))
    theirs = torch.tensor(m), torch.tensor(v)
    getattr(torch.nn.functional, name)(torch.tensor(x), *theirs, momentum=0.3, **flags)
    for ours, other in zip((mean, var), theirs, strict=True):
        np.testing.assert_allclose(np.asarray(ours), other.numpy(), rtol=1e-10)
    flags = {"training": False} if name == "batch_norm" else {"use_input_stats": False}
    found = getattr(F, name)(tw.asarray(x), mean, var, **flags)
    expected = getattr(torch.nn.functional, name)(torch.tensor(x), *theirs, **flags)
    np.testing.assert_allclose(np.asarray(found), expected.numpy(), rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("axis", [0, 1])
def test_softmax_of_an_empty_axis_is_empty(axis):
    shape = (0, 3) if axis == 0 else (3, 0)
    for of in (F.softmax, F.log_softmax):
        assert of(tw.zeros(shape, dtype="float32"), dim=axis).shape == shape


def test_wrong_arguments_say_what_was_wanted():
    x = tw.ones((2, 6, 3))
    with pytest.raises(tw.ShapeError, match=r"layer_norm: got an input \(2, 6, 3\)"):
        F.layer_norm(x, (6,))
    with pytest.raises(tw.ShapeError, match=r"rms_norm: got a weight \(2,\)"):
        F.rms_norm(x, 3, tw.ones(2))
    with pytest.raises(ValueError, match="group_norm: got num_groups=4 for 6 channels"):
        F.group_norm(x, 4)
    with pytest.raises(tw.ShapeError, match=r"batch_norm: got a bias \(3,\)"):
        F.batch_norm(x, None, None, None, tw.ones(3), training=True)
    with pytest.raises(ValueError, match="batch_norm: got no running statistics"):
        F.batch_norm(x, None, None)
    with pytest.raises(ValueError, match="more than one element a channel"):
        F.batch_norm(tw.ones((1, 3)), None, None, training=True)
