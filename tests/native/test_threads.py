"""Threads, forks and the lock: nothing hangs, nothing is torn."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pytest
from native_support import (
    F32,
    array,
    c_kernel,
    kernel_words,
    launch,
    map_source,
    native,
    numpy,
    program_words,
    symbol,
)

# The declared cost decides whether a kernel is split; a high one splits even short work.
SPLIT = kernel_words([("k", symbol(0), 1, 1_000_000)], buffers=2)
TRIPLE = c_kernel(map_source("3*a", ["float"] * 2, 0), SPLIT)
N = symbol(0)
BYTES = [0, 4, *N, 3, 0]
PROGRAM = native.Program(
    program_words(
        symbols=1, arena=BYTES, inputs=[(F32, [N])], outputs=[(2, F32, [N])],
        slots=[(0, 0, 0), (2, 0, 0), (1, F32, BYTES)],
        instructions=[launch(0, [0, 1], [N]), launch(0, [1, 2], [N])] * 3,
    ),
    [TRIPLE],
)  # fmt: skip


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    before = native.get_num_threads()
    native.set_num_threads(4)
    yield
    native.set_num_threads(before)


def check_run(n: int = 5000) -> None:
    x = np.arange(n, dtype="f4")
    assert np.array_equal(numpy(PROGRAM(array(x))[0]), 9 * x)


def in_threads(body: Callable[[], None], count: int = 6) -> None:
    failures: list[BaseException] = []

    def guarded() -> None:
        try:
            body()
        except BaseException as error:
            failures.append(error)

    started = [threading.Thread(target=guarded) for _ in range(count)]
    for thread in started:
        thread.start()
    for thread in started:
        thread.join(60)
        assert not thread.is_alive()
    assert failures == []


def test_calls_from_many_threads() -> None:
    def many() -> None:
        for n in (10, 5000, 301) * 60:
            check_run(n)

    in_threads(many)


def test_two_programs_at_once_both_make_progress() -> None:
    """One thread's work is split at a time; the other's runs on its own thread meanwhile."""
    stop, done = threading.Event(), [0, 0]

    def work(number: int) -> None:
        while not stop.is_set():
            check_run(20_000)
            done[number] += 1

    started = [threading.Thread(target=work, args=(i,)) for i in range(2)]
    for thread in started:
        thread.start()
    deadline = time.monotonic() + 30
    while min(done) < 50 and time.monotonic() < deadline:
        time.sleep(0.001)
    stop.set()
    for thread in started:
        thread.join(30)
        assert not thread.is_alive()
    assert min(done) >= 50


def test_short_work_is_split_while_a_worker_waits() -> None:
    """What takes 5 to 20 microseconds goes to workers that spin, and wakes none that sleep."""
    source = """#include <stdint.h>
    void k(const int64_t* x, int64_t* y, int64_t begin, int64_t end, int64_t n) {
      for (int64_t i = begin; i < end; ++i) {
        volatile int r;  // on the thread's own stack
        for (r = 0; r < 2000; ++r) {}
        y[i] = (int64_t)&r >> 20;
      }
    }"""
    n = 64
    long, short = (
        c_kernel(source, kernel_words([("k", symbol(0), 1, cost // n)], buffers=2))
        for cost in (40_000_000, 10_000_000)
    )
    x, y = array(np.zeros(n, "i8")), array(np.zeros(n, "i8"))
    deadline, stacks = time.monotonic() + 30, set[int]()
    while len(stacks) < 2 and time.monotonic() < deadline:
        long([x, y], [n])
        short([x, y], [n])
        stacks = set(numpy(y).tolist())
    assert len(stacks) >= 2
    time.sleep(0.05)
    short([x, y], [n])
    assert len(set(numpy(y).tolist())) == 1


def test_the_number_of_threads_changes_under_load() -> None:
    stop = threading.Event()

    def change() -> None:
        while not stop.is_set():
            for n in (1, 3, 2, 6):
                native.set_num_threads(n)

    changer = threading.Thread(target=change)
    changer.start()
    try:
        in_threads(lambda: check_run(), 100)
    finally:
        stop.set()
        changer.join()


def test_work_is_shared_and_every_element_is_done_once() -> None:
    source = """#include <stdint.h>
    #include <string.h>
    void k(const int64_t* x, int64_t* y, int64_t begin, int64_t end, int64_t n) {
      for (int64_t i = begin; i < end; ++i) y[i] += x[i];
    }"""
    for n in (1, 2, 7, 64, 1000, 12345):
        for grain in (1, 8, 1000):
            words = kernel_words([("k", symbol(0), grain, 1_000_000)], buffers=2)
            y = array(np.zeros(n, "i8"))
            kernel = c_kernel(source, words)
            for _ in range(20):
                kernel([array(np.arange(n)), y], [n])
            assert np.array_equal(numpy(y), 20 * np.arange(n))


def test_writes_during_a_run_do_not_touch_its_input() -> None:
    source = """#include <stdint.h>
    void k(const float* x, float* y, int64_t begin, int64_t end, int64_t n) {
      for (int64_t r = 0; r < 3000; ++r)
        for (int64_t i = begin; i < end; ++i) y[i] = x[i] + r * 0.0f;
    }"""
    kernel = c_kernel(source, SPLIT, (), "-O0")
    words = program_words(
        symbols=1, inputs=[(F32, [N])], outputs=[(1, F32, [N])],
        slots=[(0, 0, 0), (1, F32, BYTES)], instructions=[launch(0, [0, 1], [N])],
    )  # fmt: skip
    program = native.Program(words, [kernel])
    x = array(np.ones(3000, "f4"))
    results: list[Any] = []
    thread = threading.Thread(target=lambda: results.append(program(x)[0]))
    thread.start()
    deadline = time.monotonic() + 10
    while x._holders == 1 and thread.is_alive() and time.monotonic() < deadline:
        time.sleep(0)
    native.write(x, array([2.0], "float32"))
    thread.join()
    assert set(native.tolist(results[0])) == {1.0} and set(native.tolist(x)) == {2.0}


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")  # Python 3.12 and later
def test_fork_under_load() -> None:
    """Children of a process whose threads are all busy run kernels, and end."""
    stop = threading.Event()

    def work() -> None:
        while not stop.is_set():
            check_run(2000)

    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    try:
        for _ in range(20):
            child = os.fork()
            if child == 0:
                signal.alarm(20)  # a hang ends the child with a signal
                try:
                    for _ in range(20):
                        check_run(2000)
                    native.set_num_threads(2)
                    check_run(2000)
                finally:
                    os._exit(0 if sys.exc_info()[0] is None else 1)
            assert os.waitpid(child, 0)[1] == 0
    finally:
        stop.set()
        for worker in workers:
            worker.join()


def test_set_num_threads_checks() -> None:
    for n in (0, -1, 257, 2**40):
        with pytest.raises(ValueError, match=f"set_num_threads: got {n}"):
            native.set_num_threads(n)
    native.set_num_threads(3)
    assert native.get_num_threads() == 3


def run_python(code: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], env={**os.environ, **environment}, text=True,
        capture_output=True, timeout=60,
    )  # fmt: skip


def test_environment() -> None:
    load = f"""import importlib.util, sys
