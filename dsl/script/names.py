"""What statements say of names: which they store and read, and where control leaves them."""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator, Sequence

Nodes = Sequence[ast.AST]
SCOPES = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda, ast.ClassDef)
COMPREHENSIONS = (ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
LOOPS = (ast.While, ast.For, ast.AsyncFor)


def own_nodes(nodes: Iterable[ast.AST]) -> Iterator[ast.AST]:
    """The nodes and all below, but not what is inside of nested functions and classes."""
    for node in nodes:
        yield node
        if isinstance(node, SCOPES):
            yield from own_nodes(getattr(node, "decorator_list", ()))
        else:
            yield from own_nodes(ast.iter_child_nodes(node))


def stored(nodes: Iterable[ast.AST], *, augmented: bool = True) -> dict[str, None]:
    """The names that statements bind (or delete), in order; those of `x += 1` if asked for."""
    found: dict[str, None] = {}
    for node in nodes:
        for name in _stored(node, augmented):
            found[name] = None
    return found


def _stored(node: ast.AST, augmented: bool) -> Iterator[str]:
    if isinstance(node, ast.Lambda):
        return
    if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
        yield node.name
        return
    if isinstance(node, COMPREHENSIONS):  # a scope of its own, but for `:=`
        for part in own_nodes([node]):
            if isinstance(part, ast.NamedExpr) and isinstance(part.target, ast.Name):
                yield part.target.id
        return
    yield from _bound(node)
    for child in ast.iter_child_nodes(node):
        if not augmented and isinstance(node, ast.AugAssign) and child is node.target:
            continue
        yield from _stored(child, augmented)


def _bound(node: ast.AST) -> Iterator[str]:
    """The names that a node itself binds."""
    if isinstance(node, ast.Name) and not isinstance(node.ctx, ast.Load):
        yield node.id
    elif isinstance(node, ast.alias):
        yield (node.asname or node.name).split(".")[0]
    elif isinstance(node, ast.ExceptHandler | ast.MatchAs | ast.MatchStar) and node.name:
        yield node.name
    elif isinstance(node, ast.MatchMapping) and node.rest:
        yield node.rest


def read(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that are read, in nested functions too; `x += 1` reads x."""
    found = set()
    for outer in nodes:
        for node in ast.walk(outer):
            if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load):
                found.add(node.id)
            elif isinstance(node, ast.AugAssign) and isinstance(node.target, ast.Name):
                found.add(node.target.id)
    return found


def read_later(nodes: Iterable[ast.AST]) -> set[str]:
    """The names that nested functions read, which may be called at any time."""
    inner = (*SCOPES, ast.GeneratorExp)
    return read(n for outer in nodes for n in ast.walk(outer) if isinstance(n, inner))


def declared(nodes: Iterable[ast.AST], kind: type[ast.Global | ast.Nonlocal]) -> set[str]:
    """The names that a function declares global, or nonlocal."""
    return {name for node in own_nodes(nodes) if isinstance(node, kind) for name in node.names}


def returns(nodes: Iterable[ast.AST]) -> bool:
    """Whether a `return` of this function is among the statements."""
    return any(isinstance(n, ast.Return) for n in own_nodes(nodes))


def breaks(nodes: Iterable[ast.AST]) -> bool:
    """Whether a `break` or `continue` of a loop around the statements is among them."""
    return any(_breaks(n, (ast.Break, ast.Continue)) for n in nodes)


def stops(nodes: Iterable[ast.AST]) -> bool:
    """Whether a `break` of a loop around the statements is among them."""
    return any(_breaks(n, (ast.Break,)) for n in nodes)


def _breaks(node: ast.AST, kinds: tuple[type[ast.AST], ...]) -> bool:
    if isinstance(node, kinds):
        return True
    if isinstance(node, SCOPES):
        return False
    below: Iterable[ast.AST] = ast.iter_child_nodes(node)
    if isinstance(node, LOOPS):
        below = node.orelse
    return any(_breaks(child, kinds) for child in below)


def jumps(statement: ast.AST) -> bool:
    """Whether control may leave a statement for elsewhere than the next one."""
    return returns([statement]) or breaks([statement])


def yields(nodes: Iterable[ast.AST]) -> ast.AST | None:
    """The first `yield` of a function, which makes it a generator."""
    found = (n for n in own_nodes(nodes) if isinstance(n, ast.Yield | ast.YieldFrom))
    return next(found, None)


def has_walrus(*nodes: ast.AST) -> bool:
    """Whether `:=` is among expressions."""
    return any(isinstance(n, ast.NamedExpr) for n in own_nodes(nodes))
