"""The cache of keys and values that a decoder keeps from step to step."""

from __future__ import annotations

import math

from ..dsl.array import Array
from ..dsl.device import following
from ..dsl.dtypes import DTypeLike
from ..dsl.errors import ArgumentError, ShapeError
from ..dsl.functions import arange, reshape, zeros
from ..dsl.primitives import scatter_set
from ..dsl.record import is_tracing, write
from .functional.attention import attend
from .module import Module


class KVCache(Module):
    """Keys and values of the positions so far, of one attention layer of a decoder.

    `keys` (batch, heads, capacity, width) and `values` (batch, heads, capacity, value_width) hold
    the first `length` positions (an int64 array of no axes). All of this is state of the module: a
    step under `tw.jit` is one program for all lengths. A queries' step is

    >>> cache = KVCache(1, 2, capacity=16, width=4)
    >>> k = v = q = tw.ones((1, 2, 3, 4), dtype="float32")
    >>> cache.append(k, v)
    >>> cache.attend(q).shape, cache.length.item()
    ((1, 2, 3, 4), 3)

    Raises ArgumentError for a capacity or sizes below 1.
    """

    def __init__(
        self,
        batch: int,
        heads: int,
        capacity: int,
        width: int,
        value_width: int | None = None,
        *,
        dtype: DTypeLike = "float32",
    ) -> None:
        value_width = width if value_width is None else value_width
        if min(batch, heads, capacity, width, value_width) < 1:
            raise ArgumentError(
                f"KVCache: got batch={batch}, heads={heads}, capacity={capacity}, width={width}, "
                f"value_width={value_width}; they must be 1 or more"
            )
        self.keys = zeros((batch, heads, capacity, width), dtype=dtype)
        self.values = zeros((batch, heads, capacity, value_width), dtype=dtype)
        self.length = zeros((), dtype="int64")

    @following
    def append(self, key: Array, value: Array) -> None:
        """Put the keys (batch, heads, n, width) and values (batch, heads, n, value_width) of the
        next n positions behind those so far.

        Raises ShapeError for other shapes and, outside of staged code, where the capacity does not
        suffice. Staged code cannot see the length: there, positions beyond the capacity are not
        kept, though `length` counts them.
        """
        for name, given, own in (("key", key, self.keys), ("value", value, self.values)):
            b, h, _, width = own.shape
            if given.ndim != 4 or (*given.shape[:2], given.shape[3]) != (b, h, width):
                raise ShapeError(
                    f"KVCache.append: got a {name} {given.shape}; it must be ({b}, {h}, n, {width})"
                )
        n, capacity = key.shape[2], self.keys.shape[2]
        if value.shape[2] != n:
            raise ShapeError(
                f"KVCache.append: got {n} keys and {value.shape[2]} values; they must be as many"
            )
        if not is_tracing() and self.length.item() + n > capacity:
            raise ShapeError(
                f"KVCache.append: got {n} positions behind {self.length.item()}; "
                f"the capacity is {capacity}"
            )
        places = self.length + arange(n, dtype="int64")
        for own, given in ((self.keys, key), (self.values, value)):
            write(own, scatter_set(own, places, given.astype(own.dtype), axis=2))
        self.length += n

    @following
    def attend(self, query: Array, scale: float | None = None) -> Array:
        """Causal attention of the last positions' queries (batch, query heads, n, width) to the
        positions so far -> (batch, query heads, n, value_width).

        The queries are those of the last n positions that were appended: each sees the keys up to
        its own. There may be more heads of queries than of keys, which divide them (grouped heads).
        `scale` is 1 / sqrt(width) unless given. Raises ShapeError for other shapes.
        """
        b, h, _, width = self.keys.shape
        fits = query.ndim == 4 and query.shape[0] == b and query.shape[3] == width
        if not fits or query.shape[1] % h:
            raise ShapeError(
                f"KVCache.attend: got queries {query.shape}; they must be ({b}, heads, n, {width}) "
                f"with a multiple of {h} heads"
            )
        scale = 1.0 / math.sqrt(width) if scale is None else float(scale)
        grouped = reshape(query, (b, h, query.shape[1] // h, *query.shape[2:]))
        length = reshape(self.length, (1,))
        out = attend(grouped, self.keys, self.values, scale=scale, causal="end", length=length)
        return reshape(out, (*query.shape[:3], self.values.shape[3]))

    def reset(self) -> None:
        """Forget all positions."""
        self.length[()] = 0
