"""Where the values of a program live: results, an arena for known sizes, the pool for the rest.

Arena offsets: the largest buffers first, each into the smallest gap among those alive with it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

ALIGNMENT = 64


@dataclass(frozen=True)
class Life:
    """A temporary: its size in bytes, and the first and last instruction that use it."""

    name: str
    bytes: int
    first: int
    last: int


@dataclass(frozen=True)
class Place:
    """A temporary and its offset in the arena."""

    life: Life
    offset: int


@dataclass(frozen=True)
class MemoryPlan:
    """What a call allocates. `scratch` is the largest that one launch takes beside the rest,
    `results` the size of each output that is not an input, `pooled` the peak of temporaries whose
    sizes were not known when the program was compiled."""

    places: tuple[Place, ...]
    arena: int
    lower_bound: int
    results: tuple[tuple[str, int], ...]
    scratch: int = 0
    pooled: int = 0

    @property
    def peak(self) -> int:
        """The bytes that are in use at most, beside the inputs."""
        results = sum(aligned(size) for _, size in self.results)
        return aligned(self.arena) + results + self.scratch + self.pooled

    def __str__(self) -> str:
        lines = [f"{'buffer':<10} {'bytes':>12} {'offset':>12}  alive"]
        for place in sorted(self.places, key=lambda p: (p.life.first, p.offset)):
            life = place.life
            lines.append(
                f"{life.name:<10} {life.bytes:>12} {place.offset:>12}  {life.first}..{life.last}"
            )
        lines += [f"{name:<10} {size:>12} {'result':>12}" for name, size in self.results]
        lines.append(f"arena {self.arena} bytes (at least {self.lower_bound} are alive at once)")
        lines.append(f"scratch {self.scratch}, from the pool {self.pooled}")
        lines.append(f"peak {self.peak} bytes beside the inputs")
        return "\n".join(lines)


def aligned(size: int) -> int:
    """Rounded up to the alignment of buffers."""
    return -(-size // ALIGNMENT) * ALIGNMENT


def arrange(lives: Sequence[Life]) -> tuple[tuple[Place, ...], int]:
    """Offsets for temporaries, and the size of the arena."""
    placed: list[Place] = []
    for life in sorted(lives, key=lambda x: (-x.bytes, x.first)):
        rivals = sorted(
            (p for p in placed if p.life.first <= life.last and life.first <= p.life.last),
            key=lambda p: p.offset,
        )
        placed.append(Place(life, _best_gap(aligned(life.bytes), rivals)))
    end = max((p.offset + aligned(p.life.bytes) for p in placed), default=0)
    return tuple(placed), end


def _best_gap(size: int, rivals: list[Place]) -> int:
    best: tuple[int, int] | None = None
    free_from = 0
    for rival in rivals:
        gap = rival.offset - free_from
        if gap >= size and (best is None or gap < best[0]):
            best = gap, free_from
        free_from = max(free_from, rival.offset + aligned(rival.life.bytes))
    return free_from if best is None else best[1]


def lower_bound(lives: Sequence[Life]) -> int:
    """The most bytes that are alive at one instruction: no arrangement can take less."""
    steps = {life.first for life in lives}
    return max(
        (sum(aligned(x.bytes) for x in lives if x.first <= s <= x.last) for s in steps), default=0
    )
