"""The machine under the figures: equal threads for all, what it is, and who else is using it."""

from __future__ import annotations

import importlib
import importlib.util
import os
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# These make libraries choose kernels for another processor: they would run handicapped.
HANDICAPS = (
    "OPENBLAS_CORETYPE", "OPENBLAS_L2_SIZE", "OPENBLAS_MAIN_FREE", "GOTOBLAS_MAIN_FREE",
    "ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA", "ONEDNN_CPU_ISA_HINTS", "DNNL_CPU_ISA_HINTS",
    "ONEDNN_DEFAULT_FPMATH_MODE", "MKL_ENABLE_INSTRUCTIONS", "MKL_DEBUG_CPU_TYPE", "MKL_CBWR",
    "ATEN_CPU_CAPABILITY", "NPY_DISABLE_CPU_FEATURES", "NPY_ENABLE_CPU_FEATURES", "XLA_FLAGS",
    "KMP_AFFINITY", "KMP_BLOCKTIME", "GOMP_CPU_AFFINITY", "OMP_PROC_BIND", "OMP_PLACES",
    "OMP_WAIT_POLICY", "OMP_DYNAMIC", "OMP_THREAD_LIMIT", "NUMBA_CPU_NAME", "NUMBA_CPU_FEATURES",
    "NUMBA_DISABLE_JIT", "TORCH_COMPILE_DISABLE", "JAX_DISABLE_JIT", "JAX_ENABLE_X64",
)  # fmt: skip
_THREADS = (
    "TILEWRIGHT_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
    "NUMEXPR_MAX_THREADS",
    "NUMBA_NUM_THREADS",
    "NPROC",  # XLA's
)
_NOTE = "TILEWRIGHT_BENCH_CLEARED"
_TICKS = os.sysconf("SC_CLK_TCK")
QUIET = 0.05  # share of the processor that others may use before a figure means little


def cores() -> int:
    """The cores that this process may use."""
    return len(os.sched_getaffinity(0))


def fair_environment(threads: int) -> dict[str, str]:
    """The environment, made the same for every contender; what was cleared is kept in a note."""
    kept = {k: v for k, v in os.environ.items() if k not in HANDICAPS}
    cleared = [name for name in HANDICAPS if name in os.environ]
    kept |= {_NOTE: ",".join([*before_clearing(), *cleared])}
    return kept | dict.fromkeys(_THREADS, str(threads))


def before_clearing() -> list[str]:
    """The handicaps that were set where this run was started, and cleared."""
    return [name for name in os.environ.get(_NOTE, "").split(",") if name]


def torch_module(threads: int) -> Any | None:
    """PyTorch with this number of threads, if it is installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    torch = importlib.import_module("torch")
    torch.set_num_threads(threads)
    return torch


def jax_module() -> Any | None:
    """JAX on the processor with 64-bit numbers, if it is installed."""
    if importlib.util.find_spec("jax") is None:
        return None
    jax = importlib.import_module("jax")
    jax.config.update("jax_enable_x64", True)
    jax.config.update("jax_platforms", "cpu")
    importlib.import_module("jax.numpy")
    return jax


def processor() -> str:
    """The processor's name and its widest vectors."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    known: dict[str, str] = {}
    for line in lines:
        key, _, value = line.partition(":")
        known.setdefault(key.strip(), value.strip())
    flags = known.get("flags", known.get("Features", "")).split()
    widest = next((f for f in ("avx512f", "avx2", "sve", "asimd") if f in flags), "no vectors")
    return f"{known.get('model name', 'unknown processor')} ({widest}), {cores()} cores"


def blas() -> str:
    """Which BLAS kernel NumPy runs, as far as threadpoolctl (if installed) can tell."""
    if importlib.util.find_spec("threadpoolctl") is None:
        return "unknown (threadpoolctl is not installed)"
    found = importlib.import_module("threadpoolctl").threadpool_info()
    keys = ("internal_api", "version", "architecture", "num_threads")
    told = [" ".join(str(x.get(k, "")) for k in keys) for x in found if x["user_api"] == "blas"]
    return f"{'; '.join(told)} threads" if told else "unknown"


@dataclass(frozen=True)
class Usage:
    """Processor seconds so far: of all programs, and of this one with its children."""

    wall: float
    everyone: float
    own: float


def usage(pids: Sequence[int] = ()) -> Usage | None:
    """Now, or None where the system does not tell; the processes `pids` count as our own."""
    try:
        words = Path("/proc/stat").read_text().split("\n", 1)[0].split()[1:]
    except OSError:
        return None
    user, nice, system, _, _, irq, softirq, steal = map(int, words[:8])
    spent = os.times()
    own = spent.user + spent.system + spent.children_user + spent.children_system
    own += sum(map(_seconds_of, pids))
    return Usage(time.time(), (user + nice + system + irq + softirq + steal) / _TICKS, own)


def _seconds_of(pid: int) -> float:
    """Processor seconds of a process and its children that have ended; 0 if it has ended."""
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(map(int, words[11:15])) / _TICKS


def others_share(before: Usage | None, after: Usage | None) -> float | None:
    """The share of the machine that other programs used between two moments."""
    if before is None or after is None:
        return None
    others = (after.everyone - before.everyone) - (after.own - before.own)
    seconds = (after.wall - before.wall) * (os.cpu_count() or 1)
    return max(0.0, others / seconds) if seconds > 0.5 else None


def load_text(share: float | None) -> str:
    """A sentence on other load, from its share and the system's own average."""
    average = os.getloadavg()[0]
    if share is None:
        return f"load average {average:.1f}"
    told = f"other programs used {share:.0%} of the processor (load average {average:.1f})"
    return told if share <= QUIET else f"NOT IDLE: {told}; these figures say little"
