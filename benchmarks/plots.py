"""Plots of results as SVG text: the roofline and bars. No script, no style sheet but ours."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _MARGIN = 900, 440, 56
_BAR, _GAP, _NAMES = 12, 10, 330  # heights of a bar and the gap under a case; width of the names
OURS_COLOUR = "#c2410c"
PEER_COLOURS: Mapping[str, str] = {
    "NumPy": "#4d77cf",
    "PyTorch": "#db2777",
    "torch.compile": "#d6a02c",
    "JAX": "#7c3aed",
    "ONNX Runtime": "#0f766e",
    "OpenVINO": "#0369a1",
    "numexpr": "#65a30d",
    "numba": "#0d9488",
}
_OTHER = "#6b7280"


@dataclass(frozen=True)
class Scale:
    """A logarithmic axis: from `low` at the pixel `start` to `high` at the pixel `end`."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """The pixel of a positive value.

        >>> Scale(1, 100, 0, 10)(10)
        5.0
        """
        share = math.log(value / self.low) / math.log(self.high / self.low)
        return self.start + share * (self.end - self.start)

    def ticks(self) -> list[float]:
        """The powers of ten inside.

        >>> Scale(0.5, 200, 0, 1).ticks()
        [1.0, 10.0, 100.0]
        """
        first, last = math.ceil(math.log10(self.low)), math.floor(math.log10(self.high))
        return [10.0**n for n in range(first, last + 1)]


def colour_of(peer: str) -> str:
    """The same colour for a contender in every plot."""
    return OURS_COLOUR if peer == "tilewright" else PEER_COLOURS.get(peer, _OTHER)


def text(x: float, y: float, words: str, anchor: str = "start", extra: str = "") -> str:
    """A line of text."""
    return f'<text x="{x:.1f}" y="{y:.1f}" text-anchor="{anchor}" {extra}>{escape(words)}</text>'


def line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    """A straight line of a class of the page's style."""
    return f'<line x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}" class="{kind}"/>'


def roofline(rows: Sequence[Mapping[str, Any]], peaks: Mapping[str, Any], threads: int) -> str:
    """GFLOP/s over operations a byte, under the measured roofs; '' if no row counts both. A full
    point is ours, a hollow one the best peer's."""
    counted = [r for r in rows if r["flops"] and r["bytes"] and "tilewright" in r["seconds"]]
    if not counted or not peaks["flops"] or not peaks["reads"]:
        return ""
    which = "one" if threads == 1 else "all"
    x, y = _axes(counted, peaks, which)
    parts = [*_grid(x, y), *_roofs(x, y, peaks, which)]
    for row in counted:
        intensity = row["flops"] / row["bytes"]
        for name, kind in ((row["best_peer"], "hollow"), ("tilewright", "full")):
            if name in row["seconds"]:
                rate = row["flops"] / row["seconds"][name]["median"]
                told = f"{row['case']}: {name} {rate / 1e9:.3g} GFLOP/s"
                parts.append(_point(x(intensity), y(rate), name, kind, told))
    return _svg(_WIDTH, _HEIGHT, parts, "Roofline")


def _axes(
    rows: Sequence[Mapping[str, Any]], peaks: Mapping[str, Any], which: str
) -> tuple[Scale, Scale]:
    intensities = [r["flops"] / r["bytes"] for r in rows]
    rates = [r["flops"] / s["median"] for r in rows for s in r["seconds"].values()]
    top = max([*rates, *(v[which] for v in peaks["flops"].values())])
    x = Scale(min(intensities) / 3, max(intensities) * 3, _MARGIN, _WIDTH - 12)
    return x, Scale(min(rates) / 2, top * 1.5, _HEIGHT - _MARGIN, 12)


