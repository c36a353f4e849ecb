"""What a staged `for` goes over: a count of turns, and the item of each, by number or slice."""

from __future__ import annotations

import builtins
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Protocol

from .. import trace as tracing
from ..branches import equal
from ..dtypes import int64
from ..errors import TraceError
from ..functions import arange, asarray, flip, maximum, minimum
from ..functions.convert import is_array
from .values import as_number

if TYPE_CHECKING:
    from ..array import Array


class Turns(Protocol):
    """A sequence for `for`. Its `length` is an int, or traced."""

    length: Any

    @property
    def is_static(self) -> bool:
        """Whether the length is known."""

    def slices(self) -> list[tuple[Array, bool]]:
        """Arrays of which each turn gets a slice, and whether these stand for Python numbers."""

    def item(self, slices: Iterator[Array]) -> Any:
        """The item of a turn, from its slices."""

    def at(self, number: Any) -> Any:
        """The item of a turn, from its number."""

    def arrays(self) -> list[Array]:
        """The arrays of the user that it goes over."""

    def backwards(self) -> Turns:
        """The same from the last to the first."""

    def items(self) -> Iterator[Any]:
        """The items, for a loop that Python runs."""


class _Iterable:
    """Comprehensions and builtins go over it as Python does."""

    def __iter__(self) -> Iterator[Any]:
        if not self.is_static:  # type: ignore[attr-defined]
            raise TraceError(
                f"script: a comprehension or a builtin at {tracing.user_source()} goes over "
                "range(n) with an n that is known only when the program runs, so that the size of "
                "what it makes is not known; use a `for` statement"
            )
        return self.items()  # type: ignore[attr-defined,no-any-return]


class Counter(_Iterable):
    """`range(start, start + length * step, step)`."""

    def __init__(self, start: Any, step: Any, length: Any) -> None:
        self.start, self.step, self.length = start, step, length

    @property
    def is_static(self) -> bool:
        return not any(map(is_array, (self.start, self.step, self.length)))

    def slices(self) -> list[tuple[Array, bool]]:
        stop = self.start + self.length * self.step
        return [(arange(self.start, stop, self.step, dtype=int64), True)]

    def item(self, slices: Iterator[Array]) -> Any:
        return next(slices)

    def at(self, number: Any) -> Any:
        steps = number if equal(self.step, 1) else number * self.step
        return steps if equal(self.start, 0) else self.start + steps

    def arrays(self) -> list[Array]:
        return []

    def backwards(self) -> Counter:
        last = self.start + (self.length - 1) * self.step
        return Counter(last, -self.step, self.length)

    def items(self) -> Iterator[Any]:
        return builtins.iter(range(self.start, self.start + self.length * self.step, self.step))


class Rows(_Iterable):
    """The slices of an array along its first axis."""

    def __init__(self, array: Array) -> None:
        self.array, self.length = array, array.shape[0]

    is_static = True

    def slices(self) -> list[tuple[Array, bool]]:
        return [(self.array, False)]

    def item(self, slices: Iterator[Array]) -> Any:
        return next(slices)

    def at(self, number: Any) -> Any:
        return self.array[number]

    def arrays(self) -> list[Array]:
        return [self.array]

    def backwards(self) -> Rows:
        return Rows(flip(self.array, axis=0))

    def items(self) -> Iterator[Any]:
        return builtins.iter(self.array)


class Zipped(_Iterable):
    """Tuples of an item of each, as long as the shortest."""

    def __init__(self, parts: list[Turns], length: Any = None) -> None:
        self.parts = parts
        lengths = [p.length for p in parts]
        traced = any(map(is_array, lengths))
        self.length = length
        if length is None:
            self.length = _least(lengths) if traced else min(lengths)

    @property
    def is_static(self) -> bool:
        return all(p.is_static for p in self.parts)

    def slices(self) -> list[tuple[Array, bool]]:
        return [(x[: self.length], weak) for p in self.parts for x, weak in p.slices()]

    def item(self, slices: Iterator[Array]) -> Any:
        return tuple(p.item(slices) for p in self.parts)

    def at(self, number: Any) -> Any:
        return tuple(p.at(number) for p in self.parts)

    def arrays(self) -> list[Array]:
        return [x for p in self.parts for x in p.arrays()]

    def backwards(self) -> Turns:
        raise TypeError("'zip' object is not reversible")

    def items(self) -> Iterator[Any]:
        return zip(*(p.items() for p in self.parts), strict=False)


def _least(lengths: list[Any]) -> Any:
    found = lengths[0]
    for other in lengths[1:]:
        found = minimum(found, other)
    return as_number(found)


def turns_of(value: Any) -> Turns | None:
    """What a `for` over a value is in a program; None for what only Python can go over."""
    if isinstance(value, range):
        return Counter(value.start, value.step, len(value))
    if is_array(value) and value.ndim:
        return Rows(value)
    return value if isinstance(value, Counter | Rows | Zipped) else None


def counter(*bounds: Any) -> Any:
    """`range(...)`, with bounds that may be traced."""
    if not any(map(is_array, bounds)):
        return range(*bounds)
    given: tuple[Any, ...] = (0, *bounds) if len(bounds) == 1 else bounds
    for bound in bounds:
        if is_array(bound) and (bound.shape != () or not bound.dtype.is_integer):
            raise TypeError(
                f"range: got an array of {bound.dtype}{list(bound.shape)}; it takes integers"
            )
    start, stop, step, *_ = [as_number(asarray(b)) if is_array(b) else b for b in (*given, 1)]
    # -(a // b) of negated a rounds up, for steps of both signs.
    length = as_number(maximum(-((start - stop) // step), 0))
    return Counter(start, step, length)


def _traced_turns(values: tuple[Any, ...]) -> list[Turns] | None:
    """The turns of all values, if one of them is an array or a traced range."""
    found = [turns_of(v) for v in values]
    known = [t for t in found if t is not None]
    is_ours = any(not isinstance(v, range) for v, t in zip(values, found, strict=True) if t)
    return known if len(known) == len(found) and is_ours else None


def zipped(*values: Any, strict: bool = False) -> Any:
    """`zip(...)`."""
    found = _traced_turns(values)
    if found is None:
        return zip(*values, strict=strict)
    made = Zipped(found)
    if strict and len({str(t.length) for t in found}) > 1:
        raise ValueError("zip: got arguments of different lengths with strict=True")
    return made


def enumerated(value: Any, start: Any = 0) -> Any:
    """`enumerate(...)`."""
    found = _traced_turns((value,))
    if found is None:
        return enumerate(value, start)
    return Zipped([Counter(start, 1, found[0].length), found[0]], found[0].length)


def backwards(value: Any) -> Any:
    """`reversed(...)`."""
    found = _traced_turns((value,))
    return reversed(value) if found is None else found[0].backwards()
