"""What `tilewright info` tells: version, machine, cache, libraries. Imports no compiler."""

from __future__ import annotations

import importlib
import os
import platform
from collections.abc import Callable
from dataclasses import asdict
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from . import __version__, devices, get_num_threads
from .autotune.database import Database
from .autotune.place import default_path
from .dsl.errors import TuningError
from .lowering import cache, library, machine
from .peaks import record

_QUIET = 0.05  # share of the processor that others may use before a peak means little
_LIBRARIES = (
    "numpy", "apache-tvm", "apache-tvm-ffi", "ml_dtypes", "safetensors", "scikit-learn", "torch",
    "jax", "onnxruntime", "openvino", "numexpr", "numba",
)  # fmt: skip


def facts() -> dict[str, Any]:
    """All of it as plain data."""
    host = machine.host()
    return {
        "tilewright": __version__,
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "cpu": machine.processor_name(),
        "target": host.mcpu,
        "vectors": f"{host.vector_bytes * 8} bits, {host.n_vector_registers} registers",
        "instructions": ", ".join(host.needs[1:]),
        "caches": f"L1 {_size(host.l1)}, L2 {_size(host.l2)}, L3 {_size(host.l3)}",
        "cores": host.cores,
        "threads": get_num_threads(),
        "devices": _devices(),
        "peak": _peak(),
        "kernels": _kernels(),
        "cache": _cache(),
        "database": _database(),
        "libraries": {name: _version(name) for name in _LIBRARIES},
    }


def show(told: dict[str, Any]) -> None:
    """Print the facts as a table."""
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="bold")
    table.add_column(overflow="fold")
    for key, value in told.items():
        for row in _ROWS.get(key, _plain_row)(key, value):
            table.add_row(*row)
    Console().print(table)


Rows = list[tuple[str, str]]


def _plain_row(key: str, value: Any) -> Rows:
    return [(key, str(value))]


def _cache_row(key: str, value: Any) -> Rows:
    return [(key, f"{value['folder']} ({value['files']} files, {value['size']})")]


def _kernels_row(key: str, value: Any) -> Rows:
    text = "compiled at first use (tilewright warmup compiles them ahead)"
    if value["file"]:
        text = f"{value['file']} ({value['level']}, {value['kernels']} kernels, {value['size']})"
    return [(key, text), *((key, problem) for problem in value["problems"])]


def _database_row(key: str, value: Any) -> Rows:
    records = value.get("problem") or f"{value['records']} kernels tuned, {value['size']}"
    return [(key, f"{value['file']} ({records})")]


def _library_rows(key: str, value: Any) -> Rows:
    return [(name, version or "not installed") for name, version in value.items()]


def _device_rows(key: str, value: Any) -> Rows:
    return [("device", d["text"]) for d in value]


def _peak_rows(key: str, value: Any) -> Rows:
    if value is None:
        return [(key, "not measured yet: tilewright info --peak (some seconds)")]
    threads = value["threads"]

    def both(rate: dict[str, float], unit: str) -> str:
        one, every = (f"{rate[which] / 1e9:.0f} {unit}" for which in ("one", "all"))
        return f"{one} on one core" + (f", {every} on {threads} threads" if threads > 1 else "")

    rows = [(f"peak {name}", both(rate, "GFLOP/s")) for name, rate in value["flops"].items()]
    for what in ("reads", "writes", "copies"):
        rows += [(f"peak {what}, {name}", both(x, "GB/s")) for name, x in value[what].items()]
    others = value["others"] or 0
    busy = f"; other programs used {others:.0%} of the processor" if others > _QUIET else ""
    return [*rows, ("peak measured", value["date"] + busy)]


_ROWS: dict[str, Callable[[str, Any], Rows]] = {
    "cache": _cache_row,
    "database": _database_row,
    "devices": _device_rows,
    "kernels": _kernels_row,
    "libraries": _library_rows,
    "peak": _peak_rows,
}


def _devices() -> list[dict[str, Any]]:
    return [
        {
            "name": d.name,
            "available": d.available,
            "why": d.why,
            "processor": d.processor,
            "driver": d.driver,
            "memory": d.memory,
            "units": d.units,
            "dtypes": [str(dtype) for dtype in d.dtypes],
            "text": str(d),
        }
        for d in devices()
    ]


def _peak() -> dict[str, Any] | None:
    found = record.find(record.place(machine.processor_name()))
    return None if found is None else asdict(found)


def measure_peak() -> None:
    """Measure this machine's peaks and keep them in the cache folder."""
    measure = importlib.import_module(".peaks.measure", __package__)
    with Console(stderr=True).status("measuring ...") as status:
        peaks = measure.measure_peaks(lambda what: status.update(f"measuring {what} ..."))
    record.save(peaks, record.place(machine.processor_name()))


def _version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _cache() -> dict[str, Any]:
    folder = cache.default_folder()
    sizes = [f.stat().st_size for f in _files(folder)]
    return {"folder": str(folder), "files": len(sizes), "size": _size(sum(sizes))}


def _kernels() -> dict[str, Any]:
    found, problems = library.search(machine.host())
    told: dict[str, Any] = {"file": None, "problems": problems}
    if found is not None:
        told |= {"file": str(found.path), "level": found.facts.level}
        told |= {"kernels": len(found), "size": _size(found.size)}
    return told


def _database() -> dict[str, Any]:
    path = default_path()
    try:
        size = path.stat().st_size
    except OSError:
        size = 0
    told: dict[str, Any] = {"file": str(path), "records": 0, "size": _size(size)}
    try:
        with Database(path, writes=False) as opened:
            told["records"] = len(opened.records())
    except TuningError as error:
        told |= {"records": None, "problem": str(error)}
    return told


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
