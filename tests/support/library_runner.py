"""Expressions of other libraries on our arrays and on NumPy's, compared; run as a program, because
these libraries read their switches for the array API when they are first imported.

    library_runner.py < cases.json    {"setup": "import ...", "cases": ["expression", ...]}

Prints as JSON what is wrong with each case: nothing, if it gives an Array with NumPy's values.
"""

from __future__ import annotations

import json
import sys
import warnings
from typing import Any

import numpy as np

import tilewright as tw

DATA = {
    "X": np.random.default_rng(7).normal(size=(60, 4)),
    "P": np.random.default_rng(8).uniform(0.1, 1, size=(20, 3)),
    "C": (np.random.default_rng(9).uniform(size=60) > 0.5).astype(np.int64),
}


def fault_of(case: str, known: dict[str, Any]) -> str:
    """What is wrong with a case; empty if nothing is."""
    try:
        expected = eval(case, {**known, **DATA})
        found = eval(case, {**known, **{n: tw.array(v) for n, v in DATA.items()}})
        if isinstance(expected, np.ndarray) and not isinstance(found, tw.Array):
            return f"gave a {type(found).__name__}, not an Array"
        np.testing.assert_allclose(np.asarray(found), np.asarray(expected), 1e-6, 1e-9)
    except Exception as error:  # whatever it is, it is the finding
        return f"{type(error).__name__}: {error}"
    return ""


def main() -> None:
    """Run what standard input asks for."""
    asked = json.load(sys.stdin)
    known: dict[str, Any] = {}
    warnings.simplefilter("ignore")
    exec(asked["setup"], known)
    json.dump({case: fault_of(case, known) for case in asked["cases"]}, sys.stdout)


if __name__ == "__main__":
    main()
