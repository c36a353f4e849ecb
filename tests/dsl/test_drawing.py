"""`f.draw(*args)`: a self-contained SVG in which everything is to be seen and nothing overlaps."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import tilewright as tw
from tilewright.dsl.drawing.boxes import Box, Sheet, boxes_of
from tilewright.dsl.drawing.layout import arrange
from tilewright.dsl.graph import Aval, Graph, Node, Var

SVG = "{http://www.w3.org/2000/svg}"


def texts(picture: Any) -> list[str]:
    return [t.text or "" for t in ET.fromstring(str(picture)).iter(f"{SVG}text")]


def require_no_overlap(sheet: Sheet) -> None:
    """No two boxes of a sheet share a point, and all lie inside of it."""
    boxes = sheet.boxes
    for box in boxes:
        assert box.x - box.width / 2 >= 0 and box.x + box.width / 2 <= sheet.width
        assert box.y >= 0 and box.y + box.height <= sheet.height
        for _, inner in box.panels:
            assert inner.width <= box.width and inner.height <= box.height
            require_no_overlap(inner)
    for i, a in enumerate(boxes):
        for b in boxes[:i]:
            beside = abs(a.x - b.x) >= (a.width + b.width) / 2 - 1e-6
            assert beside or _above(a, b) or _above(b, a), (a.lines, b.lines)


def _above(a: Box, b: Box) -> bool:
    return a.y + a.height <= b.y


def test_everything_is_there() -> None:
    @tw.jit
    def f(x: Any, w: Any) -> Any:
        y = tw.tanh(x @ w)
        return tw.cond(y.sum() > 0.5, lambda: y, lambda: -y)

    picture = f.draw(tw.ones((2, 3)), tw.ones((3, 4)))
    shown = texts(picture)
    for wanted in ("input 0", "float64[2, 3]", "matmul", "tanh", "cond", "neg", "float64[2, 4]"):
        assert wanted in shown, wanted
    assert "with 0.5" in shown and not any(t == "full" for t in shown)
    tooltips = [t.text or "" for t in ET.fromstring(str(picture)).iter(f"{SVG}title")]
    assert any("test_drawing.py" in t and "y = tw.tanh(x @ w)" in t for t in tooltips)
    assert "<script" not in str(picture) and str(picture).count("http") == 1  # the namespace
    assert picture._repr_svg_() == str(picture) and "<svg" in picture._repr_html_()


def test_texts_are_escaped() -> None:
    @tw.jit
    def f(x: Any) -> Any:
        tw.debug.print("a < b & <c>", x)
        return x

    assert any("a < b & <c>" in t for t in texts(f.draw(tw.ones(2))))


def test_save(tmp_path: Path) -> None:
    picture = tw.jit(lambda x: x + 1).draw(tw.ones(2))
    picture.save(tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_text() == str(picture)
    assert [p.name for p in tmp_path.iterdir()] == ["f.svg"]
    with pytest.raises(tw.ArgumentError, match="there is no folder"):
        picture.save(tmp_path / "no" / "f.svg")


def test_nested_loops_and_a_constant_result() -> None:
    def f(x: Any) -> Any:
        inner = lambda i, s: tw.fori_loop(0, 9, lambda j, t: t * 1.5 + j, s)  # noqa: E731
        y, ys = tw.scan(lambda s, v: (s + v, s), 0.0, x)
        return tw.fori_loop(0, 9, inner, y), ys, tw.ones(2)

    graph = tw.jit(f).graphs(tw.ones(4))[0][0]
    require_no_overlap(arrange(boxes_of(graph)))


def test_two_hundred_nodes() -> None:
    def f(x: Any) -> Any:
        values = [x + float(i) for i in range(40)]
        for _ in range(4):
            turned = [*values[7:], *values[:7]]
            values = [tw.tanh(a) * b for a, b in zip(values, turned, strict=True)]
        return sum(values)

    graph = tw.jit(f).graphs(tw.ones(3))[0][0]
    assert len(graph.nodes) >= 200
    require_no_overlap(arrange(boxes_of(graph)))


@given(st.lists(st.lists(st.integers(0, 30), max_size=3), max_size=25))
@settings(max_examples=30)
def test_random_graphs(reads: list[list[int]]) -> None:
    kind = Aval((2,), tw.float64)
    made = [Var(kind), Var(kind)]
    inputs, nodes = tuple(made), []
    add = tw.primitives.add
    for sources in reads:
        node = Node(add, tuple(made[i % len(made)] for i in sources), {}, (Var(kind),))
        nodes.append(node)
        made.append(node.output)
    sheet = arrange(boxes_of(Graph(inputs, (made[-1],), tuple(nodes))))
    require_no_overlap(sheet)
    for edge in sheet.edges:
        assert edge.source.y + edge.source.height <= edge.target.y
    assert np.isfinite([sheet.width, sheet.height]).all()
