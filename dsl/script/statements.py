"""Statements rewritten: blocks become functions, which a frame calls or stages."""

from __future__ import annotations

import ast
from collections.abc import Callable, Sequence

from .assignments import augmented
from .building import CODE, FRAME, RESULT, RUNTIME, assign, at, call, constant, define, later, name
from .expressions import Expressions
from .liveness import Liveness, Names
from .names import declared, jumps, returns, stops, stored
from .refusals import refuse_statement
from .sites import BREAK, CONTINUE, RETURN, Site

Block = Sequence[ast.stmt]
Nested = Callable[[ast.FunctionDef], ast.stmt]


class Statements:
    """Rewrites the blocks of one function. Its sites are appended to `sites`; `nested` rewrites a
    function inside of it."""

    def __init__(
        self,
        file: str,
        body: Block,
        own: set[str],
        expressions: Expressions,
        liveness: Liveness,
        sites: list[Site],
        nested: Nested,
    ) -> None:
        self.file, self.own, self.sites, self.nested = file, own, sites, nested
        self.visit, self.liveness = expressions.rewrite, liveness
        self.globals = declared(body, ast.Global)
        self.nonlocals = declared(body, ast.Nonlocal)
        self.blocks: dict[str, None] = {}  # names that blocks bind
        self._count = 0

    # ------------------------------------------------------------------ blocks

    def block(self, body: Block, end: Names, *, outer: bool, loop: bool) -> list[ast.stmt]:
        """The statements of a block, `end` live after it. The `outer` one stands in the function
        itself, and returns its result; others return how they were left."""
        out: list[ast.stmt] = []
        for position, s in enumerate(body):
            refuse_statement(s, self.file)
            if isinstance(s, ast.Return):
                return [*out, *self._return(s, outer)]
            if isinstance(s, ast.Break | ast.Continue):
                code = BREAK if isinstance(s, ast.Break) else CONTINUE
                return [*out, at(ast.Return(constant(code)), s)]
            if jumps(s):
                return [*out, *self._jumping(s, body[position + 1 :], end, outer, loop)]
            out += self._plain(s, loop)
        return out

    def _return(self, s: ast.Return, outer: bool) -> list[ast.stmt]:
        value = self.visit(s.value) or at(constant(None), s)
        if outer:
            return [at(ast.Return(value), s)]
        return [at(assign(RESULT, value), s), at(ast.Return(constant(RETURN)), s)]

    def function(self, hint: str, body: Block, end: Names, loop: bool) -> ast.FunctionDef:
        """A block as a function, which shares the names it binds with the function around it."""
        self._count += 1
        bound = self._bound(body)
        inner = self.block(body, end, outer=False, loop=loop)
        self.blocks.update(bound)
        places: list[ast.stmt] = []
        shared = [n for n in bound if n not in self.globals]
        common = [n for n in stored(body) if n in self.globals]
        places += [ast.Nonlocal(shared)] if shared else []
        places += [ast.Global(common)] if common else []
        return define(f"_tw_{hint}_{self._count}", [*places, *inner])

    def _bound(self, body: Block) -> dict[str, None]:
        names = [n for n in stored(body) if n in self.own or n in self.nonlocals]
        return dict.fromkeys([*names, *([RESULT] if returns(body) else [])])

    def _defined(
        self, s: ast.AST, out: list[ast.stmt], hint: str, body: Block, end: Names, loop: bool
    ) -> ast.expr:
        """Put the function of a block among the statements; its name, or None without a block."""
        if not body:
            return constant(None)
        made = at(self.function(hint, body, end, loop), s)
        out.append(made)
        return name(made.name)

    # ------------------------------------------------------------------ statements that jump

    def _jumping(
        self, s: ast.stmt, rest: Block, end: Names, outer: bool, loop: bool
    ) -> list[ast.stmt]:
        """A statement that control may leave for elsewhere, and what follows it in its block."""
        out: list[ast.stmt] = []
        following = self._defined(rest[0] if rest else s, out, "rest", rest, end, loop)
        live = end | self.liveness.after[id(s)] | self.liveness.jumped[id(s)]
        if isinstance(s, ast.If):
            site = self._site("if", s, [s, *rest], live, loop)
            value = self._if(s, out, site, following, live, loop)
        else:
            out += self._compound(s, live, loop)
            site = self._site(_word(s), s, [s, *rest], live, loop)
            value = call(FRAME, "proceed", constant(site), name(CODE), following)
        value = call(FRAME, "result", value, later(name(RESULT))) if outer else value
        return [*out, at(ast.Return(value), s)]

    def _if(
        self, s: ast.If, out: list[ast.stmt], site: int, rest: ast.expr, live: Names, loop: bool
    ) -> ast.expr:
        then = self._defined(s, out, "then", s.body, live, loop)
        other = self._defined(s, out, "otherwise", s.orelse, live, loop)
        return call(FRAME, "branch", constant(site), self.visit(s.test), then, other, rest)

    def _compound(self, s: ast.stmt, live: Names, loop: bool) -> list[ast.stmt]:
        """A statement with blocks that may jump; how it was left is in CODE."""
        if isinstance(s, ast.While | ast.For):
            out: list[ast.stmt] = []
            out.append(assign(CODE, self._loop(s, out, live, loop)))
            return [at(made, s) for made in out]

        def part(body: Block) -> list[ast.stmt]:
            made: list[ast.stmt] = []
            found = self._defined(s, made, "part", body, live, loop)
            return [*made, assign(CODE, call(FRAME, "run", found))]

        whole = self._in_place(s, part)
        if isinstance(whole, ast.Try | ast.TryStar) and whole.orelse:
            whole.orelse = [ast.If(call(RUNTIME, "fell", name(CODE)), whole.orelse, [])]
        return [at(made, s) for made in [assign(CODE, constant(0)), whole]]

    # ------------------------------------------------------------------ statements that do not

    def _plain(self, s: ast.stmt, loop: bool) -> list[ast.stmt]:
        live = self.liveness.after[id(s)]
        out: list[ast.stmt] = []
        if isinstance(s, ast.If):
            site = self._site("if", s, [s], live, loop)
            made: ast.stmt = ast.Expr(self._if(s, out, site, constant(None), live, loop))
        elif isinstance(s, ast.While | ast.For):
            made = ast.Expr(self._loop(s, out, live, loop))
        elif isinstance(s, ast.With | ast.Try | ast.TryStar | ast.Match):
            made = self._in_place(
                s, lambda body: self.block(body, live, outer=False, loop=loop) or [ast.Pass()]
            )
        else:
            made = self._simple(s)
        return [at(x, s) for x in [*out, made]]

    def _simple(self, s: ast.stmt) -> ast.stmt:
        if isinstance(s, ast.FunctionDef):
            s.decorator_list = [self.visit(d) for d in s.decorator_list]
            s.args.defaults = [self.visit(d) for d in s.args.defaults]
            s.args.kw_defaults = [self.visit(d) for d in s.args.kw_defaults]
            return self.nested(s)
        if isinstance(s, ast.AugAssign):
            return augmented(s, self.visit)
        if isinstance(s, ast.Assert):
            said = later(self._message(s.msg))
            return ast.Expr(call(RUNTIME, "require", self.visit(s.test), said))
        if isinstance(s, ast.Raise) and s.exc is not None:
            s.exc = call(RUNTIME, "raised", self.visit(s.exc))
            return s
        if isinstance(s, ast.Global | ast.Nonlocal):
            return ast.Pass()  # said at the top of each function of ours
        if isinstance(s, ast.ClassDef | ast.AsyncFunctionDef):
            return s  # methods are rewritten when they are called
        visited: ast.stmt = self.visit(s)
        return visited

    def _message(self, node: ast.expr | None) -> ast.expr:
        """The message of an `assert`: an f-string as its format and values, as these may be known
        only when the program runs."""
        if not isinstance(node, ast.JoinedStr) or not all(map(_is_plain_part, node.values)):
            found: ast.expr = self.visit(node) or constant(None)
            return found
        template, values = "", []
        for part in node.values:
            if isinstance(part, ast.FormattedValue):
                spec = f":{_text(part.format_spec)}" if part.format_spec else ""
                mark = f"!{chr(part.conversion)}" if part.conversion > 0 else ""
                template += f"{{{mark}{spec}}}"
                values.append(self.visit(part.value))
            else:
                template += _text(part).replace("{", "{{").replace("}", "}}")
        return call(RUNTIME, "Message", constant(template), *values)

    def _in_place(self, s: ast.stmt, part: Callable[[Block], list[ast.stmt]]) -> ast.stmt:
        """`with`, `try` and `match` stay, with their blocks rewritten by `part`."""
        if isinstance(s, ast.With):
            for item in s.items:
                item.context_expr = self.visit(item.context_expr)
            s.body = part(s.body)
        elif isinstance(s, ast.Try | ast.TryStar):
            guard = call(RUNTIME, "Attempt", constant(f"{self.file}:{s.lineno}"))
            s.body = [at(ast.With([ast.withitem(guard)], part(s.body)), s)]
            for handler in s.handlers:
                handler.body = part(handler.body)
            s.orelse = part(s.orelse) if s.orelse else []
            live = self.liveness.after[id(s)]
            s.finalbody = self.block(s.finalbody, live, outer=False, loop=False)
        elif isinstance(s, ast.Match):
            s.subject = call(RUNTIME, "subject", self.visit(s.subject))
            for case in s.cases:
                case.guard = case.guard and call(RUNTIME, "filter_of", self.visit(case.guard))
                case.body = part(case.body)
        return s

    # ------------------------------------------------------------------ loops

    def _loop(
        self, s: ast.While | ast.For, out: list[ast.stmt], live: Names, loop: bool
    ) -> ast.expr:
        """The call that runs a loop, after the functions of its parts."""
        head = self.liveness.head[id(s)]
        otherwise = self._defined(s, out, "otherwise", s.orelse, live, loop)
        body = self._defined(s, out, "turn", s.body, head | live, True)
        site = constant(self._loop_site(s, head, live))
        if isinstance(s, ast.While):
            self._count += 1
            test = define(f"_tw_test_{self._count}", [ast.Return(self.visit(s.test))])
            out.append(test)
            return call(FRAME, "repeat", site, name(test.name), body, otherwise)
        self._count += 1
        bound = self._bound([ast.Expr(s.target)])
        self.blocks.update(bound)
        place: list[ast.stmt] = [ast.Nonlocal(list(bound))] if bound else []
        place += self._global_targets(s)
        take = define(
            f"_tw_take_{self._count}",
            [*place, ast.Assign([self.visit(s.target)], name("_tw_item"))],
            ["_tw_item"],
        )
        out.append(take)
        return call(FRAME, "iterate", site, self.visit(s.iter), name(take.name), body, otherwise)

    def _global_targets(self, s: ast.For) -> list[ast.stmt]:
        common = [n for n in stored([s.target]) if n in self.globals]
        return [ast.Global(common)] if common else []

    # ------------------------------------------------------------------ sites

    def _site(self, kind: str, s: ast.stmt, all_of: Block, live: Names, loop: bool) -> int:
        self.sites.append(self._site_of(kind, s, all_of, live, loop))
        return len(self.sites) - 1

    def _site_of(self, kind: str, s: ast.stmt, all_of: Block, live: Names, loop: bool) -> Site:
        names = stored(all_of)
        own = [n for n in names if n in self.own]
        foreign = tuple(n for n in names if n in self.globals or n in self.nonlocals)
        result = [RESULT] if returns(all_of) else []
        stores = (*own, *result)
        return Site(
            kind, self.file, s.lineno, stores, live.intersection(stores).union(result), foreign,
            in_loop=loop, may_return=bool(result),
        )  # fmt: skip

    def _loop_site(self, s: ast.While | ast.For, head: Names, live: Names) -> int:
        parts: list[ast.AST] = [*s.body, *([s.target] if isinstance(s, ast.For) else [])]
        names = stored(parts)
        result = (RESULT,) if returns(s.body) else ()
        stores = (*(n for n in names if n in self.own), *result)
        foreign = tuple(n for n in names if n in self.globals or n in self.nonlocals)
        rebinds = frozenset(stored(parts, augmented=False)).union(result)
        other = self._site_of("else", s, [s], live, True) if s.orelse else None
        self.sites.append(
            Site(
                "while" if isinstance(s, ast.While) else "for", self.file, s.lineno, stores,
                live.intersection(stores).union(result), foreign, head.intersection(stores),
                rebinds, True, bool(result), stops(s.body), _is_endless(s), other,
            )
        )  # fmt: skip
        return len(self.sites) - 1


def _is_endless(s: ast.While | ast.For) -> bool:
    is_true = isinstance(s, ast.While) and isinstance(s.test, ast.Constant) and bool(s.test.value)
    return is_true


def _word(s: ast.stmt) -> str:
    return {ast.While: "while", ast.For: "for", ast.With: "with"}.get(type(s), "try")


def _text(part: ast.expr) -> str:
    """The text of a constant piece of an f-string."""
    if isinstance(part, ast.JoinedStr):
        part = part.values[0]
    return str(part.value) if isinstance(part, ast.Constant) else ""


def _is_plain_part(part: ast.expr) -> bool:
    """Whether a piece of an f-string has a format that is known from the text."""
    if not isinstance(part, ast.FormattedValue) or part.format_spec is None:
        return True
    pieces = part.format_spec.values if isinstance(part.format_spec, ast.JoinedStr) else []
    return len(pieces) == 1 and isinstance(pieces[0], ast.Constant)
