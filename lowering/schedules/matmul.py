"""The matrix product: a packed template with analytic tiles, for any sizes and operands.

`matmul_kernel` is the product; `pack_kernel` packs B apart, once for a weight that many calls
read. See `MatmulTiles` for the forms that the work takes.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from ...dsl.sizes import Dim, ceil_divide, maximum, minimum
from ..kernel import BufferSpec, KernelSource, Phase, ScratchSpec, threaded
from ..machine import Machine
from ..vocabulary import stored
from .matmul_forms import (
    Build,
    columns_phase,
    items_phase,
    pack_a_phase,
    pack_b_phase,
    rows_phase,
)
from .matmul_pack import Layout
from .matmul_spec import MatmulSpec, is_plain, unit_stride
from .matmul_tiles import (
    COLUMN_ROWS,
    DIRECT_BELOW,
    MatmulTiles,
    Reading,
    accumulator,
    analytic_tiles,
)
from .matmul_tir import Frame
from .matmul_vector import vector_phase

__all__ = [
    "MatmulSpec",
    "MatmulTiles",
    "find_layout",
    "kernel_tiles",
    "matmul_kernel",
    "pack_kernel",
    "packed_b_size",
]


@dataclass(frozen=True)
class Area:
    """Scratch of `size` elements of the type in which products are summed."""

    name: str
    size: Dim
    per_thread: bool


def matmul_kernel(
    spec: MatmulSpec, machine: Machine, tiles: MatmulTiles | None = None
) -> KernelSource:
    """The kernel of a product; `tiles` are analytic unless given."""
    spec = spec.fold()
    layout = find_layout(spec)
    tiles = tiles or kernel_tiles(spec, machine, layout)
    forms = _forms(spec, tiles, layout, machine)
    areas = _areas(spec, tiles, forms)
    build = Build(spec, tiles, layout, machine, lambda: _frame(spec, areas))
    phases = [p for form, on in forms.items() for p in _phases(replace(build, enabled=on), form)]
    return threaded(_source(spec, areas, phases), tiles.threads)


def pack_kernel(spec: MatmulSpec, machine: Machine, tiles: MatmulTiles) -> KernelSource:
    """The kernel that packs B as `matmul_kernel` with the same tiles reads it.

    `spec` has B's inputs alone, its `b`, and one output of `packed_b_size` elements of
    `packed_b_dtype`; `a` is not called.
    """
    spec = spec.fold()
    layout = Layout(True, unit_stride(_frame(spec, ()), spec.b, len(spec.batch) + 2, -1))
    build = Build(spec, tiles, layout, machine, lambda: _frame(spec, ()))
    return _source(spec, (), [pack_b_phase(build, spec.outputs[0].name)])


def packed_b_size(spec: MatmulSpec, tiles: MatmulTiles) -> Dim:
    """Elements of packed B (of type `accumulator(spec.dtype)`)."""
    spec = spec.fold()
    return spec.items * spec.k * ceil_divide(spec.n, tiles.nr) * tiles.nr


def kernel_tiles(spec: MatmulSpec, machine: Machine, layout: Layout | None = None) -> MatmulTiles:
    """The analytic tiles of a spec."""
    spec = spec.fold()
    layout = layout or find_layout(spec)
    found = Reading(
        layout.a_plain,
        layout.b_plain and not spec.packed_b,
        layout.b_along_n and not spec.packed_b,
        bool(spec.packed_b),
    )
    return analytic_tiles(machine, spec.dtype, (spec.m, spec.n, spec.k, spec.items), found)


def find_layout(spec: MatmulSpec) -> Layout:
    """Along which axes the operands can be read by vectors."""
    ndim = len(spec.batch) + 2
    along_k = unit_stride(_frame(spec, ()), spec.a, ndim, -1)
    along_m = unit_stride(_frame(spec, ()), spec.a, ndim, -2)
    along_n = bool(spec.packed_b) or unit_stride(_frame(spec, ()), spec.b, ndim, -1)
    a_plain = is_plain(_frame(spec, ()), spec.a, ndim, None, ndim - 1)
    b_plain = not spec.packed_b and is_plain(_frame(spec, ()), spec.b, ndim, ndim - 1, ndim - 2)
    return Layout(along_k or not along_m, along_n, a_plain, b_plain)


# --------------------------------------------------------------------------- forms


def _forms(
    spec: MatmulSpec, tiles: MatmulTiles, layout: Layout, machine: Machine
) -> dict[str, Dim]:
    """The forms to compile, each with 0 or 1 for whether the sizes choose it."""
    if tiles.form == "vector":
        return {"one_row" if spec.m == 1 else "one_column": 1}
    if tiles.form != "any":
        return {tiles.form: 1}
    left: Dim = 1
    chosen: dict[str, Dim] = {}
    for form, wanted in _conditions(spec, tiles, layout, machine):
        if wanted != 0 and left != 0:
            chosen[form] = left * wanted
            left = left * (1 - wanted)
    return chosen


def _conditions(
    spec: MatmulSpec, tiles: MatmulTiles, layout: Layout, machine: Machine
) -> list[tuple[str, Dim]]:
    """What the run-time choice of "any" prefers, in order."""
    packed, wide = bool(spec.packed_b), tiles.nr * 4 * machine.cores
    # In the reproducible mode sums go along k in order: no dot products in lanes.
    no_row = packed or (machine.reproducible and not layout.b_along_n)
    no_column = packed or (machine.reproducible and layout.a_along_k)
    near = _below(spec.n * spec.k, machine.l2 * 3 // 2 // accumulator(spec.dtype).itemsize)
    if packed or not layout.b_along_n:
        near = 0
    elif not layout.b_plain:
        near = _below(spec.m * spec.n * spec.k, DIRECT_BELOW)
    return [
        ("one_row", 0 if no_row else _below(spec.m, 2)),
        ("one_column", 0 if no_column else _below(spec.n, 2)),
        ("columns", _below(spec.m, COLUMN_ROWS + 1) * (1 - _below(spec.n, wide))),
        ("direct", near),
        ("rows", 1),
    ]


def _below(a: Dim, bound: int) -> Dim:
    """1 if a < bound, else 0."""
    return minimum(1, maximum(0, bound - a))


def _phases(build: Build, form: str) -> list[Phase]:
    packed, layout, tiles = build.spec.packed_b, build.layout, build.tiles
    copied = tiles.pack_b and not packed  # whether a phase of its own packs B
    as_it_lies = replace(build, tiles=replace(tiles, pack_a=False, pack_b=False))
    made: dict[str, Callable[[], list[Phase]]] = {
        "rows": lambda: [
            *([pack_b_phase(build, "packed_b")] if copied else []),
            rows_phase(build, "packed_b" if copied else packed),
        ],
        "columns": lambda: [
            *([pack_a_phase(build)] if build.tiles.pack_a else []),
            columns_phase(build, packed),
        ],
        "items": lambda: [items_phase(build, packed)],
        "direct": lambda: [rows_phase(as_it_lies, "", "direct")],
        "one_row": lambda: [vector_phase(build, "one_row", True, not layout.b_along_n)],
        "one_column": lambda: [vector_phase(build, "one_column", False, layout.a_along_k)],
    }
    return made[form]()


def _areas(spec: MatmulSpec, tiles: MatmulTiles, forms: dict[str, Dim]) -> list[Area]:
    """The scratch that the forms need, no larger than the sizes at run time ask for."""
    k = maximum(spec.k, 1)  # what is named in the code must be there
    k_padded = ceil_divide(k, tiles.kc) * tiles.kc
    rows = ceil_divide(spec.m, tiles.mr) * tiles.mr
    columns = ceil_divide(spec.n, tiles.nr) * tiles.nr
    on = {form: forms.get(form, 0) for form in ("rows", "columns", "items")}
    pack, pack_a = int(tiles.pack_b and not spec.packed_b), int(tiles.pack_a)
    column_rows = minimum(rows, COLUMN_ROWS + tiles.mr) if tiles.form == "any" else rows
    block = maximum(tiles.block_rows, column_rows) if on["columns"] != 0 else tiles.block_rows
    areas = [
        Area("own_a", (on["rows"] + on["items"]) * pack_a * k_padded * tiles.block_rows, True),
        Area("packed_a", on["columns"] * pack_a * spec.items * rows * k_padded, False),
        Area("packed_b", on["rows"] * pack * spec.items * columns * k, False),
        Area("own_b", on["items"] * pack * columns * k, True)
        if "items" in forms
        else Area("own_b", pack * on["columns"] * (tiles.kc * tiles.nr), True),
        Area("sums", maximum(block * tiles.nr, 1024), True),
    ]
    return [area for area in areas if area.size != 0]


# --------------------------------------------------------------------------- assembly


def _frame(spec: MatmulSpec, areas: Sequence[Area]) -> Frame:
    pointers = [(b.name, stored(b.dtype)) for b in (*spec.inputs, *spec.outputs)]
    pointers += [(a.name, accumulator(spec.dtype).name) for a in areas]
    return Frame(pointers, spec.sizes)


def _source(spec: MatmulSpec, areas: Sequence[Area], phases: Sequence[Phase]) -> KernelSource:
    itemsize = accumulator(spec.dtype).itemsize
    buffers: tuple[BufferSpec, ...] = (*spec.inputs, *spec.outputs)
    scratch = tuple(ScratchSpec(area.size * itemsize, area.per_thread) for area in areas)
    return KernelSource(
        spec.name, tuple(phases), buffers, len(spec.outputs), scratch, (), spec.sizes
    )
