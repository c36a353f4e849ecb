"""What can be tuned from the command line: functions by name, or a function of the user's file."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import Array, array, dtype
from ..dsl import functions as tw
from ..dsl.errors import ArgumentError
from ..dsl.jit import jit
from . import user_file


@dataclass(frozen=True)
class Target:
    """A function with example arguments, ready for `tw.tune`."""

    name: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Named:
    """A function known by name: `form` is what its shape means, `shapes` its inputs for one."""

    function: Callable[..., Any]
    form: str
    default: tuple[int, ...]
    shapes: Callable[[tuple[int, ...]], list[tuple[int, ...]]]
    ranks: tuple[int, ...]


def _one(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [shape]


def _two(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [shape, shape]


def _product(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    *batch, m, k, n = shape
    return [(*batch, m, k), (*batch, k, n)]


def _with_bias(shape: tuple[int, ...]) -> list[tuple[int, ...]]:
    return [*_product(shape), shape[-1:]]


def _norm(x: Array) -> Array:
    centred = x - x.mean(axis=-1, keepdims=True)
    return centred * tw.rsqrt((centred * centred).mean(axis=-1, keepdims=True) + 1e-5)


_ANY = (1, 2, 3, 4)
NAMED = {
    "matmul": Named(lambda a, b: a @ b, "MxKxN or BxMxKxN", (33, 257, 129), _product, (3, 4)),
    "linear_relu": Named(
        lambda a, b, c: tw.maximum(a @ b + c, 0), "MxKxN", (64, 784, 300), _with_bias, (3,)
    ),
    "softmax": Named(lambda x: tw.softmax(x), "ROWSxCOLUMNS", (512, 1000), _one, (2, 3, 4)),
    "layer_norm": Named(_norm, "ROWSxCOLUMNS", (512, 1000), _one, (2, 3, 4)),
    "sum": Named(lambda x: x.sum(), "any", (1000, 1003), _one, _ANY),
    "row_sum": Named(lambda x: x.sum(axis=-1), "ROWSxCOLUMNS", (512, 1000), _one, (2, 3)),
    "column_sum": Named(lambda x: x.sum(axis=0), "ROWSxCOLUMNS", (512, 1000), _one, (2, 3)),
    "add": Named(lambda x, y: x + y, "any", (1000, 1003), _two, _ANY),
    "chain": Named(
        lambda x, y: tw.tanh(x * y + x) * tw.exp(-y), "any", (1000, 1003), _two, _ANY
    ),
    "transpose": Named(lambda x: x.T * 2, "ROWSxCOLUMNS", (1000, 1003), _one, (2,)),
}  # fmt: skip


def find(target: str, shape: str | None, kind: str) -> Target:
    """The target that the command line names; raises ArgumentError with what is there."""
    if ":" in target or target.endswith(".py"):
        if shape is not None:
            raise ArgumentError(
                f"tune: got --shape for {target}; the shapes of a file are those of its example"
            )
        return Target(target, *user_file.load("tune", target))
    if target not in NAMED:
        raise ArgumentError(
            f"tune: got {target!r}; it must be one of {', '.join(NAMED)}, or a function of a file "
            "as path/to/file.py:function"
        )
    named = NAMED[target]
    sizes = named.default if shape is None else _sizes(target, named, shape)
    rng = np.random.default_rng(0)
    hosts = [rng.standard_normal(s).astype(dtype(kind).dtype) for s in named.shapes(sizes)]
    return Target(
        f"{target} {'x'.join(map(str, sizes))} {kind}",
        jit(named.function),
        tuple(map(array, hosts)),
    )


def _sizes(target: str, named: Named, text: str) -> tuple[int, ...]:
    parts = text.lower().split("x")
    wanted = f"it must be {named.form}, as in {'x'.join(map(str, named.default))}"
    if not all(p.isascii() and p.isdigit() and len(p) < 12 for p in parts):
        raise ArgumentError(f"tune: got --shape {text}; {wanted}")
    sizes = tuple(map(int, parts))
    if len(sizes) not in named.ranks or not all(sizes):
        raise ArgumentError(f"tune: got --shape {text} for {target}; {wanted}")
    if math.prod(sizes) > 1 << 40:
        raise ArgumentError(f"tune: got --shape {text}; that is more than can be tuned")
    return sizes
