"""A call of a rewritten function: its statements run as Python's own, or are staged.

What is known when the program is made goes Python's way. A test that is an array is staged: the
blocks are traced as regions, and the names get what the program will choose.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any

from .. import trace as tracing
from ..errors import TraceError
from ..functions.convert import is_array
from . import choosing, looping
from .depth import Uncaught, enter_call, leave_call
from .sites import BREAK, CONTINUE, FALL, NO_MARKS, RETURN, Site
from .state import UNSET, Scope, put
from .turns import Counter, turns_of
from .values import truth

Block = Callable[[], Any]
MOST_UNROLLED = 8  # turns of a static range that always unroll
MOST_NODES = 50_000  # of a program with an unrolled loop


class Frame:
    """One call of a rewritten function.

    `marks` are of names that have a value on some paths only; `lost` says of names why they have
    none.
    """

    def __init__(self, sites: Sequence[Site], name: str) -> None:
        self.sites, self.name = sites, name
        self.lost: dict[str, str] = {}
        self.marks = NO_MARKS

    def __enter__(self) -> Frame:
        enter_call((id(self.sites), self.name), self.name)
        return self

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        is_outermost = leave_call()
        if isinstance(error, Uncaught) and is_outermost:
            raise error.error
        if isinstance(error, NameError):
            self._explain(error, traceback)

    def _explain(self, error: NameError, traceback: Any) -> None:
        """Say why a name has no value, if staging is the reason."""
        name = unbound_name(error)
        if name not in self.lost:
            return
        while traceback.tb_next is not None:
            traceback = traceback.tb_next
        place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        raise TraceError(
            f"script: `{name}` is read at {place}, where it may have no value: {self.lost[name]}"
        ) from error

    # ------------------------------------------------------------------ what rewritten code calls

    def run(self, block: Block | None) -> Any:
        """Run a block; how it was left."""
        found = None if block is None else block()
        return FALL if found is None else found

    def branch(
        self, number: int, test: Any, then: Block, other: Block | None, rest: Block | None
    ) -> Any:
        """`if test: then() else: other()`, and `rest()` where these end; how it was left."""
        site = self.sites[number]
        found = truth(test, f"`{site.kind}`")
        if is_array(found):
            scope = Scope((then, other, rest), site.stores)
            return choosing.Choice(self, site, scope, found).of(other, then, rest)
        return self._go_on(site, self.run(then if found else other), rest)

    def proceed(self, number: int, code: Any, rest: Block | None) -> Any:
        """`rest()` if a statement fell through; how it was left."""
        return self._go_on(self.sites[number], code, rest)

    def _go_on(self, site: Site, code: Any, rest: Block | None) -> Any:
        if rest is None:
            return code
        if not is_array(code):
            return self.run(rest) if code == FALL else code
        choice = choosing.Choice(self, site, Scope((rest,), site.stores), code == FALL)
        # Outside of loops a block can only have been left by `return`.
        return choice.guarding(code if site.in_loop else RETURN, rest)

    def result(self, code: Any, value: Callable[[], Any]) -> Any:
        """What the function returns, from how its body was left."""
        if is_array(code) or code != RETURN:
            raise TraceError(f"script: {self.name} may end without a `return` on one path")
        return value()

    def repeat(self, number: int, test: Block, body: Block, other: Block | None) -> Any:
        """`while test(): body() else: other()`; how it was left."""
        site, code = self.sites[number], FALL
        scope = Scope((test, body), site.stores)
        while not is_array(code):
            known = looping.peek(self, site, test)
            if known is None:
                break
            if not known:
                return self._leave(site, scope, FALL, other)
            code = self._turn(scope, body)
            if not is_array(code) and code != FALL:
                return self._leave(site, scope, code, other)
            _require_few_nodes(site, None)
        code = looping.Loop(self, site, Scope((test, body), site.stores), body, test, code).stage()
        return self._leave(site, scope, code, other)

    def iterate(
        self, number: int, over: Any, take: Callable[[Any], None], body: Block, other: Block | None
    ) -> Any:
        """`for take in over: body() else: other()`; how it was left."""
        site = self.sites[number]
        scope = Scope((take, body), site.stores)
        turns = turns_of(over) if tracing.current() is not None else None
        if turns is None:
            return self._leave(
                site, scope, self._unrolled(site, scope, iter(over), take, body), other
            )
        is_short = turns.is_static and turns.length <= MOST_UNROLLED
        if is_short and (isinstance(turns, Counter) or turns.length == 0):
            return self._leave(
                site, scope, self._unrolled(site, scope, turns.items(), take, body), other
            )
        try:
            code = looping.Loop(self, site, scope, body, None, FALL, take, turns).stage()
        except (TraceError, NameError) as why:
            if not turns.is_static:
                raise
            # With the numbers of the turns known, the body may be what a program can hold.
            code = self._unrolled(site, scope, turns.items(), take, body, why)
        return self._leave(site, scope, code, other)

    # ------------------------------------------------------------------ turns

    def _turn(self, scope: Scope, body: Block) -> Any:
        """One turn as Python runs it; `continue` ends it as its end does."""
        code = self.run(body)
        self.lose_partial(scope)
        return FALL if not is_array(code) and code == CONTINUE else code

    def lose_partial(self, scope: Scope) -> None:
        """At the end of a turn: what has a value on some of the paths that go on has none."""
        self.lose(scope, self.marks.partial, "a turn gives it one on some paths only")

    def lose(self, scope: Scope, names: Iterable[str], why: str) -> None:
        """Take their values from names that may have none."""
        for name in names:
            if name in scope.cells:
                put(scope.cells[name], UNSET)
                self.lost[name] = why
        self.marks = self.marks.without(names)

    def _unrolled(
        self, site: Site, scope: Scope, items: Iterator[Any], take: Callable[[Any], None],
        body: Block, why: BaseException | None = None,
    ) -> Any:  # fmt: skip
        code: Any = FALL
        for item in items:
            if is_array(code):
                code = self._guarded(site, scope, code, item, take, body)
            else:
                take(item)
                code = self._turn(scope, body)
            if not is_array(code) and code != FALL:
                break
            _require_few_nodes(site, why)
        return code

    def _guarded(
        self, site: Site, scope: Scope, code: Any, item: Any, take: Callable[[Any], None],
        body: Block,
    ) -> Any:  # fmt: skip
        """A turn that is made only where no turn before has left the loop."""

        def turn() -> Any:
            take(item)
            return self._turn(scope, body)

        found = choosing.Choice(self, site, scope, code < BREAK).guarding(code, turn)
        self.lose_partial(scope)
        return found

    def _leave(self, site: Site, scope: Scope, code: Any, other: Block | None) -> Any:
        """How a loop as a whole was left, with its `else`."""
        after = code if is_array(code) else (RETURN if code == RETURN else FALL)
        if site.is_endless and not site.may_break:
            after = code = RETURN
        elif is_array(code):  # 3 where it was left by `return`, else 0
            after = code // RETURN * RETURN if site.may_return else FALL
        if other is not None and is_array(code):
            assert site.other is not None
            both = Scope((other, *scope.blocks), site.other.stores)
            choice = choosing.Choice(self, site.other, both, code < BREAK)
            after = choice.guarding(after, other, is_left=False)
        elif other is not None and code == FALL:
            after = self.run(other)
        elif is_array(code) and not site.is_endless:
            why = f"only a `break` of the `{site.kind}` at {site.where} gives it one"
            self.lose(scope, self.marks.leaving, why)
        self.marks = NO_MARKS
        return after


def _require_few_nodes(site: Site, why: BaseException | None) -> None:
    """Raise TraceError for a loop that Python runs when it has made too large a program."""
    trace = tracing.current()
    if trace is not None and len(trace.nodes) > MOST_NODES:
        raise TraceError(
            f"script: the `{site.kind}` at {site.where} is unrolled, and its program has more than "
            f"{MOST_NODES} operations. {why or 'What it goes over, or its test, is Python.'}"
        ) from why


def unbound_name(error: NameError) -> str | None:
    """The variable that had no value."""
    found = re.search(r"variable '(\w+)'", str(error))
    return found[1] if found else None
