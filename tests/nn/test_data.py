"""DataLoader: order, batches, errors."""

from itertools import chain

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn


def seen(loader):
    return [x.tolist() for (x,) in loader]


def test_batches_in_order():
    x, y = np.arange(10, dtype=np.float32).reshape(5, 2), tw.arange(5)
    batches = list(nn.DataLoader(x, y, batch_size=2))
    assert [b[0].shape for b in batches] == [(2, 2), (2, 2), (1, 2)]
    assert [b[1].tolist() for b in batches] == [[0, 1], [2, 3], [4]]
    assert batches[0][0].dtype == tw.float32
    assert isinstance(batches[0][0], tw.Array)


@pytest.mark.parametrize(("n", "size", "drop", "count"), [
    (5, 2, False, 3), (5, 2, True, 2), (4, 2, True, 2), (3, 10, False, 1), (3, 10, True, 0),
    (0, 4, False, 0),
])  # fmt: skip
def test_length(n, size, drop, count):
    loader = nn.DataLoader(np.zeros((n, 2)), batch_size=size, drop_last=drop)
    assert len(loader) == count == len(list(loader))


def test_shuffle_visits_each_once_and_anew_each_epoch():
    loader = nn.DataLoader(np.arange(20), batch_size=7, shuffle=True, seed=3)
    first, second = seen(loader), seen(loader)
    assert sorted(chain(*first)) == sorted(chain(*second)) == list(range(20))
    assert first != second
    again = nn.DataLoader(np.arange(20), batch_size=7, shuffle=True, seed=3)
    assert [seen(again), seen(again)] == [first, second]
    resumed = nn.DataLoader(np.arange(20), batch_size=7, shuffle=True, seed=3)
    resumed.epoch = 1
    assert seen(resumed) == second
    assert seen(nn.DataLoader(np.arange(20), batch_size=7, shuffle=True, seed=4)) != first


def test_two_passes_at_once_do_not_disturb_each_other():
    loader = nn.DataLoader(np.arange(6), batch_size=2)
    assert [(a.tolist(), b.tolist()) for (a,), (b,) in zip(loader, loader, strict=True)][1] == (
        [2, 3],
        [2, 3],
    )


def test_a_batch_is_a_copy():
    x = np.zeros((4, 2), np.float32)
    (batch,) = next(iter(nn.DataLoader(x, batch_size=4)))
    batch += 1
    assert (x == 0).all()


def test_bfloat16_arrays_pass():
    x = tw.ones((3, 2), dtype="bfloat16")
    (batch,) = next(iter(nn.DataLoader(x, batch_size=2)))
    assert batch.dtype == tw.bfloat16
    assert batch.shape == (2, 2)


def test_errors():
    with pytest.raises(tw.ShapeError, match=r"first sizes \[3, 4\]"):
        nn.DataLoader(np.zeros(3), np.zeros(4))
    with pytest.raises(tw.ShapeError, match="array 1 is 0-d"):
        nn.DataLoader(np.zeros(3), np.float64(3))
    with pytest.raises(ValueError, match="batch_size=0"):
        nn.DataLoader(np.zeros(3), batch_size=0)
    with pytest.raises(TypeError, match="got no arrays"):
        nn.DataLoader(batch_size=3)
