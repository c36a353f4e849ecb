"""A function rewritten: source -> syntax tree -> code object, at the lines of the user's file."""

from __future__ import annotations
import __future__ as future

import ast
import copy
import functools
import types
import weakref
from dataclasses import dataclass
from typing import Any

from . import building as b
from .expressions import Expressions
from .liveness import analyse
from .names import declared, has_walrus, jumps, stored, yields
from .refusals import refuse_function
from .sites import Site
from .source import FunctionNode, class_of, find_node, parameters
from .statements import Statements

_FUTURE = functools.reduce(
    lambda flags, name: flags | getattr(future, name).compiler_flag, future.all_feature_names, 0
)


@dataclass(frozen=True)
class Rewritten:
    """A code object that asks for the cells of a function, and for those of the runtime."""

    code: types.CodeType
    sites: tuple[Site, ...]


_known: weakref.WeakKeyDictionary[types.CodeType, dict[str, Rewritten]] = (
    weakref.WeakKeyDictionary()
)


def rewrite(function: types.FunctionType, runtime: Any) -> types.FunctionType:
    """The function, rewritten, with the globals, closure and defaults that it has.

    Raises TraceError if there is no source, or if it has what no program can hold.
    """
    known = _known.setdefault(function.__code__, {})
    found = known.get(function.__code__.co_filename)
    if found is None:
        found = known[function.__code__.co_filename] = _rewritten(function)
    free = function.__code__.co_freevars
    cells = dict(zip(free, function.__closure__ or (), strict=True))
    cells |= {b.RUNTIME: types.CellType(runtime), b.SITES: types.CellType(found.sites)}
    made = types.FunctionType(
        found.code, function.__globals__, function.__name__, function.__defaults__,
        tuple(cells[n] for n in found.code.co_freevars),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    return functools.update_wrapper(made, function)  # type: ignore[return-value]


def _rewritten(function: types.FunctionType) -> Rewritten:
    code = function.__code__
    node = copy.deepcopy(find_node(function))
    sites: list[Site] = []
    # By another name: in the factory, its own would hide the global that it may call.
    made = _definition(node, "_tw_function", code.co_filename, sites)
    made.decorator_list, made.returns = [], None
    _forget_annotations_and_defaults(made.args)
    b.at(made, node)
    free = [*code.co_freevars, b.RUNTIME, b.SITES]
    owner = class_of(code.co_qualname) if _has_private_names(node) else None
    around: ast.stmt = made
    if owner is not None:  # whose compilation changes private names as it did there
        around = ast.ClassDef(owner, [], [], [made], [])
        around.type_params = []  # type: ignore[attr-defined,unused-ignore]
    is_global = owner is not None and owner not in free
    names: list[ast.stmt] = [ast.Global([owner])] if is_global and owner else []
    factory = b.at(b.define("_tw_factory", [*names, around], free), node)
    whole = compile(
        ast.Module([factory], []), code.co_filename, "exec", code.co_flags & _FUTURE, True
    )
    found = _only_code(whole, 2 if owner is None else 3)
    found = found.replace(co_name=code.co_name, co_qualname=code.co_qualname)
    return Rewritten(found, tuple(sites))


def _only_code(outer: types.CodeType, depth: int) -> types.CodeType:
    """The code so deep inside of another, where each level holds one."""
    for _ in range(depth):
        outer = next(c for c in outer.co_consts if isinstance(c, types.CodeType))
    return outer


def _forget_annotations_and_defaults(arguments: ast.arguments) -> None:
    """The defaults are those of the function; here, their number counts."""
    for one in ast.walk(arguments):
        if isinstance(one, ast.arg):
            one.annotation = None
    arguments.defaults = [b.constant(None) for _ in arguments.defaults]
    arguments.kw_defaults = [d and b.constant(None) for d in arguments.kw_defaults]


def _has_private_names(node: ast.AST) -> bool:
    def is_private(name: str) -> bool:
        return name.startswith("__") and not name.endswith("__")

    parts = list(ast.walk(node))
    names = [n.id for n in parts if isinstance(n, ast.Name)]
    names += [n.attr for n in parts if isinstance(n, ast.Attribute)]
    names += [n.arg for n in parts if isinstance(n, ast.arg)]
    return any(map(is_private, names))


# --------------------------------------------------------------------------- one function


def _definition(node: FunctionNode, name: str, file: str, sites: list[Site]) -> ast.FunctionDef:
    """The definition of a function with its body rewritten; nested functions likewise."""
    body = [ast.Return(node.body)] if isinstance(node, ast.Lambda) else node.body
    body = [b.at(s, node) if isinstance(node, ast.Lambda) else s for s in body]
    refuse_function(node, body, getattr(node, "name", "the lambda"), file)
    taken = parameters(node)
    body = _prepared(body, node)
    common, outside = declared(body, ast.Global), declared(body, ast.Nonlocal)
    own = {*taken, *stored(body)} - common - outside
    statements = Statements(
        file, body, own, Expressions(taken[0] if taken else None), analyse(body), sites,
        functools.partial(_nested, file=file, sites=sites),
    )  # fmt: skip
    inner = statements.block(body, frozenset(), outer=True, loop=False)
    said = "<lambda>" if isinstance(node, ast.Lambda) else node.name
    frame = b.call(b.RUNTIME, "Frame", b.name(b.SITES), b.constant(said))
    within = ast.With([ast.withitem(frame, b.target(b.FRAME))], inner or [ast.Pass()])
    bound = [n for n in statements.blocks if n not in taken and n not in outside]
    first: list[ast.stmt] = []
    first += [ast.Global(sorted(common))] if common else []
    first += [ast.Nonlocal(sorted(outside))] if outside else []
    # Never run: it makes the names that blocks bind names of this function.
    never = ast.Assign([b.target(n) for n in bound], b.constant(None))
    first += [ast.If(b.constant(0), [never], [])] if bound else []
    made = b.define(name, [*first, within])
    made.args = node.args
    return made


def _prepared(body: list[ast.stmt], node: FunctionNode) -> list[ast.stmt]:
    """Tests that bind names go into the loop, and every way that jumps ends in a `return`."""
    rotate = _Rotation()
    body = [rotate.visit(s) for s in body]
    if any(jumps(s) for s in body if not isinstance(s, ast.Return)):
        body.append(b.at(ast.Return(b.at(b.constant(None), body[-1])), body[-1]))
    return body


class _Rotation(ast.NodeTransformer):
    """`while test: body` as `while True: if test: body else: break`, where the test binds names."""

    def visit_While(self, s: ast.While) -> ast.stmt:
        """One loop, after those in it."""
        self.generic_visit(s)
        if not has_walrus(s.test) or s.orelse:
            return s
        turn = b.at(ast.If(s.test, s.body, [b.at(ast.Break(), s.test)]), s)
        return b.at(ast.While(b.at(b.constant(True), s.test), [turn], []), s)

    def _leave(self, node: Any) -> Any:
        return node

    visit_FunctionDef = visit_AsyncFunctionDef = visit_ClassDef = visit_Lambda = _leave


def _nested(node: ast.FunctionDef, file: str, sites: list[Site]) -> ast.stmt:
    """A function inside of one that is rewritten: it is too, and says so. A generator stays."""
    if yields(node.body):
        return node
    made = _definition(node, node.name, file, sites)
    marks = b.at(ast.Attribute(b.name(b.RUNTIME), "mark", ast.Load()), node)
    made.decorator_list = [*node.decorator_list, marks]
    return b.at(made, node)
