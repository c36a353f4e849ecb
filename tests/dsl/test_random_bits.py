"""The same bits on every device, for every number of threads, eagerly and staged."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
import pytest
from device_support import device_names
from random_support import CASES, ORDERS, Case

import tilewright as tw

SIZE = 257  # more than a vector, and no multiple of one


def two(case: Case, generator: Any, size: int = SIZE) -> list[Any]:
    return [case.draw(generator, size).numpy() for _ in range(2)]


def calls(generator: Any) -> int:
    return int(generator.bit_generator.state["state"]["calls"])


def compare(case: Case, found: Any, wanted: Any) -> None:
    """The same bits, but where a sum is a part of the draw: its order is the kernel's."""
    if case.sums:
        np.testing.assert_allclose(found, wanted, rtol=1e-13)
    else:
        np.testing.assert_array_equal(found, wanted)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_staged(case: Case) -> None:
    """Staged code draws what eager code draws, and leaves the generator where that leaves it."""
    eager, staged = tw.Generator(11), tw.Generator(11)
    wanted = two(case, eager)
    draw = tw.jit(lambda: case.draw(staged, SIZE))
    if not case.staged:
        with pytest.raises(tw.TraceError):
            draw()
        return
    for found in (draw().numpy(), draw().numpy()):
        compare(case, found, wanted.pop(0))
    assert calls(staged) == calls(eager)


@pytest.mark.parametrize("name", ORDERS)
def test_staged_orders(name: str) -> None:
    staged = tw.Generator(11)
    found = tw.jit(lambda: ORDERS[name](staged))().numpy()
    np.testing.assert_array_equal(found, ORDERS[name](tw.Generator(11)).numpy())


@pytest.mark.parametrize("device", device_names()[1:])
@pytest.mark.parametrize("case", CASES, ids=str)
def test_devices(case: Case, device: str) -> None:
    place = tw.device(device)
    if tw.float64 not in place.facts.dtypes:
        pytest.skip(f"{device} has no float64")
    wanted = two(case, tw.Generator(11), 37)
    with place:
        found = two(case, tw.Generator(11), 37)
    for a, b in zip(wanted, found, strict=True):
        compare(case, b, a)


@pytest.mark.parametrize("device", device_names()[1:])
def test_orders_on_devices(device: str) -> None:
    for name, draw in ORDERS.items():
        wanted = draw(tw.Generator(3)).numpy()
        with tw.device(device) as place:
            found = draw(tw.Generator(3))
            assert found.device is place or name == "permuted"
        np.testing.assert_array_equal(found.numpy(), wanted, err_msg=name)


def test_threads() -> None:
    """Large draws, which several threads share."""
    before, results = tw.get_num_threads(), []
    chosen = [c for c in CASES if c.name in ("normal", "gamma", "poisson", "integers", "uniform")]
    try:
        for threads in (1, 2, 3):
            tw.set_num_threads(threads)
            results.append([c.draw(tw.Generator(2), 200_003).numpy() for c in chosen])
    finally:
        tw.set_num_threads(before)
    for other in results[1:]:
        for a, b in zip(results[0], other, strict=True):
            np.testing.assert_array_equal(a, b)


@pytest.mark.parametrize("case", [c for c in CASES if not c.sums], ids=str)
def test_shapes_and_prefixes(case: Case) -> None:
    """An element depends on its number alone, not on the shape or on how many there are."""
    flat = case.draw(tw.Generator(4), 60).numpy()
    shaped = case.draw(tw.Generator(4), (5, 4, 3)).numpy()
    np.testing.assert_array_equal(flat.reshape(shaped.shape), shaped)
    few = case.draw(tw.Generator(4), 17).numpy()
    np.testing.assert_array_equal(few, flat[:17])


def test_a_child_in_staged_code() -> None:
    rng = tw.Generator(5)
    draw = tw.jit(lambda k: rng.fold_in(k).standard_normal(6))
    for k in (0, 3):
        found = draw(tw.array(k)).numpy()
        np.testing.assert_array_equal(found, rng.fold_in(k).standard_normal(6).numpy())
    assert calls(rng) == 0


def test_threads_of_a_program_get_different_numbers() -> None:
    rng = tw.Generator(6)
    with ThreadPoolExecutor(4) as pool:
        drawn = list(pool.map(lambda _: rng.random(3).tolist(), range(200)))
    assert len({tuple(x) for x in drawn}) == 200 and calls(rng) == 200


def test_a_failed_program_advances_nothing() -> None:
    rng = tw.Generator(5)

    def draw() -> Any:
        rng.random(3)
        raise KeyError("stop")

    with pytest.raises(KeyError):
        tw.jit(draw)()
    assert calls(rng) == 0
