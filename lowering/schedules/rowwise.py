"""Row-wise groups: reductions over the same last axes with maps before, between and after.

A unit is one row. Reductions that need nothing of each other share a pass over the row; values
that are expensive and needed by a later pass are kept in the thread's scratch row (or read back
from an output), all others are computed again. Softmax, norms and losses of rows are one kernel.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...dsl.sizes import known, product
from ..frame import Area, KernelFrame
from ..fusion import Group
from ..kernel import AUTO, THREADS, KernelSource, threaded
from ..knobs import Value, tunable
from ..machine import Machine
from .lines import Lines
from .nest import element_cost, vector_lanes
from .passes import computed_storage, cost_of, kept_in_place, plan
from .row_writer import RowWriter, Steps


@dataclass(frozen=True)
class RowKnobs:
    """`keep_cost`: instructions from which a value is kept for a later pass; `vectors`: registers
    side by side, each with a chain of its own; `halves`: the end of a row by half vectors,
    quarters and so on, not one by one; `grain`: rows that a thread takes at once, at least;
    `threads`: see `threaded`."""

    keep_cost: int = 8
    vectors: int = 1
    halves: bool = False
    grain: int = 1
    threads: str = AUTO


def row_choices(group: Group, machine: Machine) -> Mapping[str, Sequence[Value]]:
    """What there is to try; only costs that some value of the group has make a difference."""
    costs = {cost_of(n) + d for n in group.nodes for d in (0, 1) if cost_of(n)}
    choices: dict[str, Sequence[Value]] = {
        "keep_cost": sorted(costs, reverse=True)[:6],
        "vectors": (1, 2, 4, 8),
        "grain": (1, 2, 4, 8, 16, 32),
        "threads": THREADS,
    }
    length = product(group.space[group.n_outer :])
    if isinstance(length, int) and length % (8 * vector_lanes(group, machine)):
        choices["halves"] = (False, True)
    return choices


def _refuse(knobs: RowKnobs, group: Group, machine: Machine) -> str | None:
    outer, inner = group.space[: group.n_outer], group.space[group.n_outer :]
    rows, length = known((product(outer), product(inner)))
    width = vector_lanes(group, machine) * knobs.vectors
    if knobs.vectors > 1 and width > length:
        return f"{width} lanes for rows of {length} elements"
    if knobs.grain > 1 and knobs.grain > rows:
        return f"a grain of {knobs.grain} for {rows} rows"
    return None


def default_knobs(group: Group, machine: Machine) -> RowKnobs:
    """As many registers side by side as hide the latency of a chain; in rows that they do not
    divide only where the rest is small beside the row."""
    length, lanes = Lines.of(group).length, vector_lanes(group, machine)
    if not isinstance(length, int):
        return RowKnobs(vectors=4, halves=True)
    for vectors in (4, 2):
        width = vectors * lanes
        if length >= width and length % width == 0:
            return RowKnobs(vectors=vectors)
        if length >= 16 * width:
            return RowKnobs(vectors=vectors, halves=True)
    return RowKnobs()


@tunable(RowKnobs, choices=row_choices, default=default_knobs, refuse=_refuse, revision=1)
def rowwise(
    name: str, group: Group, machine: Machine, knobs: RowKnobs | None = None
) -> KernelSource:
    """The kernel of a row-wise group."""
    knobs = knobs or default_knobs(group, machine)
    return threaded(row_kernel(name, group, machine, knobs, RowWriter), knobs.threads)


def row_kernel(
    name: str, group: Group, machine: Machine, knobs: RowKnobs, make: type[RowWriter]
) -> KernelSource:
    """The kernel of a row-wise group, its rows written by a `make`."""
    lines, passes = Lines.of(group), plan(group, knobs.keep_cost)
    length = product(lines.reduced)
    places = kept_in_place(group, passes)
    kept = [v for p in passes for v in p.kept if v not in places]
    areas = tuple(Area(f"row{i}", computed_storage(v), length) for i, v in enumerate(kept))
    kernel = KernelFrame(name, group, areas)
    frame = kernel.open()
    for area, var in zip(areas, kept, strict=True):
        frame.buffers[var] = frame.scratch[area.name]
    for var, output in places.items():
        frame.buffers[var] = frame.buffers[output]
    lanes = vector_lanes(group, machine)
    writer = make(frame, group, Steps(lanes, knobs.vectors, knobs.halves))
    scope = frame.scope
    with scope.block() as statements, scope.loop("row", frame.begin, frame.end) as row:
        writer.row(row, passes)
    cost = element_cost(group, lanes) * len(passes)
    kernel.close(frame, statements, product(lines.results), cost * length, knobs.grain)
    return kernel.source()
