"""Measured peaks as a record, kept in the cache folder for each kind of machine."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..dsl.atomic import written
from ..lowering import cache, machine

_FORMAT = 1
_MOST_BYTES = 1 << 16  # of a file of ours


@dataclass(frozen=True)
class Rate:
    """Flops or bytes a second, on one core and on all threads."""

    one: float
    all: float


@dataclass(frozen=True)
class Peaks:
    """What was measured: `date` in UTC, `flops` by dtype, `reads` by level of memory, `others`:
    the share of the processors that other programs used meanwhile (None: not known)."""

    date: str
    threads: int
    flops: Mapping[str, Rate]
    reads: Mapping[str, Rate]
    others: float | None


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
            return _checked(json.loads(file.read(_MOST_BYTES)))
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _checked(raw: Any) -> Peaks:
    if raw["format"] != _FORMAT or not isinstance(raw["date"], str):
        raise ValueError("another format")
    others = None if raw["others"] is None else _positive(raw["others"], 0.0)
    threads = int(_positive(raw["threads"], 1.0))
    return Peaks(raw["date"], threads, _rates(raw["flops"]), _rates(raw["reads"]), others)


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
