"""Effects in the IR: nodes that print, check, or call back to Python, in the order of the program.

    begin()                              the first token
    print(token, *values; text, where)   writes a line
    check(token, condition, *values; text, where)   ends the call if the condition is false
    check_finite(token, x; text, where)  ends the call if x has infinities or nans
    callback(token, handle, *values; text, where, kinds)   gives what a function of Python returns

Each takes a token and gives the next, so that no rewrite can change their order; a token has no
elements and takes no memory. A program has one chain of them. Its end is kept in a traced cell
(`Trace.token`), which regions read and write like every other cell: so branches and loops carry the
token without knowing of it. Gradients run graphs again `without_effects`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, NoReturn

import numpy as np

from .. import _native
from . import trace as tracing
from .autodiff import TapeNode, node_of
from .dtypes import bool_, uint8
from .errors import DTypeError, GradientError
from .graph import Aval, Graph, Node, Var, has_effect
from .primitive import Effect, Primitive
from .record import constant, is_tracing, read, write

if TYPE_CHECKING:
    from .array import Array

TOKEN = Aval((0,), uint8)
KINDS = {"print": 0, "check": 1, "check_finite": 2, "callback": 3}  # of core/effect.h


def _infer_begin() -> tuple[Aval, ...]:
    return (TOKEN,)


def _infer_effect(token: Aval, *values: Aval, text: str, where: str) -> tuple[Aval, ...]:
    return (token,)


def _infer_check(token: Aval, condition: Aval, *values: Aval, **texts: str) -> tuple[Aval, ...]:
    if condition.dtype is not bool_:
        raise DTypeError(f"check: the condition is {condition}; it must be bool")
    return (token,)


def _infer_callback(
    token: Aval, handle: Aval, *values: Aval, text: str, where: str, kinds: Any
) -> tuple[Aval, ...]:
    return (token, *(Aval(shape, dtype) for shape, dtype in kinds))


def _reference(*arrays: Any, **params: Any) -> Any:
    """Of what has no result but the token."""
    return np.zeros(TOKEN.shape, np.uint8)


def _no_samples(*args: Any) -> NoReturn:
    raise NotImplementedError("effects are tested through the functions that make them")


def _record(kind: str, infer: Any) -> Primitive:
    return Primitive(kind, infer, Effect(kind), _reference, _no_samples, ())


BEGIN = _record("begin", _infer_begin)
PRINT = _record("print", _infer_effect)
CHECK = _record("check", _infer_check)
CHECK_FINITE = _record("check_finite", _infer_effect)
CALLBACK = _record("callback", _infer_callback)
EFFECTS = {p.name: p for p in (PRINT, CHECK, CHECK_FINITE, CALLBACK)}


# --------------------------------------------------------------------------- applying


def token_cell(trace: tracing.Trace) -> Array:
    """The cell that holds the end of a program's chain of effects; made at the first one."""
    trace = trace.outermost
    if trace.token is None:
        trace.token = trace.append_all(BEGIN, (), {})[0]
    return trace.token


def perform(primitive: Primitive, values: Sequence[Array], params: dict[str, Any]) -> list[Array]:
    """Do it now; or stage it behind the effects before it. The results, without the token."""
    if not is_tracing():
        return _do(primitive, [read(v) for v in values], params)
    trace = tracing.current()
    assert trace is not None
    token = token_cell(trace)
    after, *results = bind_effect(primitive, [token, *values], params)
    write(token, after)
    return results


def bind_effect(
    primitive: Primitive, cells: Sequence[Array], params: dict[str, Any]
) -> list[Array]:
    """Do or stage an effect whose token is given: the next token, then the results."""
    values = [read(c) for c in cells]
    if primitive is CALLBACK:
        refuse_gradient(values, params)
    trace = tracing.current()
    if trace is not None:
        return trace.append_all(
            primitive, tuple(tracing.traced_var(v, trace) for v in values), params
        )
    if not primitive.is_effect:
        return [constant(np.zeros(TOKEN.shape), TOKEN.dtype)]
    return [values[0], *_do(primitive, values[1:], params)]


def _do(primitive: Primitive, values: Sequence[Array], params: dict[str, Any]) -> list[Array]:
    """An effect of eager code."""
    if primitive is CALLBACK:
        return _call_now(values, params)
    host = [_native.transfer(v, 0) if v._device else v for v in values]
    _native.run_effect(KINDS[primitive.name], params["text"], params["where"], host)
    return []


def _unset(values: Sequence[Array], params: dict[str, Any]) -> list[Array]:
    raise RuntimeError("callbacks.py has not been imported")


_call_now: Callable[[Sequence[Array], dict[str, Any]], list[Array]] = _unset


def set_call(call: Callable[[Sequence[Array], dict[str, Any]], list[Array]]) -> None:
    """Called once, by callbacks.py: what a callback of eager code does."""
    global _call_now
    _call_now = call


def refuse_gradient(values: Sequence[Array], params: dict[str, Any]) -> None:
    """Raise GradientError if a gradient would have to pass through a function of Python."""
    is_float = any(dtype.is_inexact for _, dtype in params["kinds"])
    if is_float and _native.grad_enabled() and _reaches_leaf(map(node_of, values)):
        _no_gradient(params)


def _reaches_leaf(roots: Iterable[TapeNode | None]) -> bool:
    """Whether a gradient that comes to these nodes of the tape is wanted by anybody."""
    stack = [r for r in roots if r is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node.name == "stop_gradient":
            continue
        edges = [e for e in node.edges if e is not None]
        if not edges:
            return True
        stack += [e for e in edges if e not in seen]
        seen.update(edges)
    return False


def _no_gradient(params: Any) -> NoReturn:
    raise GradientError(
        f"callback at {params['where']}: {params['text']} is a function of Python, which has no "
        "gradient; give it tw.stop_gradient(x), or say the gradient by tw.custom_vjp"
    )


def is_callback(node: Node) -> bool:
    """Whether a node calls a function of Python."""
    return node.primitive is CALLBACK


# --------------------------------------------------------------------------- leaving them out


def without_effects(graph: Graph) -> Graph:
    """The graph that computes the same and does nothing else, for running it a second time.

    Raises GradientError if a callback has results, which cannot be had again.
    """
    if not any(map(has_effect, graph.nodes)):
        return graph
    replaced: dict[Var, Var] = {}
    nodes = []
    for node in graph.nodes:
        inputs = tuple(replaced.get(v, v) for v in node.inputs)
        if node.primitive.name == "custom":  # may be run again: it says its own gradient
            nodes.append(replace(node, inputs=inputs))
        elif not isinstance(node.primitive.lower, Effect):
            params = {k: _without(v) for k, v in node.params.items()}
            nodes.append(replace(node, inputs=inputs, params=params))
        elif not has_effect(node):
            nodes.append(node)
        elif len(node.outputs) > 1:
            _no_gradient(node.params)
        else:
            replaced[node.output] = inputs[0]
    outputs = tuple(replaced.get(v, v) for v in graph.outputs)
    return replace(graph, outputs=outputs, nodes=tuple(nodes))


def _without(value: Any) -> Any:
    if isinstance(value, tuple):
        return tuple(map(_without, value))
    return without_effects(value) if isinstance(value, Graph) else value
