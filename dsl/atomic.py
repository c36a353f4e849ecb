"""Files that are there in whole or not at all."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Any

from .errors import ArgumentError


def check_place(operation: str, path: Path) -> None:
    """Raise ArgumentError, before any work is done, if no file can be written there."""
    folder = path.absolute().parent
    problem = ""
    if not folder.is_dir():
        problem = f"there is no folder {folder}"
    elif path.exists() and not path.is_file():
        problem = "that is no ordinary file"
    elif not os.access(folder, os.W_OK | os.X_OK):
        problem = f"the folder {folder} cannot be written to"
    if problem:
        raise ArgumentError(f"{operation}: got {str(path)!r}; {problem}")


@contextmanager
def written(path: Path) -> Iterator[IO[str]]:
    """A text file to write to, which takes the place of `path` when the block ends well."""
    path = path.resolve()
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with temporary.open("w", encoding="utf-8") as file:
            yield file
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def write_bytes(path: Path, data: Any) -> None:
    """An object with the buffer protocol as a file that also outlives a power failure."""
    path = path.resolve()  # through a link, to the file it names
    temporary = path.with_name(f".{path.name}.{secrets.token_hex(6)}.tmp")
    try:
        with open(temporary, "xb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    """Make the new name last through a power failure."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
