"""The same mistakes in NumPy and here: where NumPy raises, we raise what the same `except` clause
catches, and no array has changed. More, by function: test_numpy_errors.py."""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp

CASES = """
M[2]
M[0, 3]
M[-3]
M[0, 0, 0]
M[..., ...]
M[1.5]
M[1.0]
M["a"]
M[object()]
M[[0.5]]
M[[0, 5]]
M[[True]]
M[[True, False, True]]
M[:, [True, False]]
M[{}]
M[None, 5]
M[1.5:2]
M["a":]
M[::0]
M[[1, 0], [0, 1, 2]]
M[False, [0, 0]]
M[[[0, 1], [2]]]
M[np.array([0.0])]
M[np.array([9])]
M[B]
M[B, 0]
M[np.ones((3, 2), bool)]
Z[0]
Z[[0]]
M[2] = 1
M[0] = [1, 2]
M[0] = [[1, 2, 3], [4, 5, 6]]
M[:, 0] = [1, 2, 3]
M[B[:2]] = [1, 2]
M[[0, 1]] = [1, 2]
M[[0, 9]] = 1
M[0, 0] = "a"
M[0, 0] = [1, 2]
M[0, 0] = object()
M[0] = {}
U[0] = 300
U[0] = -1
U[0] = np.array([1, 2])
I[0] = 2**70
I[0] = float("nan")
I[0] = float("inf")
del M[0]
M.reshape(4)
M.reshape(-1, -1)
M.reshape(2.5, 3)
M.reshape("a")
M.reshape(0, -1)
M.reshape((2, 3), order="X")
np.reshape(M, (7, -1))
M.transpose(0, 0)
M.transpose(0)
M.transpose(0, 5)
M.transpose(0.5, 1)
M.swapaxes(0, 2)
M.squeeze(0)
M.squeeze(5)
np.expand_dims(M, 5)
np.expand_dims(M, (0, 0))
np.moveaxis(M, 0, 5)
np.moveaxis(M, (0, 1), 0)
np.broadcast_to(M, (3, 3))
np.broadcast_to(M, (2,))
np.broadcast_to(M, -1)
np.broadcast_arrays(M, I)
np.broadcast_shapes((2,), (3,))
np.concatenate([])
np.concatenate([M, I])
np.concatenate([M, M], axis=2)
np.concatenate(M, M)
np.concatenate(3)
np.stack([])
np.stack([M, M], axis=5)
np.zeros(-1)
np.zeros((2, -3))
np.zeros(1.5)
np.zeros("a")
np.zeros((2**40, 2**40))
np.zeros(2**62)
np.zeros(2**63)
np.zeros(2**64)
np.zeros(2**45)
np.zeros((1,) * 70)
np.ones(3, dtype="nope")
np.ones(3, dtype=object())
np.full((2,), [1, 2, 3])
np.full(3, 300, dtype=np.uint8)
np.full(3, -1, dtype=np.uint8)
np.eye(-1)
np.eye(2.5)
np.eye("a")
np.arange()
np.arange(0, 10, 0)
np.arange(1, 2, 3, 4, 5)
np.arange(float("nan"))
np.arange(float("inf"))
np.arange(2**62)
np.arange("a")
np.linspace(0, 1, -1)
np.linspace(0, 1, 2.5)
np.linspace()
np.array([[1, 2], [3]])
np.array([1, [2]])
np.array([1, 2], dtype="nope")
np.array(2**70, dtype=np.int64)
np.array([300], dtype=np.uint8)
np.array([1.5], dtype=np.uint8, copy=False)
np.asarray([1, 2], copy=False)
np.array({}, dtype=float)
np.frombuffer(b"abc", dtype=np.int32)
np.frombuffer(b"abcd", dtype=np.int32, offset=10)
np.from_dlpack(3)
np.from_dlpack([1])
np.fromiter([1, 2], "nope")
M + I
M + "a"
M + None
M + object()
M + [1, 2]
M + {}
"a" + M
U + 300
U - 1000
U + (-1)
I + 2**70
M @ M
M @ 3
3 @ M
M @ I
M ** "a"
I ** -1
I << 1.5
M << 1
M & M
~M
B - B
-B
+B
M and M
bool(M)
int(M)
float(M)
complex(M)
M.__index__()
range(M)
[1, 2][Z]
len(Z)
list(Z)
iter(Z)
M.item()
M.item(6)
M.item(0, 5)
M.item(0, 0, 0)
M.item("a")
M += I
I += 1.5
I /= 2
U += 300
U += -1
M @= M
I **= -1
M <<= 1
np.add(M, M, out=I)
np.add(M, M, out=np.zeros(3))
np.add(M, M, out=3)
np.add(M, M, out=np.zeros((2, 3), np.int64))
np.add(M)
np.add(M, M, M, M)
np.add(M, M, foo=1)
np.add(M, M, dtype="nope")
np.add(M, M, where=np.ones((5,), bool))
np.add(M, M, casting="nope")
np.add(M, 1.5, dtype=np.int64)
np.sin()
np.sin("a")
np.sin(None)
np.invert(M)
np.left_shift(M, 1)
np.bitwise_and(M, 1)
np.logical_not("a")
np.negative(B)
np.subtract(B, B)
np.gcd(M, M)
np.ldexp(M, M)
M.sum(2)
M.sum(-3)
M.sum((0, 0))
M.sum("a")
M.sum(1.5)
M.sum(axis=(0, 2))
M.sum(out=np.zeros(7))
M.sum(dtype="nope")
M.mean(5)
M.max(5)
M.argmax(5)
M.argmax((0, 1))
np.zeros(0).max()
np.zeros(0).min()
np.zeros(0).argmax()
np.zeros((0, 3)).max(axis=0)
np.zeros((0, 3)).argmin(axis=0)
M.any(5)
M.cumsum(5)
np.cumsum(M, axis=2)
np.cumulative_sum(M)
np.sort(M, axis=5)
np.sort(M, kind="nope")
np.sort(Z)
np.argsort(M, axis=3)
M.sort(axis=4)
np.partition(I, 9)
np.searchsorted(M, 1)
np.searchsorted(I, 1, side="nope")
np.unique(M, axis=5)
np.take(M, 9)
np.take(M, [0], axis=5)
np.take(M, [0], mode="nope")
np.take_along_axis(M, I, 0)
np.take_along_axis(M, np.array([[9]]), 0)
np.put(I, 9, 1)
np.repeat(I, -1)
np.repeat(I, [1, 2])
np.repeat(M, 2, axis=4)
np.tile(M, -1)
np.tile(M, 1.5)
np.where(M > 0, 1)
np.where(M > 0, I, I)
np.nonzero(Z)
np.clip(M, I, I)
np.diff(M, axis=4)
np.diff(M, n=-1)
np.flip(M, 3)
np.roll(M, 1, axis=4)
np.trace(I)
np.diagonal(I)
np.dot(M, M)
np.inner(M, I)
np.vdot(M, I)
np.outer()
np.einsum("ij,jk", M, M)
np.einsum("ij")
np.linalg.inv(M)
np.linalg.inv(np.zeros((2, 2)))
np.linalg.det(M)
np.linalg.solve(M, M)
np.linalg.solve(np.zeros((2, 2)), np.ones(2))
np.linalg.solve(np.eye(2), np.ones(3))
np.linalg.cholesky(-np.eye(2))
np.linalg.cholesky(I)
np.linalg.eigh(M)
np.linalg.qr(I)
np.linalg.qr(M, mode="nope")
np.linalg.svd(I)
np.linalg.matrix_power(M, 2)
np.linalg.matrix_power(np.eye(2), 1.5)
np.linalg.matrix_power(np.zeros((2, 2)), -1)
np.linalg.norm(M, "nope")
np.linalg.norm(C, 2)
np.linalg.norm(M, axis=5)
np.linalg.cross(I, I)
np.linalg.pinv(I)
M.astype("nope")
M.astype()
M.astype(np.int64, casting="safe")
np.can_cast(3, np.int8)
np.result_type()
np.result_type("nope")
np.promote_types("nope", "i4")
np.isdtype("f4", "nope")
np.finfo(np.int64)
np.iinfo(np.float64)
np.meshgrid(I, I, indexing="nope")
np.indices((-1,))
np.unravel_index(9, (2, 3))
np.pad(M, -1)
np.pad(M, 1, mode="nope")
np.split(I, 2)
np.unstack(Z)
np.unstack(M, axis=4)
np.isin(M)
np.allclose(M, I)
np.array_equal(M)
np.count_nonzero(M, axis=4)
np.nextafter(M, "a")
M.T.nope
M.nope()
M.to_device("nope")
M.__array_namespace__(api_version="1999.01")
np.zeros(3, device="nope")
M.fill("a")
M.fill([1, 2])
U.fill(300)
M.tobytes("X")
M.flatten("X")
M.ravel("X")
M.flat[9]
M.flat[9] = 1
M.flat["a"]
M.choose([1])
M.compress([True] * 7)
M.diagonal(0, 0, 0)
M.round("a")
M.clip("a", "b")
M.dot(M)
M.partition(9)
M.searchsorted(1)
M.trace(0, 0, 0)
"""

