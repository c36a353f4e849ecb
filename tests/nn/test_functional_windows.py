"""Convolutions and pooling of `tw.nn.functional` beside PyTorch's: values, gradients, errors."""

import numpy as np
import pytest

import tilewright as tw

F = tw.nn.functional

# function, shapes of its arrays, other arguments
CASES = {
    "conv1d": ("conv1d", [(2, 3, 9), (4, 3, 3), (4,)], {"padding": 1, "stride": 2}),
    "conv1d no batch": ("conv1d", [(3, 7), (2, 3, 2)], {}),
    "conv2d same": ("conv2d", [(1, 3, 6, 5), (4, 3, 3, 5)], {"padding": "same"}),
    "conv2d 1x1": ("conv2d", [(2, 5, 4, 3), (6, 5, 1, 1), (6,)], {"stride": (2, 1)}),
    "conv2d dilated": ("conv2d", [(2, 2, 9, 9), (3, 2, 3, 3)], {"dilation": 2, "padding": (2, 1)}),
    "conv2d groups": ("conv2d", [(2, 4, 5, 5), (6, 2, 3, 3), (6,)], {"groups": 2, "stride": 2}),
    "conv2d depthwise": ("conv2d", [(1, 5, 7, 7), (5, 1, 3, 3)], {"groups": 5, "padding": 1}),
    # Gradients by weights whose windows are far more than their places are products for each.
    "conv2d wide": ("conv2d", [(2, 3, 14, 13), (4, 3, 3, 3), (4,)], {"padding": 1, "stride": 2}),
    "conv2d wide depthwise": ("conv2d", [(2, 5, 9, 9), (5, 1, 2, 2)], {"groups": 5}),
    "conv3d": ("conv3d", [(1, 2, 4, 3, 5), (3, 2, 2, 2, 3)], {"padding": (0, 1, 1)}),
    "conv_transpose1d": ("conv_transpose1d", [(2, 3, 4), (3, 2, 3), (2,)], {"stride": 2}),
    "conv_transpose2d": (
        "conv_transpose2d",
        [(1, 4, 3, 4), (4, 3, 3, 2), (6,)],
        {"stride": (2, 3), "padding": 1, "output_padding": (1, 0), "groups": 2},
    ),
    "conv_transpose2d dilated": (
        "conv_transpose2d", [(2, 2, 3, 3), (2, 3, 2, 3)], {"dilation": 2, "padding": 1},
    ),
    "conv_transpose3d": ("conv_transpose3d", [(1, 2, 2, 2, 2), (2, 1, 2, 2, 2)], {"stride": 2}),
    "max_pool1d": ("max_pool1d", [(2, 3, 9)], {"kernel_size": 3, "stride": 2, "padding": 1}),
    "max_pool2d": ("max_pool2d", [(2, 3, 8, 7)], {"kernel_size": 3, "stride": 2, "padding": 1}),
    "max_pool2d ceil": ("max_pool2d", [(1, 2, 6, 6)], {"kernel_size": (3, 2), "ceil_mode": True,
                        "dilation": (2, 1), "padding": (1, 1), "stride": 3}),
    "max_pool2d large": ("max_pool2d", [(1, 2, 9, 9)], {"kernel_size": 8, "padding": 2}),
    "max_pool3d": ("max_pool3d", [(1, 2, 4, 4, 4)], {"kernel_size": 2}),
    "avg_pool1d": ("avg_pool1d", [(2, 3, 9)], {"kernel_size": 4, "stride": 3, "padding": 2}),
    "avg_pool2d": ("avg_pool2d", [(2, 8, 7)], {"kernel_size": 3, "padding": 1, "stride": 2,
                   "count_include_pad": False}),
    "avg_pool2d ceil": ("avg_pool2d", [(1, 2, 6, 5)], {"kernel_size": (3, 2), "ceil_mode": True,
                        "padding": (1, 0), "stride": 2}),
    "avg_pool2d divisor": ("avg_pool2d", [(1, 2, 6, 6)], {"kernel_size": 2, "divisor_override": 3}),
    "avg_pool2d large": ("avg_pool2d", [(1, 2, 9, 9)], {"kernel_size": 7}),
    "avg_pool3d": ("avg_pool3d", [(1, 2, 4, 4, 4)], {"kernel_size": 2, "padding": 1}),
    "adaptive_avg_pool1d": ("adaptive_avg_pool1d", [(2, 3, 10)], {"output_size": 4}),
    "adaptive_avg_pool2d": ("adaptive_avg_pool2d", [(2, 3, 7, 6)], {"output_size": (3, None)}),
    "adaptive_avg_pool2d 1": ("adaptive_avg_pool2d", [(3, 7, 6)], {"output_size": 1}),
    "adaptive_avg_pool3d": ("adaptive_avg_pool3d", [(1, 2, 4, 3, 6)], {"output_size": (2, 3, 1)}),
}  # fmt: skip


def arrays(shapes):
    rng = np.random.default_rng(5)
    return [rng.permuted(np.linspace(-2, 2, int(np.prod(s)))).reshape(s) for s in shapes]


def test_every_window_has_a_case():
    wanted = {n for n in F.__all__ if n.startswith(("conv", "max_pool", "avg_pool", "adaptive"))}
    assert wanted == {function for function, _, _ in CASES.values()}


EAGERLY = ("conv2d groups", "conv_transpose2d", "max_pool2d", "avg_pool2d ceil")


