"""Libraries of kernels: compiled programs by key in one file, which comes with the package.

A level of the cache that is read and never written to. There is one file for each instruction set
(`x86-64-v3.kernels`), and a process uses the best that its machine can run. A file is refused as a
whole if it is damaged, or was made from other sources than those that are installed; an entry is
checked each time that it is read. The form, all numbers little-endian:

    head    magic; then bytes of the facts, number of entries, bytes of the file; sha256 of the
            facts and the index
    facts   JSON: level, format, sources, version
    index   a row an entry, in order of keys: key, place, bytes here, bytes unpacked, check
    entries packed by zlib, one after the other

It is read by `pread`, not mapped: a file that is cut short while we use it is an error then, where
a mapped one would end the process.
"""

from __future__ import annotations

import hashlib
import json
import os
import struct
import threading
import warnings
import weakref
import zlib
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path

from ..dsl import atomic
from ..dsl.errors import ArtifactError
from .cache import FORMAT, sources_digest
from .machine import Machine, level

SUFFIX = ".kernels"
MAGIC = b"tilewright-kernels-1\n\0\0\0"
_HEAD = struct.Struct(f"<{len(MAGIC)}sQQQ32s")
_ROW = struct.Struct("<32sQII16s")
_MOST_FACTS = 1 << 16
_MOST_ENTRIES = 1 << 18
_MOST_UNPACKED = 64 << 20

# The levels that a library is made for, the best first; a machine uses the first that it can run.
LEVELS = {"x86_64": ("x86-64-v4", "x86-64-v3", "x86-64-v2"), "aarch64": ("generic",)}


@dataclass(frozen=True)
class Facts:
    """What a library says of itself: the level it is for, the sources it was made from."""

    level: str
    sources: str
    version: str
    format: str = FORMAT


class Library:
    """An open library; `get` gives entries by key."""

    def __init__(self, path: Path) -> None:
        """Open and check a file; raises ArtifactError for what is no whole library."""
        self.path = path
        try:
            self._file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            weakref.finalize(self, os.close, self._file)
            self.size = os.fstat(self._file).st_size
            self.facts, self._index = self._read_head()
        except OSError as error:
            raise ArtifactError(f"library: got {error.strerror} for {path}") from None
        except ValueError as error:
            raise ArtifactError(f"library: {path} is no library of kernels: {error}") from None
        self._keys = [self._index[at : at + 32] for at in range(0, len(self._index), _ROW.size)]
        self._lock = threading.Lock()
        self._is_told = False

    def __len__(self) -> int:
        return len(self._keys)

    def get(self, key: str) -> bytes | None:
        """The entry of a key of `cache.key_of`; None if there is none or it is damaged."""
        wanted = bytes.fromhex(key)
        at = bisect_left(self._keys, wanted)
        if at == len(self._keys) or self._keys[at] != wanted:
            return None
        _, place, packed, unpacked, check = _ROW.unpack_from(self._index, at * _ROW.size)
        try:
            return _unpacked(self._read(place, packed), unpacked, check)
        except (OSError, ValueError) as error:
            self._tell(str(error))
            return None

    def _tell(self, problem: str) -> None:
        with self._lock:
            first, self._is_told = not self._is_told, True
        if first:
            warnings.warn(
                f"library: an entry of {self.path} is damaged ({problem}); it is compiled instead",
                stacklevel=4,
            )

    def _read(self, place: int, size: int) -> bytes:
        raw = os.pread(self._file, size, place) if place + size <= self.size else b""
        if len(raw) != size:
            raise ValueError("it ends too early")
        return raw

    def _read_head(self) -> tuple[Facts, bytes]:
        """The facts and the index; raises ValueError where they are not sound."""
        magic, n_facts, count, size, digest = _HEAD.unpack(self._read(0, _HEAD.size))
        if magic != MAGIC:
            raise ValueError("it does not start like one")
        if size != self.size:
            raise ValueError(f"it has {self.size} bytes and should have {size}")
        if n_facts > _MOST_FACTS or count > _MOST_ENTRIES:
            raise ValueError("its head asks for too much")
        rest = self._read(_HEAD.size, n_facts + count * _ROW.size)
        if hashlib.sha256(rest).digest() != digest:
            raise ValueError("its check sum is wrong")
        try:
            return Facts(**json.loads(rest[:n_facts])), rest[n_facts:]
        except TypeError as error:
            raise ValueError(f"it does not say what it is for ({error})") from None


