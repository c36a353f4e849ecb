"""What `tilewright info` tells: version, machine, cache, libraries. Imports no compiler."""

from __future__ import annotations

import os
import platform
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import __version__, get_num_threads
from .lowering import cache, machine

_LIBRARIES = (
    "numpy", "apache-tvm", "apache-tvm-ffi", "ml_dtypes", "safetensors", "scikit-learn", "torch",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """All of it as plain data."""
    host = machine.host()
    return {
        "tilewright": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": _cpu_name(),
        "target": host.mcpu,
        "vectors": f"{host.vector_bytes * 8} bits, {host.n_vector_registers} registers",
        "caches": f"L1 {_size(host.l1)}, L2 {_size(host.l2)}, L3 {_size(host.l3)}",
        "cores": host.cores,
        "threads": get_num_threads(),
        "cache": _cache(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def show(told: dict[str, Any]) -> None:
    """Print the facts as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in told.items():
        if key == "libraries":
            for name, version in value.items():
                table.add_row(name, version or "not installed")
        elif key == "cache":
            table.add_row(key, f"{value['folder']} ({value['files']} files, {value['size']})")
        else:
            table.add_row(key, str(value))
    Console().print(table)


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cpu_name() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()


def _cache() -> dict[str, Any]:
    folder = cache.default_folder()
    sizes = [f.stat().st_size for f in _files(folder)]
    return {"folder": str(folder), "files": len(sizes), "size": _size(sum(sizes))}


def _files(folder: Path) -> list[Path]:
    found = [Path(at) / name for at, _, names in os.walk(folder) for name in names]
    return [path for path in found if path.is_file()]


def _size(n_bytes: int) -> str:
    """1536 -> '1.5 KiB'."""
    value = float(n_bytes)
    for unit in ("bytes", "KiB", "MiB"):
        if value < 1024:
            return f"{value:.4g} {unit}"
        value /= 1024
    return f"{value:.4g} GiB"
