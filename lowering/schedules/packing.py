"""The packed form of a weight: its size and tiles, known without a compiler."""

from __future__ import annotations

from ...dsl.dtypes import DType
from ...dsl.sizes import Dim, ceil_divide
from ..machine import Machine
from .matmul_tiles import PACKED, MatmulTiles, accumulator, analytic_tiles


def tiles_for(machine: Machine, m: Dim, n: Dim, k: Dim, dtype: DType) -> MatmulTiles:
    """The tiles of a product whose right operand comes packed."""
    return analytic_tiles(machine, dtype, (m, n, k, 1), PACKED)


def packed_size(
    machine: Machine, m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType
) -> tuple[Dim, DType] | None:
    """Elements and type of a packed right operand that all of the batch share; None if products
    of this type take it as it is."""
    if not dtype.is_float:
        return None
    tiles = tiles_for(machine, m * items, n, k, dtype)
    return k * ceil_divide(n, tiles.nr) * tiles.nr, accumulator(dtype)
