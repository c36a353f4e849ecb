"""What a program of unknown sizes knows of them: the shapes of its arguments, and its guards.

Equalities that the trace met are solved: sizes that must be equal become one, what must be a
multiple of k becomes k times a new unknown, what must be a number becomes that number. The rest are
guards, which a call is checked for.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from math import gcd

from .sizes import (
    Atom,
    Dim,
    Monomial,
    Shape,
    Size,
    divide,
    evaluate,
    substitute,
    symbol,
    symbols,
)
from .tracked import LEAST, ZERO, Guard, Tracker

Place = tuple[str, int]  # an argument's name, and an axis of it
Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Unknowns:
    """`shapes` are those of the arguments, in the unknowns that are left; `places` says where each
    size was found that was unknown at first, and `known` what became of it."""

    shapes: tuple[Shape, ...]
    guards: tuple[Guard, ...]
    known: Mapping[str, Dim]
    places: Mapping[str, Place]
    least: Mapping[str, int]

    def bind(self, shapes: Shapes) -> dict[str, int] | None:
        """The values of the unknowns for arguments of these shapes; None if they do not fit."""
        values: dict[str, int] = {}
        for unknown, shape in zip(self.shapes, shapes, strict=True):
            for dim, size in zip(unknown, shape, strict=True):
                found = multiple(dim)
                if found is not None and found[1] not in values:
                    values[found[1]] = size // found[0]
        if any(values[name] < self.least[name] for name in values):
            return None
        fits = all(
            evaluate(dim, values) == size
            for unknown, shape in zip(self.shapes, shapes, strict=True)
            for dim, size in zip(unknown, shape, strict=True)
        )
        return values if fits else None

    def accept(self, shapes: Shapes) -> dict[str, int] | None:
        """`bind`, where the guards hold, too."""
        values = self.bind(shapes)
        if values is None or not all(g.holds(values) for g in self.guards):
            return None
        return values

    def explain(self, names: Sequence[str], shapes: Shapes) -> str:
        """Why arguments of these shapes do not fit, by the names of arguments and axes."""
        why = self.broken(names, shapes)
        if why:
            return why
        for name, size in self._sizes(names, shapes).items():
            if size < LEAST:
                return f"{self._at(name)} is {size}, which has a program of its own"
        values = self.bind(shapes)
        for guard in self.guards:
            if values is not None and not guard.holds(values):
                return f"{self.guard_text(guard)}, which is otherwise for {_listed(values)}"
        return "the sizes are others"

    def broken(self, names: Sequence[str], shapes: Shapes) -> str:
        """Which equality does not hold for arguments of these shapes; "" if all do."""
        sizes = self._sizes(names, shapes)
        values: dict[str, int] = {}
        texts: dict[str, Dim] = {}  # of unknowns that are parts of a size
        for name, size in sizes.items():
            found = multiple(self.known.get(name, symbol(name)))
            if found is None or found[1] in values:
                continue
            step, part = found
            if size % step:
                return f"{self._at(name)} is {size}; it must be divisible by {step}"
            values[part] = size // step
            texts[part] = divide(symbol(self._at(name)), step)
        for name, size in sizes.items():
            dim = self.known.get(name, symbol(name))
            if not symbols(dim) <= values.keys() or evaluate(dim, values) == size:
                continue
            wanted = evaluate(dim, values)
            if isinstance(dim, int):
                return f"{self._at(name)} is {size}; it must be {dim}"
            text = _tidy(dim, texts)
            return f"{self._at(name)} is {size}; it must be equal to {text}, which is {wanted}"
        return ""

    def _sizes(self, names: Sequence[str], shapes: Shapes) -> dict[str, int]:
        return {n: shapes[names.index(a)][axis] for n, (a, axis) in self.places.items()}

    def _at(self, name: str) -> str:
        argument, axis = self.places[name]
        return f"{argument}.shape[{axis}]"

    def text(self, dim: Dim) -> str:
        """A size in terms of arguments and axes."""
        return str(substitute(dim, {n: symbol(self._at(n)) for n in self.places}))

    def guard_text(self, guard: Guard) -> str:
        """What a guard says, and the line that asked."""
        signs = {(ZERO, True): "== 0", (ZERO, False): "!= 0"}
        sign = signs.get((guard.kind, guard.truth), ">= 0" if guard.truth else "< 0")
        line = "" if guard.source is None else f" ({guard.source.short})"
        return f"{self.text(guard.value)} {sign}{line}"


def _listed(values: Mapping[str, int]) -> str:
    return ", ".join(map(str, values.values()))


def _tidy(dim: Dim, texts: Mapping[str, Dim]) -> str:
    """A size in terms of others, of which some are given as quotients."""
    found = multiple(dim)
    if found is not None and isinstance(text := texts[found[1]], Size):
        (atom,) = text.terms[0][0]
        if atom.op == "floordiv" and atom.args[1] == found[0]:
            return str(atom.args[0])  # k * (n // k), where k divides n
    return str(substitute(dim, texts))


def multiple(dim: Dim) -> tuple[int, str] | None:
    """(c, n) for a size c * n of one unknown."""
    if isinstance(dim, int) or len(dim.terms) != 1:
        return None
    monomial, coefficient = dim.terms[0]
    is_name = len(monomial) == 1 and monomial[0].op == "name" and coefficient > 0
    return (coefficient, monomial[0].name) if is_name else None


# --------------------------------------------------------------------------- solving


class NotGeneral(Exception):
    """A program for unknown sizes cannot be had; the message says why."""


def solve(shapes: Sequence[Shape], tracker: Tracker, places: Mapping[str, Place]) -> Unknowns:
    """What a trace has found out about its sizes; raises NotGeneral for an equality that is too
    hard."""
    solver = _Solver(tracker)
    for guard in tracker.guards:
        if guard.kind is ZERO and guard.truth:
            solver.solve(guard.value)
    left = {g.after(solver.known): g for g in tracker.guards}
    guards = tuple(g for g in left if isinstance(g.value, Size) and not g.is_implied(solver.least))
    known_shapes = tuple(tuple(substitute(d, solver.known) for d in s) for s in shapes)
    found = Unknowns(known_shapes, guards, solver.known, dict(places), solver.least)
    bound = {m[1] for s in known_shapes for d in s if (m := multiple(d)) is not None}
    for shape in known_shapes:
        for dim in shape:
            if not symbols(dim) <= bound:
                raise NotGeneral(f"the size {found.text(dim)} is not that of an axis alone")
    return found


class _Solver:
    def __init__(self, tracker: Tracker) -> None:
        self.known: dict[str, Dim] = {}
        self.least = dict(tracker.least)
        self.order = {name: i for i, name in enumerate(tracker.hints)}

    def solve(self, value: Dim) -> None:
        """Take in that a size is zero, if it can be said by replacing an unknown."""
        value = substitute(value, self.known)
        if isinstance(value, int):
            return
        names = sorted(symbols(value), key=lambda n: self.order.get(n, -1), reverse=True)
        for name in names:
            solution = _linear(value, name)
            if solution is not None and self._may_be(solution, name):
                self._replace(name, solution)
                return
        found = _divisible(value)
        if found is not None:
            name, step = found
            part = f"{name}_{step}"
            self.least[part] = -(-self.least[name] // step)
            self._replace(name, step * symbol(part))

    def _may_be(self, solution: Dim, name: str) -> bool:
        return name not in symbols(solution)

    def _replace(self, name: str, by: Dim) -> None:
        self.known = {n: substitute(d, {name: by}) for n, d in self.known.items()}
        self.known[name] = by


def _linear(value: Size, name: str) -> Dim | None:
    """The size that `name` must be for `value` to be zero, if it occurs once, and alone."""
    alone: Monomial = (Atom("name", name),)
    own = dict(value.terms).get(alone)
    if own is None:
        return None
    rest: Dim = value - own * symbol(name)
    if name in symbols(rest):
        return None
    terms = rest.terms if isinstance(rest, Size) else (((), rest),)
    if any(c % own for _, c in terms):
        return None
    total: Dim = 0
    for monomial, c in terms:
        total = total + (Size(((monomial, -c // own),)) if monomial else -c // own)
    return total


def _divisible(value: Size) -> tuple[str, int] | None:
    """(n, k) where `value` is zero if n is a multiple of k: of c*n - d*(c*n // d)."""
    if len(value.terms) != 2:
        return None
    for (own, c), (whole, d) in (value.terms, value.terms[::-1]):
        if len(own) == 1 and own[0].op == "name" and len(whole) == 1:
            atom, sign = whole[0], 1 if c > 0 else -1
            inside = abs(c) * symbol(own[0].name)
            if atom.op == "floordiv" and atom.args == (inside, -d * sign):
                return own[0].name, -d * sign // gcd(-d * sign, abs(c))
    return None


# Offered in turn as other sizes, as distances from the present one.
_STEPS = (4, 3, 7, 1, 2, 5, 11, 6, 8, 16, 9, 10, 12, 24, 30, 60, -1, -2, -3, -4, -8, 100, 1000)


def other_sizes(
    here: Mapping[str, int], guards: Sequence[Guard], least: Mapping[str, int]
) -> dict[str, int]:
    """Sizes that meet the guards, each another than it is here; raises NotGeneral if none do."""
    for values in _offers(here):
        is_large = all(values[n] >= least[n] for n in values)
        if is_large and all(g.holds(values) for g in guards):
            return values
    raise NotGeneral("no other sizes were found for which it decides as for these")


def _offers(here: Mapping[str, int]) -> Iterator[dict[str, int]]:
    for step in _STEPS:
        yield {name: size + step + 6 * i for i, (name, size) in enumerate(here.items())}
    for steps in itertools.islice(itertools.product(_STEPS, repeat=len(here)), 2000):
        yield {name: here[name] + step for name, step in zip(here, steps, strict=True)}
