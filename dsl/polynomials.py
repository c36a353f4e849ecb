"""Sizes as polynomials of unknowns, found from their values at several points."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from .sizes import Dim, symbol

Point = tuple[int, ...]  # a value of each unknown


@dataclass(frozen=True)
class Grid:
    """Points at which a function is looked at: every combination of `values[i]` of unknown i."""

    names: tuple[str, ...]
    values: tuple[tuple[int, ...], ...]

    @property
    def points(self) -> tuple[Point, ...]:
        return tuple(itertools.product(*self.values))

    def fit(self, found: Sequence[int]) -> Dim | None:
        """The polynomial with integer coefficients, of a degree below the number of values in
        each unknown, that is `found[i]` at `points[i]`; None if there is none.

        >>> str(Grid(("n",), ((7, 11, 13),)).fit([17, 25, 29]))
        '3 + 2*n'
        """
        if len(set(found)) == 1:
            return found[0]
        table = {p: Fraction(v) for p, v in zip(self.points, found, strict=True)}
        for axis, values in enumerate(self.values):
            table = _to_coefficients(table, axis, values)
        if any(c.denominator != 1 for c in table.values()):
            return None
        total: Dim = 0
        for powers, coefficient in table.items():
            term: Dim = int(coefficient)
            for name, power in zip(self.names, powers, strict=True):
                for _ in range(power):
                    term = term * symbol(name)
            total = total + term
        return total


def _to_coefficients(
    table: Mapping[Point, Fraction], axis: int, values: tuple[int, ...]
) -> dict[Point, Fraction]:
    """Along one axis: values at points -> coefficients of powers."""
    basis = [_lagrange(values, i) for i in range(len(values))]
    found: dict[Point, Fraction] = {}
    for point, value in table.items():
        for power, weight in enumerate(basis[values.index(point[axis])]):
            place = (*point[:axis], power, *point[axis + 1 :])
            found[place] = found.get(place, Fraction(0)) + weight * value
    return found


def _lagrange(values: tuple[int, ...], i: int) -> list[Fraction]:
    """Coefficients of the polynomial that is 1 at `values[i]` and 0 at the others."""
    made = [Fraction(1)]
    for j, value in enumerate(values):
        if j != i:
            scale = Fraction(1, values[i] - value)
            shifted = [Fraction(0), *made]
            made = [
                scale * (up - value * here)
                for up, here in zip(shifted, [*made, Fraction(0)], strict=True)
            ]
    return made
