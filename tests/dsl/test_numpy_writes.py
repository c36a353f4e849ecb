"""What writes: `out`, `where`, functions and methods that work in place; ufuncs' methods."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from function_support import same
from numpy_support import DATA, cases, check, compare

import tilewright as tw
import tilewright.numpy as tnp

METHODS = """
np.add.reduce(M)
np.add.reduce(M, axis=None)
np.add.reduce(M, axis=1, keepdims=True)
np.add.reduce(I32, dtype=np.float32)
np.multiply.reduce(M, 1)
np.maximum.reduce(M, 0, initial=3)
np.minimum.reduce(I32, axis=None)
np.logical_and.reduce(M > 0)
np.logical_or.reduce(B, axis=1)
np.logical_xor.reduce(B, axis=1)
np.logical_or.reduce(M, axis=None)
np.bitwise_or.reduce(I32, axis=1)
np.bitwise_and.reduce(I32, axis=(0, 1))
np.bitwise_and.reduce(np.zeros((0, 2), np.uint8))
np.bitwise_xor.reduce(U8)
np.subtract.reduce(I)
np.subtract.reduce(M, axis=1)
np.power.reduce(I)
np.add.reduce(E)
np.logical_and.reduce(E, axis=0)
np.add.reduce(M, axis=0, where=M > 0)
np.logical_or.reduce(B, axis=0, where=~B)
np.add.accumulate(M)
np.add.accumulate(I, dtype=float)
np.multiply.accumulate(M, axis=1)
np.maximum.accumulate(I)
np.minimum.accumulate(M, axis=1)
np.subtract.accumulate(I)
np.logical_or.accumulate(B, axis=1)
np.bitwise_xor.accumulate(I)
np.add.reduceat(I, [0, 2, 1, 4])
np.maximum.reduceat(M, [0, 2], axis=1)
np.add.outer(I, S)
np.multiply.outer(M, I32)
np.subtract.outer(2, I)
np.less.outer(I, I)
np.add(M, 1, dtype=np.float32)
np.add(I32, 1, dtype=float)
np.multiply(I32, 2.0, dtype=np.float32)
np.add.nin
np.add.nout
np.add.nargs
np.add.__name__
np.multiply.identity
np.maximum.identity
np.floor_divide(I, 2)
M.cumprod(1)
M.cumsum()
M.trace()
M.diagonal(1)
M.nonzero()
I.choose([M[:1, :1], 2, 3, 4])
M.compress([True, False], axis=0)
M.conj()
M.real
M.imag
M.item(4)
M.item(1, 2)
M.tobytes()
M.tobytes("F")
M.flatten("F")
M.ravel("F")
M.reshape(3, 2, order="F")
M.reshape((3, -1))
M.round(1)
M.clip(0, 2)
M.clip(max=1)
M.argmax(axis=1, keepdims=True)
M.sum(0, where=M > 0)
M.max(initial=9)
M.std(ddof=1)
M.var(axis=1, ddof=1)
M.view()
M.flat[4]
M.flat[1:5:2]
M.flat[[0, 5]]
M.flat.copy()
len(M.flat)
[float(x) for x in M.flat]
M.T.flags.f_contiguous
M.flags["C_CONTIGUOUS"]
M[0].flags.owndata
M.base is None
M[0].base is not None
bytes(M.data)
M.nbytes
M.itemsize
M.strides
M.dot(M.T)
M.take([0, 9], mode="wrap")
M.repeat([1, 2], axis=0)
M.all(axis=0)
M.any(where=False)
"""


@pytest.mark.parametrize("text", cases(METHODS))
def test_as_numpy(text: str) -> None:
    check(text)


# Programs that write: the arrays that they name are compared when they are done.
PROGRAMS = """
np.add(M, 1, out=M)
np.add(M[0], M[1], out=C[0, :, 1])
np.multiply(M, 2, out=M[::-1])
np.add(M, 10, out=M, where=M > 0)
np.sqrt(POSITIVE, POSITIVE, where=[True, False, True])
np.sum(M, axis=0, out=S[:3])
np.max(M, axis=1, out=S[::2])
np.cumsum(I, out=I)
np.clip(M, 0, 1, out=M)
np.round(M, out=M)
np.dot(M[:, :2], M[:, :2], out=C.reshape(12, 2)[3:5])
np.stack([S, S], out=C[0, :2])
np.concatenate([I, I[:0]], out=I[::-1])
np.take(M, [0, 2], axis=1, out=M[:, 1:])
np.add.at(I, [0, 0, 3], 5)
np.add.at(M, (0, [0, 0, 2]), [1, 2, 3])
np.subtract.at(I, [1, 1], [1, 2])
np.maximum.at(I, [0, 0], [9, 7])
np.multiply.at(M, ([0, 1, 0], [0, 0, 0]), 2)
np.negative.at(I, [0, 0, 1])
np.put(M, [0, -1], [8, 9])
np.put(M, [7, -9], 5, mode="wrap")
np.put(M, [7, -9], 5, mode="clip")
np.put(M.T, [0, 1], 7)
np.put(I, [0, 1, 2], [4, 5])
np.putmask(M, M > 0, [1, 2])
np.putmask(I, I > 1, I * 10)
np.place(M, M > 0, [1, 2])
np.place(M, M > 99, [])
np.copyto(M, I32)
np.copyto(M, 7, where=M < 0)
np.copyto(U8, 5)
np.copyto(M, M[0])
np.put_along_axis(M, np.array([[0], [2]]), 9, axis=1)
np.put_along_axis(M, np.array([[1, 0, 1]]), [[7, 8, 9]], axis=0)
np.put_along_axis(M, np.array([0, 5]), 9, axis=None)
np.fill_diagonal(M, 5)
np.fill_diagonal(C[:, :2, 0], [1, 2])
np.fill_diagonal(C[0].T, 9, wrap=True)
np.fill_diagonal(C[0].T, [1, 2, 3], wrap=False)
M.put([1, 2], [9, 8])
M.flat.__setitem__(4, 9)
M.T.flat.__setitem__(slice(0, 3), [7, 8, 9])
M.flat.__setitem__(slice(None), 0)
setattr(M, "flat", [1, 2])
M.fill(3)
M.__iadd__(1)
M.__imul__(I32[0])
M[0].__iadd__(M[1])
M.T.__isub__(1)
"""


@pytest.mark.parametrize("text", cases(PROGRAMS))
def test_writes_as_numpy(text: str) -> None:
    theirs = {k: v.copy() for k, v in DATA.items()}
    ours: dict[str, Any] = {k: tw.array(v) for k, v in DATA.items()}
    expected = eval(text, {"np": np, **theirs})
    found = eval(text, {"np": tnp, **ours})
    if expected is not None:
        compare(found, expected)
    for name, x in theirs.items():
        same(ours[name], x)


def test_out_is_returned_and_a_staged_write_is_seen() -> None:
    x, out = tw.array([1.0, 2.0]), tw.zeros(2)
    assert tnp.add(x, 1, out=out) is out
    assert tnp.add(x, 1, out=(out,)) is out

    @tw.jit
    def program(a: tw.Array) -> tw.Array:
        a = a.copy()
        tnp.add(a[0], a[1], out=a[0])
        tnp.fill_diagonal(a, 7)
        tnp.put(a, [2], 9.0)
        a.flat[1] = 5
        return a

    host = DATA["M"].copy()
    np.add(host[0], host[1], out=host[0])
    np.fill_diagonal(host, 7)
    np.put(host, [2], 9.0)
    host.flat[1] = 5
    same(program(tw.array(DATA["M"])), host)


def test_a_host_array_is_no_out() -> None:
    with pytest.raises(TypeError, match="must be an Array"):
        tnp.add(1, 2, out=np.zeros(()))
