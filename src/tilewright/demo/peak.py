"""This machine's measured peak: multiply-adds in registers, and bytes moved by a plain kernel."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any

from .. import jit, ones
from ..peaks.multiply_add import multiply_add
from .timing import medians


@dataclass(frozen=True)
class Peak:
    """Flops a second of a kernel that only multiplies and adds; `bandwidth` for bytes."""

    flops: float
    bandwidths: dict[int, float] = field(default_factory=dict)

    def bandwidth(self, n_bytes: int) -> float:
        """Bytes a second when `x + 1` reads and writes `n_bytes` in all: caches count."""
        if n_bytes not in self.bandwidths:
            x = ones((n_bytes // 8,), dtype="float32")
            plain = jit(_plus_one)
            self.bandwidths[n_bytes] = n_bytes / _best(lambda: plain(x))
        return self.bandwidths[n_bytes]

    def __str__(self) -> str:
        shown = [f"{self.flops / 1e9:.0f} GFLOP/s of multiply-adds in registers"]
        shown += [
            f"{rate / 1e9:.0f} GB/s moving {size / 1e6:.3g} MB"
            for size, rate in self.bandwidths.items()
        ]
        return ", ".join(shown)


@cache
def measure_peak() -> Peak:
    """The peak with the threads in use now."""
    run, flops = multiply_add()
    return Peak(flops / _best(run))


def _best(run: Any) -> float:
    return min(medians({"run": run}, rounds=5)["run"] for _ in range(3))


def _plus_one(x: Any) -> Any:
    return x + 1
