"""The content-addressed cache of compiled code on disk.

One file an entry: a line of magic, the sha256 of the rest, the payload. Written to a temporary
file and renamed, so that readers and killed writers never see half of one; safe with many
processes. A damaged entry is removed and built again; an unwritable folder means memory only.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
import warnings
from collections.abc import Iterator
from functools import cache
from pathlib import Path

FORMAT = "1"  # of programs, kernels and entries
MAGIC = b"tilewright-cache-1\n"
DEFAULT_LIMIT = 2 << 30  # bytes
_PRUNE_EVERY = 64  # writes
_SOURCES = (".py", ".cl", ".cuh", ".h")
_ROOT = Path(__file__).parent.parent


class Cache:
    """Bytes by key. `limit` is the size at which the entries longest unused are removed."""

    def __init__(self, folder: Path, limit: int = DEFAULT_LIMIT) -> None:
        self.folder = folder
        self.limit = limit
        self.problem = ""  # why the folder cannot be written to, once that is known
        self._memory: dict[str, bytes] = {}
        self._writes = 0

    def get(self, key: str) -> bytes | None:
        """The entry, or None if there is none or it was damaged."""
        if key in self._memory:
            return self._memory[key]
        path = self._path(key)
        try:
            raw = path.read_bytes()
        except OSError:
            return None
        payload = _checked(raw)
        if payload is None:
            warnings.warn(f"cache: entry {path.name} was damaged; it is built again", stacklevel=3)
            self.remove(key)
            return None
        with contextlib.suppress(OSError):
            os.utime(path)  # the entry is in use: the oldest are pruned first
        return payload

    def put(self, key: str, payload: bytes) -> None:
        """Store an entry; on failure it is kept in memory, with one warning."""
        if self.problem:
            self._memory[key] = payload
            return
        try:
            self._write(self._path(key), payload)
        except OSError as error:
            self.problem = error.strerror or str(error)
            self._memory[key] = payload
            warnings.warn(
                f"cache: got {self.problem} for {self.folder}; compiled code is kept "
                "in memory only (TILEWRIGHT_CACHE_DIR names another folder)",
                stacklevel=3,
            )
            return
        self._writes += 1
        if self._writes % _PRUNE_EVERY == 1:
            self.prune()

    def remove(self, key: str) -> None:
        self._memory.pop(key, None)
        with contextlib.suppress(OSError):
            self._path(key).unlink()

    def prune(self) -> None:
        """Remove the entries longest unused until the size is within the limit."""
        entries = []
        for path in self.folder.glob("*/*"):
            with contextlib.suppress(OSError):
                found = path.stat()
                entries.append((found.st_mtime, found.st_size, path))
        total = sum(size for _, size, _ in entries)
        for _, size, path in sorted(entries, key=lambda e: e[0]):
            if total <= self.limit:
                return
            with contextlib.suppress(OSError):
                path.unlink()
            total -= size

    def _path(self, key: str) -> Path:
        return self.folder / key[:2] / key

    def _write(self, path: Path, payload: bytes) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, temporary = tempfile.mkstemp(prefix=".", dir=path.parent)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(MAGIC + hashlib.sha256(payload).digest() + payload)
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                os.unlink(temporary)
            raise


def _checked(raw: bytes) -> bytes | None:
    head = len(MAGIC)
    digest, payload = raw[head : head + 32], raw[head + 32 :]
    sound = raw.startswith(MAGIC) and hashlib.sha256(payload).digest() == digest
    return payload if sound else None


def default_folder() -> Path:
    """TILEWRIGHT_CACHE_DIR, or tilewright's folder in the user's cache folder."""
    chosen = os.environ.get("TILEWRIGHT_CACHE_DIR")
    if chosen:
        return Path(chosen)
    import platformdirs  # only where the environment does not say

    return Path(platformdirs.user_cache_dir("tilewright"))


@cache
def sources_digest() -> str:
    """A digest of the sources that decide what code is generated: Python, and what is put before
    the kernels of devices. The core's own C++ is not among them; wheels do not have it.

    Reading them all takes longer than the rest of a start from the cache, so the digest is kept
    there by the sizes and times of the files.
    """
    files = [
        entry
        for folder in (_ROOT / "lowering", _ROOT / "dsl" / "primitives", _ROOT / "backends")
        for entry in sorted(_sources(folder), key=lambda entry: entry.path)
    ]
    facts = ((e.path, e.stat().st_size, e.stat().st_mtime_ns) for e in files)
    key = key_of("sources", *(f"{path} {size} {time}" for path, size, time in facts))
    kept = Cache(default_folder())
    known = kept.get(key)
    if known is not None:
        return known.decode()
    digest = hashlib.sha256()
    for entry in files:
        digest.update(entry.name.encode() + b"\0" + Path(entry.path).read_bytes())
    if os.access(kept.folder, os.W_OK):  # whoever puts programs there says what hinders it
        kept.put(key, digest.hexdigest().encode())
    return digest.hexdigest()


def _sources(folder: Path | str) -> Iterator[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        for entry in entries:
            if entry.is_dir():
                if entry.name not in ("native", "__pycache__"):
                    yield from _sources(entry.path)
            elif entry.name.endswith(_SOURCES):
                yield entry


def key_of(*parts: str) -> str:
    """The key of an entry that depends on these texts."""
    digest = hashlib.sha256()
    for part in parts:
        digest.update(len(part).to_bytes(8, "little") + part.encode())
    return digest.hexdigest()
