"""Control flow for many lanes at once.

A branch that lanes choose differently becomes all branches and a choice; a loop that lanes leave at
different times runs until the last has left, the states of the others frozen. A lane that has not
chosen a branch must not spoil those that have: where a branch may fail or run for ever (it has a
loop or a routine in it), its inputs there are those of a lane that has chosen it, and it is left
out if there is none. Gradients do not flow through inputs that were not chosen (`_guarded`).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from . import primitives as p
from .batching import (
    RULES,
    Flags,
    Found,
    evaluate_lanes,
    lane_avals,
    lane_graph,
    with_lanes,
)
from .control import COND, CUSTOM, SCAN, WHILE, bind_control
from .dtypes import bool_, int64
from .errors import TraceError
from .graph import Graph, all_nodes, has_effect
from .primitive import Control, Native
from .primitives.lanes import axis_moved, spread
from .pulling import avals_of, graph_of
from .sizes import Dim
from .while_gradient import while_vjp

if TYPE_CHECKING:
    from .array import Array

# --------------------------------------------------------------------------- branches


def _cond(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> Found:
    branches, own = params["branches"], flags[1:]
    if flags[0]:
        return _choice(cells[0], cells[1:], own, branches, count)
    sides = [lane_graph(branch, own, count) for branch in branches]
    has = [any(side) for side in zip(*(found for _, found in sides), strict=True)]
    made = tuple(
        graph if found == has else lane_graph(branch, own, count, has)[0]
        for branch, (graph, found) in zip(branches, sides, strict=True)
    )
    return bind_control(COND, cells, {"branches": made}), has


def _choice(
    index: Array, operands: list[Array], flags: Flags, branches: Sequence[Graph], count: Dim
) -> Found:
    """All branches, and for each lane the results of its own."""
    for branch in branches:
        for node in filter(has_effect, branch.nodes):
            raise TraceError(
                f"vmap: {branch.name} has an effect at {node.source}, and not all lanes choose it"
            )
    outs: list[Array] | None = None
    for number in reversed(range(len(branches))):
        chosen = p.eq(index, p.full(shape=(count,), value=number, dtype=int64))
        run = _run_carefully if _is_risky(branches[number]) and count != 0 else _run_plainly
        found = run(branches[number], chosen, operands, flags, count)
        outs = found if outs is None else _where(chosen, found, outs)
    assert outs is not None
    return outs, [True] * len(outs)


def _is_risky(branch: Graph) -> bool:
    """Whether a branch may fail, or not come to an end, on inputs that were not meant for it."""
    return any(isinstance(n.primitive.lower, Control | Native) for n in all_nodes(branch))


def _run_plainly(
    branch: Graph, chosen: Array, operands: list[Array], flags: Flags, count: Dim
) -> list[Array]:
    guarded, has = _guarded(chosen, operands, flags, count)
    outs, made = evaluate_lanes(branch, guarded, has, count)
    return with_lanes(outs, made, [True] * len(outs), count)


def _run_carefully(
    branch: Graph, chosen: Array, operands: list[Array], flags: Flags, count: Dim
) -> list[Array]:
    """The branch on inputs of lanes that have chosen it alone, if there are any."""
    place = p.reshape(p.argmax(chosen, axes=(0,)), shape=(1,))
    safe = [
        _where(chosen, [x], [spread(_one_lane(x, place), count)])[0] if has else x
        for x, has in zip(operands, flags, strict=True)
    ]
    run, has = lane_graph(branch, flags, count, [True] * len(branch.outputs))
    assert all(has)

    def nothing(cells: list[Array]) -> list[Array]:
        kinds = (v.aval for v in run.outputs)
        return [p.full(shape=a.shape, value=0, dtype=a.dtype) for a in kinds]

    skip = graph_of(f"no_{branch.name}", [v.aval for v in run.inputs], nothing)
    any_chosen = p.cast(_any(chosen), dtype=int64)
    return bind_control(COND, [any_chosen, *safe], {"branches": (skip, run)})


def _any(chosen: Array) -> Array:
    if chosen.shape[0] == 0:
        return p.full(shape=(), value=False, dtype=bool_)
    return p.max_(chosen, axes=(0,))


def _one_lane(x: Array, place: Array) -> Array:
    return p.reshape(p.gather(x, place, axis=0), shape=x.shape[1:])


def _where(chosen: Array, yes: Sequence[Array], no: Sequence[Array]) -> list[Array]:
    """For each lane one of two values."""
    return [p.where(_as_wide(chosen, x), x, y) for x, y in zip(yes, no, strict=True)]


def _as_wide(chosen: Array, x: Array) -> Array:
    aligned = (*chosen.shape, *(1,) * (len(x.shape) - 1))
    return p.broadcast_to(p.reshape(chosen, shape=aligned), shape=x.shape)


def _guarded(
    chosen: Array, values: Sequence[Array], flags: Sequence[bool], count: Dim
) -> tuple[list[Array], Flags]:
    """The values, through which no gradient flows in lanes that were not chosen: there it may be
    NaN, which times zero is NaN. Of values without lanes only scalars are guarded, as the others
    would take the memory of all lanes."""
    found: list[Array] = []
    has: Flags = []
    for x, own in zip(values, flags, strict=True):
        wide = own or (x.dtype.is_inexact and not x.shape)
        if wide and not own:
            x = spread(x, count)
        if wide and x.dtype.is_inexact:
            x = p.where(_as_wide(chosen, x), x, p.stop_gradient(x))
        found.append(x)
        has.append(wide)
    return found, has


# --------------------------------------------------------------------------- loops


def _scan(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> Found:
    nc, nk, body = params["n_constants"], params["n_carries"], params["body"]
    first, carried, rest = flags[:nc], flags[nc : nc + nk], flags[nc + nk :]
    while True:
        least = [*carried, *[False] * (len(body.outputs) - nk)]
        graph, has = lane_graph(body, [*first, *carried, *rest], count, least)
        if has[:nk] == carried:
            break
        carried = has[:nk]
    values = with_lanes(cells, flags, [*first, *carried, *rest], count)
    # Turns come first, then lanes.
    xs = [axis_moved(x, 1, 0) if h else x for x, h in zip(values[nc + nk :], rest, strict=True)]
    loop = {k: params[k] for k in ("n_constants", "n_carries", "length", "reverse")}
    outs = bind_control(SCAN, [*values[: nc + nk], *xs], {**loop, "body": graph})
    ys = [axis_moved(y, 1, 0) if h else y for y, h in zip(outs[nk:], has[nk:], strict=True)]
    return [*outs[:nk], *ys], has


def _wide_while(
    cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim
) -> tuple[list[Array], dict[str, Any], Flags, int]:
    """The inputs and parameters of a `while` for all lanes, which of its carries have lanes, and
    how many carries of its own it has before them."""
    nc, body, condition = params["n_constants"], params["body"], params["condition"]
    first, carried = flags[:nc], flags[nc:]
    while True:
        graph, has = lane_graph(body, [*first, *carried], count, carried)
        if has == carried:
            break
        carried = has
    test, (apart,) = lane_graph(condition, [*first, *carried], count)
    if not apart:
        values = with_lanes(cells, flags, [*first, *carried], count)
        return values, {"condition": test, "body": graph, "n_constants": nc}, carried, 0
    everywhere = [True] * len(carried)
    values = with_lanes(cells, flags, [*first, *everywhere], count)
    going = evaluate_lanes(condition, values, [*first, *everywhere], count)[0][0]
    taken = [*values[:nc], going, *values[nc:]]
    kinds = avals_of(taken)
    loop = {
        "condition": graph_of(condition.name, kinds, lambda c: [_any(c[nc])]),
        "body": graph_of(body.name, kinds, lambda c: _turn(c, first, params, count)),
        "n_constants": nc,
    }
    return taken, loop, everywhere, 1


def _turn(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> list[Array]:
    """A turn in which lanes that have left the loop stay as they are."""
    nc = params["n_constants"]
    going, before = cells[nc], cells[nc + 1 :]
    values, has = [*cells[:nc], *before], [*flags, *[True] * len(before)]
    guarded, wide = _guarded(going, values, has, count)
    outs, made = evaluate_lanes(params["body"], guarded, wide, count)
    after = _where(going, with_lanes(outs, made, [True] * len(outs), count), before)
    again, (apart,) = evaluate_lanes(params["condition"], [*cells[:nc], *after], has, count)
    more = again[0] if apart else spread(again[0], count)
    return [p.bitwise_and(going, more), *after]


def _while(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> Found:
    taken, loop, has, n_own = _wide_while(cells, flags, params, count)
    return bind_control(WHILE, taken, loop)[n_own:], has


def _while_vjp(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> Found:
    """The gradient of the loop for all lanes: each has cotangents of its own."""
    nc, n = params["n_constants"], len(params["body"].inputs)
    summed = params["summed"]
    goal = [i in summed or has for i, has in enumerate(flags[:n])]
    goal[nc:] = [x.dtype.is_inexact or h for x, h in zip(cells[nc:n], flags[nc:n], strict=True)]
    values = with_lanes(cells[:n], flags[:n], goal, count)
    taken, loop, _, n_own = _wide_while(values, goal, params, count)
    cotangents = with_lanes(cells[n:], flags[n:], [True] * len(cells[n:]), count)
    outs = taken[nc:]
    given = iter(cotangents)
    seeds = [next(given) if x.dtype.is_inexact else None for x in outs]
    wanted = [i in summed for i in range(nc)] + [x.dtype.is_inexact for x in outs]
    found = while_vjp(taken, seeds, outs, wanted, loop)
    made = [*found[nc + n_own :], *found[:nc]]
    kept = [g for g in made if g is not None]
    return kept, [True] * len(kept)


# --------------------------------------------------------------------------- own gradients


def _custom(cells: list[Array], flags: Flags, params: dict[str, Any], count: Dim) -> Found:
    n, backward = params["n_constants"], params["backward"]
    graphs = {
        key: lane_graph(graph, flags, count, [True] * len(graph.outputs))[0]
        for key in ("function", "forward")
        if (graph := params[key]) is not None
    }
    if backward is None:
        outs = bind_control(CUSTOM, cells, {**params, **graphs})
        return outs, [True] * len(outs)
    taken = [*flags[:n], *[True] * (len(backward.inputs) - n)]
    arguments = zip(cells[n:], flags[n:], strict=True)
    inexact = [has for x, has in arguments if x.dtype.is_inexact]

    def back(given: list[Array]) -> list[Array]:
        outs, made = evaluate_lanes(backward, given, taken, count)
        outs = with_lanes(outs, made, [True] * len(outs), count)
        # What is the same in all lanes takes the cotangents of all.
        return [g if has else p.sum_(g, axes=(0,)) for g, has in zip(outs, inexact, strict=True)]

    kinds = lane_avals([v.aval for v in backward.inputs], taken, count)
    graphs["backward"] = graph_of(backward.name, kinds, back)
    outs = bind_control(CUSTOM, cells, {**params, **graphs})
    return outs, [True] * len(outs)


RULES["cond"] = _cond
RULES["scan"] = _scan
RULES["while"] = _while
RULES["while_vjp"] = _while_vjp
RULES["custom"] = _custom
