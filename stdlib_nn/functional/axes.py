"""Arguments of windows as PyTorch takes them, and arrays with channels first as channels last."""

from __future__ import annotations

import operator
from collections.abc import Sequence
from typing import Any

from ...dsl import primitives as p
from ...dsl.array import Array
from ...dsl.errors import ArgumentError, ShapeError

Ints = tuple[int, ...]
IntOrInts = int | Sequence[int]


def per_axis(name: str, key: str, value: Any, rank: int, least: int = 1) -> Ints:
    """A number for all spatial axes, or one for each of them, as a tuple."""
    given = value if isinstance(value, tuple | list) else (value,)
    try:
        found = tuple(operator.index(n) for n in given)
    except TypeError:
        raise ArgumentError(f"{name}: got {key}={value!r}; it must be an int or {rank}") from None
    found = found * rank if len(found) == 1 else found
    if len(found) != rank:
        raise ArgumentError(f"{name}: got {key}={value!r}; it must be an int or {rank} of them")
    if any(n < least for n in found):
        raise ArgumentError(f"{name}: got {key}={value!r}; it must be at least {least}")
    return found


def batched(name: str, input: Array, rank: int) -> Array:
    """An input (N, C, *spatial); one without N gets it. Raises ShapeError for another rank."""
    if input.ndim not in (rank + 1, rank + 2):
        raise ShapeError(
            f"{name}: got an input {input.shape}; it must be (N, C, {_letters(rank)}) or "
            f"(C, {_letters(rank)})"
        )
    return input if input.ndim == rank + 2 else p.reshape(input, shape=(1, *input.shape))


def _letters(rank: int) -> str:
    return ", ".join("DHW"[-rank:])


def unbatched(out: Array, input: Array) -> Array:
    """The result for an input that may have come without N."""
    return out if out.ndim == input.ndim else p.reshape(out, shape=out.shape[1:])


def channels_last(x: Array) -> Array:
    """(N, C, *spatial) -> (N, *spatial, C)."""
    return p.transpose(x, axes=(0, *range(2, x.ndim), 1))


def channels_first(x: Array) -> Array:
    """(N, *spatial, C) -> (N, C, *spatial)."""
    return p.transpose(x, axes=(0, x.ndim - 1, *range(1, x.ndim - 1)))
