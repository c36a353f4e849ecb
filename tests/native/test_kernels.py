"""The loader of kernels: relocations, descriptions, damaged input."""

from __future__ import annotations

import contextlib
import platform
import random
import struct

import numpy as np
import pytest
from native_support import (
    array,
    c_kernel,
    compile_c,
    expr,
    kernel_words,
    map_source,
    name_words,
    native,
    numpy,
    pack,
    symbol,
)

DOUBLE = map_source("2*a", ["float", "float"], 0)
WORDS = kernel_words([("k", symbol(0), 1, 100)], buffers=2)


# Only x86-64 can refer to far away things without a table of their addresses.
LARGE = ("-fno-pic", "-mcmodel=large") if platform.machine() == "x86_64" else ("-O1",)


def run(source: str, n: int = 100, *flags: str) -> np.ndarray:  # type: ignore[type-arg]
    x, y = array(np.linspace(0, 3, n, dtype="f4")), native.empty((n,), 11)
    c_kernel(source, WORDS, (), *flags)([x, y], [n])
    return numpy(y)


@pytest.mark.parametrize("flags", [(), ("-O0",), ("-O3",), ("-fno-plt",), LARGE])
def test_code_constants_and_calls(flags: tuple[str, ...]) -> None:
    source = """
    #include <math.h>
    #include <stdint.h>
    #include <string.h>
    static const float table[] = {1, 2, 4, 8};
    static int counter = 41;
    static int zeros[1000];
    static float (*const functions[2])(float) = {sinf, expf};
    static float helper(float x) { return x + 0.25f; }
    static float (*volatile indirect)(float) = helper;
    void k(const float* x, float* y, int64_t begin, int64_t end, int64_t n) {
      float row[64];
      memset(row, 0, sizeof row);
      memcpy(row, x, sizeof(float) * (n < 64 ? n : 64));
      counter += zeros[n % 1000] + 1;
      for (int64_t i = begin; i < end; ++i)
        y[i] = indirect(functions[i & 1](x[i]) * table[i & 3]) + tanhf(row[i & 7]) + counter;
    }"""
    x = np.linspace(0, 3, 100, dtype="f4").astype("f8")
    i = np.arange(100)
    expected = np.where(i & 1, np.exp(x), np.sin(x)) * 2.0 ** (i & 3) + 0.25
    expected += np.tanh(x[i & 7]) + 42
    assert np.allclose(run(source, 100, *flags), expected, rtol=1e-6)


def test_many_calls_share_stubs() -> None:
    names = ("sin", "cos", "tan", "exp", "log1p", "sqrt", "cbrt", "erf", "floor", "tgamma")
    terms = "+".join(f"{n}f(x[i]+{k}.5f)" for k in range(3) for n in names)
    source = f"""#include <math.h>
    #include <stdint.h>
    void k(const float* x, float* y, int64_t begin, int64_t end, int64_t n) {{
      for (int64_t i = begin; i < end; ++i) y[i] = {terms};
    }}"""
    assert np.isfinite(run(source)).all()


def test_calls_that_kernels_may_not_make() -> None:
    source = "#include <stdlib.h>\nvoid k(void) { abort(); }"
    with pytest.raises(ValueError, match="calls abort, which kernels may not call"):
        c_kernel(source, WORDS)


def test_scratch_tables_phases_and_sizes() -> None:
    source = """#include <stdint.h>
    void first(const double* x, double* y, double* shared, double* mine, const double* table,
               int64_t begin, int64_t end, int64_t n, int64_t m) {
      for (int64_t i = begin; i < end; ++i) { mine[0] = x[i] * table[i % m]; shared[i] = mine[0]; }
    }
    void second(const double* x, double* y, double* shared, double* mine, const double* table,
                int64_t begin, int64_t end, int64_t n, int64_t m) {
      for (int64_t i = begin; i < end; ++i) y[i] = shared[n - 1 - i] + begin * 0;
    }"""
    bytes_ = [*symbol(0), 0, 8, 3, 0]  # n * 8
    for cost in (1, 10_000_000):  # on this thread, and on all
        words = kernel_words(
            [("first", symbol(0), 1, cost), ("second", symbol(0), 7, cost)],
            buffers=2, scratch=[(0, bytes_), (1, 8)], tables=1, n_sizes=2,
        )  # fmt: skip
        table = np.array([1.0, 10.0, 100.0])
        kernel = c_kernel(source, words, [table.tobytes()])
        x, y = np.arange(1000.0), native.empty((1000,), 12)
        kernel([array(x), y], [1000, 3])
        assert np.array_equal(numpy(y), (x * np.resize(table, 1000))[::-1])
    assert (kernel.n_buffers, kernel.n_outputs, kernel.n_sizes, kernel.n_phases) == (2, 1, 2, 2)
    threads = native.get_num_threads()
    assert kernel.scratch_bytes(1000, 3) == 8000 + 64 * threads
    assert kernel.cost(1000, 3) == pytest.approx(2 * 1000 * 1e-5)


