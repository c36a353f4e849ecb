"""Memory that cannot be had, memory of others in any form, and what a program cannot know."""

from __future__ import annotations

import os
import subprocess
import sys
from typing import Any

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp

M = np.arange(6.0).reshape(2, 3)

TOO_LARGE = """
np.ones(2**42)
np.zeros((2**21, 2**21))
np.arange(2**42)
np.broadcast_to(M[0, 0], (2**42,)) + 1
np.add(np.broadcast_to(M[0, 0], (2**42,)), 1)
np.add.outer(*[np.broadcast_to(M[0, 0], (2**21,))] * 2)
np.broadcast_to(M, (2**40, 2, 3)).copy()
np.repeat(M, 2**40)
np.linspace(0, 1, 2**42)
np.eye(2**21)
np.broadcast_to(M[0, 0], (2**42,)).tobytes()
"""


@pytest.mark.parametrize("text", TOO_LARGE.strip().splitlines())
def test_an_allocation_that_cannot_be_met(text: str) -> None:
    x = tw.array(M)
    with pytest.raises(MemoryError):
        eval(text, {"np": tnp, "M": x})
    assert (x + 1).sum().item() == 21  # and the process goes on


def test_a_limit_of_memory_is_kept() -> None:
    """An allocation over TILEWRIGHT_MEMORY_LIMIT is a MemoryError, after which others succeed."""
    program = """
import tilewright as tw
for _ in range(3):
    try:
        tw.ones(1 << 24) + 1
        raise SystemExit("no error")
    except MemoryError as error:
        assert "limit" in str(error), error
print((tw.ones(1000) + 1).sum().item())
"""
    done = subprocess.run(
        [sys.executable, "-c", program],
        env={**os.environ, "TILEWRIGHT_MEMORY_LIMIT": "100M"},
        capture_output=True,
        text=True,
    )
    assert done.stdout.strip() == "2000.0", done.stderr


FAR = 2**70


@pytest.mark.parametrize("k", [FAR, -FAR, 3, -2])
def test_diagonals_far_outside(k: int) -> None:
    assert tnp.eye(2, 3, k=k).tolist() == np.eye(2, 3, k=int(np.clip(k, -9, 9))).tolist()
    assert tnp.tril(tw.array(M), k).tolist() == np.tril(M, int(np.clip(k, -9, 9))).tolist()
    assert tnp.triu(tw.array(M), k).tolist() == np.triu(M, int(np.clip(k, -9, 9))).tolist()


STAGED = ["M[M > 0]", "np.unique(M)", "np.nonzero(M)", "bool(M.sum())", "M[M > 0, 0]", "M.tolist()"]


@pytest.mark.parametrize("text", STAGED)
def test_what_a_program_cannot_know(text: str) -> None:
    def function(x: Any) -> Any:
        return eval(text, {"np": tnp, "M": x})

    with pytest.raises(tw.TraceError):
        tw.jit(function)(tw.array(M))


FOREIGN = {
    "a field of records": np.zeros(4, dtype=[("a", "i1"), ("b", "f8")])["b"],
    "unaligned": np.frombuffer(bytearray(33), np.uint8)[1:].view(np.float64),
    "big-endian": np.arange(4, dtype=">f8"),
    "reversed": np.arange(4.0)[::-1],
    "repeated": np.broadcast_to(np.float64(2), (4,)),
    "read-only": np.frombuffer(np.arange(4.0).tobytes()),
    "strided": np.arange(16.0)[::4],
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "empty": np.zeros((0, 3)),
}


@pytest.mark.parametrize("name", FOREIGN)
def test_foreign_memory(name: str) -> None:
    memory = FOREIGN[name]
    before = memory.copy()
    copied = tw.asarray(memory)
    np.testing.assert_array_equal(copied.numpy(), before)
    copied[...] = 7
    np.testing.assert_array_equal(memory, before)
    try:
        shared = tw.asarray(memory, copy=False)
    except ValueError as error:
        assert not memory.flags.aligned or not memory.dtype.isnative, error
        return
    if name == "repeated":
        with pytest.raises(ValueError, match="broadcast"):
            shared += 1
        return
    shared += 1  # a write takes memory of its own, also where the foreign memory is read-only
    np.testing.assert_array_equal(shared.numpy(), before + 1)
    np.testing.assert_array_equal(memory, before)
