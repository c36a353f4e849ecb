"""Loops of scalars, in tilewright, in JAX, and in C compiled by gcc -O2 as a hand would write them.

The scan is a ring of 60 coupled equations over 614 steps; the `while` grows a number until it is
large, which takes some ten thousand turns.
"""

from __future__ import annotations

import ctypes
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

N, STEPS = 60, 614
STEP, DAMPING = 0.01, 0.1

SOURCE = f"""
enum {{ N = {N}, STEPS = {STEPS} }};
#define H {STEP}
#define A {DAMPING}

double forward(const double *init, const double *x) {{
  double s[N], t[N], total = 0;
  for (int i = 0; i < N; ++i) s[i] = init[i];
  for (int j = 0; j < STEPS; ++j) {{
    for (int i = 0; i < N - 1; ++i)
      t[i] = s[i] + H * (s[i + 1] - s[i] - A * s[i] * s[i] * s[i] + x[j]);
    const double e = s[N - 1];
    t[N - 1] = e + H * (s[0] - e - A * e * e * e + x[j]);
    for (int i = 0; i < N; ++i) s[i] = t[i];
  }}
  for (int i = 0; i < N; ++i) total += s[i];
  return total;
}}

void adjoint(const double *init, const double *x, double *of_init, double *of_x) {{
  static double h[STEPS + 1][N];
  double g[N], p[N];
  for (int i = 0; i < N; ++i) h[0][i] = init[i];
  for (int j = 0; j < STEPS; ++j) {{
    double *s = h[j], *t = h[j + 1];
    for (int i = 0; i < N - 1; ++i)
      t[i] = s[i] + H * (s[i + 1] - s[i] - A * s[i] * s[i] * s[i] + x[j]);
    const double e = s[N - 1];
    t[N - 1] = e + H * (s[0] - e - A * e * e * e + x[j]);
  }}
  for (int i = 0; i < N; ++i) g[i] = 1;
  for (int j = STEPS - 1; j >= 0; --j) {{
    double sum = 0;
    p[0] = g[0] * (1 - H - 3 * H * A * h[j][0] * h[j][0]) + H * g[N - 1];
    for (int i = 1; i < N; ++i)
      p[i] = g[i] * (1 - H - 3 * H * A * h[j][i] * h[j][i]) + H * g[i - 1];
    for (int i = 0; i < N; ++i) sum += g[i];
    of_x[j] = H * sum;
    for (int i = 0; i < N; ++i) g[i] = p[i];
  }}
  for (int i = 0; i < N; ++i) of_init[i] = g[i];
}}

double grow(double x) {{
  long turns = 0;
  while (x < 1e6) {{
    x = x * 1.001 + 1e-3;
    turns += 1;
  }}
  return x + turns;
}}
"""


def inputs() -> tuple[np.ndarray, np.ndarray]:
    """The first state, and what acts on it at each step."""
    rng = np.random.default_rng(0)
    return rng.normal(size=N), rng.normal(size=STEPS)


def ring(scan: Callable[..., Any], stack: Callable[..., Any]) -> Callable[[Any, Any], Any]:
    """The scan with 60 scalar carries, by a library's scan."""

    def turn(s: tuple[Any, ...], x: Any) -> tuple[tuple[Any, ...], None]:
        after = (*s[1:], s[0])
        pairs = zip(s, after, strict=True)
        return tuple(a + STEP * (b - a - DAMPING * a * a * a + x) for a, b in pairs), None

    def total(init: Any, x: Any) -> Any:
        last, _ = scan(turn, tuple(init[i] for i in range(N)), x)
        return stack(last).sum()

    return total


def grow(while_loop: Callable[..., Any], x: Any) -> Any:
    """The `while` with a data-dependent number of turns: `while_loop(condition, body, state)`."""
    last, turns = while_loop(
        lambda s: s[0] < 1e6, lambda s: (s[0] * 1.001 + 1e-3, s[1] + 1), (x, 0)
    )
    return last + turns


class InC:
    """The functions in C; `None` from `compiled` where there is no gcc."""

    def __init__(self, library: ctypes.CDLL) -> None:
        pointer = ctypes.POINTER(ctypes.c_double)
        self._forward, self._adjoint, self._grow = library.forward, library.adjoint, library.grow
        self._forward.restype = self._grow.restype = ctypes.c_double
        self._grow.argtypes = [ctypes.c_double]
        self._init, self._x = inputs()
        self._of_init, self._of_x = np.zeros(N), np.zeros(STEPS)
        self._given = [a.ctypes.data_as(pointer) for a in (self._init, self._x)]
        self._made = [a.ctypes.data_as(pointer) for a in (self._of_init, self._of_x)]

    @classmethod
    def compiled(cls) -> InC | None:
        """Compile, if gcc is there."""
        if shutil.which("gcc") is None:
            return None
        with tempfile.TemporaryDirectory(prefix="tilewright-bench-") as folder:
            source, target = Path(folder) / "loops.c", Path(folder) / "loops.so"
            source.write_text(SOURCE)
            command = ["gcc", "-O2", "-shared", "-fPIC", str(source), "-o", str(target)]
            subprocess.run(command, check=True)
            return cls(ctypes.CDLL(str(target)))

    def forward(self) -> float:
        """The sum of the last state."""
        return float(self._forward(*self._given))

    def gradient(self) -> np.ndarray:
        """Its derivatives by the first state and by what acts on it, one after the other."""
        self._adjoint(*self._given, *self._made)
        return np.concatenate([self._of_init, self._of_x])

    def grow(self, x: float) -> float:
        """The `while`."""
        return float(self._grow(x))
