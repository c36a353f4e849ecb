"""`MultiheadAttention` and `TransformerEncoderLayer` beside PyTorch's, with the same weights."""

import numpy as np
import pytest

import tilewright as tw

RNG = np.random.default_rng(11)


def with_weights_of(layer, theirs):
    layer.load_state_dict({n: p.detach().numpy() for n, p in theirs.state_dict().items()})
    return layer.eval()


def as_torch(torch, x):
    return None if x is None else torch.tensor(x)


def as_ours(x):
    return None if x is None else tw.asarray(x)


MASKS = {
    "none": (None, None),
    "causal": (np.triu(np.ones((5, 5), bool), 1), None),
    "padding": (None, np.arange(5) >= np.array([[3], [5]])),
    "added": (RNG.normal(size=(5, 5)), None),
    "per_head": (RNG.normal(size=(4, 5, 5)), None),
    "mixed": (np.triu(np.full((5, 5), -np.inf), 1), np.where(np.arange(5) > 3, -np.inf, 0.0)),
}


@pytest.mark.parametrize("case", MASKS)
@pytest.mark.parametrize("batch_first", [False, True])
def test_multihead_attention_gives_the_results_of_torch(case, batch_first):
    torch = pytest.importorskip("torch")
    kind = {"batch_first": batch_first, "dtype": torch.float64}
    theirs = torch.nn.MultiheadAttention(6, 2, **kind).eval()
    torch.nn.init.normal_(theirs.in_proj_bias)
    ours = tw.nn.MultiheadAttention(6, 2, batch_first=batch_first, dtype="float64")
    ours = with_weights_of(ours, theirs)
    mask, padding = MASKS[case]
    padding = None if padding is None else np.broadcast_to(padding, (2, 5)).copy()
    x = RNG.normal(size=(2, 5, 6) if batch_first else (5, 2, 6))
    for average in (True, False):
        further = {"average_attn_weights": average}
        masks = {"attn_mask": mask, "key_padding_mask": padding}
        expected = theirs(*[torch.tensor(x)] * 3, **further,
                          **{n: as_torch(torch, m) for n, m in masks.items()})  # fmt: skip
        found = ours(*[tw.asarray(x)] * 3, **further, **{n: as_ours(m) for n, m in masks.items()})
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)
    out, weights = ours(*[tw.asarray(x)] * 3, need_weights=False, attn_mask=as_ours(mask),
                        key_padding_mask=as_ours(padding))  # fmt: skip
    assert weights is None
    np.testing.assert_allclose(out.numpy(), found[0].numpy(), rtol=1e-12, atol=1e-13)


def test_multihead_attention_without_a_batch():
    torch = pytest.importorskip("torch")
    theirs = torch.nn.MultiheadAttention(6, 3, dtype=torch.float64).eval()
    ours = with_weights_of(tw.nn.MultiheadAttention(6, 3, dtype="float64"), theirs)
    q, kv = RNG.normal(size=(4, 6)), RNG.normal(size=(7, 6))
    expected = theirs(*map(torch.tensor, (q, kv, kv)))
    found = ours(*map(tw.asarray, (q, kv, kv)))
    for a, b in zip(found, expected, strict=True):
        assert a.shape == tuple(b.shape)
        np.testing.assert_allclose(a.numpy(), b.detach().numpy(), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("norm_first", [False, True])
@pytest.mark.parametrize("activation", ["relu", "gelu"])
def test_encoder_layer_gives_results_and_gradients_of_torch(norm_first, activation):
    torch = pytest.importorskip("torch")
    kind = {"activation": activation, "norm_first": norm_first, "batch_first": True}
    theirs = torch.nn.TransformerEncoderLayer(6, 2, 10, dtype=torch.float64, **kind).eval()
    ours = tw.nn.TransformerEncoderLayer(6, 2, 10, dtype="float64", **kind)
    ours = with_weights_of(ours, theirs)
    x = RNG.normal(size=(2, 5, 6))
    hidden = np.triu(np.ones((5, 5), bool), 1)
    given = torch.tensor(x, requires_grad=True)
    expected = theirs(given, src_mask=torch.tensor(hidden))
    (expected**2).sum().backward()

    @tw.jit
    def both(x):
        return tw.value_and_grad(lambda x: (ours(x, tw.asarray(hidden)) ** 2).sum())(x)

    value, slope = both(tw.asarray(x))
    np.testing.assert_allclose(float(value), (expected**2).sum().item(), rtol=1e-10)
    np.testing.assert_allclose(slope.numpy(), given.grad.numpy(), rtol=1e-8, atol=1e-10)


def test_wrong_arguments_say_what_was_wanted():
    with pytest.raises(ValueError, match="3 heads for a width of 8"):
        tw.nn.MultiheadAttention(8, 3)
    with pytest.raises(ValueError, match="activation='tanh'"):
        tw.nn.TransformerEncoderLayer(8, 2, activation="tanh")
    x = tw.ones((2, 3, 4), dtype="float32")
    with pytest.raises(tw.ShapeError, match="the last size must be 8"):
        tw.nn.MultiheadAttention(8, 2)(x, x, x)
