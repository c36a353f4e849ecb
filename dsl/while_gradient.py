"""Derivatives of loops whose number of turns depends on values, in both directions.

The gradient of a `while` is `while_vjp`: the loop runs again with the states of all turns kept, and
the adjoint of its body goes over them from the last. The tangent of a `while` is a `while` with the
tangents as further carries. Derivatives of `while_vjp` are made of these two: with J the derivative
of the loop, <a, J^T b> = <J a, b>, so its gradient by b is the tangent of the loop along a, and its
gradient by the loop's inputs is that of <b, tangent along a>, by the gradient of the wider loop.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from .control import GRADIENTS, WHILE, WHILE_VJP, Seeds, bind_control, evaluate
from .effects import without_effects
from .forward_mode import (
    RULES,
    Found,
    Tangents,
    chosen,
    grouped,
    split,
    tangent_graph,
    ungrouped,
)
from .graph import Graph
from .primitives.families import zeros_like
from .pulling import avals_of, filled, graph_of, in_places, pull_back

if TYPE_CHECKING:
    from .array import Array


def while_vjp(
    values: Sequence[Array], seeds: Seeds, outs: Sequence[Array], wanted: Sequence[bool],
    params: dict[str, Any],
) -> list[Array | None]:  # fmt: skip
    """The cotangents of the inputs of a `while` (of all inexact carries, and of the constants that
    are wanted), from those of its results, which are like `outs`."""
    params = {k: without_effects(v) if isinstance(v, Graph) else v for k, v in params.items()}
    nc, body = params["n_constants"], params["body"]
    consts, carries = values[:nc], values[nc:]
    is_float = [c.dtype.is_inexact for c in carries]
    from_carries = filled(seeds, outs)
    n_ct = len(from_carries)
    summed = tuple(i for i in range(nc) if wanted[i])
    sums = [zeros_like(consts[i]) for i in summed]

    def build(cells: list[Array]) -> list[Array]:
        inputs, ct = cells[: len(values)], cells[len(values) : len(values) + n_ct]
        totals = cells[len(values) + n_ct :]
        mask = [*wanted[:nc], *is_float]
        grads = pull_back(body, inputs, mask, in_places(ct, is_float))
        added = [a + g for a, g in zip(totals, grads, strict=False)]
        return [*grads[len(sums) :], *added]

    adjoint = graph_of(f"{body.name}_vjp", avals_of([*values, *from_carries, *sums]), build)
    loop = {k: params[k] for k in ("condition", "body", "n_constants")}
    given = [*values, *from_carries]
    found = bind_control(WHILE_VJP, given, {**loop, "adjoint": adjoint, "summed": summed})
    of_consts = in_places(found[n_ct:], wanted[:nc])
    return [*of_consts, *in_places(found[:n_ct], is_float)]


def _gradient(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    return while_vjp(saved, seeds, outs, wanted, params)


# --------------------------------------------------------------------------- forward


def _with_tangents(
    values: Sequence[Array], tangents: Tangents, params: dict[str, Any], least: Sequence[bool]
) -> tuple[list[Array], dict[str, Any], list[tuple[int, list[bool]]]]:
    """The inputs and parameters of a `while` that carries tangents too (of the carries those that
    get one, and the `least`), and which constants and carries have one."""
    nc, body, condition = params["n_constants"], params["body"], params["condition"]
    there = [t is not None for t in tangents]
    consts, carried = there[:nc], [a or b for a, b in zip(there[nc:], least, strict=True)]
    while True:
        groups = [(nc, consts), (len(carried), carried)]
        graph, has = tangent_graph(body, groups, carried)
        if has == carried:
            break
        carried = has
    along: Tangents = [
        *tangents[:nc],
        *in_places(chosen(values[nc:], tangents[nc:], carried), carried),
    ]
    taken = grouped(values, along, groups)
    test = graph_of(
        condition.name, avals_of(taken), lambda c: evaluate(condition, ungrouped(c, groups)[0])
    )
    loop = {"condition": test, "body": graph, "n_constants": nc + sum(consts)}
    return taken, loop, groups


def _tangent(cells: list[Array], tangents: Tangents, params: dict[str, Any]) -> Found:
    n_carries = len(cells) - params["n_constants"]
    taken, loop, groups = _with_tangents(cells, tangents, params, [False] * n_carries)
    return split(bind_control(WHILE, taken, loop), groups[1][1])


# --------------------------------------------------------------------------- of the gradient


def _wider(
    cells: Sequence[Array], along: Tangents, params: dict[str, Any]
) -> tuple[list[Array], list[Array], dict[str, Any], Any]:
    """The loop of a `while_vjp` with tangents of all inexact carries: its inputs, the cotangents,
    the parameters, and the groups of inputs."""
    body: Graph = params["body"]
    n, nc = len(body.inputs), params["n_constants"]
    values, cotangents = list(cells[:n]), list(cells[n:])
    least = [x.dtype.is_inexact for x in values[nc:]]
    taken, loop, groups = _with_tangents(values, along, params, least)
    return taken, cotangents, loop, groups


def _gradient_of_gradient(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    body, nc = params["body"], params["n_constants"]
    n = len(body.inputs)
    is_float = [v.aval.dtype.is_inexact for v in body.inputs[nc:]]
    n_ct = sum(is_float)
    of_consts: Tangents = [None] * nc
    for place, seed in zip(params["summed"], seeds[n_ct:], strict=True):
        of_consts[place] = seed
    along = [*of_consts, *in_places(filled(seeds[:n_ct], outs[:n_ct]), is_float)]
    taken, cotangents, loop, groups = _wider(saved, along, params)
    after = bind_control(WHILE, taken, loop)
    moved = [t for t in split(after, groups[1][1])[1] if t is not None]
    if not any(wanted[:n]):
        return [*[None] * n, *moved]
    back: list[Array | None] = [*[None] * len(is_float), *cotangents]
    want = grouped(wanted[:n], [False] * n, groups)
    found = while_vjp(taken, back, after, want, loop)
    values = _values_of(found, groups)
    return [*[g if w else None for g, w in zip(values, wanted[:n], strict=True)], *moved]


def _values_of(found: Sequence[Any], groups: Any) -> list[Any]:
    values, _ = ungrouped(found, groups)
    return values


def _tangent_of_gradient(cells: list[Array], tangents: Tangents, params: dict[str, Any]) -> Found:
    """By <J^T b> and its derivative along a: the gradient of the loop with tangents, whose
    cotangents are those of `b` for the tangents, and b's own tangents for the values."""
    n, nc = len(params["body"].inputs), params["n_constants"]
    taken, cotangents, loop, groups = _wider(cells, tangents[:n], params)
    carries, is_float = cells[nc:n], groups[1][1]
    own = in_places(tangents[n:], is_float) if any(is_float) else [None] * len(carries)
    summed = [i in params["summed"] for i in range(nc)]
    has_tangent = [a and b for a, b in zip(summed, groups[0][1], strict=True)]
    # Constants without a tangent have theirs through a zero one: the primal sum is that of the
    # tangent's place.
    missing = [a and not b for a, b in zip(summed, groups[0][1], strict=True)]
    if any(missing):
        along = [
            zeros_like(x) if lacks else t
            for x, t, lacks in zip(cells[:nc], tangents[:nc], missing, strict=True)
        ]
        return _tangent_of_gradient(cells, [*along, *tangents[nc:]], params)
    outs = [*carries, *chosen(carries, [None] * len(carries), is_float)]
    seeds: list[Array | None] = [*own, *cotangents]
    want = grouped(summed, has_tangent, [(nc, groups[0][1])])
    want += [x.dtype.is_inexact for x in taken[len(want) :]]
    found = while_vjp(taken, seeds, outs, want, loop)
    of_values, of_tangents = ungrouped(found, groups)
    primal = [t for t, x in zip(of_tangents[nc:], carries, strict=True) if x.dtype.is_inexact]
    moved = [g for g, x in zip(of_values[nc:], carries, strict=True) if x.dtype.is_inexact]
    primal += [of_tangents[i] for i in params["summed"]]
    moved += [of_values[i] for i in params["summed"]]
    return primal, moved


GRADIENTS["while"] = _gradient
GRADIENTS["while_vjp"] = _gradient_of_gradient
RULES["while"] = _tangent
RULES["while_vjp"] = _tangent_of_gradient
