"""One text of code, run twice: with `np` as NumPy, and with `np` as tilewright.numpy."""

from __future__ import annotations

import re
import warnings
from typing import Any

import numpy as np
from function_support import I32, POSITIVE, U8, B, M, same

import tilewright as tw
import tilewright.numpy as tnp

DATA: dict[str, Any] = {
    "M": M,
    "POSITIVE": POSITIVE,
    "I32": I32,
    "U8": U8,
    "B": B,
    "C": np.arange(24.0).reshape(2, 3, 4),
    "N": np.array([[1.0, np.nan, 3.0], [np.nan, 5.0, -2.0]]),
    "I": np.array([3, 1, 2, 0, 2]),
    "S": np.array([0.0, 1.0, 2.0, 4.0]),
    "E": np.zeros((0, 3)),
}


def cases(text: str) -> list[str]:
    """A case a line; one whose brackets are still open goes on in the next."""
    found: list[str] = []
    for line in text.strip().splitlines():
        open_ = found and sum(map(found[-1].count, "([{")) > sum(map(found[-1].count, ")]}"))
        if open_:
            found[-1] += " " + line.strip()
        else:
            found.append(line.strip())
    return found


def in_numpy(text: str) -> Any:
    """What the code gives in NumPy (as data: names stand for fresh copies)."""
    with np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return eval(text, {"np": np, **{k: v.copy() for k, v in DATA.items()}})


def in_ours(text: str) -> Any:
    """What the same code gives with only the import changed."""
    return eval(text, {"np": tnp, **{k: tw.array(v) for k, v in DATA.items()}})


def check(text: str) -> None:
    """Values, shapes, dtypes and kinds of containers are NumPy's."""
    expected = in_numpy(text)
    found = in_ours(text)
    compare(found, expected)


def compare(found: Any, expected: Any) -> None:
    if isinstance(expected, list | tuple):
        assert type(found) is type(expected), (type(found), type(expected))
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            compare(f, e)
    elif isinstance(found, tw.Array):
        same(found, expected)
    else:
        assert found == expected


def staged(text: str) -> None:
    """The same in a staged program, whose inputs are the names that the code uses."""
    names = [n for n in DATA if re.search(rf"\b{n}\b", text)]

    def function(*arrays: Any) -> Any:
        return eval(text, {"np": tnp, **dict(zip(names, arrays, strict=True))})

    compare(tw.jit(function)(*(tw.array(DATA[n]) for n in names)), in_numpy(text))
