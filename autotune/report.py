"""What tuning tells: as it goes on, and at the end."""

from __future__ import annotations

import io
import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from rich.console import Console
from rich.table import Table

from ..lowering.knobs import Value

WIDTH = 110  # of a report as text


@dataclass(frozen=True)
class Progress:
    """One moment of tuning. `stage` is "start", "search", "confirm" or "done"; `best` is the best
    time over the untuned one so far, not confirmed before the end."""

    stage: str
    kernel: str
    number: int
    kernels: int
    trials: int
    best: float
    untuned: float
    elapsed: float
    seconds: float


Listener = Callable[[Progress], None]


@dataclass
class KernelReport:
    """What came of one kernel. Times are seconds a call; `reasons` counts why points were refused
    or failed; `outcome` says in words what was done."""

    name: str
    structure: str
    share: float
    before: float = math.nan
    after: float = math.nan
    knobs: Mapping[str, Value] = field(default_factory=dict)
    default: Mapping[str, Value] = field(default_factory=dict)
    trials: int = 0
    seconds: float = 0.0
    reasons: dict[str, int] = field(default_factory=dict)
    is_stored: bool = False
    outcome: str = ""

    @property
    def speedup(self) -> float:
        """How many times as fast as before; 1 if nothing was found."""
        return self.before / self.after if self.after == self.after else 1.0

    @property
    def changed(self) -> dict[str, Value]:
        """The knobs that differ from the analytic ones."""
        return {k: v for k, v in self.knobs.items() if self.default.get(k) != v}

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        told = {k: v for k, v in vars(self).items() if not isinstance(v, float) or v == v}
        return {**told, "speedup": self.speedup}


@dataclass
class TuningReport:
    """What `tw.tune` returns; printed, it is a table. `function` is the staged function whose
    kernels these are."""

    kernels: list[KernelReport]
    seconds: float
    database: str
    environment: str
    function: Any = None

    @property
    def trials(self) -> int:
        """Candidates that were compiled."""
        return sum(k.trials for k in self.kernels)

    @property
    def trials_per_second(self) -> float:
        """Over all the time, that of starting and confirming included."""
        return self.trials / self.seconds if self.seconds else 0.0

    @property
    def speedup(self) -> float:
        """Of all kernels together, by their measured times."""
        known = [k for k in self.kernels if k.before == k.before]
        before = sum(k.before for k in known)
        after = sum(k.after if k.after == k.after else k.before for k in known)
        return before / after if after else 1.0

    @property
    def improved(self) -> list[KernelReport]:
        """The kernels for which better knobs are in use now."""
        return [k for k in self.kernels if k.knobs]

    def plain(self) -> dict[str, Any]:
        """As data for JSON."""
        return {
            "kernels": [k.plain() for k in self.kernels],
            "trials": self.trials,
            "trials_per_second": self.trials_per_second,
            "seconds": self.seconds,
            "speedup": self.speedup,
            "database": self.database,
            "environment": self.environment,
        }

    def table(self) -> Table:
        """One row a kernel."""
        made = Table(box=None, padding=(0, 2, 0, 0), title_justify="left")
        made.add_column("kernel")
        for title in ("before", "after", "faster", "trials"):
            made.add_column(title, justify="right")
        made.add_column("knobs, or why none", overflow="fold")
        for k in self.kernels:
            told = ", ".join(f"{n}={v}" for n, v in k.changed.items()) if k.knobs else k.outcome
            faster = f"{k.speedup:.2f}x" if k.after == k.after else ""
            row = [k.name, duration(k.before), duration(k.after), faster, str(k.trials), told]
            made.add_row(*row)
        return made

    def __repr__(self) -> str:
        page = Console(file=io.StringIO(), width=WIDTH, color_system=None)
        page.print(self.table())
        page.print(self.summary(), highlight=False)
        text: str = page.file.getvalue()  # type: ignore[attr-defined]
        return "\n".join(line.rstrip() for line in text.splitlines())

    def summary(self) -> str:
        """One sentence."""
        return (
            f"{self.trials} trials in {self.seconds:.1f} s, {self.trials_per_second:.1f} a second; "
            f"{len(self.improved)} of {len(self.kernels)} kernels improved, "
            f"{self.speedup:.2f}x in all; database {self.database}"
        )


def duration(seconds: float) -> str:
    """1.2e-5 -> '12.0 us'; nothing for what is not known."""
    if seconds != seconds:
        return ""
    for unit, scale in (("s", 1.0), ("ms", 1e-3), ("us", 1e-6)):
        if seconds >= scale:
            return f"{seconds / scale:.3g} {unit}"
    return f"{seconds * 1e9:.3g} ns"
