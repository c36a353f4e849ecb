"""Convolutions as several smaller ones: those that gradients and transposed convolutions are.

Between the elements of a dilated input lie zeros, which take no part: of the outputs, those with
the same rest by the dilation see the same taps, so they are a plain convolution with these taps.
A window that is larger than what it moves over (the gradient by the weights) is a product for each
place instead.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import product
from math import gcd, prod
from typing import Any

from ..dsl.graph import Node, Var
from ..dsl.primitives.patches import Windows
from ..dsl.sizes import Dim, ceil_divide, known
from .convolutions import CONVOLUTION_RULES, node_windows
from .rewrites import Found, Maker, Rule, View

MOST_WASTE = 1.5  # times the multiplications that rows of the input may cost
MOST_PLACES = 25  # of a window that gets a product for each: each is a kernel to compile


def convolution_without_spread(node: Node, view: View) -> Found:
    """A convolution of an input with zeros between its elements, as one for each rest."""
    if node.primitive.name != "convolution" or 0 in node.inputs[0].aval.shape:
        return None
    windows = node_windows(node)
    if all(w.spread == 1 for w in windows) or not all(map(_may_split, windows)):
        return None
    make = Maker(node)
    kinds = [[_Rest.of(w, r) for r in range(w.spread)] for w in windows]
    parts = {at: _part(make, node, windows, rests) for at, rests in _numbered(kinds)}
    _interleaved(make, node, windows, parts)
    return tuple(make.nodes)


def _may_split(window: Windows) -> bool:
    known = isinstance(window.taps, int) and isinstance(window.low, int)
    return window.spread == 1 or (known and window.stride == 1)


@dataclass(frozen=True)
class _Rest:
    """The outputs with one rest by the spread along an axis: they see the taps `first`, `first` +
    `step`, ..., `taps` of them, from `low` before their own place on, `dilation` apart."""

    first: int
    step: int
    taps: int
    low: int
    dilation: int

    @classmethod
    def of(cls, w: Windows, rest: int) -> _Rest:
        step = w.spread // gcd(w.spread, w.dilation)
        assert isinstance(w.taps, int) and isinstance(w.low, int)
        for first in range(min(step, w.taps)):
            ahead = rest + first * w.dilation - w.low
            if w.spread == 1 or ahead % w.spread == 0:
                taps = -(-(w.taps - first) // step)
                return cls(first, step, taps, -(ahead // w.spread), w.dilation * step // w.spread)
        return cls(0, 1, 0, 0, 1)


def _numbered(kinds: list[list[_Rest]]) -> list[tuple[tuple[int, ...], tuple[_Rest, ...]]]:
    places = product(*(range(len(k)) for k in kinds))
    return list(zip(places, product(*kinds), strict=True))


def _count(w: Windows) -> Dim:
    """Outputs of one rest along an axis; the last may be one too many."""
    return ceil_divide(w.count, w.spread)


def _part(make: Maker, node: Node, windows: list[Windows], rests: tuple[_Rest, ...]) -> Var:
    x, weights = node.inputs
    out = node.output.aval
    counts = tuple(map(_count, windows))
    if any(r.taps == 0 for r in rests):
        shape = (out.shape[0], *counts, out.shape[-1])
        return make("full", shape=shape, value=0, dtype=out.dtype)
    rest = weights.aval.shape[-2:]
    start, steps = (*(r.first for r in rests), 0, 0), (*(r.step for r in rests), 1, 1)
    taken = make("slice", weights, start=start, sizes=(*(r.taps for r in rests), *rest),
                 strides=steps)  # fmt: skip
    low, high = [], []
    for w, r, count in zip(windows, rests, counts, strict=True):
        low.append(w.low if w.spread == 1 else r.low)
        reach = (count - 1) * w.stride + (r.taps - 1) * r.dilation + 1
        high.append(w.high if w.spread == 1 else reach - w.n - r.low)
    return make(
        "convolution", x, taken,
        strides=tuple(w.stride for w in windows),
        dilation=tuple(r.dilation for r in rests),
        low=tuple(low), high=tuple(high),
        spread=(1,) * len(windows),
        groups=node.params["groups"],
    )  # fmt: skip


def _interleaved(
    make: Maker, node: Node, windows: list[Windows], parts: dict[tuple[int, ...], Var]
) -> None:
    """The outputs of all rests in their order."""
    out, rank = node.output.aval, len(windows)
    counts = tuple(map(_count, windows))
    apart = (out.shape[0], *(n for c in counts for n in (c, 1)), out.shape[-1])
    joined = {at: make.reshape(part, *apart) for at, part in parts.items()}
    for axis in reversed(range(rank)):
        rows: dict[tuple[int, ...], list[Var]] = {}
        for at, part in joined.items():
            rows.setdefault(at[:axis], []).append(part)
        joined = {
            at: found[0] if len(found) == 1 else make("concatenate", *found, axis=2 * axis + 2)
            for at, found in rows.items()
        }
    whole = tuple(c * w.spread for c, w in zip(counts, windows, strict=True))
    found = make.reshape(joined[()], out.shape[0], *whole, out.shape[-1])
    if found.aval.shape != out.shape:
        ones = (1,) * out.ndim
        make("slice", found, start=(0,) * out.ndim, sizes=out.shape, strides=ones)


# --------------------------------------------------------------------------- products by place


def convolution_by_places(node: Node, view: View) -> Found:
    """A convolution with more taps than places, as a product for each place."""
    if node.primitive.name != "convolution" or 0 in node.output.aval.shape:
        return None
    windows, groups = node_windows(node), node.params["groups"]
    sizes = [n for w in windows for n in (w.count, w.taps, w.n, w.low, w.high)]
    if not all(isinstance(n, int) for n in sizes) or any(w.spread > 1 for w in windows):
        return None
    counts = known(tuple(w.count for w in windows))
    places, window = prod(counts), prod(known(tuple(w.taps for w in windows)))
    alone = node.output.aval.shape[-1] == groups and node.output.aval.shape[0] == 1
    if places > MOST_PLACES or window <= 4 * places or not (groups == 1 or alone):
        return None
    make = Maker(node)
    x = _padded(make, node, windows)
    all_places = list(product(*map(range, counts)))
    if groups == 1 and _is_flat(windows, x):
        found = _flat_places(make, node, windows, x, all_places)
    else:
        one = _place_alone if groups > 1 else _place
        found = [one(make, node, windows, x, at) for at in all_places]
    joined = found[0] if len(found) == 1 else make("concatenate", *found, axis=1)
    make.reshape(joined, *node.output.aval.shape)
    return tuple(make.nodes)


def _padded(make: Maker, node: Node, windows: list[Windows]) -> Var:
    """The input with all that the windows see, and nothing else."""
    x = node.inputs[0]
    reach = [(w.count - 1) * w.stride + w.extent - w.n - w.low for w in windows]
    low, high = known((0, *(w.low for w in windows), 0)), known((0, *reach, 0))
    if any(n > 0 for n in (*low, *high)):
        more = [tuple(max(n, 0) for n in side) for side in (low, high)]
        x = make("pad", x, low=more[0], high=more[1], value=0)
    if all(n >= 0 for n in (*low, *high)):
        return x
    seen = tuple((w.count - 1) * w.stride + w.extent for w in windows)
    sizes = (x.aval.shape[0], *seen, x.aval.shape[-1])
    start = tuple(max(-n, 0) for n in low)
    return make("slice", x, start=start, sizes=sizes, strides=(1,) * x.aval.ndim)


def _seen(make: Maker, windows: list[Windows], x: Var, at: tuple[int, ...]) -> Var:
    """(N, *taps, C): what the window at a place sees."""
    start = (0, *(i * w.stride for i, w in zip(at, windows, strict=True)), 0)
    sizes = (x.aval.shape[0], *(w.taps for w in windows), x.aval.shape[-1])
    strides = (1, *(w.dilation for w in windows), 1)
    return make("slice", x, start=start, sizes=sizes, strides=strides)


def _place(make: Maker, node: Node, windows: list[Windows], x: Var, at: tuple[int, ...]) -> Var:
    """(N, 1, O) at one place."""
    weights = node.inputs[1]
    *taps, channels, outputs = weights.aval.shape
    depth: Any = prod(taps) * channels
    rows = make.reshape(_seen(make, windows, x, at), x.aval.shape[0], depth)
    made = make("matmul", rows, make.reshape(weights, depth, outputs))
    return make.reshape(made, x.aval.shape[0], 1, outputs)


def _is_flat(windows: list[Windows], x: Var) -> bool:
    """Whether what windows see is almost a run of neighbours: their taps are, and their rows are
    not much shorter than the input's."""
    rows = prod(known(x.aval.shape[2:-1])), prod(known(tuple(w.taps for w in windows[1:])))
    return all(w.dilation == 1 for w in windows) and rows[0] <= MOST_WASTE * rows[1]


