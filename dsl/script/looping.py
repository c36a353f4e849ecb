"""Staging `while` and `for`: a turn traced as a region, with what it changes as the loop's state.

The state is found by trying: names that a turn binds and a later one reads, then the items of
containers and the way of leaving that a trial has seen to change.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import trace as tracing
from .. import tree
from ..branches import equal
from ..errors import TraceError
from ..functions.convert import is_array
from ..graph import Aval
from ..loops import stage_scan, stage_while
from ..primitive import REGISTRY
from ..regions import Region, StateError, is_number
from . import depth
from .building import RESULT
from .choosing import refuse_foreign, text_of
from .sites import BREAK, CONTINUE, FALL, NO_MARKS, Marks, Site
from .state import UNSET, Place, Scope, Snapshot, form
from .turns import Counter, Turns
from .values import both, truth

if TYPE_CHECKING:
    from ..array import Array
    from .frame import Frame

_MOST_TRIALS = 100  # each finds something that changes


class LoopError(TraceError):
    """A loop cannot be one in the program: its turns do different things."""


class _Grown(Exception):
    """A trial has found more state: places with the values that they begin with."""

    def __init__(self, values: dict[Place, Any]) -> None:
        super().__init__()
        self.values = values


_CODE: Place = "_tw_code"  # among the places of a state: how the last turn was left


def peek(frame: Frame, site: Site, test: Callable[[], Any]) -> bool | None:
    """The test of a `while`, if it is known now; None if only the program will know."""
    trace = tracing.current()
    if trace is None:
        return bool(test())
    scope = Scope((test,), ())
    before = scope.save()
    region = Region(f"script: the `while` at {site.where}", test, trace)
    with region.opened():
        found = truth(test(), "`while`")
    known = None if is_array(found) else bool(found)
    if known is None or region.written:
        scope.restore(before)
    is_again = known is not None and bool(region.written)
    del found
    region.release()
    return bool(truth(test(), "`while`")) if is_again else known


class Loop:
    """A loop that is being staged. `code` says how the turn before, if any, was left."""

    def __init__(
        self,
        frame: Frame,
        site: Site,
        scope: Scope,
        body: Callable[[], Any],
        test: Callable[[], Any] | None = None,
        code: Any = FALL,
        take: Callable[[Any], None] | None = None,
        turns: Turns | None = None,
    ) -> None:
        refuse_foreign(site)
        depth.refuse_attempts(site.kind, site.where)
        self.frame, self.site, self.scope, self.body = frame, site, scope, body
        self.test, self.take, self.turns = test, take, turns
        self.before = scope.save()
        self.start: dict[Place, Any] = self._names()
        if is_array(code):
            self.start[_CODE] = code
        self.what = f"script: the `{site.kind}` at {site.where}"
        # Whether each turn reads its item of arrays that turns write to.
        self.is_reading_anew = False
        self.leaving: set[str] = set()  # names of the state with a value where `break` was

    def _names(self) -> dict[Place, Any]:
        """The names that a turn may hand to the next, or to what follows the loop."""
        found: dict[Place, Any] = {}
        for name in self.site.stores:
            value = self.before.names.get(name, UNSET)
            if value is UNSET or name not in self.site.keep | self.site.head:
                continue
            is_written = is_array(value) and not tracing.is_weak(value)
            if is_written and name not in self.site.rebinds:
                continue  # `x += 1` writes to the array that x is
            found[name] = value
        return found

    def stage(self) -> Any:
        """Stage the loop and give the names what it leaves; how it was left."""
        for _ in range(_MOST_TRIALS):
            try:
                return self._attempt()
            except _Grown as more:
                found = more.values
            self.start.update({p: tree.map_leaves(_begun, v) for p, v in found.items()})
        raise TraceError(f"{self.what}: what it changes does not settle")

    @property
    def _is_counted(self) -> bool:
        """Whether a `for` becomes a loop with a test and the number of the turn in its state."""
        turns = self.turns
        return turns is not None and (
            _CODE in self.start or not turns.is_static or self.is_reading_anew
        )

    # ------------------------------------------------------------------ one trial

    def _attempt(self) -> Any:
        self.places = list(self.start)
        self.leaves, self.structure = tree.flatten(list(self.start.values()))
        self.dynamic = [i for i, x in enumerate(self.leaves) if is_array(x) or is_number(x)]
        state = [self.leaves[i] for i in self.dynamic]
        try:
            found = self._staged(state)
        except StateError as error:
            if error.what != self.what:
                raise
            raise self._unstable(error) from error
        values = dict(zip(self.places, self._values(found), strict=True))
        code = values.pop(_CODE, FALL)
        self.scope.restore(self.before.having(values))
        self.frame.marks = Marks(leaving=frozenset(self.leaving))
        for name in self.site.stores:
            if name not in self.start and self.before.names.get(name, UNSET) is UNSET:
                self.frame.lost[name] = (
                    f"only a turn of the `{self.site.kind}` at {self.site.where} gives it one"
                )
        return code

    def _staged(self, state: list[Any]) -> list[Any]:
        turns = self.turns
        if turns is None:
            return self._as_while(state, None)
        if self._is_counted:
            return self._as_while([0, *state], turns)[1:]
        slices = turns.slices()

        def turn(state: list[Any], xs: list[Any]) -> tuple[list[Any], None]:
            return self._turn(state, lambda: turns.item(iter(xs))), None

        xs, weak = [x for x, _ in slices], [w for _, w in slices]
        found: list[Any] = stage_scan(self.what, turn, state, xs, None, weak=weak)[0]
        return found

    def _as_while(self, state: list[Any], turns: Turns | None) -> list[Any]:
        """A loop with a test; with `turns` the state begins with the number of the turn."""
        first = 0 if turns is None else 1

        def test(state: list[Any]) -> Any:
            values = dict(zip(self.places, self._values(state[first:]), strict=True))
            going = values.pop(_CODE, FALL) < BREAK
            if turns is not None:
                return both(going, lambda: state[0] < turns.length)
            try:
                self.scope.restore(self.before.having(values))
                assert self.test is not None
                return truth(both(going, self.test), "`while`")
            finally:
                self.scope.restore(self.before)

        def turn(state: list[Any]) -> list[Any]:
            if turns is None:
                return self._turn(state, None)
            return [state[0] + 1, *self._turn(state[1:], lambda: turns.at(state[0]))]

        found: list[Any] = stage_while(self.what, test, turn, state)
        return found

    def _values(self, state: Sequence[Any]) -> list[Any]:
        """The values of the places, from the dynamic leaves of them."""
        leaves = list(self.leaves)
        for position, value in zip(self.dynamic, state, strict=True):
            leaves[position] = value
        found: list[Any] = tree.unflatten(self.structure, leaves)
        return found

    # ------------------------------------------------------------------ one turn

    def _turn(self, state: Sequence[Any], item: Callable[[], Any] | None) -> list[Any]:
        """Run the body with a state; the state after it."""
        values = dict(zip(self.places, self._values(state), strict=True))
        values.pop(_CODE, None)
        where = self.site.where if self.turns is None else None
        try:
            self.scope.restore(self.before.having(values | dict.fromkeys(self.leaving, UNSET)))
            self.frame.marks = NO_MARKS
            rows: list[tuple[Array, Any]] = []
            if self.take is not None and item is not None:
                taken = item()
                rows = [(x, x._traced) for x in tree.flatten(taken)[0] if is_array(x) and x.ndim]
                self.take(taken)
            with depth.branch(where) if where else nullcontext():
                code = self.frame.run(self.body)
            self.frame.lose_partial(self.scope)
            self._refuse_writes(rows)
            return self._after(FALL if not is_array(code) and code == CONTINUE else code)
        finally:
            self.scope.restore(self.before)
            self.frame.marks = NO_MARKS

    def _refuse_writes(self, rows: list[tuple[Array, Any]]) -> None:
        """What is gone over may be written to in a turn, which slices taken before do not show."""
        if any(x._traced is not before for x, before in rows):
            raise LoopError(
                f"{self.what}: a turn writes to its row of the array that the loop goes over; "
                "write to the array, by the number of the row"
            )
        trace = tracing.current()
        assert trace is not None
        if self.turns is None or self._is_counted:
            return
        for array in self.turns.arrays():
            root = array if array._base is None else array._base
            captured = trace.captured.get(id(root))
            if captured is not None and tracing.traced_var(captured.current, trace) is not (
                captured.var
            ):
                self.is_reading_anew = True
                raise _Grown({})

    def _after(self, code: Any) -> list[Any]:
        """The dynamic leaves after a turn; raises _Grown if there is more state than was known."""
        after = self.scope.save()
        more = self._new_names(after) | self._new_items(after)
        if _CODE not in self.start and (is_array(code) or code != FALL):
            more[_CODE] = FALL
        if more:
            raise _Grown(more)
        values = [code if p == _CODE else after.at(p) for p in self.places]
        leaves = self._checked(values)
        self._refuse_plain(leaves)
        return leaves

    def _new_names(self, after: Snapshot) -> dict[Place, Any]:
        """Names that have a value only after a turn, where it is certain that there is one."""
        is_certain = self.turns is not None and self.turns.is_static
        found: dict[Place, Any] = {}
        for name in self.site.keep:
            value = after.at(name)
            is_new = name not in self.start and self.before.names.get(name, UNSET) is UNSET
            is_leaving = name in self.frame.marks.leaving
            if is_new and value is not UNSET and (is_certain or is_leaving or name == RESULT):
                if is_leaving:
                    self.leaving.add(name)
                found[name] = tree.map_leaves(_kind_of, value)
        return found

    def _new_items(self, after: Snapshot) -> dict[Place, Any]:
        """Items of containers that a turn has changed."""
        changed = self.scope.changed(self.before, after)
        for number in changed:
            old, new = self.before.contents[number], after.contents[number]
            if form(old) != form(new):
                raise LoopError(
                    f"{self.what}: a turn changes a {type(old).__name__} of {len(old)} items to "
                    f"one of {len(new)}; a loop keeps the structure of what it changes"
                )
        items = self.scope.items(changed, self.before, after)
        return {p: self.before.at(p) for p in items if p not in self.start}

    def _checked(self, values: list[Any]) -> list[Any]:
        """The dynamic leaves; raises LoopError where something else differs from turn to turn."""
        found: list[Any] = []
        position, dynamic = 0, frozenset(self.dynamic)
        for place, value in zip(self.places, values, strict=True):
            leaves, structure = tree.flatten(value)
            old, before = tree.flatten(self.start[place])
            if value is UNSET or structure != before:
                raise self._changes(place, self.start[place], value)
            for was, leaf in zip(old, leaves, strict=True):
                if position in dynamic:
                    if not (is_array(leaf) or is_number(leaf)):
                        raise self._changes(place, was, leaf)
                    found.append(leaf)
                elif not equal(was, leaf):
                    raise self._changes(place, was, leaf)
                position += 1
        return found

    def _changes(self, place: Place, was: Any, value: Any) -> LoopError:
        after = "without a value" if value is UNSET else text_of(value)
        return LoopError(
            f"{self.what}: {self.before.describe(place)} is {text_of(was)} before a turn and "
            f"{after} after it; a loop keeps the structure of what it changes"
        )

    def _refuse_plain(self, leaves: list[Any]) -> None:
        """A loop over a range that works with Python numbers alone is Python's own."""
        trace = tracing.current()
        assert trace is not None
        if not isinstance(self.turns, Counter) or not self.turns.is_static or trace.captured:
            return
        arrays = [x for x in self.leaves if is_array(x)]
        made = [x for x in leaves if is_array(x) and not tracing.is_weak(x)]
        if not arrays and not made:
            raise LoopError(f"{self.what}: it works with no array")

    def _unstable(self, error: StateError) -> LoopError:
        """What to say of a value whose kind changes."""
        position = error.position - (1 if self._is_counted else 0)
        owners = [
            place
            for place, child in zip(self.places, self.structure.children, strict=True)
            for _ in range(child.size)
        ]
        place = owners[self.dynamic[position]]
        return LoopError(
            f"{self.what}: {self.before.describe(place)} is {error.before} before a turn and "
            f"{error.after} after it; a loop keeps shapes and dtypes"
        )


@dataclass(frozen=True)
class _Kind:
    """What a place begins with that only a turn gives a value: zeros of its kind."""

    aval: Aval
    number: Any  # of Python, if the value stands for one


def _kind_of(leaf: Any) -> Any:
    if not is_array(leaf):
        return leaf
    number = tracing.number_for(leaf)
    return _Kind(Aval(leaf.shape, leaf.dtype), None if number is leaf else number)


def _begun(leaf: Any) -> Any:
    """The value that a place begins with."""
    if not isinstance(leaf, _Kind):
        return leaf
    if leaf.number is not None:
        return leaf.number
    return REGISTRY["full"](value=0, shape=leaf.aval.shape, dtype=leaf.aval.dtype)
