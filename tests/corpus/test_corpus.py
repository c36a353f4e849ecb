"""The programs of examples/corpus under tw.script: complete, equal to eager code, differentiable.

One program of a function serves both sets of arguments, which go through different branches.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy
from tilewright.benchmarks.corpus import load_corpus

FOLDER = Path(__file__).resolve().parents[2] / "examples" / "corpus"

CORPUS = load_corpus(FOLDER)
OURS = {p.name: p for p in CORPUS.load(tw.numpy)}
NUMPYS = {p.name: p for p in CORPUS.load(np)}
SMOOTH = [name for name, p in OURS.items() if p.smooth]


def arrays(arguments: tuple[Any, ...]) -> list[Any]:
    """Fresh arrays, as a program may write to its arguments."""
    return [tw.asarray(np.asarray(x)) for x in arguments]


def leaves(result: Any) -> list[Any]:
    return list(result) if isinstance(result, tuple) else [result]


def require_equal(found: Any, expected: Any) -> None:
    assert len(leaves(found)) == len(leaves(expected))
    for x, y in zip(leaves(found), leaves(expected), strict=True):
        a, b = np.asarray(x), np.asarray(y)
        if a.dtype.kind in "biu" and b.dtype.kind in "biu":
            np.testing.assert_array_equal(a, b)
        else:
            np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-11)


def test_the_corpus_is_large_enough() -> None:
    assert len(OURS) >= 60 and len(SMOOTH) >= 25
    assert list(OURS) == list(NUMPYS)


@pytest.mark.parametrize("name", OURS)
def test_staged_equals_eager_and_numpy(name: str) -> None:
    program, staged = OURS[name], tw.script(OURS[name].function)
    for given in (program.first, program.second):
        plain = [np.asarray(x) if isinstance(x, list) else x for x in given]
        with np.errstate(all="ignore"):
            expected = NUMPYS[name].function(*plain)
        eager = program.function(*arrays(given))
        require_equal(eager, expected)
        require_equal(staged(*arrays(given)), eager)
    assert "1 program" in repr(staged).replace("1 programs", "1 program"), repr(staged)


def total(function: Any) -> Any:
    """The sum of a program's float results, as one number."""

    def summed(*floats: Any) -> Any:
        results = [tw.asarray(y) for y in leaves(function(*floats))]
        return sum(y.sum() for y in results if y.dtype.is_inexact)

    return summed


@pytest.mark.parametrize("name", SMOOTH)
def test_gradients_equal_those_of_the_tape(name: str) -> None:
    program = OURS[name]
    staged = tw.script(program.function)
    for given in (program.first, program.second):
        floats = tuple(i for i, x in enumerate(given) if np.asarray(x).dtype.kind == "f")
        expected = tw.grad(total(program.function), argnums=floats)(*arrays(given))
        found = tw.grad(total(staged), argnums=floats)(*arrays(given))
        for x, y in zip(leaves(found), leaves(expected), strict=True):
            np.testing.assert_allclose(x.numpy(), y.numpy(), rtol=1e-7, atol=1e-9)


@pytest.mark.parametrize("name", OURS)
def test_reproducible_bits_are_those_of_eager_code(name: str) -> None:
    program = OURS[name]
    with tw.config(reproducible=True):
        eager = program.function(*arrays(program.first))
        found = tw.script(program.function)(*arrays(program.first))
    for x, y in zip(leaves(found), leaves(eager), strict=True):
        np.testing.assert_array_equal(np.asarray(x), np.asarray(y))
