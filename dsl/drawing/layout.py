"""Places for boxes: layers from top to bottom, an order in each, then coordinates."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise

from .boxes import Box, Edge, Sheet, fit

_GAP_X, _GAP_Y, _MARGIN = 22.0, 40.0, 12.0
_SWEEPS = 8
_BEND = 8.0  # the width of a place that an edge takes in a layer


def arrange(sheet: Sheet) -> Sheet:
    """Give all boxes of a sheet their places, those in boxes of control flow first."""
    for box in sheet.boxes:
        for _, inner in box.panels:
            arrange(inner)
        if box.panels:
            fit(box)
    layers = _layers(sheet)
    neighbours = _neighbours(sheet.edges)
    _order(layers, neighbours)
    _place(layers, neighbours)
    _fix_size(sheet, layers)
    return sheet


def _layers(sheet: Sheet) -> list[list[Box]]:
    """Each box below all that it reads, as high as can be; constants and inputs just above their
    first reader. Edges over several layers take a place in each."""
    incoming: dict[Box, list[Edge]] = {}
    for edge in sheet.edges:
        incoming.setdefault(edge.target, []).append(edge)
    for box in sheet.boxes:  # in the order of the graph: sources come first
        box.layer = max((e.source.layer + 1 for e in incoming.get(box, ())), default=0)
    end = sheet.boxes[-1]
    end.layer = max(end.layer, max(b.layer for b in sheet.boxes) + (len(sheet.boxes) > 1))
    _lower_sources(sheet)
    layers: list[list[Box]] = [[] for _ in range(max(b.layer for b in sheet.boxes) + 1)]
    for box in sheet.boxes:
        layers[box.layer].append(box)
    for edge in sheet.edges:
        for layer in range(edge.source.layer + 1, edge.target.layer):
            edge.path.append(Box("bend", [], width=_BEND, layer=layer))
            layers[layer].append(edge.path[-1])
    return layers


def _lower_sources(sheet: Sheet) -> None:
    readers: dict[Box, int] = {}
    for edge in sheet.edges:
        known = readers.get(edge.source, edge.target.layer)
        readers[edge.source] = min(known, edge.target.layer)
    reads = {e.target for e in sheet.edges}
    for box in sheet.boxes:
        if box.kind not in ("input", "output") and box not in reads and box in readers:
            box.layer = max(0, readers[box] - 1)


class _Neighbours:
    """The boxes above and below each box, bends included."""

    def __init__(self) -> None:
        self.above: dict[Box, list[Box]] = {}
        self.below: dict[Box, list[Box]] = {}

    def join(self, upper: Box, lower: Box) -> None:
        self.below.setdefault(upper, []).append(lower)
        self.above.setdefault(lower, []).append(upper)


def _neighbours(edges: Iterable[Edge]) -> _Neighbours:
    found = _Neighbours()
    for edge in edges:
        stops = [edge.source, *edge.path, edge.target]
        for upper, lower in pairwise(stops):
            found.join(upper, lower)
    return found


def _order(layers: list[list[Box]], neighbours: _Neighbours) -> None:
    """Sort each layer by the mean position of its neighbours, downwards and upwards in turn; the
    order with the fewest crossings is kept."""
    best, fewest = [list(layer) for layer in layers], _crossings(layers, neighbours)
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        table = neighbours.above if down else neighbours.below
        for layer in layers if down else reversed(layers):
            _sort(layer, table, layers)
        count = _crossings(layers, neighbours)
        if count < fewest:
            best, fewest = [list(layer) for layer in layers], count
    for layer, kept in zip(layers, best, strict=True):
        layer[:] = kept


def _sort(layer: list[Box], table: dict[Box, list[Box]], layers: Sequence[list[Box]]) -> None:
    position: dict[Box, int] = {}
    for number in {b.layer for box in layer for b in table.get(box, ())}:
        position.update({b: i for i, b in enumerate(layers[number])})
    own = {box: float(i) for i, box in enumerate(layer)}

    def key(box: Box) -> float:
        around = [position[b] for b in table.get(box, ())]
        return sum(around) / len(around) if around else own[box]

    layer.sort(key=key)


def _crossings(layers: Sequence[list[Box]], neighbours: _Neighbours) -> int:
    count = 0
    for layer, following in pairwise(layers):
        position = {b: i for i, b in enumerate(following)}
        ends: list[int] = []
        for box in layer:
            own = sorted(position[b] for b in neighbours.below.get(box, ()))
            count += sum(1 for e in own for known in ends if known > e)
            ends += own
    return count


def _place(layers: list[list[Box]], neighbours: _Neighbours) -> None:
    """Boxes side by side, then drawn towards the middle of their neighbours."""
    for layer in layers:
        _spread(layer, [0.0] * len(layer))
    for sweep in range(2 * _SWEEPS):
        down = sweep % 2 == 0
        table = neighbours.above if down else neighbours.below
        for layer in layers if down else reversed(layers):
            _spread(layer, [_middle(box, table) for box in layer])
    top = _MARGIN
    for layer in layers:
        height = max((b.height for b in layer), default=0.0)
        for box in layer:
            box.y = top
            if box.kind == "bend":
                box.height = height  # an edge passes by the boxes beside it in a straight line
        top += height + _GAP_Y


def _middle(box: Box, table: dict[Box, list[Box]]) -> float:
    around = sorted(b.x for b in table.get(box, ()))
    n = len(around)
    return (around[(n - 1) // 2] + around[n // 2]) / 2 if n else box.x


def _spread(layer: list[Box], wanted: list[float]) -> None:
    """Places as near to the wanted ones as the order and the widths allow: boxes that would
    overlap form a block, which stands at the mean of what its boxes want."""
    blocks: list[list[float]] = []  # the sum of wishes for its left edge, boxes, width
    for box, wish in zip(layer, wanted, strict=True):
        blocks.append([wish - box.width / 2, 1.0, box.width + _GAP_X])
        while len(blocks) > 1 and _left(blocks[-2]) + blocks[-2][2] > _left(blocks[-1]):
            last = blocks.pop()
            before = blocks[-1]
            before[0] += last[0] - last[1] * before[2]
            before[1] += last[1]
            before[2] += last[2]
    boxes = iter(layer)
    for block in blocks:
        left = _left(block)
        for _ in range(round(block[1])):
            box = next(boxes)
            box.x = left + box.width / 2
            left += box.width + _GAP_X


def _left(block: list[float]) -> float:
    return block[0] / block[1]


def _fix_size(sheet: Sheet, layers: list[list[Box]]) -> None:
    every = [box for layer in layers for box in layer]
    left = min(b.x - b.width / 2 for b in every)
    for box in every:
        box.x += _MARGIN - left
    sheet.width = max(b.x + b.width / 2 for b in every) + _MARGIN
    sheet.height = max(b.y + b.height for b in every) + _MARGIN
