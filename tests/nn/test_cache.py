"""`KVCache`: steps of decoding equal one causal attention over all positions."""

import numpy as np
import pytest
from device_support import device_names

import tilewright as tw

RNG = np.random.default_rng(3)
attend = tw.nn.functional.scaled_dot_product_attention


def heads(n_heads, n, width):
    return tw.asarray(RNG.normal(size=(2, n_heads, n, width)).astype(np.float32))


def test_steps_equal_one_attention_over_all_positions_in_one_program():
    q, k, v = heads(4, 9, 8), heads(2, 9, 8), heads(2, 9, 3)
    cache = tw.nn.KVCache(2, 2, 16, 8, 3)

    @tw.jit
    def step(q, k, v):
        cache.append(k, v)
        return cache.attend(q)

    first = step(q[:, :, :4], k[:, :, :4], v[:, :, :4])
    rest = [step(*(x[:, :, i : i + 1] for x in (q, k, v))) for i in range(4, 9)]
    found = tw.concatenate([first, *rest], axis=2)
    whole = attend(q, k, v, is_causal=True, enable_gqa=True)
    np.testing.assert_allclose(found.numpy(), whole.numpy(), rtol=1e-5, atol=1e-5)
    assert cache.length.item() == 9
    assert len(step.stats().programs) == 2  # for four positions, and for one


def test_eager_steps_and_reset():
    cache = tw.nn.KVCache(2, 1, 5, 4)
    q, k, v = heads(1, 5, 4), heads(1, 5, 4), heads(1, 5, 4)
    for i in (0, 2):
        cache.append(k[:, :, i : i + 2], v[:, :, i : i + 2])
    found = cache.attend(q[:, :, 2:4], scale=0.3)
    whole = attend(q[:, :, :4], k[:, :, :4], v[:, :, :4], is_causal=True, scale=0.3)
    np.testing.assert_allclose(found.numpy(), whole[:, :, 2:].numpy(), rtol=1e-5, atol=1e-5)
    with pytest.raises(tw.ShapeError, match="got 2 positions behind 4; the capacity is 5"):
        cache.append(k[:, :, :2], v[:, :, :2])
    cache.reset()
    assert cache.length.item() == 0
    cache.append(k, v)
    assert cache.length.item() == 5


def test_errors_name_what_was_wanted():
    cache = tw.nn.KVCache(2, 2, 5, 4)
    x = heads(2, 1, 4)
    with pytest.raises(tw.ShapeError, match=r"got a value .* it must be \(2, 2, n, 4\)"):
        cache.append(x, heads(2, 1, 3))
    with pytest.raises(tw.ShapeError, match="they must be as many"):
        cache.append(x, heads(2, 2, 4))
    with pytest.raises(tw.ShapeError, match="a multiple of 2 heads"):
        cache.attend(heads(3, 1, 4))
    with pytest.raises(tw.ArgumentError, match="they must be 1 or more"):
        tw.nn.KVCache(2, 2, 0, 4)


@pytest.mark.parametrize("device", device_names()[1:2])
def test_cache_and_its_attention_on_a_device(device):
    q, k, v = heads(1, 3, 4), heads(1, 3, 4), heads(1, 3, 4)
    cache = tw.nn.KVCache(2, 1, 5, 4).to(device)
    cache.append(k.to(device), v.to(device))
    found = cache.attend(q.to(device))
    whole = attend(q, k, v, is_causal=True)
    np.testing.assert_allclose(found.numpy(), whole.numpy(), rtol=1e-5, atol=1e-5)