DATA: dict[str, Any] = {
    "M": np.arange(6.0).reshape(2, 3),
    "I": np.arange(5),
    "B": np.array([True, False, True]),
    "Z": np.array(3.0),
    "C": np.arange(24.0).reshape(2, 3, 4),
    "U": np.arange(4, dtype=np.uint8),
}
CLASSES = (
    np.exceptions.AxisError, np.linalg.LinAlgError, ZeroDivisionError, OverflowError, MemoryError,
    BufferError, IndexError, KeyError, AttributeError, NotImplementedError, TypeError, ValueError,
    RuntimeError,
)  # fmt: skip
# Ours is of a further class as well.
WIDER = (
    "np.arange(0, 10, 0)",  # ValueError, too, as range() has it
    "np.from_dlpack(3)",  # TypeError, too
    "np.from_dlpack([1])",
    'M.to_device("nope")',  # RuntimeError, too, as all errors of devices
    'np.zeros(3, device="nope")',
)


def mistake(namespace: Any, arrays: dict[str, Any], text: str) -> Exception:
    with pytest.raises(Exception) as caught, np.errstate(all="ignore"), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        exec(text, {"np": namespace, **arrays})
    return caught.value


def classes(error: Exception) -> list[str]:
    return [c.__name__ for c in CLASSES if isinstance(error, c)]


@pytest.mark.parametrize("text", CASES.strip().splitlines())
def test_the_class_is_numpys(text: str) -> None:
    theirs = mistake(np, {n: v.copy() for n, v in DATA.items()}, text)
    arrays = {n: tw.array(v) for n, v in DATA.items()}
    ours = mistake(tnp, arrays, text)
    expected, found = classes(theirs), classes(ours)
    assert expected, f"NumPy raised {theirs!r}, whose class the test does not know"
    if text in WIDER:
        assert set(expected) < set(found), f"{ours!r} instead of {theirs!r}"
    else:
        assert found == expected, f"{ours!r} instead of {theirs!r}"
    for name, array in arrays.items():
        np.testing.assert_array_equal(array.numpy(), DATA[name], name)
