"""Eager execution on devices with memory of their own.

Nothing there is copied by the host, so movement is kernels too: one for each rank and element size
serves all windows, as sizes, steps and starts are arguments of the launch. Pointwise operations run
over flat arrays; reductions, products and scatters as on the host (`eager.run_program`).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from math import prod
from typing import TYPE_CHECKING, Any

from .. import _native
from . import eager, views
from . import eager_moves as moves
from .device import current
from .dtypes import DType, complex128, uint8, uint16, uint32, uint64
from .eager_programs import cached, graph_of
from .engine import engine
from .graph import Aval, Graph, Var
from .primitive import REGISTRY, Expr, Map, Primitive, Reader, Vocabulary
from .sizes import Dim, Shape, known, symbol

if TYPE_CHECKING:
    from .array import Array

# what is moved has no type but its size
_RAW = {1: uint8, 2: uint16, 4: uint32, 8: uint64, 16: complex128}
_MOST_PARTS = 8  # of one joining kernel
_N = symbol("n")


def run(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """Apply a primitive to cells of the current device, now."""
    out = primitive.infer(*(Aval(c.shape, c.dtype) for c in cells), **params)
    current().require(primitive.name, (out.dtype,))
    special = SPECIAL.get(primitive.name)
    if special is not None:
        return special(out, *cells, **params)
    if out.size == 0:
        return empty(out)
    if isinstance(primitive.lower, Map) and primitive.lower.pointwise:
        return _pointwise(primitive, out, cells, params)
    return eager.run_program(primitive, out, cells, params)


eager.set_device_run(run)


def empty(out: Aval) -> Array:
    """Memory for a result on the current device."""
    made: Array = _native.empty(known(out.shape), out.dtype.code, current().index)
    return made


def launch(
    key: Any,
    make: Callable[[], Graph],
    cells: tuple[Array, ...],
    out: Aval,
    sizes: Mapping[str, int],
) -> Array:
    """Run the kernel of a graph of one node on whole arrays; `sizes` has its unknowns."""
    kernel, names = cached(key, lambda: engine().sized_kernel(make()))
    result = empty(out)
    kernel([*map(_native.contiguous, cells), result], [sizes[name] for name in names])
    return result


# --------------------------------------------------------------------------- windows


def _infer_window(x: Aval, *, start: Dim, shape: Shape, strides: Shape) -> Aval:
    return Aval(shape, x.dtype)


def _lower_window(
    t: Vocabulary,
    index: tuple[Expr, ...],
    x: Reader,
    *,
    out: Aval,
    start: Dim,
    shape: Shape,
    strides: Shape,
) -> Expr:
    place = t.size(start)
    for i, step in zip(index, strides, strict=True):
        place = place + i * t.size(step)
    return x((place,))


def _nothing(*args: Any, **params: Any) -> Any:
    raise NotImplementedError("only eager execution makes this primitive")


# The elements of a window with any strides, from a flat array.
_WINDOW = Primitive("window", _infer_window, Map(_lower_window), _nothing, _nothing, ())


def contiguous(cell: Array) -> Array:
    """The elements of a view as an array of its own; the view stays where it is."""
    out = Aval(cell.shape, cell.dtype)
    if cell.size == 0:
        return empty(out)
    base = cell if cell._base is None else cell._base
    runs = views.merged(cell.shape, cell._steps)
    rank, raw = len(runs), _RAW[cell.dtype.itemsize]

    def make() -> Graph:
        x = Var(Aval((symbol("whole"),), raw))
        shape = tuple(symbol(f"n{i}") for i in range(rank))
        steps = tuple(symbol(f"s{i}") for i in range(rank))
        window = {"start": symbol("start"), "shape": shape, "strides": steps}
        return graph_of(_WINDOW, (x,), window)

    sizes = {"whole": base.nbytes // cell.itemsize, "start": cell._offset}
    sizes |= {f"n{i}": n for i, (n, _) in enumerate(runs)}
    sizes |= {f"s{i}": step for i, (_, step) in enumerate(runs)}
    return launch(("window", raw, rank), make, (base,), out, sizes)


def write(cell: Array, value: Array) -> None:
    """Put `value`, broadcast, into the window of a view: its base gets another value."""
    root = cell if cell._base is None else cell._base
    if value.shape != cell.shape:
        value = moves.move("broadcast_to", value, shape=cell.shape)
    new = _updated(root, () if cell._base is None else cell._moves, value)
    node = root._node
    _native.assign(root, _native.contiguous(new))
    root._node = node


def _updated(value: Array, steps: Any, new: Array) -> Array:
    if not steps:
        return new
    (primitive, params), rest = steps[0], steps[1:]
    if rest:
        inner = moves.move(primitive.name, value, **dict(params))
        new = _updated(inner, rest, new)
    return views.put_back(eager.run, primitive, dict(params), value, new)


# --------------------------------------------------------------------------- pointwise


def _pointwise(
    primitive: Primitive, out: Aval, cells: tuple[Array, ...], params: dict[str, Any]
) -> Array:
    """One kernel over flat arrays, in which operands that are one element are read as such."""
    single = [_is_single(c) for c in cells]
    if all(single) and out.size != 1:
        one = _pointwise(primitive, Aval((), out.dtype), tuple(map(_element, cells)), params)
        return contiguous(moves.move("broadcast_to", one, shape=known(out.shape)))
    mask = sum(1 << i for i, s in enumerate(single) if s) if out.size != 1 else 0
    operands = tuple(_element(c) if mask >> i & 1 else c for i, c in enumerate(cells))
    dtypes = tuple(c.dtype for c in cells)
    key = ("pointwise", primitive.name, dtypes, mask, tuple(sorted(params.items())))
    return launch(
        key,
        lambda: eager.pointwise_graph(primitive, dtypes, params, mask),
        operands,
        out,
        {"n": int(prod(known(out.shape)))},
    )


def _is_single(cell: Array) -> bool:
    steps = zip(cell.shape, cell._steps, strict=True)
    return cell.size == 1 or all(n == 1 or step == 0 for n, step in steps)


def _element(cell: Array) -> Array:
    """The one element that all of an operand is."""
    base = cell if cell._base is None else cell._base
    view = _native.view(base, (), (), cell._offset, (), cell.dtype.code)
    one: Array = _native.contiguous(view)
    return one


# --------------------------------------------------------------------------- sources


_NUMBERS: dict[str, Callable[[str], Any]] = {"int": int, "float": float, "complex": complex}


@lru_cache(4096)
def _scalar(index: int, dtype: DType, kind: str, text: str) -> Array:
    """One element on a device, from its text: that tells 0.0 from -0.0, and every nan is one."""
    value = text == "True" if kind == "bool" else _NUMBERS[kind](text)
    return _native.transfer(_native.from_scalar(value, dtype.code), index)


def scalar(value: Any, dtype: DType) -> Array:
    """A 0-d array on the current device, in a cell of its own."""
    number = value.item() if hasattr(value, "item") else value
    known_one = _scalar(current().index, dtype, type(number).__name__, repr(number))
    return _native.alias(known_one)


def _full(out: Aval, *, value: Any, shape: Any, dtype: DType) -> Array:
    one = scalar(value, dtype)
    return one if shape == () else contiguous(moves.move("broadcast_to", one, shape=shape))


def _iota(out: Aval, *, size: Any, dtype: DType) -> Array:
    if out.size == 0:
        return empty(out)
    make = lambda: graph_of(REGISTRY["iota"], (), {"size": _N, "dtype": dtype})  # noqa: E731
    return launch(("iota", dtype), make, (), out, {"n": size})


# --------------------------------------------------------------------------- windows put in, joined


def _update_slice(out: Aval, x: Array, update: Array, *, start: Any, strides: Any) -> Array:
    if update.size == 0:
        return moves.same(out, x)
    rank, raw = x.ndim, _RAW[x.dtype.itemsize]

    def make() -> Graph:
        shapes = [tuple(symbol(f"{name}{i}") for i in range(rank)) for name in "nu"]
        inputs = tuple(Var(Aval(shape, raw)) for shape in shapes)
        begin = tuple(symbol(f"b{i}") for i in range(rank))
        window = {"start": begin, "strides": tuple(strides)}
        return graph_of(REGISTRY["update_slice"], inputs, window)

    sizes = {f"n{i}": n for i, n in enumerate(x.shape)}
    sizes |= {f"u{i}": n for i, n in enumerate(update.shape)}
    sizes |= {f"b{i}": n for i, n in enumerate(start)}
    return launch(("update_slice", raw, rank, tuple(strides)), make, (x, update), out, sizes)


def _pad(out: Aval, x: Array, *, low: Any, high: Any, value: Any) -> Array:
    around = _full(out, value=value, shape=known(out.shape), dtype=out.dtype)
    return _update_slice(out, around, x, start=low, strides=(1,) * x.ndim)


def _concatenate(out: Aval, *parts: Array, axis: int) -> Array:
    present = [p for p in parts if p.size]
    if not present:
        return empty(out)
    if len(present) > _MOST_PARTS:
        first = _joined(present[:_MOST_PARTS], axis)
        return _concatenate(out, first, *present[_MOST_PARTS:], axis=axis)
    return _joined(present, axis)


def _joined(parts: list[Array], axis: int) -> Array:
    raw = _RAW[parts[0].dtype.itemsize]
    outer, inner = prod(parts[0].shape[:axis]), prod(parts[0].shape[axis + 1 :])
    lengths = [p.shape[axis] for p in parts]

    def make() -> Graph:
        ends = symbol("outer"), symbol("inner")
        middles = [symbol(f"m{i}") for i in range(len(parts))]
        inputs = tuple(Var(Aval((ends[0], m, ends[1]), raw)) for m in middles)
        return graph_of(REGISTRY["concatenate"], inputs, {"axis": 1})

    shape = (*parts[0].shape[:axis], sum(lengths), *parts[0].shape[axis + 1 :])
    sizes = {"outer": outer, "inner": inner} | {f"m{i}": n for i, n in enumerate(lengths)}
    out = Aval(shape, parts[0].dtype)
    return launch(("concatenate", raw, len(parts)), make, tuple(parts), out, sizes)


def _gather(out: Aval, x: Array, indices: Array, *, axis: int) -> Array:
    return empty(out) if out.size == 0 else eager.gather(out, x, indices, axis=axis)


def _cast(out: Aval, x: Array, *, dtype: DType) -> Array:
    if dtype is x.dtype:
        return moves.same(out, x)
    return (
        empty(out) if out.size == 0 else _pointwise(REGISTRY["cast"], out, (x,), {"dtype": dtype})
    )


SPECIAL: dict[str, Callable[..., Array]] = {
    **{name: moves.window_copy(name) for name in views.MOVES},
    "cast": _cast,
    "full": _full,
    "iota": _iota,
    "pad": _pad,
    "concatenate": _concatenate,
    "update_slice": _update_slice,
    "gather": _gather,
    "stop_gradient": moves.same,
    "fence": moves.same,
    "as_real": moves.reinterpreted,
    "as_complex": moves.reinterpreted,
}