def _flat_places(
    make: Maker, node: Node, windows: list[Windows], x: Var, places: list[tuple[int, ...]]
) -> list[Var]:
    """(N, 1, O) at each place: weights that are padded to the rows of the input make of a window
    one run of neighbours, which a product reads as it lies."""
    weights, (items, *sizes, channels) = node.inputs[1], known(x.aval.shape)
    taps, outputs = known(weights.aval.shape[:-2]), weights.aval.shape[-1]
    behind = (0, *(n - k for n, k in zip(sizes[1:], taps[1:], strict=True)), 0, 0)
    if any(behind):
        weights = make("pad", weights, low=(0,) * len(behind), high=behind, value=0)
    steps = [prod(sizes[i + 1 :]) * channels for i in range(len(sizes))]
    length = sum((k - 1) * step for k, step in zip(taps, steps, strict=True)) + channels
    rows = make.reshape(weights, taps[0] * steps[0], outputs)
    rows = make("slice", rows, start=(0, 0), sizes=(length, outputs), strides=(1, 1))
    flat = make.reshape(x, items, sizes[0] * steps[0])
    found = []
    for at in places:
        first = sum(i * w.stride * s for i, w, s in zip(at, windows, steps, strict=True))
        seen = make("slice", flat, start=(0, first), sizes=(items, length), strides=(1, 1))
        found.append(make.reshape(make("matmul", seen, rows), items, 1, outputs))
    return found


def _place_alone(
    make: Maker, node: Node, windows: list[Windows], x: Var, at: tuple[int, ...]
) -> Var:
    """(1, 1, O) at one place, each output from a group of channels of its own."""
    weights, groups = node.inputs[1], node.params["groups"]
    *taps, channels, _ = weights.aval.shape
    total = prod(taps)
    seen = make.reshape(_seen(make, windows, x, at), total, groups, channels)
    seen = make("transpose", seen, axes=(0, 2, 1))
    terms = make("mul", seen, make.reshape(weights, total, channels, groups))
    found = make("sum", terms, axes=(0, 1))
    return make.reshape(found, 1, 1, groups)


def rules_with(own: tuple[Rule, ...]) -> tuple[Rule, ...]:
    """All rules for convolutions, with a device's own where they belong."""
    return (convolution_without_spread, convolution_by_places, *own, *CONVOLUTION_RULES)
