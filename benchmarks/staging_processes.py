"""Programs for processes of their own: first calls with and without a cache, and many shapes."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable

# Each prints the seconds that it measured; CHAIN is the function of 20 operations.
CHAIN = """
def chain(m, x, y):
    a = m.tanh(x * y + 1)
    b = m.exp(-a) * (x - y)
    c = m.sqrt(b * b + 1) + m.sin(a)
    d = m.where(c > 1, c, b) * 0.5
    return (d - d.mean()) / (m.abs(d).max() + 1)
"""
_OURS = """
import time
import numpy as np, tilewright as tw
import tilewright.wiring, tilewright.lowering.engine  # what is measured comes after the imports
x, y = (tw.asarray(np.linspace(0, 1, 512, dtype=np.float32)) for _ in range(2))
"""
FIRST = f"""{CHAIN}{_OURS}
import sys
if COLD:
    tw.jit(lambda x: x + 1)(x)  # imports TVM
f = tw.jit(lambda x, y: chain(tw, x, y))
start = time.perf_counter()
f(x, y).tolist()
seconds = time.perf_counter() - start
assert COLD or "tvm" not in sys.modules
print(seconds)
"""
FIRST_JAX = f"""{CHAIN}
import time
import numpy as np, jax
x, y = (jax.numpy.asarray(np.linspace(0, 1, 512, dtype=np.float32)) for _ in range(2))
jax.jit(lambda x: x + 1)(x).block_until_ready()
f = jax.jit(lambda x, y: chain(jax.numpy, x, y))
start = time.perf_counter()
f(x, y).block_until_ready()
print(time.perf_counter() - start)
"""
SHAPES = f"""{CHAIN}{_OURS}
tw.jit(lambda x: x + 1)(x)
inputs = [tw.asarray(np.linspace(0, 1, 3 + 7 * i, dtype=np.float32)) for i in range(50)]
f = tw.jit(lambda x, y: chain(tw, x, y))
start = time.perf_counter()
for x in inputs:
    f(x, x + 0).tolist()
seconds = time.perf_counter() - start
assert len(f.stats().programs) <= 2, f.stats()
print(seconds)
"""
SHAPES_JAX = f"""{CHAIN}
import time
import numpy as np, jax
inputs = [jax.numpy.asarray(np.linspace(0, 1, 3 + 7 * i, dtype=np.float32)) for i in range(50)]
f = jax.jit(lambda x, y: chain(jax.numpy, x, y))
jax.jit(lambda x: x + 1)(inputs[0]).block_until_ready()
start = time.perf_counter()
for x in inputs:
    f(x, x + 0).block_until_ready()
print(time.perf_counter() - start)
"""


def cold(program: str) -> Callable[[], float]:
    """Runs a program that finds no compiled code of an earlier one."""

    def run() -> float:
        with tempfile.TemporaryDirectory(prefix="tilewright-bench-") as folder:
            return seconds_of(f"COLD = True\n{program}", folder)

    return run


def warm(program: str) -> Callable[[], float]:
    """Runs a program that finds what an earlier run of it has compiled."""
    folder = tempfile.TemporaryDirectory(prefix="tilewright-bench-")
    seconds_of(f"COLD = True\n{program}", folder.name)

    def run() -> float:
        return seconds_of(f"COLD = False\n{program}", folder.name)

    return run


def seconds_of(program: str, folder: str) -> float:
    """What a program prints, with its cache in a folder."""
    variables = dict(os.environ, TILEWRIGHT_CACHE_DIR=folder)
    return float(subprocess.check_output([sys.executable, "-c", program], text=True, env=variables))
