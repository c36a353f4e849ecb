"""A record: the best knobs of one kernel in one environment, and what was measured."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from ..dsl.errors import TuningError

FORMAT = 1
_MOST_LINE = 64 << 10  # characters of a record as text
_MOST = {"environment": 300, "choice": 4096, "name": 200, "kernel": 20_000, "measured": 40}


@dataclass(frozen=True)
class Record:
    """`structure` is the digest of the kernel, `environment` the device, machine and threads,
    `choice` the knobs (`Space.encode`). Times are seconds a call, measured in turns; `spread` is
    the interquartile range of their ratios, `measured` the time of day (ISO 8601, UTC). `kernel` is
    the kernel as text, for people."""

    structure: str
    environment: str
    choice: str
    untuned: float
    best: float
    spread: float
    trials: int
    name: str
    kernel: str
    measured: str
    version: str

    @property
    def speedup(self) -> float:
        """How many times as fast as untuned."""
        return self.untuned / self.best

    @property
    def knobs(self) -> dict[str, Any]:
        """The knobs by name; empty if the choice cannot be read."""
        try:
            found = json.loads(self.choice)["knobs"]
        except (ValueError, KeyError, TypeError, RecursionError):
            return {}
        return dict(found) if isinstance(found, dict) else {}

    def to_line(self) -> str:
        """One line of JSON, the form of `export`."""
        return json.dumps({"tilewright_tuning": FORMAT, **asdict(self)}, sort_keys=True)


def from_line(line: str) -> Record:
    """The inverse of `to_line`; raises TuningError with what is wrong."""
    if len(line) > _MOST_LINE:
        raise TuningError(f"record: got {len(line)} characters; {_MOST_LINE} is the most")
    try:
        plain = json.loads(line)
    except (ValueError, RecursionError):
        raise TuningError(f"record: got {line[:40]!r}; it must be one object of JSON") from None
    if not isinstance(plain, dict) or plain.pop("tilewright_tuning", None) != FORMAT:
        raise TuningError(f"record: got {line[:40]!r}; it must say tilewright_tuning: {FORMAT}")
    return checked(plain)


def checked(plain: Mapping[str, Any]) -> Record:
    """A record from plain data, each field checked; raises TuningError with what is wrong."""
    names = {f.name: f.type for f in fields(Record)}
    if set(plain) != set(names):
        raise TuningError(f"record: got the fields {sorted(plain)}; they are {sorted(names)}")
    for name, kind in names.items():
        wanted = {"str": (str,), "float": (int, float), "int": (int,)}[str(kind)]
        value = plain[name]
        if not isinstance(value, wanted) or isinstance(value, bool):
            raise TuningError(f"record: {name} is {value!r:.40}; it must be {kind}")
        if isinstance(value, str) and len(value) > _MOST.get(name, 100):
            raise TuningError(f"record: {name} has {len(value)} characters; that is too long")
    if not re.fullmatch("[0-9a-f]{64}", plain["structure"]):
        raise TuningError(f"record: structure is {plain['structure']!r:.80}; it must be a digest")
    times = [plain[n] for n in ("untuned", "best", "spread")]
    if not all(math.isfinite(t) for t in times) or min(times[:2]) <= 0 or times[2] < 0:
        raise TuningError(f"record: the times are {times}; they must be positive and finite")
    if not 0 <= plain["trials"] < 1 << 62:
        raise TuningError(f"record: trials is {plain['trials']}; it must be a count")
    return Record(**plain)
