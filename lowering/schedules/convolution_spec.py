"""What a convolution of a group computes, and the loops over its rows that all its forms share."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from ...dsl.graph import Node, Var
from ...dsl.primitives.patches import Windows, windows_of
from ...dsl.sizes import Dim, product, symbols
from ..frame import sizes_in
from ..fusion import Group
from ..kernel import BufferSpec, KernelSource, Phase, ScratchSpec
from ..machine import Machine
from ..spaces import SAME_BYTES
from ..vocabulary import stored
from .contract import LIGHT, Operands, epilogue_cost
from .matmul_spec import MatmulSpec, unravel
from .matmul_tiles import accumulator
from .matmul_tir import Buffer, Expr, Frame, Statements, as_expr, highest, i64, loop, lowest


@dataclass(frozen=True)
class ConvolutionSpec:
    """A convolution of a group: `x` names the buffer of the images (N, *spatial, C), `w` that of
    the weights; `matmul` is the result seen as rows of pixels times outputs, with its epilogue."""

    node: Node
    x: str
    w: str
    windows: tuple[Windows, ...]
    matmul: MatmulSpec
    machine: Machine

    @property
    def groups(self) -> int:
        found: int = self.node.params["groups"]
        return found

    @property
    def channels(self) -> int:
        return _int(self.node.inputs[0].aval.shape[-1])

    @property
    def outputs(self) -> int:
        return _int(self.node.output.aval.shape[-1])

    @property
    def items(self) -> Dim:
        """The number of images."""
        return self.node.inputs[0].aval.shape[0]

    @property
    def rows(self) -> Dim:
        """Rows of pixels of one image of the result."""
        return product(tuple(w.count for w in self.windows[:-1]))

    @property
    def row(self) -> Windows:
        """The windows along a row."""
        return self.windows[-1]

    def frame(self) -> Frame:
        """A fresh function of the kernel."""
        spec = self.matmul
        pointers = [(b.name, stored(b.dtype)) for b in (*spec.inputs, *spec.outputs)]
        return Frame([*pointers, ("sums", accumulator(spec.dtype).name)], spec.sizes)

    def source(self, phases: Sequence[Phase], sums: int) -> KernelSource:
        """The kernel, with so many partial sums of scratch a thread."""
        spec = self.matmul
        scratch = ScratchSpec(max(sums, 1) * accumulator(spec.dtype).itemsize, True)
        buffers: tuple[BufferSpec, ...] = (*spec.inputs, *spec.outputs)
        n_outputs = len(spec.outputs)
        return KernelSource(spec.name, tuple(phases), buffers, n_outputs, (scratch,), (),
                            spec.sizes)  # fmt: skip

    def cost(self, multiplications: Dim) -> Dim:
        """Picoseconds for so many multiplications at about two thirds of a common peak."""
        lanes = self.machine.vector_bytes // accumulator(self.matmul.dtype).itemsize
        return multiplications * 1000 // (lanes * (5 if self.machine.has_fma else 2)) + 1000


def spec_of(name: str, group: Group, machine: Machine) -> ConvolutionSpec:
    """What the convolution of a group computes."""
    (node,) = group.anchors
    names = {v: f"p{i}" for i, v in enumerate((*group.inputs, *group.outputs))}
    operands = Operands(group, node, names)
    dims = [d for v in group.vars for d in v.aval.shape]
    dims += [d for n in group.nodes for d in sizes_in(n.params)]

    def specs(values: tuple[Var, ...]) -> tuple[BufferSpec, ...]:
        return tuple(BufferSpec(names[v], v.aval.dtype, v.aval.size) for v in values)

    x, w = (names[_memory(group, v)] for v in node.inputs)
    out = node.output.aval
    taps = node.params.get("taps", node.inputs[1].aval.shape[:-2])
    keys = ("strides", "dilation", "low", "high", "spread")
    windows = windows_of(node.inputs[0].aval.shape, taps, {k: node.params[k] for k in keys})
    matmul = MatmulSpec(
        name=name,
        inputs=specs(group.inputs),
        outputs=specs(group.outputs),
        m=out.shape[-2],
        n=out.shape[-1],
        k=1,
        dtype=out.dtype,
        a=lambda frame, index: i64(0),
        b=lambda frame, index: i64(0),
        batch=out.shape[:-2],
        epilogue=operands.epilogue,
        light_epilogue=epilogue_cost(group) <= LIGHT,
        sizes=tuple(sorted(set().union(*map(symbols, [*dims, 0])))),
    )
    return ConvolutionSpec(node, x, w, tuple(windows), matmul, machine)


def _memory(group: Group, var: Var) -> Var:
    """The buffer that holds a value, seen in another shape or not."""
    producer = {v: n for n in group.nodes for v in n.outputs}
    while var not in group.inputs:
        assert producer[var].primitive.name in SAME_BYTES, "images lie in memory"
        var = producer[var].inputs[0]
    return var


# --------------------------------------------------------------------------- loops of both forms


@dataclass(frozen=True)
class Row:
    """A row of pixels of the result: the image, and the place along the outer spatial axes."""

    item: Expr
    places: tuple[Expr, ...]

    @property
    def index(self) -> tuple[Expr, ...]:
        return (self.item, *self.places)


def row_at(spec: ConvolutionSpec, frame: Frame, item: Expr, number: Expr) -> Row:
    """The row of that number of an image."""
    outer = tuple(w.count for w in spec.windows[:-1])
    places = unravel(frame, number, outer) if outer else ()
    return Row(item, tuple(frame.t.let(p) for p in places))


# What is done for a row of the window: (number of its first tap, start of the row of x).
TapRow = Callable[[Expr, Expr], Statements]


def over_tap_rows(spec: ConvolutionSpec, row: Row, body: TapRow) -> Statements:
    """`body` for each row of the window that lies inside the image; others add nothing."""

    def axis(number: int, tap: Expr, position: Expr) -> Statements:
        if number == len(spec.windows) - 1:
            return body(tap, position)
        window = spec.windows[number]
        first = row.places[number] * window.stride - as_expr(window.low)
        start, stop = _inside(window, first)

        def one(k: Expr) -> Statements:
            at = position * i64(_int(window.n)) + (first + k * window.dilation)
            return axis(number + 1, tap * i64(_int(window.taps)) + k, at)

        return loop("tap", start, stop, one)

    return axis(0, i64(0), row.item)


def _inside(window: Windows, first: Expr) -> tuple[Expr, Expr]:
    """The taps [start, stop) of a window from `first` on under which there is an element."""
    n, taps, d = _int(window.n), _int(window.taps), window.dilation
    low, high = _int(window.low), _int(window.high)
    start: Expr = i64(0)
    if low > 0:
        start = highest((i64(d - 1) - first) // d if d > 1 else i64(0) - first, 0)
    stop: Expr = i64(taps)
    if high > 0 or low < 0:
        left = highest(i64(n + d - 1) - first, 0)
        stop = lowest(left // d if d > 1 else left, taps)
    return start, stop


def _int(size: Dim) -> int:
    assert isinstance(size, int)
    return size


def load_x(spec: ConvolutionSpec, frame: Frame, buffer: Buffer, at: Expr) -> Expr:
    """An element of the images in the type in which products are summed."""
    return frame.t.load(buffer, at, spec.matmul.dtype)
