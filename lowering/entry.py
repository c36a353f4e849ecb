"""What the cache stores: kernels and programs as bytes, read without any compiler."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass


def join_parts(parts: Sequence[bytes]) -> bytes:
    """Byte strings as one, each with its length before it."""
    sized = (struct.pack("<q", len(p)) + p for p in parts)
    return b"".join([struct.pack("<q", len(parts)), *sized])


def split_parts(raw: bytes) -> list[bytes] | None:
    """The inverse of `join_parts`; None if the bytes are not of that form."""
    if len(raw) < 8:
        return None
    (count,) = struct.unpack_from("<q", raw)
    parts, position = [], 8
    for _ in range(count):
        if position + 8 > len(raw):
            return None
        (size,) = struct.unpack_from("<q", raw, position)
        position += 8
        if size < 0 or position + size > len(raw):
            return None
        parts.append(raw[position : position + size])
        position += size
    return parts if position == len(raw) and count >= 0 else None


@dataclass(frozen=True)
class KernelEntry:
    """A compiled kernel: its object, its words, its tables and the names of its sizes."""

    code: bytes
    words: bytes
    tables: tuple[bytes, ...]
    sizes: tuple[str, ...]

    def to_bytes(self) -> bytes:
        names = "\n".join(self.sizes).encode()
        return join_parts([self.code, self.words, names, *self.tables])

    @classmethod
    def from_bytes(cls, raw: bytes) -> KernelEntry | None:
        parts = split_parts(raw)
        if parts is None or len(parts) < 3:
            return None
        sizes = tuple(parts[2].decode().split("\n")) if parts[2] else ()
        return cls(parts[0], parts[1], tuple(parts[3:]), sizes)


@dataclass(frozen=True)
class ProgramEntry:
    """A compiled program: its words and its kernels, without duplicates."""

    words: bytes
    kernels: tuple[KernelEntry, ...]

    def to_bytes(self) -> bytes:
        return join_parts([self.words, *(k.to_bytes() for k in self.kernels)])

    @classmethod
    def from_bytes(cls, raw: bytes) -> ProgramEntry | None:
        parts = split_parts(raw)
        if not parts:
            return None
        kernels = [KernelEntry.from_bytes(p) for p in parts[1:]]
        if any(k is None for k in kernels):
            return None
        return cls(parts[0], tuple(k for k in kernels if k is not None))