def test_many_arguments() -> None:
    names = [f"int64_t s{i}" for i in range(156)]
    source = f"""#include <stdint.h>
    void k(const float* x, float* y, int64_t begin, int64_t end, {", ".join(names)}) {{
      y[0] = {"+".join(f"s{i}*{i + 1}" for i in range(156))};
    }}"""
    words = kernel_words([("k", 1, 1, 1)], buffers=2, n_sizes=156)
    y = native.empty((1,), 11)
    c_kernel(source, words)([array([1.0], "float32"), y], list(range(156)))
    assert native.item(y) == sum(i * (i + 1) for i in range(156))
    with pytest.raises(ValueError, match="it has 161 arguments; at most 160"):
        c_kernel(source, kernel_words([("k", 1, 1, 1)], buffers=2, n_sizes=157))


def test_an_empty_range_is_not_run() -> None:
    words = kernel_words([("k", 0, 1, 1)], buffers=2)
    kernel = c_kernel("void k(void) { __builtin_trap(); }", words)
    kernel([array([1.0], "float32")] * 2, [0])


@pytest.mark.parametrize(
    ("phase", "message"),
    [
        (("k", -1, 1, 1), "extent of a phase is -1"),
        (("k", 1, 0, 1), "grain of a phase is 0"),
        (("k", 1, 1, -1), "cost is -1"),
        (("k", [0, 2**62, 0, 4, 3, 0], 1, 1), r"over 2\*\*63"),
        (("k", [0, 1, 0, 0, 4, 0], 1, 1), "division of 1 by zero"),
    ],
)
def test_sizes_that_cannot_be(phase: tuple, message: str) -> None:  # type: ignore[type-arg]
    kernel = c_kernel(DOUBLE, kernel_words([phase], buffers=2))
    with pytest.raises(ValueError, match=message):
        kernel([array([1.0], "float32")] * 2, [1])


BROKEN_WORDS = [
    (b"", "ends too early"),
    (b"1234567", "not a multiple of 8"),
    (pack([1]), "magic"),
    (WORDS[:-8], "ends too early"),
    (WORDS + b"\0" * 8, "words left over"),
    (pack([0x544B31, 2, 3, 0, 0, 1, 1]), "number of outputs"),
    (pack([0x544B31, -1]), "number of buffers"),
    (pack([0x544B31, 2, 1, 0, 0, 1, 17]), "number of phases"),
    (pack([0x544B31, 2, 1, 0, 0, 1, 1, 2**40]), "length of a symbol"),
    (pack([0x544B31, 2, 1, 0, 0, 1, 1, 100]), "within a name"),
    (kernel_words([("nope", 1, 1, 1)], buffers=2), "no function nope"),
    (kernel_words([("k", [1, 1], 1, 1)], buffers=2), "names a symbol"),
    (kernel_words([("k", [2, 0], 1, 1)], buffers=2), "postfix"),
    (kernel_words([("k", [0, 1, 0, 1], 1, 1)], buffers=2), "postfix"),
    (kernel_words([("k", [0, 1] * 33 + [2, 0] * 32, 1, 1)], buffers=2), "postfix"),
    (kernel_words([("k", [7, 0], 1, 1)], buffers=2), "operation of a size"),
    (kernel_words([("k", [0, 1, 0], 1, 1)], buffers=2), "odd number"),
]


