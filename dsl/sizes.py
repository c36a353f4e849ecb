"""Sizes of axes: a Python int, or a `Size`, a polynomial over named unknowns.

A `Size` is in normal form (a sum of monomials with integer coefficients), so that two equal
expressions are equal objects. Division makes an opaque atom. Everything that a compiled program
needs to know about its sizes at run time is evaluated from these, in C++, by `postfix`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Atom:
    """An unknown (`op` is "name") or a division, minimum or maximum of two sizes."""

    op: str
    name: str = ""
    args: tuple[Dim, ...] = ()

    def __str__(self) -> str:
        if self.op == "name":
            return self.name
        return f"{self.op}({', '.join(map(str, self.args))})"


Monomial = tuple[Atom, ...]


@dataclass(frozen=True)
class Size:
    """A sum of `coefficient * product of atoms`; never a constant (that is an int)."""

    terms: tuple[tuple[Monomial, int], ...]

    def __add__(self, other: Dim) -> Dim:
        return _from_terms([*self.terms, *_terms(other)])

    def __radd__(self, other: int) -> Dim:
        return self + other

    def __neg__(self) -> Dim:
        return self * -1

    def __sub__(self, other: Dim) -> Dim:
        return self + (-1) * other

    def __rsub__(self, other: int) -> Dim:
        return (-1) * self + other

    def __mul__(self, other: Dim) -> Dim:
        return _from_terms(
            [
                (tuple(sorted(m + n, key=str)), a * b)
                for m, a in self.terms
                for n, b in _terms(other)
            ]
        )

    def __rmul__(self, other: int) -> Dim:
        return self * other

    def __floordiv__(self, other: Dim) -> Dim:
        return divide(self, other)

    def __str__(self) -> str:
        return " + ".join(_monomial_text(m, c) for m, c in self.terms)

    __repr__ = __str__


Dim = int | Size
Shape = tuple[Dim, ...]


def _monomial_text(monomial: Monomial, coefficient: int) -> str:
    factors = [str(a) for a in monomial]
    if coefficient != 1 or not factors:
        factors.insert(0, str(coefficient))
    return "*".join(factors)


def _terms(dim: Dim) -> tuple[tuple[Monomial, int], ...]:
    return dim.terms if isinstance(dim, Size) else (((), dim),)


def _from_terms(terms: list[tuple[Monomial, int]]) -> Dim:
    total: dict[Monomial, int] = {}
    for monomial, coefficient in terms:
        total[monomial] = total.get(monomial, 0) + coefficient
    kept = {m: c for m, c in total.items() if c}
    if not kept:
        return 0
    if list(kept) == [()]:
        return kept[()]
    return Size(tuple(sorted(kept.items(), key=lambda t: str(t[0]))))


def symbol(name: str) -> Size:
    """A fresh unknown size; two with one name are the same size."""
    return Size((((Atom("name", name),), 1),))


def _opaque(op: str, *args: Dim) -> Size:
    return Size((((Atom(op, args=args),), 1),))


def divide(a: Dim, b: Dim) -> Dim:
    """`a // b` for non-negative sizes; exact divisions by an int or a factor simplify."""
    if isinstance(a, int) and isinstance(b, int):
        return a // b
    if b == 1:
        return a
    if a == b:
        return 1
    terms, divisor = _terms(a), _terms(b)
    if len(divisor) == 1:
        monomial, coefficient = divisor[0]
        quotient = [_divide_term(t, monomial, coefficient) for t in terms]
        if all(q is not None for q in quotient):
            return _from_terms([q for q in quotient if q is not None])
    return _opaque("floordiv", a, b)


def _divide_term(
    term: tuple[Monomial, int], monomial: Monomial, coefficient: int
) -> tuple[Monomial, int] | None:
    atoms, factor = list(term[0]), term[1]
    for atom in monomial:
        if atom not in atoms:
            return None
        atoms.remove(atom)
    return None if factor % coefficient else (tuple(atoms), factor // coefficient)


def ceil_divide(a: Dim, b: Dim) -> Dim:
    """`a / b` rounded up, for non-negative sizes."""
    return divide(a + b - 1, b)


def minimum(a: Dim, b: Dim) -> Dim:
    """The smaller of two sizes."""
    if a == b:
        return a
    return min(a, b) if isinstance(a, int) and isinstance(b, int) else _opaque("min", a, b)


def maximum(a: Dim, b: Dim) -> Dim:
    """The larger of two sizes."""
    if a == b:
        return a
    return max(a, b) if isinstance(a, int) and isinstance(b, int) else _opaque("max", a, b)


def product(shape: Shape) -> Dim:
    """The number of elements of `shape` (1 for a scalar)."""
    total: Dim = 1
    for dim in shape:
        total = total * dim
    return total


def known(shape: Shape) -> tuple[int, ...]:
    """The shape of a concrete array, whose sizes are all ints."""
    return tuple(evaluate(dim, {}) for dim in shape)


def symbols(dim: Dim) -> set[str]:
    """The names of the unknowns in a size."""
    names: set[str] = set()
    for monomial, _ in _terms(dim):
        for atom in monomial:
            names |= {atom.name} if atom.op == "name" else set().union(*map(symbols, atom.args))
    return names


def evaluate(dim: Dim, values: Mapping[str, int]) -> int:
    """The value of a size once its unknowns are known."""
    if isinstance(dim, int):
        return dim
    total = 0
    for monomial, coefficient in dim.terms:
        for atom in monomial:
            coefficient *= _evaluate_atom(atom, values)
        total += coefficient
    return total


def _evaluate_atom(atom: Atom, values: Mapping[str, int]) -> int:
    if atom.op == "name":
        return values[atom.name]
    a, b = (evaluate(x, values) for x in atom.args)
    return {"floordiv": a // b if atom.op == "floordiv" else 0, "min": min(a, b), "max": max(a, b)}[
        atom.op
    ]


def substitute(dim: Dim, known: Mapping[str, Dim]) -> Dim:
    """The size with some of its unknowns replaced by other sizes."""
    if isinstance(dim, int):
        return dim
    total: Dim = 0
    for monomial, coefficient in dim.terms:
        term: Dim = coefficient
        for atom in monomial:
            term = term * _substituted(atom, known)
        total = total + term
    return total


_COMBINE = {"floordiv": divide, "min": minimum, "max": maximum}


def _substituted(atom: Atom, known: Mapping[str, Dim]) -> Dim:
    if atom.op == "name":
        return known.get(atom.name, symbol(atom.name))
    return _COMBINE[atom.op](*(substitute(x, known) for x in atom.args))


Bounds = tuple[int | None, int | None]  # None: nothing is known


def bounds(dim: Dim, least: Mapping[str, int]) -> Bounds:
    """Numbers between which a size is, if its unknowns are at least so large."""
    if isinstance(dim, int):
        return dim, dim
    low: int | None = 0
    high: int | None = 0
    for monomial, coefficient in dim.terms:
        first, last = _bounds_of_product(monomial, least)
        if coefficient < 0:
            first, last = last, first
        low = None if low is None or first is None else low + coefficient * first
        high = None if high is None or last is None else high + coefficient * last
    return low, high


def _bounds_of_product(monomial: Monomial, least: Mapping[str, int]) -> Bounds:
    low, high = 1, 1 if not monomial else None
    for atom in monomial:
        first = least[atom.name] if atom.op == "name" else _least_of_atom(atom, least)
        if first is None or first < 0:
            return None, None
        low *= first
    return low, high


def _least_of_atom(atom: Atom, least: Mapping[str, int]) -> int | None:
    lows = [bounds(x, least)[0] for x in atom.args]
    if atom.op == "max":
        return max((n for n in lows if n is not None), default=None)
    if lows[0] is None or lows[1] is None:
        return None
    if atom.op == "min":
        return min(lows[0], lows[1])
    divisor = atom.args[1]
    return lows[0] // divisor if isinstance(divisor, int) and divisor > 0 else 0


# The native core evaluates sizes as postfix words: pairs (operation, operand).
CONST, SYMBOL, ADD, MUL, FLOORDIV, MIN, MAX = range(7)
_OPERATION = {"floordiv": FLOORDIV, "min": MIN, "max": MAX}


def postfix(dim: Dim, index: Mapping[str, int]) -> list[int]:
    """`dim` as postfix words for the native core; `index` numbers the unknowns."""
    if isinstance(dim, int):
        return [CONST, dim]
    words: list[int] = []
    for i, (monomial, coefficient) in enumerate(dim.terms):
        words += [CONST, coefficient]
        for atom in monomial:
            words += [*_postfix_atom(atom, index), MUL, 0]
        words += [ADD, 0] if i else []
    return words


def _postfix_atom(atom: Atom, index: Mapping[str, int]) -> list[int]:
    if atom.op == "name":
        return [SYMBOL, index[atom.name]]
    return [w for a in atom.args for w in postfix(a, index)] + [_OPERATION[atom.op], 0]


def evaluate_postfix(words: Sequence[int], values: Sequence[int]) -> int:
    """What the native core computes from postfix words."""
    stack: list[int] = []
    for operation, operand in zip(words[::2], words[1::2], strict=True):
        if operation == CONST:
            stack.append(operand)
        elif operation == SYMBOL:
            stack.append(values[operand])
        else:
            b, a = stack.pop(), stack.pop()
            done = {ADD: a + b, MUL: a * b, MIN: min(a, b), MAX: max(a, b)}
            stack.append(a // b if operation == FLOORDIV else done[operation])
    return stack[0]
