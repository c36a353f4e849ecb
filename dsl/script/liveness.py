"""Which names may still be read after each statement: what a branch or a loop must hand on."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from dataclasses import dataclass, field

from .names import read, read_later, stored

Names = frozenset[str]
_NONE: Names = frozenset()
_KILLS = (ast.Assign, ast.AnnAssign, ast.Import, ast.ImportFrom, ast.Delete)


@dataclass(frozen=True)
class Targets:
    """What is live where `break` and `continue` lead."""

    after: Names = _NONE
    again: Names = _NONE


@dataclass
class Liveness:
    """Backwards over a function: `after[id(s)]` is live after statement s, `head[id(s)]` before a
    turn of loop s, `jumped[id(s)]` where its `break` and `continue` lead."""

    always: Names = _NONE  # read by nested functions
    after: dict[int, Names] = field(default_factory=dict)
    head: dict[int, Names] = field(default_factory=dict)
    jumped: dict[int, Names] = field(default_factory=dict)

    def block(self, body: Sequence[ast.stmt], out: Names, to: Targets) -> Names:
        """What is live before a block, if `out` is after it."""
        live = out
        for statement in reversed(body):
            key = id(statement)
            self.after[key] = self.after.get(key, self.always) | live
            self.jumped[key] = self.jumped.get(key, _NONE) | to.after | to.again
            live = self._before(statement, live, to)
        return live

    def _before(self, s: ast.stmt, out: Names, to: Targets) -> Names:
        if isinstance(s, ast.Return | ast.Raise):
            return frozenset(read([s]))
        if isinstance(s, ast.Break):
            return to.after
        if isinstance(s, ast.Continue):
            return to.again
        if isinstance(s, ast.If):
            return self.block(s.body, out, to) | self.block(s.orelse, out, to) | read([s.test])
        if isinstance(s, ast.While):
            return self._loop(s, out, to, frozenset(read([s.test])), _NONE)
        if isinstance(s, ast.For):
            kills = frozenset(stored([s.target]))
            return self._loop(s, out, to, frozenset(read([s.target])), kills) | read([s.iter])
        if isinstance(s, ast.With):
            return self.block(s.body, out, to) | out | read(s.items)
        if isinstance(s, ast.Try | ast.TryStar):
            return self._attempt(s, out, to)
        if isinstance(s, ast.Match):
            cases = [self.block(c.body, out, to) | read([c]) for c in s.cases]
            return out.union(read([s.subject]), *cases)
        is_bare = isinstance(s, ast.AnnAssign) and s.value is None
        kills = frozenset(stored([s])) if isinstance(s, _KILLS) and not is_bare else _NONE
        return (out - kills) | read([s])

    def _loop(
        self, s: ast.While | ast.For, out: Names, to: Targets, reads: Names, kills: Names
    ) -> Names:
        head = self.block(s.orelse, out, to) | (reads if isinstance(s, ast.While) else _NONE)
        while True:
            turn = (self.block(s.body, head, Targets(out, head)) - kills) | reads
            if turn <= head:
                break
            head |= turn
        self.head[id(s)] = head
        return head

    def _attempt(self, s: ast.Try | ast.TryStar, out: Names, to: Targets) -> Names:
        """An exception may leave the body anywhere, so all that handlers read is live in it."""
        end = self.block(s.finalbody, out, to) | out
        caught = [self.block(h.body, end, to) | read([h]) for h in s.handlers]
        handlers = end.union(*caught)
        good = self.block(s.orelse, end, to)
        return self.block(s.body, good | handlers, to) | handlers


def analyse(body: Sequence[ast.stmt]) -> Liveness:
    """The liveness of a function's statements."""
    found = Liveness(always=frozenset(read_later(body)))
    found.block(body, _NONE, Targets())
    return found
