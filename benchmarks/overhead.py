"""What is paid beside the kernels: import, calls of small functions, a start from the cache."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tilewright as tw

from .harness import OURS, Case, Goal, Options, agree

IMPORT = Goal("`import tilewright`: at most 0.25 s", seconds=0.25)
JITTED = Goal("jitted call of a small function: at most 5 us over its kernels", seconds=5e-6)
EAGER = Goal("eager `a + b` on 4 elements: at most 1.5 us", seconds=1.5e-6)
CACHED = Goal("a program found in the disk cache, in a fresh process: within 0.5 s", seconds=0.5)

_TIMED_IMPORT = (
    "import time; start = time.perf_counter(); import {}; print(time.perf_counter() - start)"
)
_PROGRAM = """
import numpy as np, tilewright as tw
x, w = (tw.asarray(np.full((64, 64), v, np.float32)) for v in (0.5, 0.25))
f = tw.jit(lambda x: tw.softmax(tw.tanh(x @ w) + 1).sum())
assert abs(f(x).item() - 64) < 1e-3
"""

ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """Four cases; the first and the last start processes."""
    yield _imports(options)
    yield _small_eager(options)
    yield _small_jitted(options)
    yield _from_cache()


def _imports(options: Options) -> Case:
    modules = {"NumPy": "numpy", OURS: "tilewright"}
    if options.torch:
        modules["PyTorch"] = "torch"
    runs = {name: _seconds_of(_TIMED_IMPORT.format(module)) for name, module in modules.items()}
    return Case("import", runs, IMPORT, lambda: None, times_itself=True)


def _seconds_of(program: str) -> Callable[[], float]:
    """Runs a program that prints the seconds it measured."""
    return lambda: float(subprocess.check_output([sys.executable, "-c", program], text=True))


def _small_inputs() -> tuple[Any, Any]:
    return np.arange(4, dtype=np.float32), np.full(4, 0.5, np.float32)


def _small_eager(options: Options) -> Case:
    x, y = _small_inputs()
    a, b = tw.asarray(x), tw.asarray(y)
    runs = {"NumPy": lambda: x + y, OURS: lambda: a + b}
    if torch := options.torch:
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        runs["PyTorch"] = lambda: s + t
    return Case("eager a + b, 4 elements", runs, EAGER, agree(runs, 0))


def _small_jitted(options: Options) -> Case:
    """On 4 elements the kernels themselves take some 20 ns, which are left in the figure."""
    x, y = _small_inputs()
    a, b = tw.asarray(x), tw.asarray(y)
    staged = tw.jit(lambda x, y: tw.tanh(x * y + x))
    runs = {"NumPy": lambda: np.tanh(x * y + x), OURS: lambda: staged(a, b)}
    if torch := options.torch:
        s, t = torch.from_numpy(x), torch.from_numpy(y)
        runs["PyTorch"] = lambda: torch.tanh(s * t + s)
    return Case("jitted tanh(x * y + x), 4 elements", runs, JITTED, agree(runs, 1e-6))


def _from_cache() -> Case:
    folder = tempfile.TemporaryDirectory(prefix="tilewright-bench-")
    variables = dict(os.environ, TILEWRIGHT_CACHE_DIR=folder.name)

    def run() -> float:
        start = time.perf_counter()
        subprocess.run([sys.executable, "-c", _PROGRAM], check=True, env=variables)
        held = folder.name  # the folder lives as long as the case does
        return time.perf_counter() - start if held else 0.0

    name = "start of Python to the end of a cached program"
    return Case(name, {OURS: run}, CACHED, lambda: _fill(run), times_itself=True)


def _fill(run: Callable[[], float]) -> None:
    run()
