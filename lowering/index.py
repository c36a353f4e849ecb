"""Positions in an iteration space: runs of axes that are stepped through together.

A run covers neighbouring axes by one flat position in row-major order. Where a value has the same
axes side by side, its address needs no division; only a rule that asks for single components
makes them (and only those that it uses cost anything).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import pairwise

from ..dsl.graph import Node
from ..dsl.primitive import Expr
from ..dsl.sizes import Dim, Shape, product
from .spaces import without_ones
from .vocabulary import TirxVocabulary, int64


@dataclass(frozen=True, eq=False)
class Run:
    """Axes of these sizes at one flat position."""

    shape: Shape
    position: Expr


@dataclass(frozen=True)
class Pick:
    """What a node that chooses among its inputs reads: the input of this number, which starts at
    `start` in the node's result; or, with None, the value that it fills up with."""

    source: int | None
    start: Shape


@dataclass(frozen=True, eq=False)
class Index:
    """A position: runs that together cover all axes. `derived` holds positions computed from it,
    `picks` what nodes choose there, as far as that is known."""

    runs: tuple[Run, ...]
    derived: dict[object, Index] = field(default_factory=dict)
    picks: Mapping[Node, Pick] = field(default_factory=dict)

    @property
    def shape(self) -> Shape:
        return tuple(size for run in self.runs for size in run.shape)


def flat(shape: Shape, position: Expr) -> Index:
    """A position as one run."""
    return Index((Run(shape, position),) if shape else ())


def from_components(shape: Shape, components: tuple[Expr, ...]) -> Index:
    """A position as one run an axis."""
    return Index(tuple(Run((n,), i) for n, i in zip(shape, components, strict=True)))


def components(t: TirxVocabulary, index: Index) -> tuple[Expr, ...]:
    """The position along each axis."""
    return tuple(i for run in index.runs for i in split(t, run.position, run.shape))


def split(t: TirxVocabulary, position: Expr, shape: Shape) -> tuple[Expr, ...]:
    """A flat position taken apart; axes of one element are at 0. What is left after each axis is
    named, as it is used twice: chains of reshapes would double the text at every step."""
    found: list[Expr] = []
    rest = position if len(without_ones(shape)) < 2 else t.let(position)
    for i in range(len(shape) - 1, -1, -1):
        if shape[i] == 1:
            found.append(int64(0))
        elif all(n == 1 for n in shape[:i]):
            found.append(rest)
        else:
            found.append(t.call("index_mod", rest, _at_least_1(t, shape[i])))
            rest = t.let(t.call("index_div", rest, _at_least_1(t, shape[i])))
    return tuple(reversed(found))


def _at_least_1(t: TirxVocabulary, size: Dim) -> Expr:
    """A size to divide by: where there is no element, nobody asks for its place."""
    return t.size(1 if size == 0 else size)


def address(t: TirxVocabulary, index: Index) -> Expr:
    """The offset in elements in a contiguous value of the index's shape."""
    offset: Expr = None
    stride: Dim = 1
    for run in reversed(index.runs):
        if product(run.shape) != 1:
            term = run.position if stride == 1 else run.position * t.size(stride)
            offset = term if offset is None else term + offset
        stride = stride * product(run.shape)
    return int64(0) if offset is None else offset


def without_last(t: TirxVocabulary, index: Index) -> tuple[Index, Expr]:
    """The position along all axes but the last, and that along the last."""
    *runs, last = index.runs
    if len(last.shape) == 1:
        return Index(tuple(runs)), last.position
    size = t.size(last.shape[-1])
    rest = Run(last.shape[:-1], t.let(t.call("index_div", last.position, size)))
    return Index((*runs, rest)), t.let(t.call("index_mod", last.position, size))


def join(t: TirxVocabulary, parts: list[Expr], shape: Shape) -> Expr:
    """The row-major position of components."""
    total: Expr = None
    for part, size in zip(parts, shape, strict=True):
        if size == 1:
            continue
        total = part if total is None else total * t.size(size) + part
    return int64(0) if total is None else total


def broadcast_index(t: TirxVocabulary, index: Index, source: Shape) -> Index:
    """The position in `source` that is repeated to the index's shape (axes aligned at the end)."""
    shape = index.shape
    lead = len(shape) - len(source)
    runs: list[Run] = []
    start = 0
    for run in index.runs:
        axes = range(start, start + len(run.shape))
        start += len(run.shape)
        real = [a for a in axes if a >= lead and source[a - lead] == shape[a]]
        kept = [a for a in axes if a >= lead]
        if len(real) == len(run.shape):
            runs.append(run)
        elif not [a for a in real if shape[a] != 1]:
            runs += [Run((source[a - lead],), int64(0)) for a in kept]
        else:
            parts = dict(zip(axes, split(t, run.position, run.shape), strict=True))
            runs += _mixed_runs(t, kept, parts, source, shape, lead)
    return Index(tuple(runs))


