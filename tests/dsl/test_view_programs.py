"""Random programs of slices, views, writes through views, `out=`, operators in place and reads
mean what they mean in NumPy, eagerly and staged."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from view_programs import programs, start

import tilewright as tw
import tilewright.numpy as tnp


def same(found: dict[str, Any], expected: dict[str, Any]) -> None:
    """All variables have the same shapes and elements."""
    for name, value in expected.items():
        assert np.shape(found[name]) == np.shape(value), name
        np.testing.assert_array_equal(np.asarray(found[name]), value, name)


@settings(max_examples=150)
@given(programs())
@example(([(3, 4)], ["v0 = a[0]", "v0 += 1", "a.T[...] = v0[:3]", "v0[1:] = v0[:-1]"]))
@example(([(6,)], ["np.add(a[1:], a[:-1], out=a[:-1])", "np.subtract(a[::-1], 1, out=a)"]))
@example(([(3, 4)], ["v0 = a.reshape(-1)", "v1 = v0[::2]", "v1[v1 > 0] = 5", "a[[0, 0]] += 3"]))
def test_eager(program: tuple[list[tuple[int, ...]], list[str]]) -> None:
    shapes, lines = program
    theirs = start(shapes)
    ours: dict[str, Any] = {n: tw.array(v) for n, v in theirs.items()}
    for line in lines:
        exec(line, {"np": np}, theirs)
        exec(line, {"np": tnp}, ours)
        same(ours, theirs)


@settings(max_examples=15)
@given(programs(staged=True))
@example(([(3, 4)], ["v0 = a[0]", "v0 += 1", "a.T[...] = v0[:3]", "v0[1:] = v0[:-1]"]))
@example(([(6,)], ["np.add(a[1:], a[:-1], out=a[:-1])", "np.subtract(a[::-1], 1, out=a)"]))
@example(([(3, 4)], ["v0 = a.T.reshape(-1)", "v1 = a.reshape(-1)", "a[...] = 7"]))  # copy, view
def test_staged(program: tuple[list[tuple[int, ...]], list[str]]) -> None:
    shapes, lines = program
    theirs = start(shapes)
    arguments = {n: tw.array(v) for n, v in theirs.items()}

    def function(*given: Any) -> dict[str, Any]:
        variables: dict[str, Any] = dict(zip(theirs, given, strict=False))
        exec("\n".join(lines), {"np": tnp}, variables)
        return {n: v for n, v in variables.items() if n not in arguments}

    made = tw.jit(function)(*arguments.values())
    exec("\n".join(lines), {"np": np}, theirs)
    same({**arguments, **made}, theirs)


def test_the_programs_do_something() -> None:
    """Most lines write, and what is written through a view is seen in its base."""
    seen: set[str] = set()

    @settings(max_examples=200, database=None)
    @given(programs())
    def look(program: tuple[list[tuple[int, ...]], list[str]]) -> None:
        for line in program[1]:
            seen.update(mark for mark in MARKS if mark in line)

    look()
    assert seen == set(MARKS), f"never drawn: {set(MARKS) - seen}"


MARKS = ("+= ", "out=", ".T", "reshape", "where=", "sort", "copyto", "fill", "::-1", "> 0", "sum")


def test_a_wrong_meaning_is_found() -> None:
    """The comparison fails where a write does not reach the base."""
    theirs = start([(3, 4)])
    ours = {n: tw.array(v) for n, v in theirs.items()}
    exec("a[0][0] = 99", {}, theirs)
    exec("a[0].copy()[0] = 99", {}, ours)
    with pytest.raises(AssertionError):
        same(ours, theirs)
