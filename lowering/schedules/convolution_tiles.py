"""How a convolution is cut up: register tiles of pixels by outputs, and the borders of rows.

A register tile is some neighbouring pixels of one row of the result times one panel of outputs.
Where a tile lies at the border, each tap of the window is added to those pixels alone under which
there is an element: no row is padded, no zero is multiplied. Imports no compiler.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ...dsl.dtypes import DType
from ...dsl.primitives.patches import Windows
from ..machine import Machine
from .matmul_tiles import FMA_LATENCY, accumulator

MOST_TAPS = 128  # of a window that is unrolled along a row
MOST_ROW_TAPS = 16


@dataclass(frozen=True)
class ConvolutionTiles:
    """`width` pixels by `vectors` registers of `lanes` outputs."""

    width: int
    vectors: int
    lanes: int

    @property
    def panel(self) -> int:
        """Outputs of a panel of weights."""
        return self.vectors * self.lanes


@dataclass(frozen=True)
class Segment:
    """Taps [tap, tap + count) of a row of the window, for the pixels [start, stop) of a tile."""

    tap: int
    count: int
    start: int
    stop: int


@dataclass(frozen=True)
class Columns:
    """`count` tiles of `width` pixels from `first` on, which all see the same taps."""

    first: int
    width: int
    count: int
    segments: tuple[Segment, ...]


def choose_tiles(machine: Machine, dtype: DType, places: int, outputs: int) -> ConvolutionTiles:
    """The register tile that takes the fewest cycles for rows of so many pixels."""
    lanes = max(1, machine.vector_bytes // accumulator(dtype).itemsize)
    best: tuple[float, ConvolutionTiles] | None = None
    for vectors in (2, 3, 1, 4):
        most = (machine.n_vector_registers - vectors - 1) // vectors
        if most < 1:
            continue
        widths = _widths(places, most)
        columns = -(-outputs // lanes)
        cost = sum(_cycles(w, vectors) for w in widths) * (columns // vectors)
        if columns % vectors:
            cost += sum(_cycles(w, columns % vectors) for w in widths)
        if best is None or cost < best[0] * 0.98:
            best = cost, ConvolutionTiles(max(widths, default=1), vectors, lanes)
    assert best is not None
    return best[1]


def _cycles(width: int, vectors: int) -> float:
    """Of one step: multiplications, or the latency of sums, or loads."""
    return max(FMA_LATENCY, width * vectors, (width + 2 * vectors) / 2) + 0.5


def _widths(places: int, most: int) -> list[int]:
    """Nearly equal parts of at most `most`."""
    if not places:
        return []
    parts = -(-places // most)
    each, rest = divmod(places, parts)
    return [each + 1] * rest + [each] * (parts - rest)


def column_tiles(window: Windows, most: int, *, joined: bool) -> list[Columns]:
    """The tiles of a row of the result; with `joined`, neighbouring taps are neighbours in memory
    and are taken together."""
    assert isinstance(window.count, int)
    found: list[Columns] = []
    first = 0
    for width in _widths(window.count, most):
        segments = _segments(window, first, width, joined)
        last = found[-1] if found else None
        if last and (last.width, last.segments) == (width, segments):
            found[-1] = Columns(last.first, width, last.count + 1, segments)
        else:
            found.append(Columns(first, width, 1, segments))
        first += width
    return found


def _segments(window: Windows, first: int, width: int, joined: bool) -> tuple[Segment, ...]:
    n, taps, low = window.n, window.taps, window.low
    assert isinstance(n, int) and isinstance(taps, int) and isinstance(low, int)
    found: list[Segment] = []
    for tap in range(taps):
        ahead = low - tap * window.dilation  # the first element's distance from the window's start
        start = max(0, -(-ahead // window.stride) - first)
        stop = min(width, (n - 1 + ahead) // window.stride + 1 - first)
        if start >= stop:
            continue
        last = found[-1] if found and joined else None
        if last and (last.tap + last.count, last.start, last.stop) == (tap, start, stop):
            found[-1] = Segment(last.tap, last.count + 1, start, stop)
        else:
            found.append(Segment(tap, 1, start, stop))
    return tuple(found)


def choose_order(machine: Machine, x: int, w: int, items: int, rows: int, panels: int) -> str:
    """Which loop is outside, by the bytes that come from beyond the second-level cache.

    `x` and `w` are the bytes of an image and of all weights. "rows": rows of images, then panels of
    weights; "items": images, panels, rows; "panels": panels, images, rows.
    """
    near = machine.l2 // 2
    cost = {
        "rows": w if w <= near else w * items * rows,
        "items": w * items + (x if x <= near else x * panels) * items,
        "panels": w + (x * items if x * items <= near else x * items * panels),
    }
    return min(cost, key=lambda order: cost[order])


def takes_windows(windows: Sequence[Windows]) -> bool:
    """Whether the template can have these windows: all sizes known, nothing between elements."""
    sizes = [n for w in windows for n in (w.n, w.taps, w.low, w.high)]
    if not all(isinstance(n, int) for n in sizes) or any(w.spread != 1 for w in windows):
        return False
    total = 1
    for w in windows:
        total *= w.taps  # type: ignore[assignment]
    return total <= MOST_TAPS and windows[-1].taps <= MOST_ROW_TAPS  # type: ignore[operator]
