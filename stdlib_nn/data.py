"""Batches of arrays."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from ..dsl.array import Array
from ..dsl.errors import ShapeError
from ..dsl.functions import array

Numpy = np.ndarray[Any, Any]


class DataLoader:
    """Iterates over arrays of equal first size in batches, as tuples of new arrays.

    `arrays` are NumPy arrays or Arrays. Each pass is one epoch; with `shuffle` its order is a
    function of `seed` and `epoch` alone (set `epoch` to go on where an earlier run stopped).
    `drop_last` leaves out a last batch that is not full, so that a staged step sees one shape.
    Raises ShapeError for unequal first sizes, ValueError for a batch size below 1.

    >>> loader = DataLoader(np.arange(5), np.arange(5) * 10, batch_size=2)
    >>> [(x.tolist(), y.tolist()) for x, y in loader]
    [([0, 1], [0, 10]), ([2, 3], [20, 30]), ([4], [40])]
    """

    def __init__(
        self,
        *arrays: Any,
        batch_size: int = 1,
        shuffle: bool = False,
        seed: int = 0,
        drop_last: bool = False,
    ) -> None:
        self._arrays = _on_host(arrays)
        if batch_size < 1:
            raise ValueError(f"DataLoader: got batch_size={batch_size}; it must be at least 1")
        self.batch_size = batch_size
        self.shuffle = shuffle
        self.seed = seed
        self.drop_last = drop_last
        self.epoch = 0

    @property
    def size(self) -> int:
        """The number of samples."""
        return len(self._arrays[0])

    def __len__(self) -> int:
        """The number of batches in an epoch."""
        full, rest = divmod(self.size, self.batch_size)
        return full + (rest > 0 and not self.drop_last)

    def __iter__(self) -> Iterator[tuple[Array, ...]]:
        order = self._order()
        self.epoch += 1
        return self._batches(order)

    def __repr__(self) -> str:
        shapes = ", ".join(f"{a.dtype.name}{a.shape}" for a in self._arrays)
        return f"DataLoader({shapes}, batch_size={self.batch_size}, shuffle={self.shuffle})"

    def _order(self) -> Numpy:
        if not self.shuffle:
            return np.arange(self.size)
        return np.random.default_rng((self.seed, self.epoch)).permutation(self.size)

    def _batches(self, order: Numpy) -> Iterator[tuple[Array, ...]]:
        for i in range(len(self)):
            picked = order[i * self.batch_size : (i + 1) * self.batch_size]
            yield tuple(array(a[picked]) for a in self._arrays)


def _on_host(arrays: tuple[Any, ...]) -> tuple[Numpy, ...]:
    if not arrays:
        raise TypeError("DataLoader: got no arrays; DataLoader(x, y, batch_size=...) takes some")
    host = tuple(a.numpy() if isinstance(a, Array) else np.asarray(a) for a in arrays)
    for position, value in enumerate(host):
        if value.ndim == 0:
            raise ShapeError(f"DataLoader: array {position} is 0-d; it must have a first axis")
    sizes = [len(a) for a in host]
    if len(set(sizes)) > 1:
        raise ShapeError(f"DataLoader: got arrays of first sizes {sizes}; they must be equal")
    return host
