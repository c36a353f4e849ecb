"""tw.script: staged equals eager, in values and gradients, for every kind of statement."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import script_choices  # noqa: F401  (they add to PROGRAMS)
import script_loops  # noqa: F401
from script_support import PROGRAMS, Program

import tilewright as tw

programs = pytest.mark.parametrize("program", PROGRAMS, ids=lambda p: p.f.__name__)


def arrays(arguments: tuple[Any, ...]) -> list[Any]:
    return [tw.asarray(a, dtype="int64" if isinstance(a, int) else "float64") for a in arguments]


def outcome(f: Any, arguments: tuple[Any, ...]) -> np.ndarray[Any, Any]:
    return np.asarray(tw.asarray(f(*arrays(arguments))))


@programs
def test_scripted_equals_eager(program: Program) -> None:
    scripted = tw.script(program.f)
    for arguments in program.arguments:
        want = outcome(program.f, arguments)
        found = outcome(scripted, arguments)
        np.testing.assert_allclose(found, want, rtol=1e-12, atol=1e-14)
    assert "1 programs" in repr(scripted), "the arguments differ in values alone"


@programs
def test_gradients(program: Program) -> None:
    """The eager tape, which has seen one way, is the reference."""
    if not program.smooth:
        return

    def total(*arguments: Any) -> Any:
        return tw.sum(program.f(*arguments))

    scripted = tw.script(total)
    for arguments in program.arguments:
        given = arrays(arguments)
        floats = [i for i, a in enumerate(given) if a.dtype.is_float]
        for number in floats:
            want = tw.grad(total, number)(*given).numpy()
            found = tw.grad(scripted, number)(*given).numpy()
            np.testing.assert_allclose(found, want, rtol=1e-9, atol=1e-11)
