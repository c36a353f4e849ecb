"""The core's run side of devices, on a fake one: memory, errors, kernels, programs, order."""

from __future__ import annotations

import gc
import os
import random
import struct
import threading
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest
from device_support import Fake, device_words, fake, twice
from native_support import F32, launch, program_words, symbol

import tilewright as tw
from tilewright import _native

N = symbol(0)
BYTES = [0, 4, *N, 3, 0]


@pytest.fixture
def device() -> Iterator[Fake]:
    """The fake device, which must hold as little after the test as before."""
    made = fake()
    gc.collect()
    _native.empty_cache(made.device.index)
    before = made.get("fake_blocks"), made.get("fake_modules")
    made.log()
    yield made
    made.set("fake_fails", 0)
    made.set("fake_room", 1 << 20)
    _native.set_memory_limit(0, made.device.index)
    gc.collect()
    _native.empty_cache(made.device.index)
    assert (made.get("fake_blocks"), made.get("fake_modules")) == before


def array(device: Fake, *values: float) -> Any:
    return tw.array(values, dtype="float32").to(device.device)


def chain(device: Fake) -> Any:
    """4 * x by way of a pooled temporary."""
    words = program_words(
        symbols=1, inputs=[(F32, [N])], outputs=[(2, F32, [N])],
        slots=[(0, 0, 0), (3, 0, BYTES), (1, F32, BYTES)],
        instructions=[[1, 1], launch(0, [0, 1], [N]), launch(0, [1, 2], [N]), [2, 1]],
    )  # fmt: skip
    return _native.Program(words, [twice(device.device.index)], "chain", device.device.index)


def test_a_kernel_and_a_program(device: Fake) -> None:
    x = array(device, 1, 2, 3)
    out = _native.empty((3,), F32, device.device.index)
    twice(device.device.index)([x, out], [3])
    assert out.tolist() == [2, 4, 6]
    assert chain(device)(x)[0].tolist() == [4, 8, 12]


def test_only_reading_waits(device: Fake) -> None:
    program, x = chain(device), array(device, 1, 2)
    device.log()
    y = program(program(x)[0])[0]
    assert device.log() == "llll"
    assert y.tolist() == [16, 32]
    assert device.log() == "r"


def test_temporaries_are_used_again_at_once(device: Fake) -> None:
    program, x = chain(device), array(device, *range(1000))
    program(x)
    blocks = device.get("fake_blocks")
    for _ in range(200):
        program(x)
    assert device.get("fake_blocks") == blocks


def test_memory_that_runs_out(device: Fake) -> None:
    held = array(device, *[1.0] * 1000)
    stats = tw.memory_stats("fake")
    with pytest.raises(MemoryError, match=r"memory of fake:0: could not allocate .* full"):
        _native.empty((1 << 20,), F32, device.device.index)
    assert tw.memory_stats("fake")["in_use"] == stats["in_use"]
    assert held.tolist() == [1.0] * 1000


def test_the_pool_is_given_back_before_memory_runs_out(device: Fake) -> None:
    big = _native.empty((150_000,), F32, device.device.index)
    del big  # in the pool now
    assert tw.memory_stats("fake")["pooled"] > 600_000
    other = _native.empty((120_000,), F32, device.device.index)
    assert "s" in device.log()  # what is queued may use the pool's blocks
    assert tw.memory_stats("fake")["pooled"] == 0
    del other


def test_a_limit(device: Fake) -> None:
    _native.set_memory_limit(10_000, device.device.index)
    x = array(device, *[1.0] * 1000)
    with pytest.raises(MemoryError, match="the limit is 10000"):
        chain(device)(x)
    _native.set_memory_limit(0, device.device.index)
    assert chain(device)(x)[0][0].item() == 4


def test_a_launch_without_memory_is_made_once_more(device: Fake) -> None:
    x, program = array(device, 1), chain(device)
    device.set("fake_status", 2)
    device.set("fake_fails", 1)
    assert program(x)[0].tolist() == [4]
    device.set("fake_fails", 2)
    with pytest.raises(MemoryError, match="fake:0: launch failed: told to fail"):
        program(x)


def test_a_launch_that_fails(device: Fake) -> None:
    x, program = array(device, 1), chain(device)
    before = tw.memory_stats("fake")["in_use"]
    for status, text in ((1, "told to fail"), (4, "the device is lost")):
        device.set("fake_status", status)
        device.set("fake_fails", 1)
        with pytest.raises(tw.DeviceError, match=text):
            program(x)
    assert tw.memory_stats("fake")["in_use"] == before
    assert program(x)[0].tolist() == [4]


def test_code_that_the_driver_refuses(device: Fake) -> None:
    words = device_words([("twice", [1, 1, 1, 64, 1, 1, 0])], buffers=2)
    with pytest.raises(tw.DeviceError, match="load failed: line 1: bad code"):
        _native.DeviceKernel(device.device.index, b"bad", words, [])
    words = device_words([("thrice", [1, 1, 1, 64, 1, 1, 0])], buffers=2)
    with pytest.raises(tw.DeviceError, match="thrice failed: no such function"):
        _native.DeviceKernel(device.device.index, b"good", words, [])


def test_launches_that_the_device_cannot_do(device: Fake) -> None:
    x = array(device, 1)
    for sizes, text in (
        ([1, 1, 1, 65, 1, 1, 0], "a block of 65 threads; fake:0 .A fake. takes 64"),
        ([1, 1, 1, 8, 8, 2, 0], "a block of 128 threads"),
        ([1, 1, 1, 64, 1, 1, 1025], "1025 bytes of shared memory; .* has 1024"),
    ):
        words = device_words([("twice", sizes)], buffers=2)
        kernel = _native.DeviceKernel(device.device.index, b"good", words, [])
        with pytest.raises(tw.DeviceError, match=text):
            kernel([x, x], [1])