@pytest.mark.parametrize(
    ("case", "staged"), [*((c, True) for c in CASES), *((c, False) for c in EAGERLY)]
)
def test_value_and_gradients_equal_those_of_torch(case, staged):
    torch = pytest.importorskip("torch")
    name, shapes, params = CASES[case]
    given = arrays(shapes)
    theirs = [torch.tensor(x, requires_grad=True) for x in given]
    expected = getattr(torch.nn.functional, name)(*theirs, **params)
    slope = np.random.default_rng(6).normal(size=expected.shape)
    (expected * torch.tensor(slope)).sum().backward()

    def run(*xs):
        out = getattr(F, name)(*xs, **params)
        return (out * tw.asarray(slope)).sum(), out

    both = tw.value_and_grad(run, argnums=tuple(range(len(given))), has_aux=True)
    (_, out), gradients = (tw.jit(both) if staged else both)(*map(tw.asarray, given))
    np.testing.assert_allclose(out.numpy(), expected.detach().numpy(), rtol=1e-10, atol=1e-10)
    for ours, other in zip(gradients, theirs, strict=True):
        np.testing.assert_allclose(ours.numpy(), other.grad.numpy(), rtol=1e-10, atol=1e-10)


def test_indices_of_maxima_are_those_of_torch():
    torch = pytest.importorskip("torch")
    (x,) = arrays([(2, 3, 7, 8)])
    params = {"kernel_size": (3, 2), "stride": 2, "padding": 1, "return_indices": True}
    out, places = F.max_pool2d(tw.asarray(x), **params)
    expected, theirs = torch.nn.functional.max_pool2d(torch.tensor(x), **params)
    np.testing.assert_array_equal(out.numpy(), expected.numpy())
    np.testing.assert_array_equal(places.numpy(), theirs.numpy())


def test_the_first_of_equal_maxima_has_the_gradient_and_nan_wins():
    x = tw.array([[[[1.0, 1.0], [1.0, 1.0]]]])
    slope = tw.grad(lambda x: F.max_pool2d(x, 2).sum())(x)
    assert slope.tolist() == [[[[1.0, 0.0], [0.0, 0.0]]]]
    x = tw.array([[[1.0, float("nan"), 2.0, 3.0]]])
    assert np.isnan(F.max_pool1d(x, 2).numpy()).tolist() == [[[True, False]]]


@pytest.mark.parametrize("name", ["conv2d", "conv_transpose2d", "max_pool2d", "avg_pool2d"])
def test_unknown_sizes_and_lanes(name):
    """One program for images of several sizes and numbers; and vmap."""
    weight = tw.asarray(arrays([(3, 3, 3, 3)])[0])
    params = {"stride": 2, "padding": 1}
    if name.startswith("conv"):
        function = lambda x: getattr(F, name)(x, weight, **params)  # noqa: E731
    else:
        function = lambda x: getattr(F, name)(x, 3, **params)  # noqa: E731
    staged = tw.jit(function)
    for shape in ((2, 3, 6, 7), (3, 3, 8, 7), (4, 3, 9, 11), (5, 3, 7, 12)):
        x = tw.asarray(arrays([shape])[0])
        np.testing.assert_allclose(staged(x).numpy(), function(x).numpy(), atol=1e-12)
    x = tw.asarray(arrays([(2, 3, 6, 7)])[0])
    each = np.stack([function(row).numpy() for row in x])
    np.testing.assert_allclose(tw.vmap(function)(x).numpy(), each, atol=1e-12)


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda x, w: F.conv2d(x, w[:, :2]), tw.ShapeError, r"the channels must be groups \* 2"),
        (lambda x, w: F.conv2d(x, w, groups=0), tw.ArgumentError, "groups=0"),
        (lambda x, w: F.conv2d(x, w, padding="full"), tw.ArgumentError, "'same', 'valid' or ints"),
        (lambda x, w: F.conv2d(x, w, padding="same", stride=2), tw.ArgumentError, "must be 1"),
        (lambda x, w: F.conv2d(x, w, stride=(1, 2, 3)), tw.ArgumentError, "an int or 2 of them"),
        (lambda x, w: F.conv2d(x, w, dilation=9), tw.ShapeError, "has 19 elements"),
        (lambda x, w: F.conv2d(x, w, tw.ones(2)), tw.ShapeError, r"bias \(2,\)"),
        (lambda x, w: F.conv2d(x, w.astype("float32")), tw.DTypeError, "must be equal"),
        (lambda x, w: F.conv1d(x, w), tw.ShapeError, r"\(N, C, W\) or"),
        (lambda x, w: F.conv_transpose2d(x, w, output_padding=1), tw.ArgumentError, "smaller"),
        (lambda x, w: F.max_pool2d(x, 2, padding=2), tw.ArgumentError, "at most half"),
        (lambda x, w: F.max_pool2d(x, 9), tw.ShapeError, "window of 9 elements"),
        (lambda x, w: F.avg_pool2d(x.astype("int32"), 2), tw.DTypeError, "means are of floats"),
        (lambda x, w: F.adaptive_avg_pool2d(x, (1, 2, 3)), tw.ArgumentError, "or 2 of them"),
    ],
)
def test_errors_say_what_was_wanted(run, error, message):
    x, w = (tw.asarray(a) for a in arrays([(1, 3, 6, 6), (3, 3, 3, 3)]))
    with pytest.raises(error, match=message):
        run(x, w)
