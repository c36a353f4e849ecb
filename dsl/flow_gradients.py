"""Gradients of branches and of loops with a known number of turns: nodes of the same kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .control import COND, GRADIENTS, SCAN, Seeds, bind_control, unpacked
from .graph import Aval, Graph
from .primitives.families import zeros_like
from .pulling import avals_of, filled, graph_of, in_places, pull_back

if TYPE_CHECKING:
    from .array import Array


def _cond_vjp(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    """Each branch's own pull-back, as the branches of another cond."""
    index, operands = saved[0], saved[1:]
    given = [s is not None for s in seeds]
    cotangents = [s for s in seeds if s is not None]
    branches = []
    for branch in params["branches"]:

        def build(cells: list[Array], branch: Graph = branch) -> list[Array]:
            inputs, rest = cells[: len(operands)], cells[len(operands) :]
            return pull_back(branch, inputs, wanted[1:], in_places(rest, given))

        avals = avals_of([*operands, *cotangents])
        branches.append(graph_of(f"{branch.name}_vjp", avals, build))
    found = bind_control(COND, [index, *operands, *cotangents], {"branches": tuple(branches)})
    return [None, *in_places(found, wanted[1:])]


def _scan_vjp(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    """A scan the other way round: its carries are the cotangents of the carries, and the sums of
    those of the constants; its slices are the carries' history, the slices, and the cotangents of
    the stacked results."""
    nc, nk, body = params["n_constants"], params["n_carries"], params["body"]
    consts, carries, xs = saved[:nc], saved[nc : nc + nk], saved[nc + nk :]
    is_float = [c.dtype.is_inexact for c in carries]
    from_carries = filled(seeds[:nk], outs[:nk])
    from_ys = [s for s in seeds[nk:] if s is not None]
    sums = [zeros_like(c) for c, w in zip(consts, wanted, strict=False) if w]
    n_ct, n_sums = len(from_carries), len(sums)

    def build(cells: list[Array]) -> list[Array]:
        take = iter(cells)
        own_consts = [next(take) for _ in consts]
        ct, totals = [next(take) for _ in range(n_ct)], [next(take) for _ in range(n_sums)]
        own = unpacked(packs, [next(take) for _ in packs]) + [next(take) for _ in xs]
        ys = in_places(list(take), [s is not None for s in seeds[nk:]])
        mask = [*wanted[:nc], *is_float, *wanted[nc + nk :]]
        grads = pull_back(body, [*own_consts, *own], mask, [*in_places(ct, is_float), *ys])
        added = [a + g for a, g in zip(totals, grads, strict=False)]
        return [*grads[n_sums : n_sums + n_ct], *added, *grads[n_sums + n_ct :]]

    packs = params["history"]  # the last results
    slices = [*outs[len(outs) - len(packs) :], *xs, *from_ys]
    avals = avals_of([*consts, *from_carries, *sums])
    avals += [Aval(x.shape[1:], x.dtype) for x in slices]
    found = bind_control(
        SCAN,
        [*consts, *from_carries, *sums, *slices],
        {
            "body": graph_of(f"{body.name}_vjp", avals, build), "n_constants": nc,
            "n_carries": n_ct + n_sums, "length": params["length"],
            "reverse": not params["reverse"],
        },
    )  # fmt: skip
    sides = [
        in_places(found[:n_ct], is_float),
        in_places(found[n_ct + n_sums :], wanted[nc + nk :]),
    ]
    return [*in_places(found[n_ct : n_ct + n_sums], wanted[:nc]), *sides[0], *sides[1]]


GRADIENTS["cond"] = _cond_vjp
GRADIENTS["scan"] = _scan_vjp
