"""Composites that declare how exact they are; docs/accuracy.md lists them, the tests hold them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from ..primitives.families import ulps

Function = TypeVar("Function", bound=Callable[..., Any])


@dataclass(frozen=True)
class Composite:
    """A public function of one or two floats, what it means in NumPy, and its largest error.

    `ulp` is as in `Primitive`: units in the last place of the exact result, by dtype name.
    """

    function: Callable[..., Any]
    reference: Callable[..., Any]
    ulp: Mapping[str, float]
    arity: int


COMPOSITES: dict[str, Composite] = {}


def within(
    bound: float, reference: Callable[..., Any], *, arity: int = 1
) -> Callable[[Function], Function]:
    """Declare the largest error of a composite; half types are rounded once from float32, or
    have constants of their own, so for them it is at least one unit unless it is none."""

    def declare(function: Function) -> Function:
        name = function.__name__
        if name in COMPOSITES:
            raise ValueError(f"composite {name} is declared twice")
        bounds = ulps(bound, max(bound, 1) if bound else 0)
        COMPOSITES[name] = Composite(function, reference, bounds, arity)
        return function

    return declare
