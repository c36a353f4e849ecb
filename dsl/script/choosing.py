"""Staging `if`: both sides traced as regions; afterwards each name holds what the program chose."""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import trace as tracing
from .. import tree
from ..branches import choose, describe, fit
from ..dtypes import int64
from ..errors import TraceError
from ..functions import asarray
from ..functions.convert import is_array
from ..primitive import REGISTRY
from ..record import read
from ..regions import Region
from . import depth
from .building import RESULT
from .sites import BREAK, FALL, NO_MARKS, Marks, Site
from .state import UNSET, Place, Scope, Snapshot, form

if TYPE_CHECKING:
    from ..array import Array
    from .frame import Frame

Block = Callable[[], Any]


@dataclass
class Side:
    """A side that was traced: how it was left, what it left behind, which names it has only where
    control is still in the block."""

    region: Region
    code: Any = FALL
    after: Snapshot | None = None
    marks: Marks = NO_MARKS
    is_outside: bool = False  # of a guard: control has left the block before

    @property
    def has_left(self) -> bool:
        return self.is_outside or (not is_array(self.code) and self.code != FALL)

    @property
    def may_have_broken(self) -> bool:
        """Whether control may have left the loop by `break` on this side."""
        return is_array(self.code) or self.code == BREAK

    def has_inside(self, name: str) -> bool:
        """Whether a name has a value where control is still in the block."""
        return self.value(name) is not UNSET and name not in self.marks.leaving

    def has_outside(self, name: str) -> bool:
        """Whether a name has a value where control has left the loop by `break`."""
        return self.value(name) is not UNSET and name not in self.marks.partial

    def value(self, place: Place) -> Any:
        """What is at a place after it."""
        assert self.after is not None
        return self.after.at(place)


class Choice:
    """A statement that becomes a `cond` of the program."""

    def __init__(self, frame: Frame, site: Site, scope: Scope, test: Array) -> None:
        refuse_foreign(site)
        depth.refuse_attempts(site.kind, site.where)
        self.frame, self.site, self.scope, self.test = frame, site, scope, test
        self.before, self.entered = scope.save(), frame.marks
        trace = tracing.current()
        assert trace is not None
        self.what = f"script: the `{site.kind}` at {site.where}"
        sides = ("otherwise", "then")
        self.sides = [Side(Region(self.what, _named(name), trace)) for name in sides]

    def of(self, other: Block | None, then: Block, rest: Block | None) -> Any:
        """Both sides, and what follows them in their block; how it was left."""
        for side, block in zip(self.sides, (other, then), strict=True):
            self._trace(side, functools.partial(self.frame.run, block))
        falls = [s for s in self.sides if not s.has_left]
        is_one = len(falls) == 1 and not is_array(falls[0].code)
        if rest is not None and is_one:  # what follows belongs to the side that gets there
            self._trace(falls[0], functools.partial(self.frame.run, rest))
            rest = None
        del falls
        code = self._merge()
        return self.frame._go_on(self.site, code, rest)

    def guarding(self, code: Any, rest: Block, *, is_left: bool = True) -> Any:
        """`rest` where the test holds; elsewhere control has left the block, as `code` says (or,
        after a loop, it goes on with what follows)."""
        outside, inside = self.sides
        elsewhere = self.entered.without(self.scope.cells)
        outside.is_outside = is_left
        self._trace(outside, lambda: code, lost=self.entered.partial)
        self._trace(inside, functools.partial(self.frame.run, rest), lost=self.entered.leaving)
        found = self._merge()
        self.frame.marks = self.frame.marks.and_(elsewhere)
        return found

    def _trace(self, side: Side, block: Block, lost: frozenset[str] = frozenset()) -> None:
        """Run a block in a side, going on from where it was."""
        start = self.before if side.after is None else side.after
        names = {n: UNSET if n in lost else v for n, v in start.names.items()}
        self.frame.marks = side.marks
        try:
            with side.region.opened(), depth.branch(self.site.where):
                self.scope.restore(Snapshot(names, start.contents))
                side.code = block()
                side.after, side.marks = self.scope.save(), self.frame.marks
        finally:
            self.scope.restore(self.before)
            self.frame.marks = NO_MARKS

    # ------------------------------------------------------------------ afterwards

    def _merge(self) -> Any:
        """Stage the node, and give the names and containers what it chooses."""
        names, marks = self._names()
        chosen, base = self._with_items(names)
        codes = [s.code for s in self.sides]
        is_known = not any(map(is_array, codes)) and codes[0] == codes[1]
        code = FALL if is_array(codes[0]) else codes[0]
        del codes
        for side in self.sides:
            with side.region.opened():
                side.region.keep(self._results(side, chosen, with_code=not is_known))
        for side in self.sides:
            side.after, side.code = None, FALL  # nothing else holds what the regions have made
        index = read(asarray(self.test, dtype=int64))
        values = choose(self.what, index, [s.region for s in self.sides], [])
        self.frame.marks = marks
        self.scope.restore(base.having(dict(zip(chosen, values, strict=False))))
        return code if is_known else values[-1]

    def _names(self) -> tuple[list[Place], Marks]:
        """The names whose value the program chooses, and the marks of them."""
        chosen: list[Place] = []
        partial, leaving = set(), set()
        for name in self.site.stores:
            if name not in self.site.keep or name not in self.scope.cells:
                continue
            before = self.before.names[name]
            values = [s.value(name) for s in self.sides]
            if all(v is before for v in values) or all(v is UNSET for v in values):
                if before is not UNSET and values[0] is UNSET:
                    self._lose(name, "it is deleted")
                continue
            inside = all(s.has_left or s.has_inside(name) for s in self.sides)
            broken = [s for s in self.sides if s.may_have_broken]
            outside = all(s.has_outside(name) for s in broken)
            if name != RESULT and not inside and not (outside and broken):
                self._lose(name, "it gets one on one side only")
            elif problem := self._problem(name, values):
                self._lose(name, problem)
            else:
                chosen.append(name)
                if name != RESULT and not (inside and outside):
                    (partial if inside else leaving).add(name)
        return chosen, Marks(frozenset(partial), frozenset(leaving))

    def _lose(self, name: str, why: str) -> None:
        self.frame.lost[name] = f"in the `{self.site.kind}` at {self.site.where} {why}"
        self.before.names[name] = UNSET

    def _problem(self, name: str, values: list[Any]) -> str | None:
        """Why the values of a name cannot be one; raises TraceError for the result."""
        problem = misfit([v for v in values if v is not UNSET])
        if problem is None:
            return None
        if name == RESULT:
            raise TraceError(
                f"{self.what}: the returned value is {problem}, as values decide; both must be of "
                "one structure, shape and dtype"
            )
        return f"it becomes {problem}, as values decide"

    def _with_items(self, names: list[Place]) -> tuple[list[Place], Snapshot]:
        """The names and the places in containers that the program chooses, and what is in all
        others; raises TraceError for containers whose sides differ in more than values."""
        afters = [s.after for s in self.sides if s.after is not None]
        changed = self.scope.changed(self.before, *afters)
        base = Snapshot(self.before.names, list(self.before.contents))
        for number in changed:
            contents = [a.contents[number] for a in afters]
            kind = type(contents[0]).__name__
            if form(contents[0]) != form(contents[1]):
                sizes = " or ".join(str(len(c)) for c in contents[::-1])
                raise TraceError(
                    f"{self.what}: a {kind} has {sizes} items, as values decide; both sides must "
                    "keep its structure"
                )
            base.contents[number] = contents[0].copy()
        items = self.scope.items(changed, *afters)
        for place in items:
            problem = misfit([a.at(place) for a in afters])
            if problem is not None:
                raise TraceError(
                    f"{self.what}: {base.describe(place)} becomes {problem}, as values decide"
                )
        for place in items:  # what a region has made must not stay here
            if not isinstance(place, str):
                base.contents[place[0]][place[1]] = None
        return [*names, *items], base

    def _results(self, side: Side, chosen: list[Place], *, with_code: bool) -> list[Any]:
        """What the region of a side returns, in its trace."""
        other = next(s for s in self.sides if s is not side)
        found = []
        for place in chosen:
            value = side.value(place)
            found.append(_stand_in(other.value(place)) if value is UNSET else value)
        return [*found, side.code] if with_code else found


