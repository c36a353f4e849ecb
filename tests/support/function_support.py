"""Arrays that the tests of composites share, and the comparison with NumPy."""

from __future__ import annotations

from typing import Any

import numpy as np

import tilewright as tw
from tilewright.dsl.dtypes import ALL, bfloat16

NUMPY_TYPES = [d.name for d in ALL if d is not bfloat16]
M = np.array([[1.5, -2.0, 3.25], [0.5, 4.0, -1.0]])
POSITIVE = np.abs(M)
I32 = np.array([[7, -7, 0], [3, 2, -5]], np.int32)
U8 = np.array([0, 1, 200, 255], np.uint8)
B = np.array([[True, False, True], [False, False, True]])


def arrays(x: Any) -> Any:
    """NumPy arrays, also those in lists, as ours; what NumPy has as scalars stays."""
    if isinstance(x, np.ndarray):
        return tw.array(x)
    if isinstance(x, list) and any(isinstance(y, np.ndarray) for y in x):
        return [arrays(y) for y in x]
    return x


def same(found: Any, expected: Any, *, exact_dtype: bool = True) -> None:
    if isinstance(expected, list | tuple):
        assert len(found) == len(expected)
        for f, e in zip(found, expected, strict=True):
            same(f, e)
        return
    expected = np.asarray(expected)
    assert found.shape == expected.shape
    if exact_dtype:
        assert found.dtype == expected.dtype, (found.dtype, expected.dtype)
    part = expected.real if expected.dtype.kind == "c" else expected
    rtol = {2: 2e-3, 4: 2e-6, 8: 1e-14}.get(part.itemsize, 0)
    np.testing.assert_allclose(found.numpy(), expected, rtol=rtol, atol=rtol)
