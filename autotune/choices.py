"""The tuned knobs as the compiler asks for them: quickly, without opening the database.

A program that starts from the disk cache must not wait for SQLite. So what an environment's table
is lies in the cache too, under a stamp of the database's files (their times and sizes): two calls
of `stat` and one small file. Where the stamp is new, the database is read once.
"""

from __future__ import annotations

import importlib
import json
import os
import threading
import time
import warnings
from collections.abc import Mapping
from pathlib import Path

from ..dsl.errors import TuningError
from ..lowering.cache import Cache, key_of
from .place import default_path

_FRESH = 2.0  # seconds in which a file may change again and keep its time

Stamp = tuple[tuple[int, int, int], ...]


class Choices:
    """Implements `lowering.protocols.Choices` for the user's database."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._tables: dict[tuple[str, str], tuple[Stamp, Mapping[str, str]]] = {}
        self._own: dict[str, dict[str, str]] = {}

    def table(self, environment: str, cache: Cache) -> Mapping[str, str]:
        """The best knobs by structure; no database, no knobs."""
        stored = self._stored(environment, cache)
        own = self._own.get(environment)
        return {**stored, **own} if own else stored

    def remember(self, environment: str, structure: str, choice: str) -> None:
        """Use these knobs in this process, whatever database they went to."""
        with self._lock:
            self._own.setdefault(environment, {})[structure] = choice

    def forget(self) -> None:
        """Use what the database says again."""
        with self._lock:
            self._own.clear()

    def _stored(self, environment: str, cache: Cache) -> Mapping[str, str]:
        path = default_path()
        stamp = _stamp(path)
        if not stamp:
            return {}
        place = (str(path), environment)
        known = self._tables.get(place)
        if known is not None and known[0] == stamp:
            return known[1]
        key = key_of("tuned", *place, repr(stamp))
        raw = cache.get(key)
        if raw is not None:
            table = json.loads(raw)
        else:
            table = _read(path, environment)
            if not _is_fresh(stamp):
                cache.put(key, json.dumps(table).encode())
        if not _is_fresh(stamp):
            self._tables[place] = (stamp, table)
        return table  # type: ignore[no-any-return]


def _stamp(path: Path) -> Stamp:
    """What is different once the database has changed; empty if there is none."""
    found = []
    for name in (str(path), f"{path}-wal"):
        try:
            told = os.stat(name)
        except OSError:
            continue
        found.append((told.st_ino, told.st_mtime_ns, told.st_size))
    return tuple(found)


def _is_fresh(stamp: Stamp) -> bool:
    """Whether a further change could give the same stamp, as file times are coarse."""
    return abs(time.time() - max(at for _, at, _ in stamp) / 1e9) < _FRESH


def _read(path: Path, environment: str) -> dict[str, str]:
    database = importlib.import_module(".database", __package__)
    try:
        with database.Database(path, writes=False) as opened:
            found: dict[str, str] = opened.table(environment)
            return found
    except TuningError as error:
        warnings.warn(f"tuned knobs are not used: {error}", stacklevel=5)
        return {}


CHOICES = Choices()
