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
    """Declare the largest error of a composite, for float32 and float64 (others: one unit)."""

    def declare(function: Function) -> Function:
        name = function.__name__
        if name in COMPOSITES:
            raise ValueError(f"composite {name} is declared twice")
        half = min(bound, 1) if bound < 0.5 else 1
        COMPOSITES[name] = Composite(function, reference, ulps(bound, half), arity)
        return function

    return declare
