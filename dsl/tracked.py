"""Sizes that are known while a function is traced, and unknown in its program.

A `Tracked` is a Python int with the polynomial of unknown sizes that it stands for. Arithmetic
gives tracked ints again; whatever Python decides by one (a comparison, its truth) is noted as a
guard of the program; and what must have a plain number (`int(n)`, `n / 3`) fixes the size by a
guard. While a tracker is open, traced arrays give their shapes in tracked ints, so that the user's
code and our own rules are seen alike.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from .graph import Source
from .sizes import Dim, Shape, Size, bounds, divide, evaluate, substitute
from .trace import user_source

if TYPE_CHECKING:
    from .array import Array

ZERO, NOT_NEGATIVE = "zero", "not negative"  # what a guard says of its value
LEAST = 2  # of unknown sizes: 0 and 1 broadcast, and have programs of their own


@dataclass(frozen=True)
class Guard:
    """Whether `value` is zero, or not negative: `truth` when the program was made."""

    kind: str
    value: Dim
    truth: bool
    source: Source | None = field(default=None, compare=False)

    def holds(self, sizes: Mapping[str, int]) -> bool:
        """Whether it is so at other sizes, too."""
        return _is(self.kind, evaluate(self.value, sizes)) == self.truth

    def after(self, known: Mapping[str, Dim]) -> Guard:
        """The same in other unknowns."""
        return Guard(self.kind, substitute(self.value, known), self.truth, self.source)

    def is_implied(self, least: Mapping[str, int]) -> bool:
        """Whether it holds for all sizes from `least` on."""
        low, high = bounds(self.value, least)
        if self.kind is NOT_NEGATIVE:
            return low is not None and low >= 0 if self.truth else high is not None and high < 0
        never_zero = (low is not None and low > 0) or (high is not None and high < 0)
        return (low, high) == (0, 0) if self.truth else never_zero


def _is(kind: str, value: int) -> bool:
    return value == 0 if kind is ZERO else value >= 0


class Tracker:
    """The unknown sizes of a trace: what each is now (`hints`), and what Python asked of them."""

    def __init__(self, hints: Mapping[str, int], least: Mapping[str, int] | None = None) -> None:
        self.hints = dict(hints)
        self.least = dict.fromkeys(hints, LEAST) if least is None else dict(least)
        self.found: dict[Guard, None] = {}
        self.is_open = True

    @property
    def guards(self) -> tuple[Guard, ...]:
        return tuple(self.found)

    def size(self, dim: Dim) -> int:
        """A size as the trace sees it."""
        if isinstance(dim, int):
            return dim
        return Tracked.of(dim, self) if self.is_open else evaluate(dim, self.hints)

    def decide(self, kind: str, value: Dim) -> bool:
        """Whether a value is zero, or not negative; noted where it may be otherwise."""
        if isinstance(value, int):
            return _is(kind, value)
        if kind is ZERO and value.terms[0][1] < 0:
            value = -1 * value  # one form for a == b and b == a
        truth = _is(kind, evaluate(value, self.hints))
        guard = Guard(kind, value, truth)
        is_new = self.is_open and guard not in self.found
        if is_new and not guard.is_implied(self.least):
            self.found[Guard(kind, value, truth, user_source())] = None
        return truth


class Tracked(int):
    """A size that is known here and unknown in the program."""

    dim: Size
    tracker: Tracker

    @classmethod
    def of(cls, dim: Size, tracker: Tracker) -> Tracked:
        made = cls(evaluate(dim, tracker.hints))
        made.dim, made.tracker = dim, tracker
        return made

    def fixed(self) -> int:
        """The plain number; the program then holds for this size alone."""
        self.tracker.decide(ZERO, self.dim - plain(self))
        return plain(self)

    def __bool__(self) -> bool:
        return not self.tracker.decide(ZERO, self.dim)

    def __index__(self) -> int:
        return self

    def __pos__(self) -> int:
        return self

    def __neg__(self) -> int:
        return self * -1

    def __abs__(self) -> int:
        return self if self >= 0 else -self

    def __divmod__(self, other: Any) -> Any:
        return self // other, self % other

    def __pow__(self, other: Any, modulus: Any = None) -> Any:
        if type(other) is int and 1 <= other <= 4 and modulus is None:
            return self * self ** (other - 1) if other > 1 else self
        return pow(self.fixed(), other, modulus)

    def __reduce__(self) -> tuple[Any, ...]:
        return int, (plain(self),)

    def __hash__(self) -> int:
        return hash(self.fixed())  # whoever looks for it among others compares it with all


def plain(n: int) -> int:
    """The number alone, whatever happens with it."""
    return int.__add__(n, 0) if isinstance(n, Tracked) else n


def is_integer(x: Any) -> bool:
    """Whether x is a Python integer, tracked or not (and no bool)."""
    return type(x) is int or isinstance(x, Tracked)


def dim_of(n: int) -> Dim:
    """What an int stands for in the program that is being traced."""
    return n.dim if isinstance(n, Tracked) and n.tracker.is_open else plain(n)


def _is_number(x: Any) -> bool:
    return isinstance(x, float | complex | np.number)


# --------------------------------------------------------------------------- operators

_Combine = Callable[[Dim, Dim], Dim]


def _quotient(a: Dim, b: Dim) -> Dim:
    return divide(a, b)


def _remainder(a: Dim, b: Dim) -> Dim:
    return a - divide(a, b) * b


_ARITHMETIC: dict[str, _Combine] = {
    "add": lambda a, b: a + b,
    "sub": lambda a, b: a - b,
    "mul": lambda a, b: a * b,
    "floordiv": _quotient,
    "mod": _remainder,
}
_COMPARISONS: dict[str, tuple[str, _Combine, bool]] = {
    "eq": (ZERO, lambda a, b: a - b, True),
    "ne": (ZERO, lambda a, b: a - b, False),
    "le": (NOT_NEGATIVE, lambda a, b: b - a, True),
    "ge": (NOT_NEGATIVE, lambda a, b: a - b, True),
    "gt": (NOT_NEGATIVE, lambda a, b: b - a, False),
    "lt": (NOT_NEGATIVE, lambda a, b: a - b, False),
}
# What needs the number itself.
_PLAIN = (
    "int", "float", "trunc", "floor", "ceil", "round", "truediv", "rtruediv", "rpow", "rdivmod",
    "lshift", "rlshift", "rshift", "rrshift", "and", "rand", "or", "ror", "xor", "rxor", "invert",
)  # fmt: skip


def _arithmetic(name: str, combine: _Combine, reflected: bool) -> Callable[[Tracked, Any], Any]:
    own = getattr(int, f"__r{name}__" if reflected else f"__{name}__")

    def operate(self: Tracked, other: Any) -> Any:
        if not isinstance(other, int):
            return own(self.fixed() if _is_number(other) else plain(self), other)
        if not self.tracker.is_open:
            return own(plain(self), other)
        a, b = (other, self) if reflected else (self, other)
        if name in ("floordiv", "mod") and (b <= 0 or a < 0):  # noted: sizes divide by sizes
            return own(self.fixed(), int(other))
        return self.tracker.size(combine(dim_of(a), dim_of(b)))

    return operate


def _comparison(
    name: str, kind: str, combine: _Combine, wanted: bool
) -> Callable[[Tracked, Any], Any]:
    own = getattr(int, f"__{name}__")

    def compare(self: Tracked, other: Any) -> Any:
        if not isinstance(other, int):
            return own(self.fixed() if _is_number(other) else plain(self), other)
        if not self.tracker.is_open:
            return own(plain(self), other)
        return self.tracker.decide(kind, combine(self.dim, dim_of(other))) == wanted

    return compare


def _by_number(name: str) -> Callable[..., Any]:
    own = getattr(int, f"__{name}__")

    def operate(self: Tracked, *others: Any) -> Any:
        is_operand = not others or isinstance(others[0], int) or _is_number(others[0])
        return own(self.fixed() if is_operand else plain(self), *others)

    return operate


def _give_operators() -> None:
    for name, combine in _ARITHMETIC.items():
        setattr(Tracked, f"__{name}__", _arithmetic(name, combine, False))
        setattr(Tracked, f"__r{name}__", _arithmetic(name, combine, True))
    for name, rule in _COMPARISONS.items():
        setattr(Tracked, f"__{name}__", _comparison(name, *rule))
    for name in _PLAIN:
        setattr(Tracked, f"__{name}__", _by_number(name))


_give_operators()


# --------------------------------------------------------------------------- shapes


@contextmanager
def tracking(tracker: Tracker) -> Iterator[Tracker]:
    """Inside, traced arrays of this thread give their shapes in tracked ints."""
    before = _native.set_sized(True)
    try:
        yield tracker
    finally:
        tracker.is_open = False
        _native.set_sized(before)


def shape_of(cell: Array) -> Shape:
    """The shape of a traced array as its trace knows it."""
    base = cell._base
    if base is None:
        shape: Shape = cell._traced.var.aval.shape
        return shape
    aval = base._traced.var.aval
    for primitive, params in cell._moves:
        aval = primitive.infer(aval, **dict(params))
    found: Shape = aval.shape
    return found


def slice_ends(item: slice, size: int) -> tuple[int, int, int]:
    """What `item.indices(size)` is, where one of the numbers is tracked."""
    step = 1 if item.step is None else item.step.__index__()
    if step == 0:
        raise ValueError("slice step cannot be zero")
    low, high = (0, size) if step > 0 else (-1, size - 1)

    def end(given: Any, default: int) -> int:
        if given is None:
            return default
        place = given.__index__()
        if place < 0:
            place = place + size
            return place if place >= low else low
        return place if place <= high else high

    first = end(item.start, low if step > 0 else high)
    last = end(item.stop, high if step > 0 else low)
    return first, last, step


def window(item: slice, size: int) -> tuple[int, int, int]:
    """Where a slice begins on an axis, how many elements it has, and its step."""
    parts = (size, item.start, item.stop, item.step)
    if not any(isinstance(n, Tracked) for n in parts):
        begin, end, step = item.indices(size)
        return begin, len(range(begin, end, step)), step
    begin, end, step = slice_ends(item, size)
    if step > 0:
        count = (end - begin + step - 1) // step if end > begin else 0
    else:
        count = (begin - end - step - 1) // -step if begin > end else 0
    return begin, count, int(step)
