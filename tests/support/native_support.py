"""Kernels written in C, compiled by the system's compiler, and the words that describe them."""

from __future__ import annotations

import importlib.util
import shutil
import struct
import subprocess
import tempfile
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright._native
from tilewright.dsl import dtypes, sizes


def _private_copy() -> Any:
    """A second copy of the native module: its tests must not set up the package's own."""
    installed = Path(tilewright._native.__file__)
    copy = Path(tempfile.mkdtemp(prefix="tilewright-native-")) / installed.name
    shutil.copy(installed, copy)
    spec = importlib.util.spec_from_file_location("native_under_test._native", copy)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    shutil.rmtree(copy.parent)  # mapped by now
    return module


native = _private_copy()

CODES = {d.name: d.code for d in dtypes.ALL}
F32, F64, I32, I64, BOOL = (CODES[n] for n in ("float32", "float64", "int32", "int64", "bool"))

Expr = int | list[int]


def expr(value: Expr) -> list[int]:
    """A size as words: an int, or postfix words already."""
    words = [sizes.CONST, value] if isinstance(value, int) else value
    return [len(words), *words]


def symbol(index: int) -> list[int]:
    return [sizes.SYMBOL, index]


def pack(words: Sequence[int]) -> bytes:
    return struct.pack(f"<{len(words)}q", *words)


def name_words(name: str) -> list[int]:
    data = name.encode()
    padded = data + b"\0" * (-len(data) % 8)
    return [len(data), *struct.unpack(f"<{len(padded) // 8}q", padded)]


def kernel_words(
    phases: Sequence[tuple[str, Expr, Expr, Expr]],
    *,
    buffers: int,
    outputs: int = 1,
    scratch: Sequence[tuple[int, Expr]] = (),
    tables: int = 0,
    n_sizes: int = 1,
) -> bytes:
    words = [0x544B31, buffers, outputs, len(scratch), tables, n_sizes, len(phases)]
    for per_thread, size in scratch:
        words += [per_thread, *expr(size)]
    for name, extent, grain, cost in phases:
        words += [*name_words(name), *expr(extent), *expr(grain), *expr(cost)]
    return pack(words)


@cache
def compile_c(source: str, *flags: str) -> bytes:
    """A relocatable object of a C source."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("the tests of the kernel loader need a C compiler (Debian: gcc)")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "kernel.c"
        path.write_text(source)
        command = [compiler, "-O2", "-c", "-fPIC", "-fno-asynchronous-unwind-tables", *flags]
        subprocess.run([*command, str(path), "-o", str(path.with_suffix(".o"))], check=True)
        return path.with_suffix(".o").read_bytes()


def c_kernel(source: str, words: bytes, tables: Sequence[bytes] = (), *flags: str) -> Any:
    return native.Kernel(compile_c(source, *flags), words, tables)


def map_source(body: str, types: Sequence[str], mask: int) -> str:
    """A C kernel `k` that sets `o` from `a`, `b` ... for one axis; masked inputs are scalars."""
    names = "abcdefgh"[: len(types) - 1]
    params = [f"const {t}* restrict p{n}" for t, n in zip(types, names, strict=False)]
    loads = [
        f"{t} {n} = p{n}[{'0' if mask >> i & 1 else 'i'}];"
        for i, (t, n) in enumerate(zip(types, names, strict=False))
    ]
    return f"""#include <stdint.h>
    void k({", ".join(params)}, {types[-1]}* restrict o, int64_t begin, int64_t end, int64_t n) {{
      for (int64_t i = begin; i < end; ++i) {{ {" ".join(loads)} o[i] = {body}; }}
    }}"""


C_TYPES = {
    BOOL: "uint8_t",
    I32: "int32_t",
    I64: "int64_t",
    F32: "float",
    F64: "double",
    CODES["uint8"]: "uint8_t",
}


def map_kernel(
    name: str, body: str, codes: Sequence[int], out: int, cost: int = 100, calls: Any = None
) -> Any:
    """A MapKernel from a C expression in `a`, `b`, ..."""
    types = [C_TYPES[c] for c in (*codes, out)]

    def compile_mask(mask: int) -> Any:
        if calls is not None:
            calls.append(mask)
        words = kernel_words([("k", symbol(0), 1, cost)], buffers=len(codes) + 1)
        return c_kernel(map_source(body, types, mask), words)

    return native.MapKernel(name, codes, out, compile_mask)


def program_words(
    *,
    inputs: Sequence[tuple[int, Sequence[Expr]]],
    outputs: Sequence[tuple[int, int, Sequence[Expr]]],
    slots: Sequence[tuple[int, int, Expr]],
    instructions: Sequence[Sequence[int]],
    symbols: int = 0,
    arena: Expr = 0,
) -> bytes:
    words = [0x545031, 1, len(inputs), len(outputs), symbols, len(slots), *expr(arena)]
    for code, dims in inputs:
        words += [code, len(dims), *(w for d in dims for w in expr(d))]
    for kind, a, size in slots:
        words += [kind, a, *expr(size)]
    for slot, code, dims in outputs:
        words += [slot, code, len(dims), *(w for d in dims for w in expr(d))]
    words += [len(instructions), *(w for i in instructions for w in i)]
    return pack(words)


def launch(kernel: int, slots: Sequence[int], sizes_: Sequence[Expr] = ()) -> list[int]:
    words = [0, kernel, len(slots), *slots, len(sizes_)]
    return [*words, *(w for s in sizes_ for w in expr(s))]


class Array(native.Cell):
    """What the tests set up as the array type."""

    __slots__ = ()


def set_up() -> None:
    """The core as the tests use it: no operators, `slow` notes its calls."""
    promotion = [dtypes.promote(a, b).code for a in dtypes.ALL for b in dtypes.ALL]
    native.setup(Array, list(dtypes.ALL), promotion, slow)


slow_calls: list[tuple[str, Any, Any]] = []


def slow(op: str, a: Any, b: Any) -> Any:
    slow_calls.append((op, a, b))
    return {"bool": True, "int": 7, "float": 7.0, "index": 7}.get(op, op)


def array(values: Any, dtype: str | None = None, copy: bool = True) -> Any:
    found = np.asarray(values, dtype)
    return native.from_buffer(found, CODES[found.dtype.name], copy)


def numpy(cell: Any) -> np.ndarray[Any, Any]:
    return np.asarray(memoryview(cell))
