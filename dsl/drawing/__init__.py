"""Graphs as pictures: `f.draw(*args)` gives an SVG.

    graph -> boxes and edges (boxes.py) -> layers and places (layout.py) -> SVG (svg.py)

Control flow is a box with the pictures of its graphs inside. The layout is the usual one for
directed graphs (Sugiyama, Tagawa, Toda 1981): layers by the longest path, an order within them by
barycentres, then places.
"""

from __future__ import annotations

from .boxes import boxes_of
from .svg import Picture, svg_text

__all__ = ["Picture", "boxes_of", "svg_text"]
