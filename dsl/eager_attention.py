"""Attention, eagerly: one program for each width serves all lengths, batches and heads."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

from .eager_programs import EXACT, cached, graph_of
from .engine import engine
from .graph import Aval, Var
from .primitive import Primitive
from .sizes import Dim, Shape, symbol

if TYPE_CHECKING:
    from .array import Array

_SIZES = ("batch", "heads", "queries", "keys")


def attend(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """An attention or its gradient, on the current device. Inputs begin with those of the
    primitive `attention`, or are followed by them."""
    avals = _open(cells, params["extras"])
    key = (primitive.name, avals, tuple(sorted(params.items())))

    def make() -> Any:
        graph = graph_of(primitive, tuple(map(Var, avals)), params)
        return engine().program(replace(graph, name=f"{EXACT}{primitive.name}"))

    return cached(key, make)(*cells)[0]  # type: ignore[no-any-return]


def _open(cells: tuple[Array, ...], extras: tuple[str, ...]) -> tuple[Aval, ...]:
    """The types of the inputs with unknown sizes, except for widths, the number of heads that
    share keys, and sizes of 1."""
    n_before = len(cells) - 3 - len(extras)
    q, k = cells[n_before : n_before + 2]
    sizes = (*q.shape[:2], q.shape[3], k.shape[2])
    batch, heads, queries, keys = (
        1 if n == 1 else symbol(name) for name, n in zip(_SIZES, sizes, strict=True)
    )
    of_queries: Shape = (batch, heads, q.shape[2], queries)
    own: list[Shape] = [(*of_queries, x.shape[4]) for x in (*cells[:n_before], q)]
    own += [(batch, heads, keys, x.shape[3]) for x in cells[n_before + 1 : n_before + 3]]
    whole: dict[str, Shape] = {"mask": (*of_queries, keys), "length": (batch,)}
    for name, x in zip(extras, cells[n_before + 3 :], strict=True):
        own.append(tuple(map(_one_or, x.shape, whole[name])))
    return tuple(Aval(shape, x.dtype) for shape, x in zip(own, cells, strict=True))


def _one_or(size: int, dim: Dim) -> Dim:
    return 1 if size == 1 else dim
