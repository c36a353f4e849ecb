"""`Philox`: the state of a generator, its seed, its children, and how draws take their numbers."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.random import SeedSequence
from numpy.random.bit_generator import ISeedSequence

from .... import _native
from ... import device as placing
from ... import primitives as p
from ... import record
from ...dtypes import int64, uint32, uint64
from ...errors import ArgumentError, DTypeError, TraceError
from ..convert import ArrayLike, asarray, convert

if TYPE_CHECKING:
    from ...array import Array

NAME = "Philox4x32"
Seed = Any  # None, an int, a sequence of ints, a SeedSequence, a Philox


class Philox:
    """Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", SC 2011): a
    key of 64 bits, which follows from the seed by NumPy's `SeedSequence`, and the number of the
    next call, 64 bits. Element i of a draw is made of the block whose counter is (i, call), so the
    numbers are the same on every device and for every number of threads.

    The state is a cell, uint32[4]: staged code reads and writes it like any array. Its value moves
    to the device that draws.

    >>> Philox(7).state["state"]["calls"]
    0
    """

    def __init__(self, seed: Seed = None) -> None:
        self._seed_seq: Any = _sequence(seed)
        self._cell: Array | None = None
        self._lock = threading.Lock()

    @classmethod
    def _of(cls, cell: Array) -> Philox:
        made = cls.__new__(cls)
        made._seed_seq, made._cell, made._lock = None, cell, threading.Lock()
        return made

    @property
    def cell(self) -> Array:
        """The state, uint32[4]: the key, low word first, and the number of the next call."""
        if self._cell is None:
            # Not by `constant`: also inside a trace a generator is state, not a constant.
            self._cell = _native.from_buffer(_initial(self._seed_seq), uint32.code, True)
            placing.let_wander(self._cell)
        if not record.is_tracing():
            placing.settle(self._cell, placing.current().index)
        return self._cell

    @property
    def seed_seq(self) -> Any:
        """The `SeedSequence` that the key comes from; of a folded generator one made of its key."""
        if self._seed_seq is None:
            self._seed_seq = SeedSequence(self._words("seed_seq")[:2].tolist())
        return self._seed_seq

    @property
    def state(self) -> dict[str, Any]:
        """The key (uint32[2]) and the number of calls, in the form of NumPy's bit generators."""
        words = self._words("state")
        return {
            "bit_generator": NAME,
            "state": {"key": words[:2].copy(), "calls": int(words[2]) | int(words[3]) << 32},
        }

    @state.setter
    def state(self, value: Mapping[str, Any]) -> None:
        try:
            name, key = value["bit_generator"], np.asarray(value["state"]["key"], np.uint32)
            calls = int(value["state"]["calls"])
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise ArgumentError(f"state: got {value!r}; it must be a state of {NAME}") from error
        if name != NAME or key.shape != (2,) or not 0 <= calls < 2**64:
            raise ArgumentError(f"state: got {value!r}; it must be a state of {NAME}")
        words = np.array([*key, calls & 0xFFFFFFFF, calls >> 32], np.uint32)
        self.cell[...] = record.constant(words, uint32)

    def _words(self, what: str) -> Any:
        if record.is_tracing():
            raise TraceError(f"{what}: staged code cannot read a generator's state on the host")
        return self.cell.numpy()

    def seed(self, seed: Seed) -> None:
        """Start again from a seed."""
        self._seed_seq = _sequence(seed)
        self.cell[...] = record.constant(_initial(self._seed_seq), uint32)

    def spawn(self, n_children: int) -> list[Philox]:
        """Generators with seeds of their own, by `SeedSequence.spawn`. Not in staged code."""
        if record.is_tracing():
            raise TraceError("spawn: staged code cannot count children; use fold_in(number)")
        return [Philox(child) for child in self.seed_seq.spawn(n_children)]

    def fold_in(self, data: ArrayLike) -> Philox:
        """The generator that belongs to an integer: of this one's key and `data` alone, whatever
        was drawn. It works in staged code, where `data` may be a traced integer."""
        number = asarray(data)
        if number.dtype.kind not in "iu" or number.shape != ():
            raise DTypeError(f"fold_in: got {number.dtype}{number.shape}; it takes one integer")
        # No draw has this call number, so the words are no draw's.
        last = record.constant(np.array([0, 0, 0xFFFFFFFF, 0xFFFFFFFF], np.uint32), uint32)
        state = p.bitwise_or(record.read(self.cell), last)
        one = p.reshape(convert(number, int64), shape=(1,))
        word = p.random_words_at(state, one, dtype=uint64, lane=0)
        low = convert(p.bitwise_and(word, _full(0xFFFFFFFF)), uint32)
        high = convert(p.shift_right(word, _full(32)), uint32)
        start = p.full(shape=(2,), value=0, dtype=uint32)
        made = p.concatenate(low, high, start, axis=0)
        if not record.is_tracing():
            placing.let_wander(made)
        return Philox._of(made)

    def reserve(self, calls: int = 1) -> Array:
        """The state now, for that many calls, which no later one gets, of whichever thread."""
        with self._lock:
            cell = self.cell
            state: Array = _native.alias(record.read(cell))
            record.write(cell, p.random_advance(state, calls=calls))
        return state

    def __getstate__(self) -> dict[str, Any]:
        return {"state": self.state, "seed_seq": self.seed_seq}

    def __setstate__(self, kept: dict[str, Any]) -> None:
        self._seed_seq, self._cell, self._lock = kept["seed_seq"], None, threading.Lock()
        self.state = kept["state"]

    def __repr__(self) -> str:
        return f"{NAME}()"


def _full(value: int) -> Array:
    return p.full(shape=(1,), value=value, dtype=uint64)


def _sequence(seed: Seed) -> Any:
    if isinstance(seed, ISeedSequence):
        return seed
    return SeedSequence(seed)


def _initial(sequence: Any) -> np.ndarray[Any, np.dtype[np.uint32]]:
    return np.array([*sequence.generate_state(2, np.uint32), 0, 0], np.uint32)
