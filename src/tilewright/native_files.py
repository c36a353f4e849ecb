"""Where the C API lies: header, library and runner come with the package."""

from __future__ import annotations

import shutil
import sysconfig
from pathlib import Path

from . import _native
from .dsl.errors import DeviceError


def include_dir() -> str:
    """The folder of `tilewright.h`, for C and C++ programs that run artifacts.

    >>> include_dir().endswith("include")
    True
    """
    return _folder("include", "tilewright.h")


def library_dir() -> str:
    """The folder of `libtilewright.so`.

    >>> library_dir().endswith("lib")
    True
    """
    return _folder("lib", "libtilewright.so")


def runner() -> str:
    """The path of the program `tilewright-run`."""
    # Installed as a script; where scripts went elsewhere (pip --user), the path has it.
    installed = Path(sysconfig.get_path("scripts"), "tilewright-run")
    found = str(installed) if installed.exists() else shutil.which("tilewright-run")
    if found is None:
        raise DeviceError(f"runner: there is no {installed}; install tilewright again")
    return found


def _folder(name: str, file: str) -> str:
    # Beside the native module: an editable install leaves the Python files elsewhere.
    folder = Path(_native.__file__).parent / name
    if not (folder / file).exists():
        raise DeviceError(f"{file} is not in {folder}; install tilewright again")
    return str(folder)
