"""From a graph to what is drawn: boxes with lines of text, and edges with the kinds of values."""

from __future__ import annotations

import linecache
from dataclasses import dataclass, field
from typing import Any

from ..effects import TOKEN
from ..graph import Graph, Node, Source, Var, params_text, subgraphs
from ..primitive import Control, Effect

MOST_TEXT = 34  # characters of a line in a box
_LINE, _LETTER, _PAD = 15.0, 6.6, 9.0  # height, width of text, and the space around it


@dataclass(eq=False)
class Box:
    """A rectangle of the picture: an input, a node, or the results. `panels` are the pictures of
    the graphs that it runs, with their names; `x`, `y` are its middle and its upper edge."""

    kind: str  # input, node, control, effect, constant or output
    lines: list[str]
    tooltip: str = ""
    panels: list[tuple[str, Sheet]] = field(default_factory=list)
    width: float = 0.0
    height: float = 0.0
    layer: int = 0
    x: float = 0.0
    y: float = 0.0


@dataclass(eq=False)
class Edge:
    """A value on its way from a box to one that reads it; `label` says its kind once."""

    source: Box
    target: Box
    label: str = ""
    path: list[Box] = field(default_factory=list)  # places in the layers between


@dataclass(eq=False)
class Sheet:
    """One graph's boxes and edges, and the size of their picture."""

    name: str
    boxes: list[Box]
    edges: list[Edge]
    width: float = 0.0
    height: float = 0.0


def boxes_of(graph: Graph) -> Sheet:
    """The boxes and edges of a graph. A number that every element of an array is stands in the
    boxes that read it, so that constants do not fill the picture."""
    return _Maker(graph).sheet()


class _Maker:
    def __init__(self, graph: Graph) -> None:
        self.graph = graph
        self.maker: dict[Var, Box] = {}
        self.number: dict[Var, str] = {}
        self.labelled: set[Var] = set()
        self.boxes: list[Box] = []
        self.edges: list[Edge] = []

    def sheet(self) -> Sheet:
        for i, var in enumerate(self.graph.inputs):
            self._add(Box("input", [f"input {i}", _kind(var)]), (var,))
        for i, (var, _) in enumerate(self.graph.constants):
            self._add(Box("constant", [f"constant {i}", _kind(var)]), (var,))
        for node in self.graph.nodes:
            self._node(node)
        results = [f"result {i}: {self.number[v]}" for i, v in enumerate(self.graph.outputs)
                   if v in self.number]  # fmt: skip
        count = len(self.graph.outputs)
        title = "result" if count == 1 else f"{count} results"
        end = self._add(Box("output", [title, *results]), ())
        self._edges(self.graph.outputs, end)
        for box in self.boxes:
            if not box.panels:
                fit(box)
        return Sheet(self.graph.name, self.boxes, self.edges)

    def _add(self, box: Box, made: tuple[Var, ...]) -> Box:
        self.boxes.append(box)
        self.maker.update(dict.fromkeys(made, box))
        return box

    def _node(self, node: Node) -> None:
        text = _number_of(node, self.number)
        if text is not None:
            self.number[node.output] = text
            return
        name, lower = node.primitive.name, node.primitive.lower
        kind = "control" if isinstance(lower, Control) else "node"
        kind = "effect" if isinstance(lower, Effect) else kind
        numbers = [self.number[v] for v in node.inputs if v in self.number]
        lines = [name, *([f"with {', '.join(numbers)}"] if numbers else []), *_parameters(node)]
        box = Box(kind, [shortened(line) for line in lines], _tooltip(node.source))
        box.panels = [(g.name, boxes_of(g)) for g in subgraphs(node)]
        self._add(box, node.outputs)
        self._edges(node.inputs, box)

    def _edges(self, values: tuple[Var, ...], reader: Box) -> None:
        for var in values:
            if var in self.number:
                continue
            source = self.maker[var]
            if any(e.source is source and e.target is reader and not e.label for e in self.edges):
                continue
            is_new = var not in self.labelled and source.kind not in ("input", "constant")
            self.labelled.add(var)
            self.edges.append(Edge(source, reader, _kind(var) if is_new else ""))


def _kind(var: Var) -> str:
    """What an edge says; a token carries nothing but the order of effects."""
    return "order" if var.aval == TOKEN else str(var.aval)


def _number_of(node: Node, known: dict[Var, str]) -> str | None:
    """The text of a node that gives one number, in whatever shape."""
    if node.primitive.name == "full":
        return f"{node.params['value']:g}" if _is_real(node) else str(node.params["value"])
    if node.primitive.name in ("broadcast_to", "reshape") and node.inputs[0] in known:
        return known[node.inputs[0]]
    return None


def _is_real(node: Node) -> bool:
    return isinstance(node.params["value"], float)


def _parameters(node: Node) -> list[str]:
    """A node's plain parameters, a line each."""
    return [
        f"{key}={params_text(value)}"
        for key, value in sorted(node.params.items())
        if not _holds_graph(value)
    ]


def _holds_graph(value: Any) -> bool:
    values = value if isinstance(value, tuple) else (value,)
    return any(isinstance(v, Graph) for v in values)


def _tooltip(source: Source | None) -> str:
    if source is None:
        return ""
    text = linecache.getline(source.file, source.line).strip()
    return f"{source.short}: {text}" if text else source.short


def shortened(text: str) -> str:
    """A line that fits into a box."""
    return text if len(text) <= MOST_TEXT else text[: MOST_TEXT - 1] + "…"


def fit(box: Box) -> None:
    """Give a box the size of its text, and of the pictures in it, side by side."""
    text = max(len(line) for line in box.lines) * _LETTER + 2 * _PAD
    inner = sum(s.width for _, s in box.panels) + _PAD * (len(box.panels) + 1)
    box.width = max(text, inner if box.panels else 0.0, 54.0)
    box.height = len(box.lines) * _LINE + _PAD
    if box.panels:
        box.height += max(s.height for _, s in box.panels) + _LINE + 2 * _PAD


def panels_top(box: Box) -> float:
    """Where the pictures in a box begin, from its upper edge."""
    return len(box.lines) * _LINE + _PAD + _LINE


def panel_places(box: Box) -> list[float]:
    """The left edges of the pictures in a box."""
    total = sum(s.width for _, s in box.panels) + _PAD * (len(box.panels) - 1)
    left, places = box.x - total / 2, []
    for _, sheet in box.panels:
        places.append(left)
        left += sheet.width + _PAD
    return places
