"""A contest: the same work in every library, each in a process of its own.

A script yields contests from `cases(options)`. A contest holds functions, never arrays: each peer's
process asks the script for its contests by itself, makes the inputs from the same seed, and stages
the function in the way that is usual for its library (`libraries.py`). So a script must not import
a library when it is imported; its functions get theirs as the first argument.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from .harness import ANY, BEST, OURS, Goal

NUMPY, TORCH, COMPILED, JAX = "NumPy", "PyTorch", "torch.compile", "JAX"
ORT, OPENVINO, NUMEXPR, NUMBA = "ONNX Runtime", "OpenVINO", "numexpr", "numba"
PEERS = (NUMPY, TORCH, COMPILED, JAX, ORT, OPENVINO, NUMEXPR, NUMBA)
_WITH_GRADIENTS = (TORCH, COMPILED, JAX)
_BY_TORCH = (COMPILED, ORT, OPENVINO)  # these stage or are given PyTorch's function

Function = Callable[..., Any]  # function(library, *arrays) -> an array or a tuple of arrays
Inputs = Callable[[np.random.Generator], Sequence[Any]]


@dataclass(frozen=True)
class Made:
    """Instead of a function to stage: `make(library, *arrays)` returns what is timed, a function
    without arguments. For eager code, graphs of a library's own, and out= arguments."""

    make: Function


@dataclass(frozen=True)
class OnnxText:
    """Instead of a function, for ONNX Runtime and OpenVINO: nodes in ONNX's text form that give `y`
    from `names`, which are the inputs in order."""

    nodes: str
    names: tuple[str, ...] = ("x",)
    opset: int = 23


Entry = Function | Made | OnnxText | None


@dataclass(frozen=True)
class Contest:
    """One row of a table.

    `inputs(generator)` makes the arrays (NumPy's) from a generator with a fixed seed.
    `functions` holds for each peer `function(library, *arrays)`, where the library is `numpy`,
    `torch`, `jax`, `numexpr`, `numba` or `tilewright` itself. tilewright's and JAX's are jitted;
    PyTorch's is run eagerly, and also staged by torch.compile and exported to ONNX Runtime and
    OpenVINO unless those have an entry of their own (None: cannot do this). numba's is always a
    `Made`. Who has no entry takes no part.
    `constants` are the positions of inputs that are weights: captured by the staged function,
    frozen by torch.compile, initialisers in ONNX.
    With `gradient` what is timed is the forward and backward run: the gradients by the inputs at
    these positions, for a cotangent of normal numbers.
    `flops` and `bytes` are what the work needs at least: they give the shares of the peaks.
    `tolerance`: a result may differ from the reference by this part of the reference's largest
    magnitude. The reference is NumPy's function in float64, else PyTorch's, else JAX's, unless
    `reference` names one of them.
    """

    name: str
    inputs: Inputs
    functions: Mapping[str, Entry]
    goal: Goal
    constants: tuple[int, ...] = ()
    gradient: tuple[int, ...] = ()
    flops: float = 0.0
    bytes: float = 0.0
    dtype: str = "float32"
    tolerance: float = 1e-5
    reference: str = ""

    def function(self, peer: str) -> Entry:
        """What a peer runs, or None if it takes no part."""
        if peer in self.functions:
            return self.functions[peer]
        return self.functions.get(TORCH) if peer in _BY_TORCH else None

    def peers(self) -> list[str]:
        """Who takes part, ours first; with gradients those who have them."""
        known = [OURS, *(_WITH_GRADIENTS if self.gradient else PEERS)]
        return [p for p in known if self.function(p) is not None]

    @property
    def referee(self) -> str:
        """Who computes the reference."""
        possible = [TORCH, JAX] if self.gradient else [NUMPY, TORCH, JAX]
        found = [p for p in possible if _is_plain(self.functions.get(p))]
        return self.reference or (found[0] if found else "")


def _is_plain(function: Entry) -> bool:
    return function is not None and not isinstance(function, Made | OnnxText)


def ahead_of_best(what: str, least: float = 0.0, mean: float = 0.0) -> Goal:
    """At least `least` times the best peer in every case, `mean` times on the geometric mean.

    >>> ahead_of_best("sums", 0.9, mean=1.3).text
    'sums: geometric mean at least 1.3x the best peer, none below 0.9x'
    >>> ahead_of_best("sums", mean=1.3).text
    'sums: geometric mean at least 1.3x the best peer'
    """
    told = [f"geometric mean at least {mean:g}x the best peer"] if mean else []
    told += [f"none below {least:g}x{'' if mean else ' the best peer'}"] if least else []
    return Goal(f"{what}: {', '.join(told)}", least or ANY, BEST, mean=mean)


def in_numpy_names(
    function: Callable[..., Any], torch: Callable[..., Any] | None = None
) -> dict[str, Entry]:
    """The functions of a contest from one text for NumPy, jax.numpy and tilewright, and PyTorch's
    if its names differ.

    >>> sorted(in_numpy_names(lambda np, x: np.exp(x)))
    ['JAX', 'NumPy', 'PyTorch', 'tilewright']
    """
    return {
        OURS: function,
        NUMPY: function,
        JAX: lambda jax, *arrays: function(jax.numpy, *arrays),
        TORCH: torch or function,
    }


def without(contest: Contest, *peers: str) -> Contest:
    """The contest without these peers: those that cannot do the work as it is meant."""
    return replace(contest, functions={**contest.functions, **dict.fromkeys(peers)})
