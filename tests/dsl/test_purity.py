"""What a staged function does to Python's own things is refused with the line, never frozen."""

from __future__ import annotations

import random
from typing import Any

import numpy as np
import pytest

import tilewright as tw

LOG: list[Any] = []
TABLE: dict[str, Any] = {}
SEEN: set[Any] = set()
COUNTS = np.zeros(3)
GENERATOR = np.random.default_rng(0)
OWN = random.Random(0)
LAST = None


class Thing:
    def __init__(self) -> None:
        self.items: list[int] = []
        self.count = 0
        self.note: Any = None

    def append(self, x: Any) -> Any:
        self.items.append(1)
        return x

    def tally(self, x: Any) -> Any:
        self.note = 3
        return x


def appends(x: Any) -> Any:
    LOG.append("x")
    return x


def extends(x: Any) -> Any:
    LOG.extend([1, 2])
    return x


def stores(x: Any) -> Any:
    TABLE["a"] = 1
    return x


def adds(x: Any) -> Any:
    SEEN.add(len(SEEN))
    return x


def writes_numpy(x: Any) -> Any:
    COUNTS[1] += 1
    return x


def sets_global(x: Any) -> Any:
    global LAST
    LAST = 3
    return x


def draws(x: Any) -> Any:
    return x * random.random()


def draws_numpy(x: Any) -> Any:
    return x * np.random.rand()


def draws_generator(x: Any) -> Any:
    return x * GENERATOR.normal()


def draws_own(x: Any) -> Any:
    return x * OWN.random()


def by_helper(x: Any) -> Any:
    return appends(x)


CASES = [
    (appends, "the global LOG, a list", 1),
    (extends, "the global LOG, a list", 1),
    (stores, "the global TABLE, a dict", 1),
    (adds, "the global SEEN, a set", 1),
    (writes_numpy, "the global COUNTS, a ndarray", 1),
    (sets_global, "the global LAST from None to 3", 2),
    (draws, "draws from the module random", 1),
    (draws_numpy, "draws from the module numpy.random", 1),
    (draws_generator, "draws from the global GENERATOR", 1),
    (draws_own, "draws from the global OWN", 1),
]


@pytest.fixture(autouse=True)
def fresh() -> Any:
    global LAST
    yield
    LAST = None
    for thing in (LOG, TABLE, SEEN):
        thing.clear()


@pytest.mark.parametrize(("f", "message", "line"), CASES, ids=[c[0].__name__ for c in CASES])
def test_changes_are_refused_with_the_line(f: Any, message: str, line: int) -> None:
    where = f"{__file__}:{f.__code__.co_firstlineno + line}"
    with pytest.raises(tw.TraceError) as caught:
        tw.jit(f)(tw.ones(2))
    assert message in str(caught.value) and where in str(caught.value), caught.value


def test_a_helper_that_appends() -> None:
    with pytest.raises(tw.TraceError, match="the global LOG"):
        tw.jit(by_helper)(tw.ones(2))


def test_attributes() -> None:
    thing = Thing()
    with pytest.raises(tw.TraceError, match=r"Thing\.items, a list at .*test_purity\.py"):
        tw.jit(thing.append)(tw.ones(2))
    with pytest.raises(tw.TraceError, match=r"Thing\.note from None to 3 at .*test_purity\.py"):
        tw.jit(thing.tally)(tw.ones(2))


def test_local_containers_and_own_generators_are_free() -> None:
    def f(x: Any) -> Any:
        parts = []
        for i in range(3):
            parts.append(x * i)
        return tw.stack(parts) * np.random.default_rng(0).integers(2, 3)

    assert tw.jit(f)(tw.ones(1)).tolist() == [[0.0], [2.0], [4.0]]


@pytest.mark.parametrize("write", [print, str, lambda x: f"{x}", lambda x: f"{x:.3f}"])
def test_text_of_a_traced_value_is_refused(write: Any) -> None:
    def f(x: Any) -> Any:
        write(x)
        return x

    with pytest.raises(tw.TraceError, match="tw.debug.print"):
        tw.jit(f)(tw.array(1.0))
    with pytest.raises(tw.TraceError, match="tw.debug.print"):
        tw.jit(lambda: write(tw.ones(()) * LOCAL))()


LOCAL = tw.ones(())
