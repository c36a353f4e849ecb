"""Calls of native routines by programs: the words, their checks, and calls at once."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from native_support import F32, I64, array, expr, name_words, native, numpy, pack, symbol
from native_support import program_words as words_of_version_1

N = symbol(0)
BYTES = [0, 4, *N, 3, 0]  # 4 * n
SORT = [F32, 1, N, 1, 0]


def call(name: str, slots: list[int], sizes: list[Any]) -> list[int]:
    return [
        6,
        *name_words(name),
        len(slots),
        *slots,
        len(sizes),
        *(w for s in sizes for w in expr(s)),
    ]


def sorter(instruction: list[int], room: Any = BYTES) -> bytes:
    return words_of_version_1(
        symbols=1, inputs=[(F32, [N])], outputs=[(1, F32, [N])],
        slots=[(0, 0, 0), (1, F32, room)], instructions=[instruction],
    )  # fmt: skip


def test_a_program_that_sorts() -> None:
    program = native.Program(sorter(call("sort", [0, 1], SORT)), [], "f")
    assert program.routines == ("sort",)
    for n in (0, 1, 5, 1000):
        x = np.random.default_rng(n).random(n, dtype="f4")
        (found,) = program(array(x))
        assert np.array_equal(numpy(found), np.sort(x))


def test_version_2_is_read_and_5_is_not() -> None:
    words = np.frombuffer(sorter(call("sort", [0, 1], SORT)), "<i8").copy()
    words[1] = 2
    native.Program(words.tobytes(), [])
    words[1] = 5
    with pytest.raises(ValueError, match="version"):
        native.Program(words.tobytes(), [])


@pytest.mark.parametrize(
    ("instruction", "message"),
    [
        (call("shuffle", [0, 1], SORT), "no native routine shuffle"),
        (call("sort", [0], SORT), "number of buffers"),
        (call("sort", [0, 1], SORT[:4]), "number of sizes"),
        (call("sort", [1, 0], SORT), "a routine writes an input"),
        (call("sort", [0, 7], SORT), "slot"),
        ([99, 0], "instruction"),
        ([4, 1, 0], "program"),
    ],
)
def test_damaged_calls_are_refused(instruction: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        native.Program(sorter(instruction), [], "f")


def test_buffers_must_hold_what_the_routine_takes() -> None:
    program = native.Program(sorter(call("sort", [0, 1], [F32, 2, N, 1, 0])), [], "f")
    with pytest.raises(ValueError, match="buffer 0 of routine sort is 24 bytes in a slot of 12"):
        program(array(np.zeros(3, "f4")))


def test_every_truncation_is_an_error() -> None:
    words = np.frombuffer(sorter(call("sort", [0, 1], SORT)), "<i8")
    for count in range(len(words)):
        with pytest.raises(ValueError):
            native.Program(pack(words[:count].tolist()), [], "f")


def test_calls_at_once() -> None:
    x = np.array([[3, 1, 2], [9, 8, 7]])
    found = native.call_routine("sort", [array(x)], (2, 3), I64, [I64, 2, 3, 1, 0])
    assert numpy(found).tolist() == [[1, 2, 3], [7, 8, 9]]
    with pytest.raises(ValueError, match="got an array of 48 bytes; its sizes ask for 72"):
        native.call_routine("sort", [array(x)], (2, 3), I64, [I64, 3, 3, 1, 0])
    with pytest.raises(ValueError, match="it takes 1"):
        native.call_routine("sort", [], (2, 3), I64, [I64, 2, 3, 1, 0])
    with pytest.raises(ValueError, match="it takes 5"):
        native.call_routine("sort", [array(x)], (2, 3), I64, [I64, 2])
    with pytest.raises(ValueError, match="got an array of 24 bytes"):
        native.call_routine("sort", [array(x)], (3,), I64, [I64, 2, 3, 1, 0])
