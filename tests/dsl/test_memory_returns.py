"""Memory comes back: loops over temporaries do not grow, and the pool gives back what it keeps."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

import tilewright as tw
import tilewright.numpy as tnp

MEGABYTE = 1 << 20


def resident() -> int:
    """The bytes of this process that lie in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * 4096


def growth(body: Callable[[], Any], turns: int) -> int:
    for _ in range(10):
        body()
    gc.collect()
    before = resident()
    for _ in range(turns):
        body()
    gc.collect()
    return resident() - before


def test_a_loop_over_temporaries_of_8_megabytes_does_not_grow() -> None:
    x = tw.asarray(np.zeros(MEGABYTE))
    assert growth(lambda: tnp.add(x + 1.0, x) * 0.5, 400) < 64 * MEGABYTE


def test_a_loop_over_temporaries_of_gradients_does_not_grow() -> None:
    x = tw.asarray(np.ones(MEGABYTE // 2)).requires_grad_()

    def step() -> None:
        x.grad = None
        (tw.exp(x * 0.5) + x[::-1]).sum().backward()

    assert growth(step, 60) < 64 * MEGABYTE


def test_calls_of_many_kinds_do_not_grow() -> None:
    """New shapes, parameters and numbers each time: what is remembered of calls is bounded."""
    sizes = iter(range(1, 10**9))

    def step() -> None:
        n = next(sizes) % 3000 + 1
        x = tw.zeros((n,), dtype="float32")
        x.reshape((1, n))
        tw.power(x + 1, n / 7)
        tnp.add(x, n)[n - 1 :].sum()

    assert growth(step, 6000) < 64 * MEGABYTE


def test_the_pool_gives_memory_back() -> None:
    kept = [tw.asarray(np.ones(4 * MEGABYTE)) for _ in range(6)]
    before = resident()
    del kept
    gc.collect()
    assert tw.memory_stats()["pooled"] >= 6 * 32 * MEGABYTE
    tw.empty_cache()
    assert tw.memory_stats()["pooled"] == 0
    assert before - resident() > 5 * 32 * MEGABYTE
