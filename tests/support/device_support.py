"""Devices that tests run on, a fake one that fails on command, and words of kernels for it."""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from native_support import Expr, expr, name_words, pack

import tilewright as tw
from tilewright import _native
from tilewright.backends import registry
from tilewright.backends.manifest import Manifest
from tilewright.dsl.dtypes import float64

ROOT = Path(__file__).resolve().parents[2]


def device_names() -> list[str]:
    """The devices that compute; those named in TILEWRIGHT_REQUIRE must be there."""
    found = {d.name: d for d in tw.devices()}
    for name in os.environ.get("TILEWRIGHT_REQUIRE", "").split(","):
        if name in registry.device_manifests():
            assert found[name].available, found[name].why
    return [name for name, d in found.items() if d.available and name != "fake"]


def lacks_tool(name: str) -> None:
    """Skip the test for want of a tool, or fail if it is required."""
    if name in os.environ.get("TILEWRIGHT_REQUIRE", "").split(","):
        pytest.fail(f"{name} is required (TILEWRIGHT_REQUIRE), and is not there")
    pytest.skip(f"{name} is not there")


def compile_library(source: Path, name: str, *flags: str) -> Path:
    """A shared library of one C file, for the whole session."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.fail("these tests need a C compiler (Debian: gcc)")
    path = Path(tempfile.mkdtemp(prefix="tilewright-device-")) / name
    include = f"-I{ROOT / 'backends' / 'native' / 'core'}"
    command = [compiler, "-O1", "-shared", "-fPIC", include, *flags, str(source), "-o", str(path)]
    subprocess.run(command, check=True)
    return path


class Fake:
    """The fake device: `tw.device("fake")`, with its knobs as attributes of `knobs`."""

    def __init__(self) -> None:
        path = compile_library(ROOT / "tests" / "support" / "fake_device.c", "libfake.so")
        assert _native.load_device_table(str(path)) == "fake"
        registry.add(
            Manifest(
                name="fake", compiler_module="tilewright.backends.null.compiler",
                run_side="fake", default_float=float64,
            )
        )  # fmt: skip
        self.library = ctypes.CDLL(str(path))
        self.device = tw.device("fake")

    def get(self, name: str) -> int:
        kind = ctypes.c_int64 if name in ("fake_bytes", "fake_room") else ctypes.c_int
        return kind.in_dll(self.library, name).value

    def set(self, name: str, value: int) -> None:
        kind = ctypes.c_int64 if name in ("fake_bytes", "fake_room") else ctypes.c_int
        kind.in_dll(self.library, name).value = value

    def log(self) -> str:
        """What was queued since the last call: w, r, c, l and s."""
        text = (ctypes.c_char * 4096).in_dll(self.library, "fake_log")
        found = text.value.decode()
        text.value = b""
        return found


@cache
def fake() -> Fake:
    return Fake()


def device_words(
    phases: list[tuple[str, list[Expr]]],
    *,
    buffers: int,
    outputs: int = 1,
    scratch: list[tuple[int, Expr]] | None = None,
    tables: int = 0,
    n_sizes: int = 1,
) -> bytes:
    """Words of a device's kernel; a phase is a symbol and seven sizes."""
    areas = scratch or []
    words = [0x544431, buffers, outputs, len(areas), tables, n_sizes, len(phases)]
    for per_thread, size in areas:
        words += [per_thread, *expr(size)]
    for name, sizes in phases:
        words += [*name_words(name), *(w for s in sizes for w in expr(s))]
    return pack(words)


def twice(index: int, **changes: Any) -> Any:
    """The fake's kernel: two buffers, one size."""
    words = device_words([("twice", [1, 1, 1, 64, 1, 1, 0])], buffers=2, **changes)
    tables = [b"table"] * changes.get("tables", 0)
    return _native.DeviceKernel(index, b"good", words, tables)