def _unpacked(raw: bytes, size: int, check: bytes) -> bytes:
    if hashlib.sha256(raw).digest()[: len(check)] != check:
        raise ValueError("its check sum is wrong")
    if size > _MOST_UNPACKED:
        raise ValueError(f"it has {size} bytes, {_MOST_UNPACKED} are the most")
    stream = zlib.decompressobj()
    try:
        found = stream.decompress(raw, size)
    except zlib.error as error:
        raise ValueError(str(error)) from None
    if len(found) != size:
        raise ValueError(f"it has {len(found)} bytes and should have {size}")
    return found


def write_library(path: Path, facts: Facts, entries: Mapping[str, bytes]) -> int:
    """Write a library of these entries by key, in whole or not at all; its size in bytes."""
    about = json.dumps(asdict(facts), separators=(",", ":")).encode()
    keys = sorted(entries)
    packed = {key: zlib.compress(entries[key], 9) for key in keys}
    place = _HEAD.size + len(about) + len(keys) * _ROW.size
    index = bytearray()
    for key in keys:
        raw = packed[key]
        check = hashlib.sha256(raw).digest()[:16]
        index += _ROW.pack(bytes.fromhex(key), place, len(raw), len(entries[key]), check)
        place += len(raw)
    rest = about + index
    digest = hashlib.sha256(rest).digest()
    head = _HEAD.pack(MAGIC, len(about), len(keys), place, digest)
    atomic.write_bytes(path, b"".join([head, rest, *(packed[key] for key in keys)]))
    return place


# --------------------------------------------------------------------------- which one to use


def folder() -> Path:
    """Where libraries lie: TILEWRIGHT_KERNELS, or the folder that comes with a wheel."""
    chosen = os.environ.get("TILEWRIGHT_KERNELS")
    return Path(chosen) if chosen else Path(__file__).parent.parent / "kernels"


def levels_of(host: Machine) -> tuple[str, ...]:
    """The levels that a machine can run, the best first."""
    names = LEVELS[host.arch]
    if host.arch != "x86_64":
        return names
    best = level(host.needs)
    return names[names.index(best) :] if best in names else ()


def find_library(host: Machine) -> Library | None:
    """The best library for a machine; what is there and cannot be used is told, as a warning."""
    found, problems = search(host)
    for problem in problems:
        warnings.warn(f"{problem}; kernels are compiled instead", stacklevel=2)
    return found


def search(host: Machine) -> tuple[Library | None, list[str]]:
    """The best library for a machine, and why better ones that are there cannot be used."""
    problems: list[str] = []
    for name in levels_of(host):
        path = folder() / f"{name}{SUFFIX}"
        if not path.exists():
            continue
        try:
            found = Library(path)
            check_facts(found, name)
        except ArtifactError as error:
            problems.append(str(error))
            continue
        return found, problems
    return None, problems


def check_facts(library: Library, name: str) -> None:
    """Raise ArtifactError unless a library is for this level and from the sources of now."""
    facts = library.facts
    for what, got, wanted in (
        ("level", facts.level, name),
        ("format", facts.format, FORMAT),
        ("digest of the sources", facts.sources, sources_digest()),
    ):
        if got != wanted:
            raise ArtifactError(
                f"library: {library.path} has {what} {got!r}; the one that is wanted is {wanted!r}"
            )
