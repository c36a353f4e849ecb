"""Expressions rewritten: what asks for a truth value, or calls, becomes a call of the runtime."""

from __future__ import annotations

import ast
from typing import Any

from .building import RUNTIME, at, call, constant, later, name
from .names import has_walrus, yields

# These look at the frame that calls them.
_FRAME_READERS = {"locals", "globals", "vars", "dir", "eval", "exec"}
_OPERATORS: dict[type[ast.cmpop], str] = {
    ast.Eq: "==", ast.NotEq: "!=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
    ast.Is: "is", ast.IsNot: "is not", ast.In: "in", ast.NotIn: "not in",
}  # fmt: skip


class Expressions(ast.NodeTransformer):
    """Rewrites expressions of one function, whose first parameter is `self_name`."""

    def __init__(self, self_name: str | None) -> None:
        self.self_name = self_name

    def rewrite(self, node: Any) -> Any:
        """An expression (or None), rewritten."""
        return None if node is None else self.visit(node)

    def visit_BoolOp(self, node: ast.BoolOp) -> Any:
        """`a and b` -> `_tw.both(a, lambda: b)`; `or` likewise."""
        if has_walrus(*node.values[1:]):  # binds a name, which a lambda could not
            return self._native(node)
        self.generic_visit(node)
        method = "both" if isinstance(node.op, ast.And) else "either"
        return at(call(RUNTIME, method, node.values[0], *map(later, node.values[1:])), node)

    def visit_UnaryOp(self, node: ast.UnaryOp) -> Any:
        """`not a` -> `_tw.negate(a)`."""
        self.generic_visit(node)
        if not isinstance(node.op, ast.Not):
            return node
        return at(call(RUNTIME, "negate", node.operand), node)

    def visit_IfExp(self, node: ast.IfExp) -> Any:
        """`a if c else b` -> `_tw.select(c, lambda: a, lambda: b)`."""
        if has_walrus(node.body, node.orelse):
            return self._native(node)
        self.generic_visit(node)
        return at(call(RUNTIME, "select", node.test, later(node.body), later(node.orelse)), node)

    def visit_Compare(self, node: ast.Compare) -> Any:
        """`a < b < c` -> `_tw.compare(a, ("<", "<"), lambda: b, lambda: c)`; `a in b` too."""
        is_single = len(node.ops) == 1 and not isinstance(node.ops[0], ast.In | ast.NotIn)
        if is_single or has_walrus(*node.comparators):
            return self._native(node)
        self.generic_visit(node)
        signs = ast.Tuple([constant(_OPERATORS[type(op)]) for op in node.ops], ast.Load())
        return at(call(RUNTIME, "compare", node.left, signs, *map(later, node.comparators)), node)

    def visit_Call(self, node: ast.Call) -> Any:
        """`f(x)` -> `_tw.callee(f)(x)`; `super()` says of what."""
        self.generic_visit(node)
        called = node.func
        if isinstance(called, ast.Name) and called.id in _FRAME_READERS:
            return node
        if isinstance(called, ast.Name) and called.id == "super":
            if not node.args and self.self_name is not None:
                node.args = [at(name("__class__"), node), at(name(self.self_name), node)]
            return node
        node.func = at(call(RUNTIME, "callee", called), called)
        return node

    def visit_Lambda(self, node: ast.Lambda) -> Any:
        """A nested lambda is rewritten where it stands, and marked as being so."""
        if yields([node.body]):
            return node
        self.generic_visit(node)
        return at(call(RUNTIME, "mark", node), node)

    def _comprehension(self, node: Any) -> Any:
        """The filters of a comprehension must be known."""
        self.generic_visit(node)
        for part in node.generators:
            part.ifs = [at(call(RUNTIME, "filter_of", test), test) for test in part.ifs]
        return node

    visit_ListComp = visit_SetComp = visit_DictComp = visit_GeneratorExp = _comprehension

    def _native(self, node: Any) -> Any:
        self.generic_visit(node)
        return node
