"""A sheet as SVG, and the picture that users get."""

from __future__ import annotations

import os
from collections.abc import Iterator
from html import escape
from pathlib import Path

from ..atomic import check_place, written
from ..graph import Graph
from .boxes import Box, Edge, Sheet, boxes_of, panel_places, panels_top
from .layout import arrange

_FILL = {
    "input": "#dbeafe", "constant": "#ede9fe", "node": "#ffffff", "control": "#fef9c3",
    "effect": "#fee2e2", "output": "#dcfce7",
}  # fmt: skip
_STYLE = (
    "text{font:11px ui-monospace,Menlo,Consolas,monospace;fill:#111}"
    ".t{font-weight:bold}.e{fill:none;stroke:#64748b;stroke-width:1.2}"
    ".l{fill:#475569;font-size:10px}.b{stroke:#334155}.p{fill:#fff;stroke:#a8a29e}"
)


class Picture:
    """A program's picture as SVG: a notebook shows it, `str(p)` is the text, `p.save(path)` writes
    it. It needs nothing outside itself.

    >>> import tilewright as tw
    >>> p = tw.jit(lambda x: tw.tanh(x) + 1).draw(tw.ones(3))
    >>> str(p)[:4], "tanh" in str(p)
    ('<svg', True)
    """

    def __init__(self, graph: Graph) -> None:
        self.name = graph.name
        self._text = svg_text(arrange(boxes_of(graph)))

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return f"<picture of {self.name}: {len(self._text)} characters of SVG>"

    def _repr_svg_(self) -> str:
        return self._text

    def _repr_html_(self) -> str:
        return f'<div style="overflow:auto;max-height:48em">{self._text}</div>'

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the picture to a file, in whole or not at all.

        Raises ArgumentError if no file can be written there.
        """
        place = Path(path)
        check_place("save", place)
        with written(place) as file:
            file.write(self._text)


def svg_text(sheet: Sheet) -> str:
    """An arranged sheet as a self-contained SVG."""
    width, height = round(sheet.width), round(sheet.height)
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{height}" '
        f'viewBox="0 0 {width} {height}" role="img" aria-label="{escape(sheet.name)}">'
        f"<style>{_STYLE}</style>"
    )
    return "\n".join([head, *_sheet(sheet, 0.0, 0.0), "</svg>"]) + "\n"


def _sheet(sheet: Sheet, left: float, top: float) -> Iterator[str]:
    yield f'<g transform="translate({left:.1f},{top:.1f})">'
    for edge in sheet.edges:
        yield _line(edge)
    for box in sheet.boxes:
        yield from _box(box)
    for edge in sheet.edges:
        if edge.label:
            yield _label(edge)
    yield "</g>"


def _line(edge: Edge) -> str:
    """A smooth line from the lower edge of a box through the layers to the upper edge of one."""
    x, y = edge.source.x, edge.source.y + edge.source.height
    parts = [f"M{x:.1f},{y:.1f}"]
    for stop in (*edge.path, edge.target):
        middle = (y + stop.y) / 2
        parts.append(f"C{x:.1f},{middle:.1f} {stop.x:.1f},{middle:.1f} {stop.x:.1f},{stop.y:.1f}")
        x, y = stop.x, stop.y + stop.height
        if stop is not edge.target:
            parts.append(f"L{x:.1f},{y:.1f}")
    return f'<path class="e" d="{" ".join(parts)}"/>'


def _label(edge: Edge) -> str:
    x, y = edge.source.x + 4, edge.source.y + edge.source.height + 12
    return f'<text class="l" x="{x:.1f}" y="{y:.1f}">{escape(edge.label)}</text>'


def _box(box: Box) -> Iterator[str]:
    left = box.x - box.width / 2
    yield "<g>"
    if box.tooltip:
        yield f"<title>{escape(box.tooltip)}</title>"
    yield (
        f'<rect class="b" x="{left:.1f}" y="{box.y:.1f}" width="{box.width:.1f}" '
        f'height="{box.height:.1f}" rx="5" fill="{_FILL[box.kind]}"/>'
    )
    for i, line in enumerate(box.lines):
        title = ' class="t"' if i == 0 else ""
        yield (
            f'<text{title} x="{box.x:.1f}" y="{box.y + 15 * (i + 1):.1f}" '
            f'text-anchor="middle">{escape(line)}</text>'
        )
    for (name, sheet), place in zip(box.panels, panel_places(box), strict=True):
        top = box.y + panels_top(box)
        yield f'<text x="{place + 4:.1f}" y="{top - 3:.1f}">{escape(name)}</text>'
        yield (
            f'<rect class="p" x="{place:.1f}" y="{top:.1f}" width="{sheet.width:.1f}" '
            f'height="{sheet.height:.1f}" rx="4"/>'
        )
        yield from _sheet(sheet, place, top)
    yield "</g>"
