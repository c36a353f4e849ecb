"""Measure this machine's peaks on one core and on all threads; takes some seconds."""

from __future__ import annotations

import datetime
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from .. import empty_cache, get_num_threads, set_num_threads
from ..benchmarks import machine as load
from ..dsl.dtypes import float32, float64
from ..lowering import machine
from .dot_product import dot_product, dots
from .multiply_add import multiply_add
from .reading import reading
from .record import Peaks, Rate, find, place, save
from .streaming import copying, writing

_SECONDS = 0.2  # of runs, the best of which counts
_UNIT_BYTES = 32 << 20  # that a unit reads from its own core's cache
_MEMORY = (256 << 20, 1 << 30)  # bytes read to measure the memory: at least, at most


def measure_peaks(tell: Callable[[str], None] = lambda what: None) -> Peaks:
    """The peaks with the number of threads in use now; `tell` hears what is measured."""
    before = load.usage()
    flops = {}
    for dtype in (float32, float64):
        tell(f"multiply-adds in {dtype}")
        flops[dtype.name] = _rate(*multiply_add(dtype))
    for dot in dots():
        tell(f"dot products of {dot.dtype}")
        flops[dot.dtype] = _rate(*dot_product(dot))
    found: dict[str, dict[str, Rate]] = {}
    for what, kernel in {"reads": reading, "writes": writing, "copies": copying}.items():
        found[what] = {}
        for name, arguments in _levels(machine.host(), get_num_threads()).items():
            tell(f"{what} of {name}")
            found[what][name] = _rate(*kernel(*arguments))
            empty_cache()
    others = load.others_share(before, load.usage())
    now = datetime.datetime.now(datetime.UTC).isoformat(timespec="minutes")
    return Peaks(now, get_num_threads(), flops, found.pop("reads"), others, **found)


def known_peaks(tell: Callable[[str], None] = lambda what: None) -> Peaks:
    """This machine's peaks: the record in the cache folder, or else measured now and kept."""
    path = place(machine.processor_name())
    found = find(path)
    if found is None:
        found = measure_peaks(tell)
        save(found, path)
    return found


def _levels(host: machine.Machine, threads: int) -> dict[str, tuple[int, int, int]]:
    """Arguments of `reading` for each level. A core's own caches: every unit has a piece of half
    their size, read again and again. What is shared: all of it once a call, half of the third
    level; of memory four times the third level, if there is so much."""
    units = 8 * threads
    own = {"L1": host.l1 // 2, "L2": host.l2 // 2}
    levels = {name: (size, units, max(_UNIT_BYTES // size, 1)) for name, size in own.items()}
    if host.l3 // 2 > threads * host.l2:  # else all of it would be in the cores' own caches
        levels["L3"] = (host.l3 // 2 // units, units, 1)
    total = min(max(4 * host.l3, _MEMORY[0]), _MEMORY[1])
    if total >= 2 * host.l3 and _available() > 2 * total:
        levels["memory"] = (total // units, units, 1)
    return levels


def _available() -> int:
    """Bytes of free memory, as far as the system tells."""
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
    except OSError:
        return 0
    found = [line.split()[1] for line in lines if line.startswith("MemAvailable:")]
    return int(found[0]) << 10 if found else 0


def _rate(run: Callable[[], Any], amount: int) -> Rate:
    """The amount a second on one thread, and on as many as are in use."""
    threads = get_num_threads()
    try:
        set_num_threads(1)
        one = amount / _best(run)
    finally:
        set_num_threads(threads)
    return Rate(one, amount / _best(run) if threads > 1 else one)


def _best(run: Callable[[], Any]) -> float:
    run()
    best, spent = float("inf"), 0.0
    while spent < _SECONDS:
        start = time.perf_counter()
        run()
        took = time.perf_counter() - start
        best, spent = min(best, took), spent + took
    return best
