"""Programs: slots, sizes, instructions, sharing, damaged words."""

from __future__ import annotations

import gc
import random
from typing import Any

import numpy as np
import pytest
from native_support import (
    F32,
    F64,
    array,
    c_kernel,
    kernel_words,
    launch,
    map_source,
    native,
    numpy,
    pack,
    program_words,
    symbol,
)

N = symbol(0)
BYTES = [0, 4, *N, 3, 0]  # 4 * n


def unary(body: str = "2*a", cost: int = 100) -> Any:
    words = kernel_words([("k", symbol(0), 1, cost)], buffers=2)
    return c_kernel(map_source(body, ["float"] * 2, 0), words)


def binary(body: str = "a+b", cost: int = 100) -> Any:
    words = kernel_words([("k", symbol(0), 1, cost)], buffers=3)
    return c_kernel(map_source(body, ["float"] * 3, 0), words)


ADD_WORDS = program_words(
    symbols=1, inputs=[(F32, [N]), (F32, [N])], outputs=[(2, F32, [N])],
    slots=[(0, 0, 0), (0, 1, 0), (1, F32, BYTES)], instructions=[launch(0, [0, 1, 2], [N])],
)  # fmt: skip


def test_a_program() -> None:
    program = native.Program(ADD_WORDS, [binary()], "f")
    assert (program.name, program.n_inputs, program.n_outputs) == ("f", 2, 1)
    for n in [*range(12), 3, 100_000]:  # more sizes than plans are kept
        a, b = np.arange(n, dtype="f4"), np.ones(n, "f4")
        (c,) = program(array(a), array(b))
        assert np.array_equal(numpy(c), a + b)
        (d,) = program.run([array(a), array(b)])
        assert np.array_equal(numpy(d), a + b)


def test_all_kinds_of_slots() -> None:
    """y = 4x by way of the arena, a temporary and a copy; x itself as a second output."""
    words = program_words(
        symbols=1, arena=[*BYTES, 0, 64, 2, 0], inputs=[(F32, [N])],
        outputs=[(4, F32, [N]), (0, F32, [N]), (4, F32, [[0, 1], N])],
        slots=[(0, 0, 0), (2, 0, 64), (3, 0, BYTES), (3, 0, 8), (1, F32, BYTES)],
        instructions=[
            [1, 2], launch(0, [0, 1], [N]), launch(0, [1, 2], [N]),
            [3, 2, 4, len(BYTES), *BYTES], [2, 2], [1, 3], [2, 3],
        ],
    )  # fmt: skip
    program = native.Program(words, [unary()])
    x = array(np.arange(5, dtype="f4"))
    y, same, z = program(x)
    assert native.tolist(y) == [0, 4, 8, 12, 16]
    assert same._address == x._address and x._holders == 2
    assert y._address == z._address and z.shape == (1, 5)
    part = native.view(x, (3,), (1,), 2, None)
    y, same, _ = program(part)
    assert native.tolist(y) == [8, 12, 16] and native.tolist(same) == [2, 3, 4]
    assert same._address != part._address and same._holders == 1
    strided = native.view(x, (3,), (-2,), 4, None)
    y, same, _ = program(strided)
    assert native.tolist(y) == [16, 8, 0] and native.tolist(same) == [4, 2, 0]


def test_peak_memory_is_what_the_plan_says() -> None:
    words = program_words(
        symbols=1, arena=BYTES, inputs=[(F32, [N])], outputs=[(2, F32, [N])],
        slots=[(0, 0, 0), (2, 0, 0), (1, F32, BYTES)],
        instructions=[launch(0, [0, 1], [N]), launch(0, [1, 2], [N])],
    )  # fmt: skip
    program = native.Program(words, [unary()])
    x = array(np.zeros(1000, "f4"))
    gc.collect()
    native.reset_peak()
    before = native.memory_stats()["in_use"]
    (y,) = program(x)
    assert native.memory_stats()["peak"] - before == 2 * 4032
    assert native.memory_stats()["in_use"] - before == 4032
    del y


def test_inputs_are_checked() -> None:
    words = program_words(
        symbols=2, inputs=[(F32, [N, symbol(1)]), (F32, [[*N, 0, 2, 3, 0], 7])], outputs=[],
        slots=[], instructions=[],
    )  # fmt: skip
    program = native.Program(words, [], "loss")

    def zeros(*shape: int, dtype: str = "f4") -> Any:
        return array(np.zeros(shape, dtype))

    assert program(zeros(3, 4), zeros(6, 7)) == ()
    with pytest.raises(ValueError, match=r"loss: input 1 has shape \(5, 7\); it must be \(6, 7\)"):
        program(zeros(3, 4), zeros(5, 7))
    with pytest.raises(ValueError, match=r"input 0 has shape \(3,\) of rank 1; the rank must be 2"):
        program(zeros(3), zeros(6, 7))
    with pytest.raises(TypeError, match="input 0 has dtype float64; it was compiled for float32"):
        program(zeros(3, 4, dtype="f8"), zeros(6, 7))
    with pytest.raises(TypeError, match="loss: got 1 inputs; it takes 2"):
        program(zeros(3, 4))
    with pytest.raises(TypeError, match="got int; wanted an array"):
        program(3, zeros(6, 7))
    with pytest.raises(TypeError, match="no keywords"):
        program(zeros(3, 4), x=zeros(6, 7))
    with pytest.raises(ValueError, match="being traced"):
        program(native.traced((3, 4), F32, "p"), zeros(6, 7))
    with pytest.raises(TypeError):
        program.run(3)


