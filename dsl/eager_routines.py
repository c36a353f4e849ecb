"""Routines of the core, called at once by eager code on the host: nothing is compiled for them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .. import _native
from .dtypes import int64
from .engine import engine
from .graph import Aval
from .primitive import Native
from .primitives.indexing import gather_sizes
from .sizes import known

if TYPE_CHECKING:
    from .array import Array

ROUTINES = ("gather", "within", "count")  # that no primitive names


def routine_step(name: str, out: Aval, sizes: Any) -> _native.Routine:
    """A routine for these sizes, ready to be called with arrays on the host."""
    engine().routine(name)
    return _native.Routine(name, known(out.shape), out.dtype.code, known(sizes))


def native_routine(
    lower: Native, out: Aval, cells: tuple[Array, ...], params: dict[str, Any]
) -> Array:
    """What a primitive computes by a routine."""
    avals = (Aval(c.shape, c.dtype) for c in cells)
    sizes = known(lower.sizes(*avals, out=out, **params))
    return engine().routine(lower.name)(cells, known(out.shape), out.dtype.code, sizes)


def host_gather(out: Aval, x: Array, indices: Array, *, axis: int) -> Array:
    """Elements at computed places along an axis."""
    avals = Aval(x.shape, x.dtype), Aval(indices.shape, indices.dtype)
    sizes = known(gather_sizes(*avals, out=out, axis=axis))
    taken: Array = engine().routine("gather")((x, indices), known(out.shape), out.dtype.code, sizes)
    return taken


def are_within(numbers: Array, limit: int) -> bool:
    """Whether int64 numbers are all from 0 to `limit`, less than it."""
    sizes = (numbers.size, limit)
    return bool(engine().routine("within")((numbers,), (1,), int64.code, sizes).item())


def count(mask: Array) -> int:
    """How many elements of a bool array are true."""
    found = engine().routine("count")((mask,), (1,), int64.code, (mask.size,))
    return int(found.item())
