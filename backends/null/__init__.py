"""A device that computes nothing: it proves the contract between the rooms.

Its programs check their inputs and return outputs of the right shapes and dtypes, unset.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from ... import _native
from ...dsl.sizes import evaluate_postfix
from ...lowering.words import PROGRAM_MAGIC
from ..manifest import Manifest


class NullKernel:
    """A kernel that is never launched."""

    def __init__(self, code: bytes, words: bytes, tables: Sequence[bytes] = ()) -> None:
        self.words = words

    def scratch_bytes(self, *sizes: int) -> int:
        return 0


class NullProgram:
    """Allocates what the program's words say it returns."""

    def __init__(self, words: bytes, kernels: Sequence[NullKernel], name: str) -> None:
        self.name = name
        self.words = struct.unpack(f"<{len(words) // 8}q", words)
        if self.words[0] != PROGRAM_MAGIC:
            raise ValueError(f"{name}: not a program")

    def __call__(self, *cells: Any) -> tuple[Any, ...]:
        reader = _Reader(self.words)
        reader.skip(2)
        n_inputs, n_outputs, n_symbols, n_slots = (reader.next() for _ in range(4))
        reader.expression()
        if len(cells) != n_inputs:
            raise ValueError(f"{self.name}: got {len(cells)} inputs; it takes {n_inputs}")
        symbols = [0] * n_symbols
        for cell in cells:
            code, dims = reader.typed()
            if code != cell._code or len(dims) != cell.ndim:
                raise ValueError(f"{self.name}: got {cell.dtype} of rank {cell.ndim}")
            for size, words in zip(cell.shape, dims, strict=True):
                if len(words) == 2 and words[0] == 1:
                    symbols[words[1]] = size
        for _ in range(n_slots):
            reader.skip(2)
            reader.expression()
        results = []
        for _ in range(n_outputs):
            reader.skip(1)
            code, dims = reader.typed()
            shape = [evaluate_postfix(words, symbols) for words in dims]
            results.append(_native.empty(shape, code))
        return tuple(results)


class _Reader:
    def __init__(self, words: tuple[int, ...]) -> None:
        self.words, self.position = words, 0

    def skip(self, count: int) -> None:
        self.position += count

    def next(self) -> int:
        self.position += 1
        return self.words[self.position - 1]

    def expression(self) -> tuple[int, ...]:
        count = self.next()
        self.position += count
        return self.words[self.position - count : self.position]

    def typed(self) -> tuple[int, list[tuple[int, ...]]]:
        code, rank = self.next(), self.next()
        return code, [self.expression() for _ in range(rank)]


MANIFEST = Manifest(
    name="null",
    compiler_module=f"{__name__}.compiler",
    find_fingerprint=lambda: "none",
    load_kernel=NullKernel,
    load_program=NullProgram,
)
