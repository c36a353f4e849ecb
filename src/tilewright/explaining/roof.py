"""The roofline (Williams, Waterman, Patterson, CACM 2009): how fast a kernel could be at best.

No launch is shorter than its arithmetic at the measured peak, or than its bytes at the measured
speed of the smallest level of memory that holds them. The peaks are those of `tilewright info
--peak`; where they are not known yet, they are measured and remembered.
"""

from __future__ import annotations

from dataclasses import dataclass

from ..lowering import machine
from ..lowering.work import Work
from ..peaks import measure, record

LAUNCH = 5e-6  # seconds: what launching, waking threads and barriers may take
_LATENCY_SHARE = 0.3  # of the roofline, below which a short launch is bound by its latency
_MEMORY = "memory"


@dataclass(frozen=True)
class Bound:
    """What bounds a launch: `compute`, `memory` or `latency`; the share of the roofline that it
    reaches; the level of memory that its bytes fit into; the seconds that it could take."""

    kind: str
    share: float
    level: str
    seconds: float


def known_peaks() -> record.Peaks:
    """The peaks of this machine, measured now if they have not been."""
    return measure.known_peaks()


def level_of(n_bytes: int, threads: int, host: machine.Machine, known: list[str]) -> str:
    """The smallest level of memory that holds so many bytes, of those whose speed is known."""
    sizes = {"L1": host.l1 * threads, "L2": host.l2 * threads, "L3": host.l3}
    fitting = [name for name, size in sizes.items() if n_bytes <= size and name in known]
    return fitting[0] if fitting else _MEMORY if _MEMORY in known else known[-1]


def bound(work: Work, seconds: float, threads: int, peaks: record.Peaks) -> Bound | None:
    """What bounds a launch that takes `seconds`; None if nothing is counted of it. `threads` are
    those in use here: a kernel that runs on one of two is measured against both."""
    if not work.operations and not work.bytes:
        return None
    level = level_of(work.bytes, threads, machine.host(), list(peaks.reads))
    computing, moving = _computing(work, threads, peaks), _moving(work, level, threads, peaks)
    least = max(computing, moving)
    share = least / seconds if seconds else 0.0
    kind = "compute" if computing >= moving else "memory"
    if share < _LATENCY_SHARE and seconds < 2 * LAUNCH + least:
        kind = "latency"
    return Bound(kind, share, level, least)


def _rate(rate: record.Rate, threads: int) -> float:
    return rate.one if threads == 1 else rate.all


def _computing(work: Work, threads: int, peaks: record.Peaks) -> float:
    """Multiply-adds count two at the peak; any other instruction takes the place of one."""
    name = work.dtype.name if work.dtype.name in peaks.flops else "float32"
    return (work.products + 2 * work.others) / _rate(peaks.flops[name], threads)


def _moving(work: Work, level: str, threads: int, peaks: record.Peaks) -> float:
    return work.bytes / _rate(peaks.reads[level], threads)
