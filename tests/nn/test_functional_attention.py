"""`scaled_dot_product_attention` beside PyTorch's: values, gradients, masks, odd sizes, errors."""

import numpy as np
import pytest

import tilewright as tw

attend = tw.nn.functional.scaled_dot_product_attention
RNG = np.random.default_rng(7)


def normal(*shape):
    return RNG.normal(size=shape)


def some_hidden(*shape):
    mask = RNG.random(shape) > 0.4
    mask[..., 1, :] = False  # a query that sees nothing
    return mask


# shapes of query, key, value; the mask; further arguments
CASES = {
    "plain": (((2, 3, 5, 4), (2, 3, 7, 4), (2, 3, 7, 6)), None, {}),
    "matrices": (((3, 4), (5, 4), (5, 2)), None, {"scale": 0.3}),
    "causal": (((2, 5, 4), (2, 3, 4), (2, 3, 4)), None, {"is_causal": True}),
    "causal_wide": (((2, 3, 4), (2, 5, 4), (2, 5, 4)), None, {"is_causal": True}),
    "bool_mask": (((2, 2, 3, 4), (2, 2, 5, 4), (2, 2, 5, 4)), some_hidden(3, 5), {}),
    "padding": (((2, 3, 4, 4), (2, 3, 5, 4), (2, 3, 5, 4)), normal(2, 1, 1, 5) > 0, {}),
    "added": (((2, 3, 4, 4), (2, 3, 5, 4), (2, 3, 5, 4)), normal(3, 4, 5), {}),
    "both": (((2, 4, 4), (2, 4, 4), (2, 4, 4)), normal(4, 4), {"is_causal": True}),
    "grouped": (((2, 6, 3, 4), (2, 2, 5, 4), (2, 2, 5, 4)), normal(6, 3, 5), {"enable_gqa": True}),
    "broadcast": (((2, 1, 3, 4), (1, 3, 5, 4), (3, 5, 4)), None, {}),
    "many_axes": (((2, 2, 3, 4, 3), (2, 2, 3, 5, 3), (2, 2, 3, 5, 3)), normal(2, 1, 4, 5), {}),
    "no_keys": (((1, 2, 3, 4), (1, 2, 0, 4), (1, 2, 0, 4)), None, {}),
    "no_queries": (((1, 2, 0, 4), (1, 2, 3, 4), (1, 2, 3, 4)), None, {}),
    "one": (((1, 1, 1, 1), (1, 1, 1, 1), (1, 1, 1, 1)), None, {}),
}


def of_torch(torch, arrays, mask, weights, further):
    theirs = [torch.tensor(x, requires_grad=True) for x in arrays]
    hidden = None if mask is None else torch.tensor(mask)
    if mask is not None and further.get("is_causal"):  # PyTorch takes one of the two
        hidden = hidden + torch.full(mask.shape, -torch.inf).triu(1)
        further = {}
    out = torch.nn.functional.scaled_dot_product_attention(*theirs, hidden, **further)
    (out * torch.tensor(weights(out.shape))).sum().backward()
    return out.detach().numpy(), [x.grad.numpy() for x in theirs]