def test_an_empty_grid_is_not_launched(device: Fake) -> None:
    words = device_words([("twice", [N, 1, 1, 64, 1, 1, 0])], buffers=2)
    kernel = _native.DeviceKernel(device.device.index, b"good", words, [])
    device.log()
    kernel([array(device), array(device)], [0])
    assert "l" not in device.log()


def test_scratch_and_tables(device: Fake) -> None:
    kernel = twice(device.device.index, scratch=[(0, 256)], tables=1)
    x, out = array(device, 5), _native.empty((1,), F32, device.device.index)
    kernel([x, out], [1])
    assert out.tolist() == [10] and kernel.scratch_bytes(1) == 256
    with pytest.raises(ValueError, match="no scratch area for each thread"):
        twice(device.device.index, scratch=[(1, 256)])


def test_damaged_words_never_crash(device: Fake) -> None:
    good = device_words([("twice", [N, 1, 1, 64, 1, 1, 0])], buffers=2)
    words = list(struct.unpack(f"<{len(good) // 8}q", good))
    chance = random.Random(0)
    refused = 0
    for _ in range(500):
        bad = list(words)
        bad[chance.randrange(len(bad))] = chance.choice([-1, 0, 1, 2, 65, 2**31, 2**62, -(2**63)])
        try:
            _native.DeviceKernel(device.device.index, b"good", struct.pack(f"<{len(bad)}q", *bad))
        except (ValueError, MemoryError, tw.DeviceError):
            refused += 1
    assert refused > 100
    for cut in range(0, len(good), 8):
        with pytest.raises(ValueError, match="kernel"):
            _native.DeviceKernel(device.device.index, b"good", good[:cut])


def test_places_do_not_mix(device: Fake) -> None:
    x, host = array(device, 1), tw.ones(1, dtype="float32")
    program = chain(device)
    with pytest.raises(tw.DeviceError, match="input 0 is on cpu; the program runs on fake:0"):
        program(host)
    with pytest.raises(tw.DeviceError, match="buffer 0 is on cpu; the kernel runs on fake:0"):
        twice(device.device.index)([host, x], [1])
    with pytest.raises(ValueError, match="is a program of the host"):
        _native.Program(
            program_words(inputs=[], outputs=[], slots=[], instructions=[]),
            [twice(device.device.index)],
        )
    for touch in (memoryview, lambda c: c._address, lambda c: c.__dlpack__(max_version=(1, 0))):
        with pytest.raises((BufferError, tw.DeviceError)):
            touch(x)
    assert x.__dlpack_device__()[0] == 12


def test_reading_any_window(device: Fake) -> None:
    host = np.arange(24, dtype="f4").reshape(2, 3, 4)
    x = tw.array(host).to(device.device)
    for window in (np.s_[1], np.s_[:, 1], np.s_[::-1, ::2, ::-1], np.s_[0, 2:, 1:3], np.s_[:0]):
        np.testing.assert_array_equal(x[window].numpy(), host[window])
        assert x[window].tolist() == host[window].tolist()
    np.testing.assert_array_equal(x.T.numpy(), host.T)
    assert x[1, 2, 3].item() == 23 and float(x[0, 0, 1]) == 1 and bool(x[0, 0, 0]) is False


def test_dtypes_that_are_lacking_are_refused_by_name(device: Fake) -> None:
    with pytest.raises(tw.DTypeError, match=r"float64: the device fake \(A fake\) does not have"):
        tw.ones(3, dtype="float64").to("fake")
    with tw.device("fake"):
        with pytest.raises(tw.DTypeError, match="float64"):
            tw.array(np.ones(3))
        assert tw.array([1.0, 2.0]).dtype is tw.float32  # Python's floats take the default
        assert tw.result_type(tw.int64, 1.5) is tw.float32
    assert device.device.default_float is tw.float32


def test_a_device_that_does_not_open(device: Fake) -> None:
    with pytest.raises(tw.DeviceError, match="fake:1: open failed: it is broken"):
        tw.device("fake:1")
    with pytest.raises(tw.DeviceError, match="fake:7: there is no such device: 2 of them"):
        tw.device("fake:7")
    listed = {d.name: d for d in tw.devices()}
    assert listed["fake"].available and "broken" in listed["fake:1"].why
    assert listed["fake"].default_float is tw.float32


def test_threads_share_the_queue(device: Fake) -> None:
    program, wrong = chain(device), []

    def work(seed: int) -> None:
        for i in range(50):
            x = array(device, seed, i)
            if program(x)[0].tolist() != [4 * seed, 4 * i]:
                wrong.append((seed, i))

    threads = [threading.Thread(target=work, args=(s,)) for s in range(4)]
    for t in threads:
        t.start()
    for t in threads:
        t.join()
    assert not wrong


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_a_child_of_fork_is_told(device: Fake) -> None:
    x = array(device, 1)
    child = os.fork()
    if child == 0:
        try:
            x.tolist()
        except tw.DeviceError as error:
            os._exit(0 if "fork()" in str(error) else 2)
        os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
    assert x.tolist() == [1]


def test_an_event_without_a_clock(device: Fake) -> None:
    with pytest.raises(tw.DeviceError, match="time failed: no clock"):
        _native.device_time(device.device.index)
