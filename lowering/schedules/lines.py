"""Where the results of a group's reductions lie in its space, and where their elements do."""

from __future__ import annotations

from dataclasses import dataclass

from ...dsl.primitive import Expr, Reduce
from ...dsl.sizes import Dim, Shape, product
from ..clusters import Axes, kept_axes, runs_of_axes
from ..fusion import Group
from ..index import Index
from ..spaces import without_ones
from ..vocabulary import TirxVocabulary
from .nest import index_at, split_unit


@dataclass(frozen=True)
class Lines:
    """The space of a group of reductions: runs of axes that its results have or have not. A run is
    cut in two before axis `cut`."""

    space: Shape
    kept: Axes
    cut: int | None = None

    @classmethod
    def of(cls, group: Group) -> Lines:
        """Those of a group whose reductions are all of the same axes."""
        node = next(n for n in group.anchors if isinstance(n.primitive.lower, Reduce))
        return cls(group.space, kept_axes(node))

    @property
    def results(self) -> Shape:
        """The sizes of the results' axes."""
        return tuple(self.space[a] for a in self.kept)

    @property
    def reduced(self) -> Shape:
        """The sizes of the other axes."""
        return tuple(n for a, n in enumerate(self.space) if a not in self.kept)

    @property
    def runs(self) -> list[tuple[bool, Shape]]:
        """Neighbouring axes that are all kept or all not: whether they are, and their sizes."""
        found: list[tuple[bool, Shape]] = []
        for is_kept, axes in runs_of_axes(self.kept, len(self.space)):
            whole = tuple(self.space[a] for a in axes)
            inside = axes.index(self.cut) if self.cut in axes else 0
            parts = (whole[:inside], whole[inside:]) if inside else (whole,)
            found += [(is_kept, part) for part in parts]
        return found

    @property
    def length(self) -> Dim:
        """The elements of a row that lie one after another, in the last run that is reduced."""
        return product(next((shape for kept, shape in reversed(self.runs) if not kept), ()))

    @property
    def pieces(self) -> Dim | None:
        """How many such pieces a row has, where it has several."""
        reduced = [product(shape) for kept, shape in self.runs if not kept]
        return reduced[0] if len(reduced) == 2 else None

    def is_full(self, shape: Shape) -> bool:
        """Whether a value has an element at each position of the space, not one for each result."""
        return without_ones(shape) != self.results or len(self.kept) == len(self.space)

    def index(self, shape: Shape, positions: list[Expr]) -> Index:
        """The position in a value of this shape, for one along each run."""
        pairs = [(k, len(sizes), at) for (k, sizes), at in zip(self.runs, positions, strict=True)]
        is_full = self.is_full(shape)
        return index_at(shape, [(n, at) for is_kept, n, at in pairs if is_kept or is_full])

    def positions(self, t: TirxVocabulary, row: Expr, element: Expr) -> list[Expr]:
        """Those along the runs, for the number of a result and that of its element."""
        found = {}
        for kind, number in ((True, row), (False, element)):
            sizes: list[Dim] = [product(shape) for is_kept, shape in self.runs if is_kept == kind]
            found[kind] = iter(split_unit(t, number, sizes))
        return [next(found[is_kept]) for is_kept, _ in self.runs]
