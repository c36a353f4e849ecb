"""Which tiles of a matrix product there are to try, and why a combination is none."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ...dsl.dtypes import DType
from ..kernel import THREADS
from ..knobs import Value
from ..machine import Machine
from .matmul_tiles import MatmulTiles, accumulator

_LONGEST = 4096  # steps of k in one block
_MOST_WRITTEN = 256  # multiply-adds in the body of one loop: code grows with it
_MOST_PANELS = 64 << 20  # bytes that a thread packs of A at once


@dataclass(frozen=True)
class Problem:
    """`items` products of m by k with k by n matrices; `is_packed`: the right one comes packed."""

    m: int
    n: int
    k: int
    items: int
    dtype: DType
    is_packed: bool = False

    @property
    def itemsize(self) -> int:
        """Bytes of an element as it is summed."""
        return accumulator(self.dtype).itemsize


def tile_choices(machine: Machine, problem: Problem) -> Mapping[str, Sequence[Value]]:
    """The values of each knob; of a weight that comes packed the columns of a panel are given."""
    lanes = max(1, machine.vector_bytes // problem.itemsize)
    wide = machine.n_vector_registers >= 32
    steps = {kc for kc in (64, 128, 192, 256, 384, 512, 768, 1024) if kc < problem.k}
    halves = {-(-problem.k // parts) for parts in (2, 3, 4, 6, 8)}
    choices: dict[str, Sequence[Value]] = {
        "mr": [r for r in range(1, 15 if wide else 9) if r <= problem.m],
        "kc": sorted(steps | {kc for kc in halves if 32 <= kc <= 1024} | {_whole(problem.k)}),
        "block_rows": [r for r in (16, 32, 64, 96, 128, 192, 256, 384) if r < problem.m],
        "form": _forms(problem),
        "unroll": (1, 2, 4, 8),
        "pack_a": (True, False),
        "pack_b": (True,) if problem.is_packed else (True, False),
        "grain": [g for g in (1, 2, 3, 4, 8) if g < max(problem.m, problem.n) // 4],
        "threads": THREADS,
    }
    if not problem.is_packed:
        narrow = lanes // 2 if lanes >= 8 else lanes
        choices["lanes"] = (lanes, narrow)
        widths = {v * one for one in (lanes, narrow) for v in range(1, 7 if wide else 5)}
        choices["nr"] = sorted(w for w in widths if w < problem.n + lanes)
    return choices


def _forms(problem: Problem) -> list[str]:
    found = ["rows", "columns"]
    found += ["items"] if problem.items > 1 else []
    return found + (["vector"] if 1 in (problem.m, problem.n) and not problem.is_packed else [])


def _whole(k: int) -> int:
    return max(1, min(k, _LONGEST))


def refuse_tiles(tiles: MatmulTiles, machine: Machine, problem: Problem) -> str | None:
    """Why a combination is none, or None."""
    if tiles.nr % tiles.lanes:
        return f"{tiles.nr} columns are no multiple of {tiles.lanes} lanes"
    needed = tiles.mr * tiles.vectors + tiles.vectors + 1
    if needed > machine.n_vector_registers:
        return (
            f"a tile of {tiles.mr} by {tiles.vectors} vectors needs {needed} registers; "
            f"there are {machine.n_vector_registers}"
        )
    if tiles.mr * tiles.vectors * tiles.unroll > _MOST_WRITTEN:
        return f"{tiles.unroll} steps of {tiles.mr} by {tiles.vectors} vectors are too much code"
    return _refuse_form(tiles, problem)


def _refuse_form(tiles: MatmulTiles, problem: Problem) -> str | None:
    if tiles.form in ("rows", "items") and tiles.block_rows < tiles.mr:
        return f"blocks of {tiles.block_rows} rows for tiles of {tiles.mr}"
    if tiles.form == "vector" and not (tiles.pack_a and tiles.pack_b):
        return f"the form {tiles.form} never packs"
    rows = tiles.block_rows if tiles.form != "columns" else problem.m * problem.items
    if tiles.pack_a and rows * (problem.k + tiles.kc) * problem.itemsize > _MOST_PANELS:
        return f"packing {rows} rows of {problem.k} takes more than {_MOST_PANELS >> 20} MiB"
    return None
