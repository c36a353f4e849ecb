"""Random primitives whose parameters are any numbers, eagerly on the host.

A kernel for each span of `integers`, and for each number of calls, would be compiled anew all the
time: here the numbers are inputs, so that one kernel serves them all. The bits are the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import views
from .dtypes import DType, int64, uint8, uint32, uint64
from .eager_moves import reshaped
from .eager_programs import cached, graph_of
from .engine import engine
from .graph import Aval, Var
from .primitive import Expr, Map, Primitive, Reader, Vocabulary
from .primitives.philox import lower_philox
from .primitives.random import advanced, below
from .sizes import Shape, symbol

if TYPE_CHECKING:
    from .array import Array

_N = symbol("n")
_STATE, _LIMITS, _CALLS = Aval((4,), uint32), Aval((2,), uint64), Aval((1,), uint64)
_IDS, _LENGTH = Aval((_N,), int64), Aval((_N,), uint8)


def _lower_below(
    t: Vocabulary, index: Any, state: Reader, limits: Reader, *ids: Reader, out: Aval, **params: Any
) -> Expr:
    """Of the block with the element's own number, or with that which `ids` has for it."""
    block = ids[0](index) if ids else index[0]
    width, surplus = (limits((t.size(i),)) for i in (0, 1))
    return t.cast(below(t, lower_philox(t, block, state), width, surplus), out.dtype)


def _lower_advance(t: Vocabulary, index: Any, state: Reader, calls: Reader, *, out: Aval) -> Expr:
    return advanced(t, index, state, calls((t.size(0),)))


def _nothing(*args: Any, **params: Any) -> Any:
    raise NotImplementedError("only eager execution makes this primitive")


def _made(name: str, infer: Any, rule: Any, cost: int) -> Primitive:
    return Primitive(name, infer, Map(rule, cost=cost), _nothing, _nothing, ())


_BELOW = _made("random_below", lambda *_, shape: Aval(shape, int64), _lower_below, 100)
_BELOW_AT = _made("random_below_at", lambda *given: Aval(given[2].shape, int64), _lower_below, 100)
_ADVANCE = _made("random_advance", lambda state, calls: state, _lower_advance, 8)


def _numbers(*values: int) -> Array:
    host = np.array(values, np.uint64)
    made: Array = _native.from_buffer(views.exportable(host), uint64.code, True)
    return made


def _limits(span: int) -> Array:
    return _numbers(span, (1 << 64) % span)


def _program(primitive: Primitive, *avals: Aval, **params: Any) -> Any:
    def make() -> Any:
        inputs = tuple(map(Var, avals))
        graph = graph_of(primitive, inputs, params)
        # An input that is never read tells the length.
        return engine().program(replace(graph, inputs=(*inputs, Var(_LENGTH))) if params else graph)

    return cached((primitive.name,), make)


def _below(out: Aval, state: Array, *, shape: Shape, dtype: DType, span: int) -> Array:
    length: Array = _native.empty((prod(shape),), uint8.code)  # type: ignore[arg-type]
    program = _program(_BELOW, _STATE, _LIMITS, shape=(_N,))
    return reshaped(program(state, _limits(span), length)[0], out.shape)


def _below_at(out: Aval, state: Array, ids: Array, *, dtype: DType, span: int) -> Array:
    program = _program(_BELOW_AT, _STATE, _LIMITS, _IDS)
    return reshaped(program(state, _limits(span), reshaped(ids, (ids.size,)))[0], out.shape)


def _advance(out: Aval, state: Array, *, calls: int) -> Array:
    made: Array = _program(_ADVANCE, _STATE, _CALLS)(state, _numbers(calls))[0]
    return made


SPECIAL: dict[str, Callable[..., Any]] = {
    "random_below": _below, "random_below_at": _below_at, "random_advance": _advance,
}  # fmt: skip
