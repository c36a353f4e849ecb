"""Measured peaks as a record, kept in the cache folder for each kind of machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..dsl.atomic import written
from ..lowering import cache, machine

_FORMAT = 2
_MOST_BYTES = 1 << 16  # of a file of ours


@dataclass(frozen=True)
class Rate:
    """Flops or bytes a second, on one core and on all threads."""

    one: float
    all: float


@dataclass(frozen=True)
class Peaks:
    """What was measured: `date` in UTC, `flops` by dtype (operations, of integers too; of narrow
    types only where an instruction multiplies them), `reads`, `writes` and `copies` by level of
    memory in bytes a second (a copy counts both ways), `others`: the share of the processors that
    other programs used meanwhile (None: not known)."""

    date: str
    threads: int
    flops: Mapping[str, Rate]
    reads: Mapping[str, Rate]
    others: float | None
    writes: Mapping[str, Rate] = field(default_factory=dict)
    copies: Mapping[str, Rate] = field(default_factory=dict)

    def level(self, n_bytes: float) -> str:
        """The smallest level of memory that holds so many bytes of all threads' work; '' if no
        level's speed is known.

        >>> rates = {"L1": Rate(3e9, 6e9), "memory": Rate(1e9, 1e9)}
        >>> Peaks("2026-01-01", 2, {}, rates, None).level(1e12)
        'memory'
        """
        host = machine.host()
        sizes = {"L1": host.l1 * self.threads, "L2": host.l2 * self.threads, "L3": host.l3}
        fitting = [name for name in self.reads if n_bytes <= sizes.get(name, math.inf)]
        return fitting[0] if fitting else (list(self.reads) or [""])[-1]

    def least_seconds(self, flops: float, n_bytes: float, dtype: str, threads: int) -> float:
        """The roofline: no work of so many operations and bytes takes less. 0 where nothing is
        known of it.

        >>> rates = {"memory": Rate(1e9, 2e9)}
        >>> Peaks("2026-01-01", 2, {"float32": rates["memory"]}, rates, None).least_seconds(
        ...     4e9, 1e9, "float32", 2)
        2.0
        """
        which = "one" if threads == 1 else "all"
        rate = self.flops.get(dtype)
        computing = flops / float(getattr(rate, which)) if rate else 0.0
        speed = self.reads.get(self.level(n_bytes))
        return max(computing, n_bytes / float(getattr(speed, which)) if speed else 0.0)


def place(processor: str) -> Path:
    """The file of a machine with this processor."""
    key = cache.key_of("peaks", processor, machine.host().fingerprint)
    return cache.default_folder() / f"peaks-{key[:16]}.json"


def save(peaks: Peaks, path: Path) -> None:
    """Write the record; raises OSError."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with written(path) as file:
        file.write(json.dumps({"format": _FORMAT, **asdict(peaks)}, indent=2) + "\n")


def find(path: Path) -> Peaks | None:
    """The record, or None if there is none, or none that is sound."""
    try:
        with path.open(encoding="utf-8") as file:
            raw = json.loads(file.read(_MOST_BYTES))
        return from_plain(raw) if raw["format"] == _FORMAT else None
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def from_plain(raw: Any) -> Peaks:
    """The record from what `dataclasses.asdict` makes of one; ValueError, KeyError, TypeError or
    AttributeError if it is not sound."""
    if not isinstance(raw["date"], str):
        raise ValueError("no date")
    others = None if raw["others"] is None else _positive(raw["others"], 0.0)
    threads = int(_positive(raw["threads"], 1.0))
    flops, reads, writes, copies = (_rates(raw[k]) for k in ("flops", "reads", "writes", "copies"))
    return Peaks(raw["date"], threads, flops, reads, others, writes, copies)


def _rates(raw: Any) -> dict[str, Rate]:
    return {
        str(name): Rate(_positive(rate["one"], 1.0), _positive(rate["all"], 1.0))
        for name, rate in raw.items()
    }


def _positive(value: Any, least: float) -> float:
    number = float(value)
    if not math.isfinite(number) or number < least:
        raise ValueError(f"got {value}")
    return number