BROKEN = [
    (ADD_WORDS[:-8], "ends too early"),
    (ADD_WORDS + b"\0" * 8, "left over"),
    (pack([0x545032, 1]), "magic"),
    (pack([0x545031, 5]), "version"),
    ({"inputs": [(15, [])]}, "dtype code"),
    ({"inputs": [(F32, [0] * 33)]}, "rank"),
    ({"slots": [(0, 2, 0)]}, "input that is not there"),
    ({"slots": [(4, 0, 0)]}, "kind of a slot"),
    ({"slots": [(1, 99, 0)]}, "no proper dtype"),
    ({"slots": [(0, 0, 0)], "outputs": [(1, F32, [N])]}, "slot"),
    ({"slots": [(2, 0, 0)], "outputs": [(0, F32, [N])]}, "does not outlive"),
    ({"slots": [(0, 0, 0)], "outputs": [(0, F64, [N])]}, "another dtype"),
    ({"instructions": [[99, 0]]}, "instruction"),
    ({"instructions": [[0, 1]]}, r"kernel\) is 1"),
    ({"instructions": [launch(0, [0, 1], [N])]}, "number of buffers"),
    ({"instructions": [launch(0, [0, 1, 2], [])]}, "number of sizes"),
    ({"instructions": [launch(0, [2, 1, 0], [N])]}, "writes an input"),
    ({"instructions": [launch(0, [0, 1, 5], [N])]}, "slot"),
    ({"instructions": [[1, 2]]}, "only temporary slots"),
    ({"instructions": [[3, 2, 0, 2, 0, 1]]}, "copy writes an input"),
    ({"slots": [(0, 0, 0), (0, 1, 0), (3, 0, 8)], "outputs": [],
          "instructions": [launch(0, [0, 1, 2], [N])]}, "outside its life"),
    ({"slots": [(3, 0, 8)], "outputs": [], "instructions": [[1, 0], [1, 0]]}, "outside its life"),
    ({"slots": [(3, 0, 8)], "outputs": [], "instructions": [[2, 0]]}, "outside its life"),
]  # fmt: skip


def add_words(**changes: Any) -> bytes:
    parts = {
        "symbols": 1, "inputs": [(F32, [N]), (F32, [N])], "outputs": [(2, F32, [N])],
        "slots": [(0, 0, 0), (0, 1, 0), (1, F32, BYTES)],
        "instructions": [launch(0, [0, 1, 2], [N])],
    }  # fmt: skip
    return program_words(**{**parts, **changes})


@pytest.mark.parametrize(("words", "message"), BROKEN)
def test_damaged_words(words: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        native.Program(words if isinstance(words, bytes) else add_words(**words), [binary()])


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"slots": [(0, 0, 0), (0, 1, 0), (1, F32, 4)]}, "output of 20 bytes lies in a slot of 4"),
        ({"slots": [(0, 0, 0), (0, 1, 0), (1, F32, -4)]}, "must not be negative"),
        ({"outputs": [(0, F32, [7])]}, "output of 28 bytes lies in a slot of 20"),
        ({"arena": -1}, "must not be negative"),
        ({"arena": 8, "slots": [(0, 0, 0), (0, 1, 0), (1, F32, BYTES), (2, 0, 9)]}, "byte 9 of an"),
        ({"instructions": [[3, 0, 2, 2, 0, 24]]}, "copy of 24 bytes leaves its slot"),
        ({"symbols": 2}, "size number 1 is not the size of an input's axis"),
        ({"slots": [(0, 0, 0), (0, 1, 0), (1, F32, 2**60)]}, "0 to 2"),
    ],
)
def test_plans_that_cannot_be(changes: dict[str, Any], message: str) -> None:
    program = native.Program(add_words(**changes), [binary()])
    x = array(np.zeros(5, "f4"))
    before = native.memory_stats()["in_use"]
    with pytest.raises((ValueError, MemoryError), match=message):
        program(x, x)
    assert native.memory_stats()["in_use"] == before


def test_damaged_words_never_crash() -> None:
    chance = random.Random(0)
    good = np.frombuffer(ADD_WORDS, "i8")
    x = array(np.zeros(5, "f4"))
    # What a kernel does with the slots that it gets cannot be checked: this one does nothing.
    words = kernel_words([("k", symbol(0), 1, 1)], buffers=3)
    kernel = c_kernel("void k(void) {}", words)
    for _ in range(3000):
        bad = good.copy()
        bad[chance.randrange(len(bad))] = chance.choice(
            [-1, 0, 1, 2, 3, 17, 2**31, 2**62, -(2**63), 2**63 - 1]
        )
        try:
            program = native.Program(bad.tobytes(), [kernel])
            program(*[x] * program.n_inputs)
        except (ValueError, TypeError, MemoryError):
            pass


def test_wrong_kernels() -> None:
    with pytest.raises(RuntimeError):
        native.Program(ADD_WORDS, [3])
    with pytest.raises(ValueError, match="kernel"):
        native.Program(ADD_WORDS, [])
