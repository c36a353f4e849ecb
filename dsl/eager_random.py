"""Random numbers, eagerly: one kernel for all shapes of a draw, on the host and on devices."""

from __future__ import annotations

from functools import partial
from math import prod
from typing import TYPE_CHECKING, Any

from .. import _native
from . import eager, eager_device, eager_numbers
from .dtypes import uint8
from .eager_moves import reshaped
from .eager_programs import cached, graph_of
from .engine import engine
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY
from .primitives.random import AT, BY_POSITION
from .sizes import known, symbol

if TYPE_CHECKING:
    from .array import Array

_N = symbol("n")


def _draw(name: str, out: Aval, state: Array, *, shape: Any, **params: Any) -> Array:
    """A draw over a flat range; the length is told by an input that is never read."""

    def make() -> Any:
        inputs = (Var(Aval((4,), state.dtype)), Var(Aval((_N,), uint8)))
        given = {"shape": (_N,), **params}
        drawn = Var(REGISTRY[name].infer(inputs[0].aval, **given))
        node = Node(REGISTRY[name], inputs[:1], given, (drawn,))
        return engine().program(Graph(inputs, (drawn,), (node,), name=f"eager_{name}"))

    program = cached((name, *params.items()), make)
    length: Array = _native.empty((prod(shape),), uint8.code)
    return reshaped(program(state, length)[0], out.shape)


def _draw_at(name: str, out: Aval, state: Array, ids: Array, **params: Any) -> Array:
    """A draw of the elements with these numbers."""

    def make() -> Any:
        inputs = (Var(Aval((4,), state.dtype)), Var(Aval((_N,), ids.dtype)))
        return engine().program(graph_of(REGISTRY[name], inputs, params))

    program = cached((name, *params.items()), make)
    return reshaped(program(state, reshaped(ids, (ids.size,)))[0], out.shape)


def _device_draw(name: str, out: Aval, state: Array, *, shape: Any, **params: Any) -> Array:
    if out.size == 0:
        return eager_device.empty(out)

    def make() -> Graph:
        x = Var(Aval((4,), state.dtype))
        return graph_of(REGISTRY[name], (x,), {"shape": (_N,), **params})

    key = (name, *params.items())
    return eager_device.launch(key, make, (state,), out, {"n": int(prod(known(shape)))})


def _device_draw_at(name: str, out: Aval, state: Array, ids: Array, **params: Any) -> Array:
    if out.size == 0:
        return eager_device.empty(out)

    def make() -> Graph:
        inputs = (Var(Aval((4,), state.dtype)), Var(Aval((_N,), ids.dtype)))
        return graph_of(REGISTRY[name], inputs, params)

    key = (name, *params.items())
    return eager_device.launch(key, make, (state, ids), out, {"n": ids.size})


eager.SPECIAL |= {n: partial(_draw, n) for n in BY_POSITION} | {n: partial(_draw_at, n) for n in AT}
eager.SPECIAL |= eager_numbers.SPECIAL
eager_device.SPECIAL |= {n: partial(_device_draw, n) for n in BY_POSITION}
eager_device.SPECIAL |= {n: partial(_device_draw_at, n) for n in AT}
