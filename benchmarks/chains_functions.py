"""The expressions that `chains` measures, as text, and how each library is given them.

A text is the body of a function of arrays for NumPy, tilewright, jax.numpy and PyTorch, whose names
are the same; numba runs it for one element at a time in a parallel loop, with float32 constants;
numexpr takes what is one expression of functions that it has.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

Function = Callable[..., Any]

NAMES = ("tanh", "exp", "log", "log1p", "sqrt", "sin", "cos", "hypot", "where", "clip")


@dataclass(frozen=True)
class Chain:
    """`given`: the arguments' names, as in `arguments`; `body`: lines before the last, which is
    returned as one array or several, of `dtype`. `in_numexpr` says whether it can do this."""

    given: str
    body: str
    dtype: str = "float32"
    in_numexpr: bool = True
    tolerance: float = 2e-5

    @property
    def outputs(self) -> list[str]:
        """The expressions of the results."""
        return self.body.split("\n")[-1].split(" ; ")


def arguments(name: str, size: int, rng: np.random.Generator) -> Any:
    """x, y, z in 0.5 to 2, a signed s, angles a, complex u and v, integers k."""
    if name in "xyz":
        return rng.uniform(0.5, 2, size).astype(np.float32)
    if name == "s":
        return (2 * rng.standard_normal(size)).astype(np.float32)
    if name == "a":
        return rng.uniform(-20, 20, size).astype(np.float32)
    if name == "k":
        return rng.integers(0, 1 << 20, size).astype(np.int32)
    return rng.standard_normal((size, 2)).astype(np.float32).view(np.complex64)[:, 0]


CHAINS: Mapping[str, Chain] = {
    "add": Chain("x y", "x + y"),
    "axpy": Chain("x y", "2.5 * x + y"),
    "tanh": Chain("s", "tanh(s)"),
    "erf": Chain("s", "erf(s)", in_numexpr=False),
    "power": Chain("x y", "x ** y"),
    "exp": Chain("s", "exp(s)"),
    "log": Chain("x", "log(x)", tolerance=1e-4),
    "sigmoid": Chain("s", "1.0 / (1.0 + exp(-s))"),
    "gelu": Chain("s", "0.5 * s * (1.0 + erf(s * 0.70710678))", in_numexpr=False, tolerance=1e-4),
    "silu": Chain("s", "s / (1.0 + exp(-s))"),
    "hypot": Chain("x y", "hypot(x, y)", in_numexpr=False),
    "Black-Scholes": Chain(
        "x y z",
        "w = 0.3 * sqrt(z)\n"
        "d = (log(x / y) + 0.065 * z) / w\n"
        "below = 0.5 + 0.5 * erf(0.70710678 * d)\n"
        "above = 0.5 + 0.5 * erf(0.70710678 * (d - w))\n"
        "x * below - y * exp(-0.02 * z) * above",
        in_numexpr=False,
        tolerance=1e-4,
    ),
    "polynomial": Chain(
        "s", "((((((0.01 * s - 0.02) * s + 0.03) * s - 0.05) * s + 0.1) * s - 0.2) * s + 0.5) * s"
    ),
    "clip chain": Chain("s y", "clip(clip(2.0 * s + y, -1.0, 1.0) * y, -0.5, 0.5)",
                        in_numexpr=False),
    "where chain": Chain("s y", "where(s > 1.0, y, where(s > -1.0, 0.1 * s * y, s + y))"),
    "complex product": Chain("u v", "u * v + u", "complex64", in_numexpr=False),
    "integers": Chain("k", "((k * 3 + 7) ^ (k >> 2)) & 65535", "int32", tolerance=0.0),
    "rotation": Chain(
        "x y a", "c = cos(a)\ns = sin(a)\nx * c - y * s ; x * s + y * c", in_numexpr=False
    ),
    "softplus": Chain("s", "log1p(exp(s))"),
    "unit vectors": Chain(
        "x y z", "n = 1.0 / sqrt(x * x + y * y + z * z)\nx * n ; y * n ; z * n", in_numexpr=False
    ),
    "chain": Chain("x y", "tanh(x * y + x) * exp(-y) + log(x)", tolerance=1e-4),
}  # fmt: skip


@cache
def function_of(chain: Chain, library: Any) -> Function:
    """The function of arrays in the names of a library."""
    erf, library = _erf(library), library.numpy if library.__name__ == "jax" else library
    lines = chain.body.split("\n")[:-1]
    result = ", ".join(chain.outputs)
    text = "\n    ".join([f"def chain({', '.join(chain.given.split())}):", *lines])
    names = {name: getattr(library, name) for name in NAMES} | {"erf": erf}
    return _defined(f"{text}\n    return {result}\n", names)


def _erf(library: Any) -> Function:
    """A library's error function; NumPy's is SciPy's."""
    of_others = {"numpy": "scipy.special", "jax": "jax.scipy.special"}
    if found := of_others.get(library.__name__):
        library = importlib.import_module(found)
    erf: Function = library.erf
    return erf


def numba_function(chain: Chain, numba: Any) -> Function:
    """numba's: a parallel loop over the elements, without fast mathematics."""
    maths = importlib.import_module("math")
    body, constants = _single_constants(chain.body)
    *lines, last = body.split("\n")
    given = chain.given.split()
    outs = [f"out{i}" for i in range(len(chain.outputs))]
    stores = [f"{out}[i] = {e}" for out, e in zip(outs, last.split(" ; "), strict=True)]
    text = [
        f"def chain({', '.join(f'{g}_' for g in given)}):",
        *(f"    {out} = np.empty({given[0]}_.size, np.{chain.dtype})" for out in outs),
        f"    for i in prange({given[0]}_.size):",
        *(f"        {g} = {g}_[i]" for g in given),
        *(f"        {line}" for line in (*lines, *stores)),
        f"    return {', '.join(outs)}",
    ]
    jit = numba.njit(inline="always")
    names: dict[str, Any] = {name: getattr(np, name) for name in NAMES}
    names |= {"np": np, "prange": numba.prange, "erf": maths.erf, **constants}
    names |= {"where": jit(lambda c, a, b: a if c else b)}
    names |= {"clip": jit(lambda x, low, high: low if x < low else high if x > high else x)}
    made: Function = numba.njit(parallel=True)(_defined("\n".join(text) + "\n", names))
    return made


def _single_constants(body: str) -> tuple[str, dict[str, Any]]:
    """Numbers with a point as names, which numba would otherwise take for float64."""
    found: dict[str, Any] = {}

    def named(match: re.Match[str]) -> str:
        name = f"constant{len(found)}"
        found[name] = np.float32(match[0])
        return name

    return re.sub(r"\d+\.\d+", named, body), found


def _defined(text: str, names: dict[str, Any]) -> Function:
    """The function `chain` of a text of ours."""
    scope = dict(names)
    exec(text, scope)
    made: Function = scope["chain"]
    return made