def _mixed_runs(
    t: TirxVocabulary,
    axes: list[int],
    parts: dict[int, Expr],
    source: Shape,
    shape: Shape,
    lead: int,
) -> list[Run]:
    runs = []
    for a in axes:
        is_real = source[a - lead] == shape[a]
        runs.append(Run((source[a - lead],), parts[a] if is_real else int64(0)))
    return runs


def transposed_index(t: TirxVocabulary, index: Index, permutation: tuple[int, ...]) -> Index:
    """The position in the source of a transpose: axis i of the result is `permutation[i]`."""
    spans: list[tuple[tuple[int, ...], Run]] = []
    start = 0
    for run in index.runs:
        axes = permutation[start : start + len(run.shape)]
        together = all(b == a + 1 for a, b in pairwise(axes))
        if together:
            spans.append((tuple(axes), run))
        else:
            parts = split(t, run.position, run.shape)
            spans += [((a,), Run((n,), p)) for a, n, p in zip(axes, run.shape, parts, strict=True)]
        start += len(run.shape)
    return Index(tuple(run for _, run in sorted(spans, key=lambda s: s[0])))


def reshaped_index(t: TirxVocabulary, index: Index, source: Shape) -> Index:
    """The position in `source` (same elements, other axes); a run over whole spans is kept."""
    spans = matching_spans(source, index.shape)
    starts = {new[0]: old[0] for old, new in reversed(spans)}
    ends = {new[1]: old[1] for old, new in spans}
    runs: list[Run] = []
    group: list[Run] = []
    first = axis = 0
    for run in index.runs:
        group.append(run)
        axis += len(run.shape)
        if first in starts and axis in ends:
            axes = source[starts[first] : ends[axis]]
            runs += [Run(axes, joined_runs(t, group))] if axes else []
            group, first = [], axis
    if not index.runs:
        runs = [Run((n,), int64(0)) for n in source]
    return _covering(runs, source)


def _covering(runs: list[Run], source: Shape) -> Index:
    """Add the axes of one element that no span holds (at either end of the shape)."""
    missing = len(source) - sum(len(run.shape) for run in runs)
    if not missing:
        return Index(tuple(runs))
    ones = tuple(Run((1,), int64(0)) for _ in range(missing))
    is_first = all(n == 1 for n in source[:missing])
    return Index((*ones, *runs) if is_first else (*runs, *ones))


def sliced_index(
    t: TirxVocabulary, index: Index, start: Shape, steps: tuple[int, ...], source: Shape
) -> Index:
    """The position in `source` of a window on it; a run along which only the first axis is shorter
    is kept."""
    runs: list[Run] = []
    axis = 0
    for run in index.runs:
        axes = range(axis, axis + len(run.shape))
        axis = axes.stop
        sizes = source[axes.start : axes.stop]
        if run.shape[1:] == sizes[1:] and steps[axes.start] == 1:
            first = start[axes.start] * product(sizes[1:])
            runs.append(Run(sizes, run.position if first == 0 else run.position + t.size(first)))
            continue
        parts = zip(axes, split(t, run.position, run.shape), strict=True)
        runs += [Run((source[a],), t.size(start[a]) + i * t.size(steps[a])) for a, i in parts]
    return Index(tuple(runs))


def shifted_index(t: TirxVocabulary, index: Index, start: Shape, source: Shape) -> Index:
    """The position in a source that starts at `start`; along its first axis (of more than one
    element) alone a run may be shorter there."""
    runs: list[Run] = []
    axis = 0
    for run in index.runs:
        end = axis + len(run.shape)
        position = run.position
        for a in range(axis, end):
            if start[a] != 0:
                # Without a name: lanes must be seen to be neighbours.
                position = position - t.size(start[a] * product(source[a + 1 : end]))
        runs.append(Run(source[axis:end], position))
        axis = end
    return Index(tuple(runs))


def joined_runs(t: TirxVocabulary, runs: list[Run]) -> Expr:
    """The flat position over neighbouring runs."""
    return join(t, [run.position for run in runs], tuple(product(run.shape) for run in runs))


Span = tuple[int, int]


def matching_spans(old: Shape, new: Shape) -> list[tuple[Span, Span]]:
    """Shortest spans of axes of two shapes that hold the same number of elements."""
    spans: list[tuple[Span, Span]] = []
    i = j = 0
    while i < len(old) or j < len(new):
        end_i, end_j = min(i + 1, len(old)), min(j + 1, len(new))
        found = _shortest(old, new, (i, j), (end_i, end_j))
        if found is None:
            return [*spans, ((i, len(old)), (j, len(new)))]
        spans.append(((i, found[0]), (j, found[1])))
        i, j = found
    return spans


def _shortest(
    old: Shape, new: Shape, start: tuple[int, int], first: tuple[int, int]
) -> tuple[int, int] | None:
    for i in range(first[0], len(old) + 1):
        for j in range(first[1], len(new) + 1):
            sizes = product(old[start[0] : i]), product(new[start[1] : j])
            rest = product(old[i:]), product(new[j:])
            if sizes[0] == sizes[1] and rest[0] == rest[1]:
                return i, j
    return None
