"""The container of an artifact: a header, a table and sections, as docs/artifact.md has it.

Only written here: the native core is what reads it, for Python as for C.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator, Mapping, Sequence

from ... import _native
from ...lowering.entry import KernelEntry

MAGIC = b"\x89TWA\r\n\x1a\n"
FORMAT = 1
ALIGNMENT = 64
_HEADER = struct.Struct("<8sIIQQ")  # magic, format, number of sections, bytes of the file, zero
_ENTRY = struct.Struct("<16sQQ32s")  # name, offset, bytes, sha256

Section = Sequence[bytes | memoryview]


def assemble(sections: Mapping[str, Section]) -> mmap.mmap:
    """The file in memory, which is aligned to pages: weights can be used where they lie."""
    table = []
    end = 64 + 64 * len(sections)
    for name, pieces in sections.items():
        start = -(-end // ALIGNMENT) * ALIGNMENT
        size = sum(map(len, pieces))
        table.append((name, start, size))
        end = start + size
    whole = mmap.mmap(-1, end)
    entries = b""
    for name, start, size in table:
        _write(whole, start, sections[name])
        digest = _native.sha256(memoryview(whole)[start : start + size])
        entries += _ENTRY.pack(name.encode(), start, size, digest)
    head = _HEADER.pack(MAGIC, FORMAT, len(table), end, 0)
    whole[:64] = head + _native.sha256(head + entries)
    whole[64 : 64 + len(entries)] = entries
    return whole


def _write(whole: mmap.mmap, at: int, pieces: Section) -> None:
    for piece in pieces:
        whole[at : at + len(piece)] = piece
        at += len(piece)


def kernels_section(kernels: Sequence[KernelEntry]) -> list[bytes]:
    """The number of kernels, then of each: how many tables, the sizes of code, words and tables,
    and these, padded with zeros to 8 bytes."""
    return [struct.pack("<q", len(kernels)), *(p for k in kernels for p in _kernel(k))]


def _kernel(kernel: KernelEntry) -> Iterator[bytes]:
    parts = (kernel.code, kernel.words, *kernel.tables)
    yield struct.pack(f"<{1 + len(parts)}q", len(kernel.tables), *map(len, parts))
    for part in parts:
        yield part
        yield bytes(-len(part) % 8)
