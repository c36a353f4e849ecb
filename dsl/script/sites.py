"""What rewriting knows of a statement, for the runtime."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

# How a block was left.
FALL, CONTINUE, BREAK, RETURN = range(4)


@dataclass(frozen=True)
class Marks:
    """Names with a value on some paths only: `partial` ones where control is still in the block,
    `leaving` ones where it has left the loop by `break`."""

    partial: frozenset[str] = frozenset()
    leaving: frozenset[str] = frozenset()

    def without(self, names: Iterable[str]) -> Marks:
        """The marks of all other names."""
        gone = frozenset(names)
        return Marks(self.partial - gone, self.leaving - gone)

    def and_(self, other: Marks) -> Marks:
        """The marks of both."""
        return Marks(self.partial | other.partial, self.leaving | other.leaving)


NO_MARKS = Marks()


@dataclass(frozen=True)
class Site:
    """One statement of control flow.

    `stores` are the names that it (and what follows it in its block, if it may jump) binds, `keep`
    those of them that may be read later; of a loop, `head` are those that a turn may read from the
    turn before, and `rebinds` those bound otherwise than by `x += 1`. `foreign` are stored names of
    outside: `global` and `nonlocal` ones.
    """

    kind: str
    file: str
    line: int
    stores: tuple[str, ...] = ()
    keep: frozenset[str] = frozenset()
    foreign: tuple[str, ...] = ()
    head: frozenset[str] = frozenset()
    rebinds: frozenset[str] = frozenset()
    in_loop: bool = False  # whether break and continue lead somewhere
    may_return: bool = False
    may_break: bool = False
    is_endless: bool = False  # `while True`: only `break` and `return` end it
    other: Site | None = None  # of a loop's `else`, with the names of the loop

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.file}:{self.line}"
