"""What is said to C compilers: nothing of LLVM is left, and what is unknown is an error by name."""

from __future__ import annotations

import pytest

import tilewright as tw
from tilewright.lowering.plain_c import plain_c
from tilewright.lowering.tvm_api import PointerType, PrimType, tirx


def function_of(value: object) -> object:
    pointer = tirx.Var("p", PointerType(PrimType("float32")))
    zero = tirx.IntImm("int64", 0)
    buffer = tirx.decl_buffer((tirx.IntImm("int64", 1),), "float32", "P", data=pointer)
    body = [tirx.DeclBuffer(buffer, data=pointer), tirx.BufferStore(buffer, value, [zero])]
    return tirx.PrimFunc([pointer], tirx.SeqStmt(body), ret_type=None)


def test_an_unknown_function_is_an_error_by_name() -> None:
    x = tirx.FloatImm("float32", 1.0)
    for name in ("exp10", "sinh"):
        value = tirx.call_llvm_pure_intrin("float32", f"llvm.{name}", x)
        with pytest.raises(tw.CompileError, match=f"no plain function for {name}"):
            plain_c(function_of(value))


def test_constants_keep_their_bits() -> None:
    made = str(plain_c(function_of(tirx.FloatImm("float32", 0.1))))
    assert "tw_float32" in made
    assert str(0x3DCCCCCD) in made
