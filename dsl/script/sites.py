"""What rewriting knows of a statement, for the runtime."""

from __future__ import annotations

from dataclasses import dataclass, field

# How a block was left.
FALL, CONTINUE, BREAK, RETURN = range(4)


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
    targets: frozenset[str] = field(default_factory=frozenset)  # what a `for` binds itself

    @property
    def where(self) -> str:
        """The place, for messages."""
        return f"{self.file}:{self.line}"
