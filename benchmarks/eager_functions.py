"""The functions that `eager` measures: how NumPy, tilewright and JAX say it, and how PyTorch does.

A function is called with its library and with arguments by name; those of one size and type are
made once (`arguments`). NumPy, tilewright and jax.numpy share one text, as their names are the
same; PyTorch's is given where it differs.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from math import isqrt
from typing import Any

import numpy as np

Call = Callable[..., Any]  # call(library, arguments)


@dataclass(frozen=True)
class Function:
    """What to call. `tolerance` is relative, in units of the type's epsilon, and grows for sums
    with the length. A `torch` of None has no counterpart there."""

    numpy: Call
    torch: Call | None
    tolerance: float = 16
    is_sum: bool = False


def arguments(dtype: str, size: int) -> dict[str, Any]:
    """Arguments of about `size` elements each: vectors x and y in 0.5..2, a signed vector s, a
    matrix m, a mask, positions `at` in any order, a sorted table, whole numbers k."""
    rng = np.random.default_rng(0)
    side = isqrt(size)
    x = rng.uniform(0.5, 2, size).astype(dtype)
    return {
        "x": x,
        "y": rng.uniform(0.5, 2, size).astype(dtype),
        "s": rng.normal(size=size).astype(dtype),
        "near": (1 + rng.normal(size=size) / size).astype(dtype),
        "m": rng.normal(size=(side, side)).astype(dtype),
        "mask": rng.random(size) < 0.5,
        "at": rng.permutation(size),
        "table": np.sort(x),
        "k": rng.integers(0, max(2, size // 10), size),
        "few": rng.uniform(0.5, 2, size // 4).astype(dtype),
    }


def _put(library: Any, a: Mapping[str, Any]) -> Any:
    a["own"][a["at"]] = a["x"]
    return a["own"]


def _put_jax(library: Any, a: Mapping[str, Any]) -> Any:
    return a["own"].at[a["at"]].set(a["x"])


def _softmax(library: Any, a: Mapping[str, Any]) -> Any:
    e = library.exp(a["m"] - library.max(a["m"], axis=1, keepdims=True))
    return e / library.sum(e, axis=1, keepdims=True)


def _softmax_torch(torch: Any, a: Mapping[str, Any]) -> Any:
    e = torch.exp(a["m"] - torch.amax(a["m"], dim=1, keepdim=True))
    return e / torch.sum(e, dim=1, keepdim=True)


def _same(call: Call, tolerance: float = 16) -> Function:
    return Function(call, call, tolerance)


ELEMENTWISE = {
    "add": _same(lambda f, a: f.add(a["x"], a["y"])),
    "multiply": _same(lambda f, a: f.multiply(a["x"], a["y"])),
    "divide": _same(lambda f, a: f.divide(a["x"], a["y"])),
    "sqrt": _same(lambda f, a: f.sqrt(a["x"])),
    "exp": _same(lambda f, a: f.exp(a["s"])),
    "log": _same(lambda f, a: f.log(a["x"])),
    "sin": _same(lambda f, a: f.sin(a["s"])),
    "tanh": _same(lambda f, a: f.tanh(a["s"])),
    "power": Function(lambda f, a: f.power(a["x"], a["y"]), lambda f, a: f.pow(a["x"], a["y"]), 32),
    "maximum": _same(lambda f, a: f.maximum(a["x"], a["y"])),
    "where": _same(lambda f, a: f.where(a["mask"], a["x"], a["y"])),
    "less": _same(lambda f, a: f.less(a["x"], a["y"])),
    "clip": _same(lambda f, a: f.clip(a["s"], -1, 1)),
    "abs": _same(lambda f, a: f.abs(a["s"])),
    "floor": _same(lambda f, a: f.floor(a["s"])),
}

REDUCTIONS = {
    "sum": Function(lambda f, a: f.sum(a["x"]), lambda f, a: f.sum(a["x"]), is_sum=True),
    "sum axis 0": Function(
        lambda f, a: f.sum(a["m"], axis=0), lambda f, a: f.sum(a["m"], 0), is_sum=True
    ),
    "sum axis 1": Function(
        lambda f, a: f.sum(a["m"], axis=1), lambda f, a: f.sum(a["m"], 1), is_sum=True
    ),
    "mean": Function(lambda f, a: f.mean(a["x"]), lambda f, a: f.mean(a["x"]), is_sum=True),
    "std": Function(
        lambda f, a: f.std(a["x"]), lambda f, a: f.std(a["x"], correction=0), is_sum=True
    ),
    "max": _same(lambda f, a: f.max(a["s"])),
    "argmax": _same(lambda f, a: f.argmax(a["s"])),
    "any": _same(lambda f, a: f.any(a["x"] < 0)),
    "prod": Function(lambda f, a: f.prod(a["near"]), lambda f, a: f.prod(a["near"]), is_sum=True),
    "cumsum": Function(
        lambda f, a: f.cumsum(a["x"]), lambda f, a: f.cumsum(a["x"], 0), is_sum=True
    ),
}

MOVEMENT = {
    "transpose, copied": Function(
        lambda f, a: f.array(a["m"].T, copy=True, order="C"),
        lambda f, a: a["m"].T.contiguous(),
    ),
    "concatenate": _same(lambda f, a: f.concatenate([a["x"], a["y"]])),
    "stack": _same(lambda f, a: f.stack([a["x"], a["y"]])),
    "take": _same(lambda f, a: f.take(a["x"], a["at"])),
    "x[mask]": _same(lambda f, a: a["x"][a["mask"]]),
    "a[at] = v": Function(_put, _put),
    "repeat": Function(
        lambda f, a: f.repeat(a["few"], 4), lambda f, a: f.repeat_interleave(a["few"], 4)
    ),
    "tile": _same(lambda f, a: f.tile(a["few"], (4,))),
    "pad": Function(
        lambda f, a: f.pad(a["m"], 3), lambda f, a: f.nn.functional.pad(a["m"], (3, 3, 3, 3))
    ),
    "roll": _same(lambda f, a: f.roll(a["x"], 1000)),
    "diff": _same(lambda f, a: f.diff(a["s"])),
}

ORDER = {
    "sort": Function(lambda f, a: f.sort(a["s"]), lambda f, a: f.sort(a["s"])[0]),
    "argsort": Function(lambda f, a: f.argsort(a["at"]), lambda f, a: f.argsort(a["at"])),
    "unique": _same(lambda f, a: f.unique(a["k"])),
    "searchsorted": _same(lambda f, a: f.searchsorted(a["table"], a["y"])),
}

PRODUCTS = {
    "dot": Function(lambda f, a: f.dot(a["x"], a["y"]), lambda f, a: f.dot(a["x"], a["y"]),
                    is_sum=True),
    "einsum ij,kj->ik": Function(
        lambda f, a: f.einsum("ij,kj->ik", a["m"], a["m"]),
        lambda f, a: f.einsum("ij,kj->ik", a["m"], a["m"]),
        is_sum=True,
    ),
    "softmax": Function(_softmax, _softmax_torch, 64),
}  # fmt: skip

FUNCTIONS: dict[str, Function] = {
    **ELEMENTWISE,
    **REDUCTIONS,
    **MOVEMENT,
    **ORDER,
    **PRODUCTS,
}
IN_JAX: Mapping[str, Call] = {
    "a[at] = v": _put_jax,
    "transpose, copied": lambda f, a: f.array(a["m"].T),
}
MOST: Mapping[str, int] = {"einsum ij,kj->ik": 1_000_000}  # elements of what is more than linear