@pytest.mark.parametrize(("words", "message"), BROKEN_WORDS)
def test_damaged_words(words: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        native.Kernel(compile_c(DOUBLE), words)


def test_tables_are_counted() -> None:
    with pytest.raises(ValueError, match="got 1 tables; its words say 0"):
        native.Kernel(compile_c(DOUBLE), WORDS, [b"x"])


def test_calls_are_checked() -> None:
    kernel = native.Kernel(compile_c(DOUBLE), WORDS)
    x = array([1.0, 2.0], "float32")
    with pytest.raises(ValueError, match="got 1 buffers; it takes 2"):
        kernel([x], [1])
    with pytest.raises(ValueError, match="got 0 sizes; it takes 1"):
        kernel([x, x], [])
    with pytest.raises(ValueError, match="not contiguous"):
        kernel([x, native.view(x, (2,), (-1,), 1, None)], [1])


def test_other_files() -> None:
    for data, message in [
        (b"", "shorter than an ELF header"),
        (b"\x7fELF" + b"\0" * 60, "no 64-bit little-endian"),
        (b"MZ" + b"\0" * 100, "no 64-bit little-endian"),
    ]:
        with pytest.raises(ValueError, match=message):
            native.Kernel(data, WORDS)
    good = bytearray(compile_c(DOUBLE))
    for at, value, message in [(16, 2, "not relocatable"), (18, 40, "machine 40")]:
        bad = good.copy()
        struct.pack_into("<H", bad, at, value)
        with pytest.raises(ValueError, match=message):
            native.Kernel(bytes(bad), WORDS)


def test_damaged_objects_never_crash() -> None:
    """Each cut, and thousands of changed bytes: loaded (and not run) or refused, never a crash."""
    source = """#include <math.h>
    #include <stdint.h>
    static const float table[] = {1, 2, 4, 8};
    int counter = 3;
    void k(const float* x, float* y, int64_t begin, int64_t end, int64_t n) {
      for (int64_t i = begin; i < end; ++i) y[i] = sinf(x[i]) * table[i & 3] + ++counter;
    }"""
    good = compile_c(source)
    for cut in range(0, len(good), 7):
        with pytest.raises(ValueError):
            native.Kernel(good[:cut], WORDS)
    chance = random.Random(0)
    refused = 0
    for _ in range(5000):
        bad = bytearray(good)
        for _ in range(chance.choice([1, 1, 2, 8])):
            bad[chance.randrange(len(bad))] = chance.choice([0, 1, 0x7F, 0x80, 0xFF])
        try:
            native.Kernel(bytes(bad), WORDS)
        except (ValueError, MemoryError):
            refused += 1
    assert refused > 500


def test_damaged_headers_never_crash() -> None:
    """The same with words of the section table, symbols and relocations set to extremes."""
    good = compile_c(DOUBLE)
    chance = random.Random(1)
    for _ in range(5000):
        bad = bytearray(good)
        at = chance.randrange(0, len(bad) - 8, 4)
        form, value = chance.choice(
            [("<Q", 2**64 - 1), ("<Q", 2**63), ("<I", 2**32 - 1), ("<I", 0), ("<Q", len(bad)),
             ("<Q", 2**63 - 1), ("<H", 0xFFFF), ("<I", 8), ("<Q", 2**30)]
        )  # fmt: skip
        struct.pack_into(form, bad, at, value)
        with contextlib.suppress(ValueError, MemoryError):
            native.Kernel(bytes(bad), WORDS)


def test_words_of_a_name_and_an_expression() -> None:
    assert name_words("abc") == [3, 0x636261] and expr(5) == [2, 0, 5]


def unsafe_mappings() -> int:
    """Memory that is writable and executable at once (a driver of other tests may have some)."""
    with open("/proc/self/maps") as maps:
        return sum("rwx" in line for line in maps)


def test_kernels_outlive_their_makers_and_are_unmapped() -> None:
    before = unsafe_mappings()
    for _ in range(200):
        kernel = native.Kernel(compile_c(DOUBLE), WORDS)
    y = native.empty((2,), 11)
    kernel([array([1.0, 2.0], "float32"), y], [2])
    assert native.tolist(y) == [2, 4]
    assert unsafe_mappings() == before
