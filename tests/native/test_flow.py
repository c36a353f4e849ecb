"""Control flow in programs: damaged words are refused, memory is given back, Ctrl-C ends a loop."""

from __future__ import annotations

import _thread
import signal
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import _native
from tilewright.dsl.engine import engine
from tilewright.dsl.graph import graph_text


def step(s: Any) -> Any:
    return s[0] + 1, tw.cond(s[0] > 2, lambda: s[1] * 2, lambda: s[1] + 1)


def loops(x: Any) -> Any:
    big = tw.scan(lambda s, row: (s + tw.sort(row), s.sum()), x[0], x)  # too big for one kernel
    return tw.while_loop(lambda s: s[0] < 5, step, (0, big[0].sum()))[1], big[1]


def parts() -> tuple[bytes, list[Any], Any]:
    """The words and kernels of a program with a loop of each kind."""
    x = tw.asarray(np.arange(12.0).reshape(3, 4))
    staged = tw.jit(loops)
    staged(x)
    ((graph, _),) = staged.graphs(x)
    host: Any = engine()
    entry = host._entry(graph, graph_text(graph))
    return entry.words, host._loaded(entry), x


def test_damaged_words_are_refused() -> None:
    words, kernels, x = parts()
    good = _native.Program(words, kernels, "f")
    want = [y.tolist() for y in good(x)]
    numbers = np.frombuffer(words, "<i8")
    refused = 0
    for position in range(2, len(numbers)):
        for value in (-1, 0, 1, 7, 1 << 40, -(1 << 62)):
            bad = numbers.copy()
            bad[position] = value
            try:
                _native.Program(bad.tobytes(), kernels, "f")
            except (ValueError, TypeError, OverflowError, MemoryError):
                refused += 1
    assert refused > len(numbers)
    for cut in range(0, len(words), 64):
        with pytest.raises(ValueError):
            _native.Program(words[:cut], kernels, "f")
    assert [y.tolist() for y in good(x)] == want


def test_memory_is_given_back() -> None:
    f = tw.jit(tw.grad(lambda x: tw.while_loop(lambda s: s.sum() < 1e6, lambda s: s * s, x).sum()))
    x = tw.full((100,), 3.0, dtype="float64")
    f(x)
    before = tw.memory_stats()["in_use"]
    for _ in range(20):
        f(x)
    assert tw.memory_stats()["in_use"] == before


@pytest.fixture
def ctrl_c() -> Iterator[threading.Event]:
    """Ctrl-C every half second while the event is set; also where the shell has it ignored."""
    go, done = threading.Event(), threading.Event()

    def press() -> None:
        while not done.wait(0.5):
            if go.is_set():
                _thread.interrupt_main()

    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    thread = threading.Thread(target=press)
    thread.start()
    yield go
    done.set()
    thread.join()
    signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("size", [(), (100_000,)], ids=["kernel", "executor"])
def test_an_endless_loop_can_be_interrupted(size: tuple[int, ...], ctrl_c: threading.Event) -> None:
    f = tw.jit(lambda x: tw.while_loop(lambda s: s.sum() > 0, lambda s: s * 1.0, x))
    f(-tw.ones(size))  # compiled, and ended at once
    x = tw.ones(size)
    with pytest.raises(KeyboardInterrupt):
        ctrl_c.set()
        f(x)
    ctrl_c.clear()


def test_a_while_that_fails_says_so() -> None:
    """An error inside a loop (here of LAPACK) leaves the program whole."""
    f = tw.jit(lambda x: tw.while_loop(lambda s: s.sum() > 0, tw.linalg.inv, x))
    with pytest.raises(np.linalg.LinAlgError):
        f(tw.ones((2, 2), dtype="float64"))
    assert f(-tw.eye(2, dtype="float64")).tolist() == [[-1.0, 0.0], [0.0, -1.0]]