@pytest.mark.parametrize("case", CASES)
@pytest.mark.parametrize("staged", [False, True])
def test_value_and_gradients_equal_those_of_torch(case, staged):
    torch = pytest.importorskip("torch")
    shapes, mask, further = CASES[case]
    arrays = [normal(*shape) for shape in shapes]

    def weights(shape):
        return np.random.default_rng(1).normal(size=tuple(shape))

    expected, slopes = of_torch(torch, arrays, mask, weights, further)
    hidden = None if mask is None else tw.asarray(mask)

    def loss(q, k, v):
        out = attend(q, k, v, hidden, **further)
        return (out * tw.asarray(weights(out.shape))).sum(), out

    def both(*given):
        return tw.value_and_grad(loss, argnums=(0, 1, 2), has_aux=True)(*given)

    (_, out), found = (tw.jit(both) if staged else both)(*map(tw.asarray, arrays))
    assert out.shape == expected.shape
    np.testing.assert_allclose(out.numpy(), expected, rtol=1e-11, atol=1e-13)
    for ours, theirs in zip(found, slopes, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_narrow_types_are_computed_in_float32(dtype):
    q, k, v = (tw.asarray(normal(2, 3, 40, 16), dtype=dtype) for _ in range(3))
    out = attend(q, k, v, is_causal=True)
    exact = attend(*(x.astype("float64") for x in (q, k, v)), is_causal=True).numpy()
    assert out.dtype == dtype
    error = np.abs(out.astype("float64").numpy() - exact)
    unit = {"float32": 2.0**-23, "float16": 2.0**-11, "bfloat16": 2.0**-8}[dtype]
    # Scores of 16 products are within a few units; values are means of up to 40, at most 4.
    assert error.max() <= {"float32": 16}.get(dtype, 1) * 4 * unit


def test_infinite_and_missing_values_reach_the_rows_that_see_them():
    q, k, v = (normal(1, 1, 4, 4) for _ in range(3))
    q[0, 0, 0, 0], v[0, 0, 1, 2], k[0, 0, 3, 0] = np.nan, np.inf, np.nan
    found = attend(*map(tw.asarray, (q, k, v)), is_causal=True).numpy()[0, 0]
    assert np.isnan(found[0]).all()
    assert np.isinf(found[1:3, 2]).all()
    assert np.isfinite(found[1:3, [0, 1, 3]]).all()
    assert np.isnan(found[3]).all()


def test_dropout_keeps_the_mean_and_draws_from_the_seed():
    q = tw.zeros((1, 1, 64, 4))
    v = tw.ones((1, 1, 512, 4))
    tw.seed(3)
    first = attend(q, tw.zeros((1, 1, 512, 4)), v, dropout_p=0.25).numpy()
    tw.seed(3)
    again = attend(q, tw.zeros((1, 1, 512, 4)), v, dropout_p=0.25).numpy()
    np.testing.assert_array_equal(first, again)
    # The mean of 64 * 512 independent weights: the standard error is 0.58 / 181.
    assert abs(first[..., 0].mean() - 1) < 0.02
    assert first[..., 0].std() > 0.005


def test_one_program_serves_all_lengths_of_keys():
    step = tw.jit(lambda q, k, v: attend(q, k, v))
    for length in (3, 9, 17, 30):
        q, k, v = normal(2, 1, 4), normal(2, length, 4), normal(2, length, 4)
        weights = np.exp(np.einsum("ble,bse->bls", q, k) / 2)
        expected = weights / weights.sum(-1, keepdims=True) @ v
        found = step(*map(tw.asarray, (q, k, v))).numpy()
        np.testing.assert_allclose(found, expected, rtol=1e-12)


@pytest.mark.parametrize(
    ("shapes", "further", "error", "message"),
    [
        (((3, 4), (5, 3), (5, 4)), {}, tw.ShapeError, "they must be"),
        (((4,), (5, 4), (5, 4)), {}, tw.ShapeError, "2 axes or more"),
        (((4, 3, 4), (2, 5, 4), (2, 5, 4)), {}, tw.ShapeError, "scaled_dot_product"),
        (((4, 3, 4), (3, 5, 4), (3, 5, 4)), {"enable_gqa": True}, tw.ShapeError, "4 heads"),
        (((3, 4), (5, 4), (5, 4)), {"dropout_p": 1.5}, ValueError, "dropout_p=1.5"),
    ],
)
def test_wrong_arguments_say_what_was_wanted(shapes, further, error, message):
    with pytest.raises(error, match=message):
        attend(*(tw.asarray(normal(*s)) for s in shapes), **further)


def test_wrong_types_and_masks_say_what_was_wanted():
    x, integers = tw.ones((3, 4)), tw.ones((3, 4), dtype="int32")
    with pytest.raises(tw.DTypeError, match="floats of one type"):
        attend(integers, integers, integers)
    with pytest.raises(tw.DTypeError, match="a mask of int64"):
        attend(x, x, x, tw.ones((3, 3), dtype="int64"))
    with pytest.raises(tw.ShapeError, match="a mask"):
        attend(x, x, x, tw.ones((2, 3, 3), dtype="bool"))
