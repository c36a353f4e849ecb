"""Effects in a program's words: damaged ones are refused, sound ones do what they say."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
from tilewright import _native
from tilewright.dsl.dtypes import bool_, float64, int64
from tilewright.lowering.words import (
    INPUT,
    OUTPUT,
    EffectCall,
    ProgramLayout,
    Slot,
    program_words,
)

VECTOR, SCALAR = (float64, (3,)), (int64, ())


def words(*effects: EffectCall) -> bytes:
    """A program of a float64[3], a bool[3], an int64 and a float64[3] that it gives back."""
    return program_words(
        ProgramLayout(
            symbols=(),
            inputs=(VECTOR, (bool_, (3,)), SCALAR),
            slots=(Slot(INPUT, 0), Slot(INPUT, 1), Slot(INPUT, 2), Slot(OUTPUT, 12, 24)),
            outputs=((3, *VECTOR),),
            instructions=effects,
            arena=0,
        )
    )


def effect(kind: str, text: str, slots: Any, types: Any, n_values: int | None = None) -> EffectCall:
    count = len(slots) if n_values is None else n_values
    return EffectCall(kind, text, "model.py:3", tuple(slots), tuple(types), count)


def program(*effects: EffectCall) -> Any:
    return _native.Program(words(*effects), [], "sample")


SOUND = (
    effect("print", "x {0:.1f} {{", [0], [VECTOR]),
    effect("check", "no", [1], [(bool_, (3,))]),
    effect("check_finite", "x", [0], [VECTOR]),
    effect("callback", "f", [2, 0, 3], [SCALAR, VECTOR, VECTOR], 2),
)
GIVEN = (tw.array([1.0, 2.0, 3.0]), tw.array([True, True, False]), tw.array(0))


def test_prints_and_checks(capsys: Any) -> None:
    program(SOUND[0])(*GIVEN)
    assert capsys.readouterr().out == "x [1.0 2.0 3.0] {\n"
    with pytest.raises(tw.CheckError, match=r"check at model.py:3: no .* at \[2\]"):
        program(SOUND[0], SOUND[1])(*GIVEN)
    with pytest.raises(tw.TilewrightError, match="f is of another process"):
        program(SOUND[3])(*GIVEN)


@pytest.mark.parametrize(
    "bad",
    [
        effect("check", "x", [0], [VECTOR]),
        effect("check", "x", [], []),
        effect("check_finite", "x", [0, 0], [VECTOR, VECTOR]),
        effect("callback", "f", [0], [VECTOR]),
        effect("callback", "f", [2, 0], [SCALAR, VECTOR], 1),
        effect("print", "x", [0, 3], [VECTOR, VECTOR], 1),
    ],
)
def test_what_does_not_fit_is_refused(bad: EffectCall) -> None:
    with pytest.raises(ValueError, match="damaged"):
        program(bad)


@pytest.mark.parametrize("text", ["{", "}", "{1}", "{0", "{x}", "{0:9999f}", "{0:q}", "{0:.f}"])
def test_damaged_templates_are_errors_of_the_call(text: str) -> None:
    with pytest.raises(ValueError, match="template"):
        program(effect("print", text, [0], [VECTOR]))(*GIVEN)


def test_values_beyond_their_slots_are_refused() -> None:
    with pytest.raises(ValueError, match="is 32 bytes in a slot of 24"):
        program(effect("print", "{0}", [0], [(float64, (4,))]))(*GIVEN)


@given(st.data())
def test_no_damage_crashes(data: Any) -> None:
    raw = bytearray(words(*SOUND[: data.draw(st.integers(1, 4))]))
    for _ in range(data.draw(st.integers(1, 3))):
        at = 8 * data.draw(st.integers(0, len(raw) // 8 - 1))
        value = data.draw(st.integers(-3, 300) | st.integers(-(2**63), 2**63 - 1))
        raw[at : at + 8] = struct.pack("<q", value)
    try:
        made = _native.Program(bytes(raw), [], "damaged")
        made(*GIVEN[: made.n_inputs])
    except (ValueError, TypeError, MemoryError, AssertionError, OverflowError, tw.TilewrightError):
        pass


def test_eager_effects_check_their_values() -> None:
    for kind, cells in ((1, [tw.ones(2)]), (1, []), (2, []), (3, [tw.ones(2)]), (-1, [])):
        with pytest.raises((ValueError, TypeError)):
            _native.run_effect(kind, "x", "here", cells)
    _native.run_effect(2, "x", "here", [tw.asarray(np.ones(2))])
