"""Eager execution: every primitive, at once, by kernels that serve all shapes.

Shapes are collapsed to a canonical form (1-D for pointwise, outer x reduced x inner for
reductions, batch x m x k for products), and the canonical operation is a graph of one node with
symbolic sizes, compiled once for its dtypes and kept. Movement is native copying.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from math import prod
from typing import TYPE_CHECKING, Any

from .. import _native
from . import eager_moves as moves
from . import views
from .device import HOST, common_index, current, scope
from .dtypes import DType, uint8
from .eager_attention import attend
from .eager_moves import move, reshaped
from .eager_products import contract
from .eager_programs import EXACT, cached, graph_of, new_table
from .eager_routines import host_gather, native_routine
from .engine import engine
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY, Attend, Contract, Map, Native, Primitive, Reduce, Scatter
from .sizes import symbol

if TYPE_CHECKING:
    from .array import Array

_N, _OUTER, _REDUCED, _INNER = map(symbol, ("n", "outer", "reduced", "inner"))
_LENGTH = uint8  # dtype of an array that only tells a length
# The common case, checked and known: pointwise, without parameters.
_pointwise_kernels: dict[Any, _native.MapKernel] = new_table()


def run(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """Apply a primitive to concrete cells, now, on the device where they are."""
    index = common_index(primitive.name, cells)
    if index == HOST.index == current().index:
        return _run(primitive, cells, params)
    with scope(index):
        return (
            _run(primitive, cells, params)
            if index == HOST.index
            else _device_run(primitive, cells, params)
        )


DeviceRun = Callable[[Primitive, tuple["Array", ...], dict[str, Any]], "Array"]


def _no_devices(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    raise RuntimeError("eager_device.py has not been imported")


_device_run: DeviceRun = _no_devices


def set_device_run(device_run: DeviceRun) -> None:
    """Called once, by eager_device.py: how primitives run on devices with memory of their own."""
    global _device_run
    _device_run = device_run


def _run(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    if not params:
        mode = _native.reproducible()
        known_kernel = _pointwise_kernels.get((primitive, mode, *[c._code for c in cells]))
        shape = cells[0].shape if cells else ()
        if known_kernel is not None and all(c.shape == shape for c in cells):
            return known_kernel(*cells)
    out = primitive.infer(*(Aval(c.shape, c.dtype) for c in cells), **params)
    special = SPECIAL.get(primitive.name)
    if special is not None:
        return special(out, *cells, **params)
    lower = primitive.lower
    if isinstance(lower, Map) and lower.pointwise:
        return _pointwise(primitive, cells, params)
    return run_program(primitive, out, cells, params)


def run_program(
    primitive: Primitive, out: Aval, cells: tuple[Array, ...], params: dict[str, Any]
) -> Array:
    """A reduction, a product or a scatter in its canonical form, or else a program for exactly
    these shapes, on the current device."""
    lower = primitive.lower
    if isinstance(lower, Reduce):
        return _reduce(primitive, out, cells[0], params)
    if isinstance(lower, Contract):
        return contract(primitive, out, *cells, params=params)
    if isinstance(lower, Scatter):
        return _scatter(primitive, out, *cells, params=params)
    if isinstance(lower, Attend):
        return attend(primitive, cells, params)
    if isinstance(lower, Native):
        return native_routine(lower, out, cells, params)
    return _exact(primitive, cells, params)


# --------------------------------------------------------------------------- pointwise


def map_kernel(primitive: Primitive, codes: Any, params: dict[str, Any]) -> _native.MapKernel:
    """The native launcher of a pointwise primitive for these input dtypes."""

    def make() -> _native.MapKernel:
        out = primitive.infer(*(Aval((), d) for d in codes), **params)

        def compile_for(mask: int) -> _native.Kernel:
            return engine().kernel(pointwise_graph(primitive, codes, params, mask))

        inputs = [d.code for d in codes]
        return _native.MapKernel(primitive.name, inputs, out.dtype.code, compile_for)

    key = (primitive.name, codes, tuple(sorted(params.items())))
    return cached(key, make)  # type: ignore[no-any-return]


def pointwise_graph(primitive: Primitive, codes: Any, params: dict[str, Any], mask: int) -> Graph:
    """A pointwise primitive over one axis; bit i of mask: input i is one element for all."""
    inputs, spread = [], []
    for i, dtype in enumerate(codes):
        is_scalar = mask >> i & 1
        inputs.append(Var(Aval(() if is_scalar else (_N,), dtype)))
        if is_scalar:
            spread.append(_spread(inputs[-1]))
    graph = graph_of(primitive, tuple(inputs), params, *spread)
    if len(spread) < len(inputs):
        return graph
    # One element for all: an input that is never read tells the length.
    return replace(graph, inputs=(*inputs, Var(Aval((_N,), _LENGTH))))


def _spread(scalar: Var) -> Node:
    out = Var(Aval((_N,), scalar.aval.dtype))
    return Node(REGISTRY["broadcast_to"], (scalar,), {"shape": (_N,)}, (out,))


def _pointwise(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    kernel = map_kernel(primitive, tuple(c.dtype for c in cells), params)
    out: Array = kernel(*cells)
    if not params:
        mode = _native.reproducible()
        _pointwise_kernels[primitive, mode, *[c._code for c in cells]] = kernel
    return out


# --------------------------------------------------------------------------- reductions


def reduce_kernel(
    primitive: Primitive, x: Aval, params: dict[str, Any], keepdims: bool = False
) -> _native.ReduceKernel:
    """The native launcher of a reduction for arrays of x's dtype and rank on the host."""
    axes, rest = _split(params)

    def compile_for(outer: bool, inner: bool) -> _native.Program:
        sizes = ((_OUTER, outer), (_REDUCED, True), (_INNER, inner))
        names = tuple(s for s, there in sizes if there)
        program: _native.Program = _reduce_program(primitive, x.dtype, names, rest)
        return program

    def make() -> _native.ReduceKernel:
        return _native.ReduceKernel(
            primitive.name, x.dtype.code, x.ndim, axes, keepdims, compile_for
        )

    key = (primitive.name, x.dtype, x.ndim, axes, keepdims, tuple(rest.items()))
    return cached(key, make)  # type: ignore[no-any-return]


