"""The database of tuned knobs: one SQLite file, used by many processes at once.

It keeps the best record of each kernel in each environment; a record is replaced only by a
better one. A damaged file is set aside under another name, with a warning, never deleted.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import sqlite3
import time
import warnings
from collections.abc import Iterable, Iterator
from dataclasses import asdict, fields
from pathlib import Path
from types import TracebackType
from typing import Any

from ..dsl.errors import TuningError
from .records import Record, checked, from_line

VERSION = 1
_BUSY = 10.0  # seconds to wait for another process that writes
_FIELDS = [f.name for f in fields(Record)]
_KINDS = {"str": "TEXT", "float": "REAL", "int": "INTEGER"}
_COLUMNS = ", ".join(f"{f.name} {_KINDS[str(f.type)]} NOT NULL" for f in fields(Record))
_SCHEMA = f"CREATE TABLE IF NOT EXISTS best ({_COLUMNS}, PRIMARY KEY (structure, environment))"
_CHANGES = ", ".join(f"{name} = excluded.{name}" for name in _FIELDS)
_PUT = (
    f"INSERT INTO best ({', '.join(_FIELDS)}) VALUES ({', '.join(f':{n}' for n in _FIELDS)}) "
    f"ON CONFLICT (structure, environment) DO UPDATE SET {_CHANGES}"
)
_IF_BETTER = (
    " WHERE best.choice = :beaten OR excluded.untuned / excluded.best > best.untuned / best.best"
)


class Database:
    """An open database; use it in a `with`. To read an absent file gives no records.

    Raises TuningError where the file cannot be used and nothing can be done about it here.
    """

    def __init__(self, path: Path, *, writes: bool = True) -> None:
        self.path = path
        self.writes = writes
        self._connection = self._open()

    def __enter__(self) -> Database:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Give the file back."""
        self._connection.close()

    # ------------------------------------------------------------------ records

    def put(self, record: Record, *, beaten: str = "") -> bool:
        """Keep a record if it is better than the one that is there, or if that one has the knobs
        `beaten`; says whether it was kept."""
        return self.put_all([record], beaten=beaten) == 1

    def put_all(self, records: Iterable[Record], *, beaten: str = "") -> int:
        """Keep those of the records that are better, all in one transaction; says how many."""
        with self._writing():
            before = self._connection.total_changes
            for record in records:
                self._connection.execute(_PUT + _IF_BETTER, {**asdict(record), "beaten": beaten})
            return self._connection.total_changes - before

    def records(self, environment: str | None = None) -> list[Record]:
        """All records, or those of one environment."""
        where = "" if environment is None else " WHERE environment = ?"
        given = () if environment is None else (environment,)
        order = " ORDER BY environment, name, structure"
        rows = self._ask(f"SELECT {', '.join(_FIELDS)} FROM best{where}{order}", given)
        return [checked(dict(zip(_FIELDS, row, strict=True))) for row in rows]

    def get(self, structure: str, environment: str) -> Record | None:
        """The record of a kernel in an environment."""
        where = " WHERE structure = ? AND environment = ?"
        found = self._ask(f"SELECT {', '.join(_FIELDS)} FROM best{where}", (structure, environment))
        return checked(dict(zip(_FIELDS, found[0], strict=True))) if found else None

    def table(self, environment: str) -> dict[str, str]:
        """The knobs of all kernels of an environment, by structure."""
        asked = "SELECT structure, choice FROM best WHERE environment = ?"
        return {str(s): str(c) for s, c in self._ask(asked, (environment,))}

    def remove(self, structures: Iterable[str]) -> int:
        """Remove the records of these kernels, in all environments; says how many."""
        return self._remove("structure = ?", [(s,) for s in structures])

    def prune(self, *, older_than: str = "", other_than: str = "") -> int:
        """Remove what was measured before a time (ISO 8601, UTC) and what is of another device
        or machine than this environment's, whatever its threads; says how many."""
        count = 0
        if older_than:
            count += self._remove("measured < ?", [(older_than,)])
        if other_than:
            start = other_than.rsplit(" ", 1)[0] + " "
            count += self._remove("substr(environment, 1, ?) != ?", [(len(start), start)])
        return count

    def _remove(self, where: str, given: list[tuple[Any, ...]]) -> int:
        with self._writing():
            before = self._connection.total_changes
            for values in given:
                self._connection.execute(f"DELETE FROM best WHERE {where}", values)
            return self._connection.total_changes - before

    # ------------------------------------------------------------------ the file

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """One transaction, all or nothing."""
        try:
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield
            except BaseException:
                if self._connection.in_transaction:
                    self._connection.execute("ROLLBACK")
                raise
            self._connection.execute("COMMIT")
        except sqlite3.Error as error:
            if self._connection.in_transaction:
                with contextlib.suppress(sqlite3.Error):
                    self._connection.execute("ROLLBACK")
            raise TuningError(f"database {self.path}: could not write: {error}") from error

    def _ask(self, statement: str, given: tuple[Any, ...]) -> list[tuple[Any, ...]]:
        try:
            return self._connection.execute(statement, given).fetchall()
        except sqlite3.Error as error:
            raise TuningError(f"database {self.path}: could not read: {error}") from error

    def _open(self) -> sqlite3.Connection:
        try:
            return self._connect()
        except sqlite3.OperationalError as error:
            raise TuningError(f"database {self.path}: {error}") from error
        except sqlite3.DatabaseError as error:
            self._set_aside(error)
        try:
            return self._connect()
        except sqlite3.Error as error:
            raise TuningError(f"database {self.path}: {error}") from error

    def _connect(self) -> sqlite3.Connection:
        if not self.writes and not self.path.exists():
            return _prepared(sqlite3.connect(":memory:", isolation_level=None), True)
        if self.writes:
            with contextlib.suppress(OSError):  # what is wrong is told by the attempt to open
                self.path.parent.mkdir(parents=True, exist_ok=True)
        uri = self.path.absolute().as_uri() + ("" if self.writes else "?mode=ro")
        if not self.writes and not os.access(self.path.parent, os.W_OK, effective_ids=True):
            uri += "&immutable=1"  # a reader of a write-ahead log writes beside the file, too
        opened = sqlite3.connect(uri, uri=True, timeout=_BUSY, isolation_level=None)
        try:
            return _prepared(opened, self.writes)
        except BaseException:
            opened.close()
            raise

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Rename a damaged file; under a lock, as another process may be doing the same."""
        told = " ".join(str(error).split())
        if self.path.suffix != ".db":  # a slip: somebody's file, named by TILEWRIGHT_DB
            raise TuningError(
                f"database {self.path}: {told}; only a file that ends with .db is set aside"
            ) from error
        try:
            with open(f"{self.path}.lock", "w") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                try:
                    self._connect().close()
                    return  # another process was first
                except sqlite3.DatabaseError:
                    aside = _free_name(self.path)
                    os.rename(self.path, aside)
                    for ending in ("-wal", "-shm"):
                        with contextlib.suppress(OSError):
                            os.rename(f"{self.path}{ending}", f"{aside}{ending}")
        except OSError as failure:
            raise TuningError(
                f"database {self.path} is damaged ({told}) and cannot be set aside: {failure}"
            ) from error
        warnings.warn(
            f"database {self.path} was damaged ({told}); it was set aside as {aside.name}, and a "
            "new one is begun", stacklevel=4,
        )  # fmt: skip


def _prepared(opened: sqlite3.Connection, writes: bool) -> sqlite3.Connection:
    """Check that the file is sound and of our schema; make the schema in a new one."""
    (version,) = opened.execute("PRAGMA user_version").fetchone()
    if version > VERSION:
        raise sqlite3.OperationalError(
            f"its version is {version}; this tilewright knows {VERSION} (a newer one made it)"
        )
    (told,) = opened.execute("PRAGMA quick_check(1)").fetchone()
    if told != "ok":
        raise sqlite3.DatabaseError(told)
    if version == VERSION:
        return opened
    if opened.execute("SELECT name FROM sqlite_master LIMIT 1").fetchall():
        raise sqlite3.OperationalError("it is the database of another program")
    if not writes:  # a writer is just beginning it
        opened.close()
        return _prepared(sqlite3.connect(":memory:", isolation_level=None), True)
    opened.execute("PRAGMA journal_mode = WAL")
    opened.execute("BEGIN IMMEDIATE")
    opened.execute(_SCHEMA)
    opened.execute(f"PRAGMA user_version = {VERSION}")
    opened.execute("COMMIT")
    return opened


def _free_name(path: Path) -> Path:
    stamp = time.strftime("%Y%m%d-%H%M%S", time.gmtime())
    names = (f"{path.name}.damaged-{stamp}{f'-{n}' if n else ''}" for n in range(1000))
    return next(p for name in names if not (p := path.with_name(name)).exists())


def read_lines(lines: Iterable[str]) -> list[Record]:
    """Records from exported lines (empty ones are passed over); raises TuningError with the
    number of the line."""
    found = []
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                found.append(from_line(line))
            except TuningError as error:
                raise TuningError(f"line {number}: {error}") from None
    return found