def _named(name: str) -> Block:
    def block() -> None:
        return None

    block.__name__ = name
    return block


def refuse_foreign(site: Site) -> None:
    """Raise TraceError for names of outside that a staged statement would bind."""
    if site.foreign:
        names = ", ".join(f"`{n}`" for n in site.foreign)
        raise TraceError(
            f"script: the `{site.kind}` at {site.where} depends on values that are known only when "
            f"the program runs, and binds {names}, which is `global` or `nonlocal`; return the new "
            "value instead"
        )


def _stand_in(value: Any) -> Any:
    """Something of the kind of a value of the other side, for where there is none."""

    def zero(leaf: Any) -> Any:
        if not is_array(leaf):
            return leaf
        made = REGISTRY["full"](value=0, shape=leaf.shape, dtype=leaf.dtype)
        if tracing.is_weak(leaf):
            tracing.set_weak(made)
        return made

    return tree.map_leaves(zero, value)


def misfit(values: list[Any]) -> str | None:
    """Why values of two sides cannot be one, None if they can."""
    if len(values) < 2:
        return None
    (first, one), (second, other) = map(tree.flatten, values)
    if one != other:
        return f"{text_of(values[1])} or {text_of(values[0])}"
    for pair in zip(first, second, strict=True):
        if not fit(pair):
            return f"{text_of(pair[1])} or {text_of(pair[0])}"
    return None


def text_of(value: Any) -> str:
    """A value for messages: what it is, and the line that made it."""
    leaves, structure = tree.flatten(value)
    if structure.kind is None:
        said = describe(leaves[0])
    else:
        said = f"a {structure.kind.__name__} of {len(structure.children)}"
    made = [x._traced.source for x in leaves if is_array(x) and x._traced is not None]
    source = next((s for s in reversed(made) if s is not None), None)
    return said if source is None else f"{said} (made at {source.short})"