def _split(params: dict[str, Any]) -> tuple[tuple[int, ...], dict[str, Any]]:
    return params["axes"], {k: v for k, v in params.items() if k != "axes"}


def _reduce_program(primitive: Primitive, dtype: DType, names: Any, rest: dict[str, Any]) -> Any:
    def make() -> Any:
        var = Var(Aval(names, dtype))
        return engine().program(
            graph_of(primitive, (var,), {"axes": (names.index(_REDUCED),)} | rest)
        )

    return cached((primitive.name, dtype, names, tuple(rest.items())), make)


def _reduce(primitive: Primitive, out: Aval, x: Array, params: dict[str, Any]) -> Array:
    if not x._device:
        reduced: Array = reduce_kernel(primitive, Aval(x.shape, x.dtype), params)(x)
        return reduced
    axes, rest = _split(params)
    if axes and axes[-1] - axes[0] != len(axes) - 1:  # not adjacent: bring them to the end
        kept = tuple(a for a in range(x.ndim) if a not in axes)
        x = move("transpose", x, axes=kept + axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    sizes = prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:])
    if sizes[1] == 1:  # nothing is joined, so what comes before may as well come behind
        sizes = 1, 1, sizes[0] * sizes[2]
    names = tuple(s for s, n in zip((_OUTER, _REDUCED, _INNER), sizes, strict=True) if n != 1)
    if not names or _REDUCED not in names:
        names = (_REDUCED, *names)
    program = _reduce_program(primitive, x.dtype, names, rest)
    by_name = dict(zip((_OUTER, _REDUCED, _INNER), sizes, strict=True))
    return reshaped(program(reshaped(x, tuple(by_name[s] for s in names)))[0], out.shape)


# --------------------------------------------------------------------------- gather and scatter


def gather(out: Aval, x: Array, indices: Array, *, axis: int) -> Array:
    """Elements at computed places along an axis, by a kernel of the current device."""
    sizes = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    count = symbol("count")

    def make() -> Any:
        table = Var(Aval((_OUTER, _N, _INNER), x.dtype))
        where = Var(Aval((count,), indices.dtype))
        return engine().program(graph_of(REGISTRY["gather"], (table, where), {"axis": 1}))

    program = cached(("gather", x.dtype, indices.dtype), make)
    flat = reshaped(indices, (indices.size,))
    return reshaped(program(reshaped(x, sizes), flat)[0], out.shape)


def _scatter(
    primitive: Primitive, out: Aval, x: Array, indices: Array, updates: Array, *, params: Any
) -> Array:
    axis = params["axis"]
    outer, n, inner = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    count = symbol("count")
    # Along the last axis single elements move, without a loop for each.
    last, open_ = ((), ()) if inner == 1 else ((inner,), (_INNER,))

    def make() -> Any:
        shapes = ((_OUTER, _N, *open_), (count,), (_OUTER, count, *open_))
        dtypes = (x.dtype, indices.dtype, updates.dtype)
        inputs = tuple(Var(Aval(s, d)) for s, d in zip(shapes, dtypes, strict=True))
        return engine().program(graph_of(primitive, inputs, {"axis": 1}))

    program = cached((primitive.name, x.dtype, indices.dtype, inner == 1), make)
    flat = reshaped(updates, (outer, indices.size, *last))
    return reshaped(program(reshaped(x, (outer, n, *last)), indices, flat)[0], out.shape)


def _exact(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """A primitive without a canonical form: a program for exactly these shapes."""
    avals = tuple(Aval(c.shape, c.dtype) for c in cells)
    key = (primitive.name, avals, tuple(sorted(params.items())))
    inputs = tuple(map(Var, avals))

    def make() -> Any:
        graph = graph_of(primitive, inputs, params)
        return engine().program(replace(graph, name=f"{EXACT}{primitive.name}"))

    program = cached(key, make)
    return program(*cells)[0]  # type: ignore[no-any-return]


def _cast(out: Aval, x: Array, *, dtype: DType) -> Array:
    if dtype is x.dtype:
        return moves.same(out, x)
    return _pointwise(REGISTRY["cast"], (x,), {"dtype": dtype})


SPECIAL: dict[str, Callable[..., Array]] = {
    **{name: moves.window_copy(name) for name in views.MOVES},
    "cast": _cast,
    "full": moves.full,
    "iota": moves.iota,
    "pad": moves.pad,
    "concatenate": moves.concatenate,
    "update_slice": moves.update_slice,
    "gather": host_gather,
    "stop_gradient": moves.same,
    "fence": moves.same,
    "as_real": moves.reinterpreted,
    "as_complex": moves.reinterpreted,
}
