"""Batch rules that many primitives share: what an operation is when all lanes do it at once.

A lane is one call of a function under `vmap`. An input that differs from lane to lane has a slice
for each along its first axis. Movement is named, as movement.py stands on this file.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from ..primitive import ONE_BY_ONE, REGISTRY, Lanes
from ..sizes import Dim

if TYPE_CHECKING:
    from ..array import Array

Batch = Callable[..., Any]


def spread(x: Array, count: Dim) -> Array:
    """A value that is the same in all lanes, with the axis of lanes."""
    return REGISTRY["broadcast_to"](x, shape=(count, *x.shape))


def all_spread(lanes: Lanes, inputs: tuple[Array, ...]) -> tuple[Array, ...]:
    """The inputs, each with the axis of lanes."""
    return tuple(
        x if has else spread(x, lanes.count) for x, has in zip(inputs, lanes.batched, strict=True)
    )


def axis_moved(x: Array, source: int, target: int) -> Array:
    """x with one axis at another place, the others in their order."""
    if source == target:
        return x
    order = [a for a in range(len(x.shape)) if a != source]
    order.insert(target, source)
    return REGISTRY["transpose"](x, axes=tuple(order))


def over_leading_axes(name: str) -> Batch:
    """The rule of what already works on each element, or each matrix, of further axes in front:
    the same operation."""

    def batch(lanes: Lanes, *inputs: Array, **params: Any) -> Array:
        return REGISTRY[name](*all_spread(lanes, inputs), **params)

    return batch


def along_axis(name: str) -> Batch:
    """The rule of what works along `axis`, which lies one further back."""

    def batch(lanes: Lanes, *inputs: Array, axis: int, **params: Any) -> Array:
        return REGISTRY[name](*all_spread(lanes, inputs), axis=axis + 1, **params)

    return batch


def over_axes(name: str) -> Batch:
    """The rule of a reduction over `axes`, which lie one further back."""

    def batch(lanes: Lanes, x: Array, *, axes: tuple[int, ...], **params: Any) -> Array:
        return REGISTRY[name](x, axes=tuple(a + 1 for a in axes), **params)

    return batch


def one_by_one(lanes: Lanes, *inputs: Array, **params: Any) -> Any:
    """The rule of a routine that knows no further axes: a loop over the lanes, declared."""
    return ONE_BY_ONE