def _grid(x: Scale, y: Scale) -> list[str]:
    parts = []
    for tick in x.ticks():
        parts.append(line(x(tick), y.start, x(tick), y.end, "grid"))
        parts.append(text(x(tick), y.start + 18, f"{tick:g}", "middle"))
    for tick in y.ticks():
        parts.append(line(x.start, y(tick), x.end, y(tick), "grid"))
        parts.append(text(x.start - 6, y(tick) + 4, f"{tick / 1e9:g}", "end"))
    middle = (x.start + x.end) / 2
    parts.append(text(middle, _HEIGHT - 12, "operations a byte", "middle"))
    return [*parts, text(4, 10, "GFLOP/s")]


def _roofs(x: Scale, y: Scale, peaks: Mapping[str, Any], which: str) -> list[str]:
    """A slope for each level of memory, up to the highest peak; a level line for each dtype."""
    parts = []
    highest = max(v[which] for v in peaks["flops"].values())
    for name, rate in peaks["reads"].items():
        speed = rate[which]
        left = max(x.low, y.low / speed)
        right = min(x.high, highest / speed)
        if left >= right:
            continue
        parts.append(line(x(left), y(left * speed), x(right), y(right * speed), "roof"))
        told = f"{name} {speed / 1e9:.0f} GB/s"
        parts.append(text(x(left) + 4, y(left * speed) - 4, told, extra='class="told"'))
    for name, rate in peaks["flops"].items():
        parts.append(line(x.start, y(rate[which]), x.end, y(rate[which]), "roof"))
        told = f"{name} {rate[which] / 1e9:.0f} GFLOP/s"
        parts.append(text(x.end - 4, y(rate[which]) - 4, told, "end", 'class="told"'))
    return parts


def _point(x: float, y: float, name: str, kind: str, told: str) -> str:
    colour = colour_of(name)
    fill = colour if kind == "full" else "none"
    return (
        f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.5" fill="{fill}" stroke="{colour}">'
        f"<title>{escape(told)}</title></circle>"
    )


def bars(rows: Sequence[Mapping[str, Any]]) -> str:
    """For each case a bar a contender: its time over the best peer's, shorter is faster; the
    vertical line is the best peer."""
    shown = [r for r in rows if r["best_peer"] and "tilewright" in r["seconds"]]
    if not shown:
        return ""
    parts, at = [], 18.0
    unit = (_WIDTH - _NAMES - 60) / 3  # the best peer's bar; three times its time fills the width
    for row in shown:
        top, best = at, row["seconds"][row["best_peer"]]["median"]
        for name, spent in sorted(row["seconds"].items(), key=lambda each: each[1]["median"]):
            ratio = spent["median"] / best
            width = min(ratio, 3.0) * unit
            told = f"{row['case']}: {name} {spent['median'] * 1e6:.4g} us, {ratio:.2f} of the best"
            parts.append(
                f'<rect x="{_NAMES}" y="{at:.1f}" width="{width:.1f}" height="{_BAR - 2}" '
                f'fill="{colour_of(name)}"><title>{escape(told)}</title></rect>'
            )
            beyond = f"{name} {ratio:.2f}" if ratio <= 3 else f"{name} {ratio:.1f} ->"
            parts.append(text(_NAMES + width + 4, at + _BAR - 4, beyond, extra='class="told"'))
            at += _BAR
        parts.append(text(_NAMES - 8, (top + at) / 2 + 4, row["case"][:52], "end"))
        at += _GAP
    parts.append(line(_NAMES + unit, 8, _NAMES + unit, at, "roof"))
    parts.append(text(_NAMES + unit, 8, "the best peer", "middle", 'class="told"'))
    return _svg(_WIDTH, at + 4, parts, "Times over the best peer's")


def _svg(width: float, height: float, parts: Sequence[str], label: str) -> str:
    body = "\n".join(parts)
    return (
        f'<svg viewBox="0 0 {width:.0f} {height:.0f}" role="img" aria-label="{label}" '
        f'xmlns="http://www.w3.org/2000/svg">\n{body}\n</svg>'
    )