spec = importlib.util.spec_from_file_location("_native", {native_file()!r})
n = importlib.util.module_from_spec(spec)
spec.loader.exec_module(n)
"""
    show = load + "print(n.get_num_threads(), n.memory_stats()['limit'])"
    done = run_python(show, TILEWRIGHT_NUM_THREADS="3", TILEWRIGHT_MEMORY_LIMIT="1.5M")
    assert done.stdout.split() == ["3", "1572864"]
    for variable, value in [("NUM_THREADS", "many"), ("MEMORY_LIMIT", "1X"), ("NUM_THREADS", "0")]:
        done = run_python(load, **{f"TILEWRIGHT_{variable}": value})
        assert f'TILEWRIGHT_{variable}: got "{value}"' in done.stderr
    over = load + "a = [n.empty((1000,), 11) for _ in range(300)]"
    done = run_python(over, TILEWRIGHT_MEMORY_LIMIT="1M")
    assert "MemoryError: memory: could not allocate 4096 bytes" in done.stderr
    cores = str(len(os.sched_getaffinity(0)))
    default = run_python(show, TILEWRIGHT_NUM_THREADS="", TILEWRIGHT_MEMORY_LIMIT="")
    assert default.stdout.split() == [cores, "0"]


def native_file() -> str:
    import tilewright._native

    return str(tilewright._native.__file__)
