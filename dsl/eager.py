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

import numpy as np

from .. import _native
from . import views
from .dtypes import DType, to_numpy, uint8
from .engine import engine
from .graph import Aval, Graph, Node, Var
from .primitive import REGISTRY, Contract, Map, Native, Primitive, Reduce, Scatter
from .sizes import Shape, known, symbol

if TYPE_CHECKING:
    from .array import Array

_N, _OUTER, _REDUCED, _INNER = map(symbol, ("n", "outer", "reduced", "inner"))
_BATCH, _M, _K, _COLUMNS = map(symbol, ("batch", "m", "k", "columns"))
_LENGTH = uint8  # dtype of an array that only tells a length
_MOST_SHAPES = 32  # of products, before one program serves all further shapes
_kernels: dict[Any, Any] = {}
# The common case, checked and known: pointwise, without parameters.
_pointwise_kernels: dict[tuple[Any, ...], _native.MapKernel] = {}
_shapes_seen: dict[Any, set[Any]] = {}


def run(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """Apply a primitive to concrete cells, now."""
    if not params:
        known_kernel = _pointwise_kernels.get((primitive, *[c._code for c in cells]))
        shape = cells[0].shape if cells else ()
        if known_kernel is not None and all(c.shape == shape for c in cells):
            return known_kernel(*cells)
    out = primitive.infer(*(Aval(c.shape, c.dtype) for c in cells), **params)
    special = _SPECIAL.get(primitive.name)
    if special is not None:
        return special(out, *cells, **params)
    lower = primitive.lower
    if isinstance(lower, Map) and lower.pointwise:
        return _pointwise(primitive, cells, params)
    if isinstance(lower, Reduce):
        return _reduce(primitive, out, cells[0], params)
    if isinstance(lower, Contract):
        return _contract(primitive, out, *cells, params=params)
    if isinstance(lower, Scatter):
        return _scatter(primitive, out, *cells, params=params)
    if isinstance(lower, Native):
        return _native_routine(lower, out, cells, params)
    return _exact(primitive, cells, params)


def _cached(key: Any, make: Callable[[], Any]) -> Any:
    found = _kernels.get(key)
    if found is None:
        found = _kernels[key] = make()
    return found


def _graph(
    primitive: Primitive, inputs: tuple[Var, ...], params: dict[str, Any], *before: Node
) -> Graph:
    """The graph of one primitive, applied to the outputs of `before` and other inputs."""
    made = {n.inputs[0]: n.output for n in before}
    args = tuple(made.get(v, v) for v in inputs)
    out = Var(primitive.infer(*(v.aval for v in args), **params))
    node = Node(primitive, args, params, (out,))
    return Graph(inputs, (out,), (*before, node), name=f"eager_{primitive.name}")


# --------------------------------------------------------------------------- pointwise


def map_kernel(primitive: Primitive, codes: Any, params: dict[str, Any]) -> _native.MapKernel:
    """The native launcher of a pointwise primitive for these input dtypes."""

    def make() -> _native.MapKernel:
        out = primitive.infer(*(Aval((), d) for d in codes), **params)

        def compile_for(mask: int) -> _native.Kernel:
            return engine().kernel(_pointwise_graph(primitive, codes, params, mask))

        inputs = [d.code for d in codes]
        return _native.MapKernel(primitive.name, inputs, out.dtype.code, compile_for)

    key = (primitive.name, codes, tuple(sorted(params.items())))
    return _cached(key, make)  # type: ignore[no-any-return]


def _pointwise_graph(primitive: Primitive, codes: Any, params: dict[str, Any], mask: int) -> Graph:
    inputs, spread = [], []
    for i, dtype in enumerate(codes):
        is_scalar = mask >> i & 1
        inputs.append(Var(Aval(() if is_scalar else (_N,), dtype)))
        if is_scalar:
            spread.append(_spread(inputs[-1]))
    graph = _graph(primitive, tuple(inputs), params, *spread)
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
        _pointwise_kernels[primitive, *[c._code for c in cells]] = kernel
    return out


# --------------------------------------------------------------------------- reductions


def _reduce(primitive: Primitive, out: Aval, x: Array, params: dict[str, Any]) -> Array:
    axes: tuple[int, ...] = params["axes"]
    rest = {k: v for k, v in params.items() if k != "axes"}
    if axes and axes[-1] - axes[0] != len(axes) - 1:  # not adjacent: bring them to the end
        kept = tuple(a for a in range(x.ndim) if a not in axes)
        x = _move("transpose", x, axes=kept + axes)
        axes = tuple(range(len(kept), x.ndim))
    first, last = (axes[0], axes[-1] + 1) if axes else (x.ndim, x.ndim)
    sizes = prod(x.shape[:first]), prod(x.shape[first:last]), prod(x.shape[last:])
    names = tuple(s for s, n in zip((_OUTER, _REDUCED, _INNER), sizes, strict=True) if n != 1)
    if not names or _REDUCED not in names:
        names = (_REDUCED, *names)

    def make() -> Any:
        var = Var(Aval(names, x.dtype))
        return engine().program(
            _graph(primitive, (var,), {"axes": (names.index(_REDUCED),)} | rest)
        )

    program = _cached((primitive.name, x.dtype, names, tuple(rest.items())), make)
    by_name = dict(zip((_OUTER, _REDUCED, _INNER), sizes, strict=True))
    return _reshaped(program(_reshaped(x, tuple(by_name[s] for s in names)))[0], out.shape)


def _move(name: str, x: Array, **params: Any) -> Array:
    """A movement as a window on the value of `x`, or a copy."""
    found = views.window(name, x, params)
    if found is None:
        x = _native.contiguous(x)
        found = views.window(name, x, params)
    assert found is not None, f"{name} of a contiguous array is always a window"
    base = x if x._base is None else x._base
    moved: Array = _native.view(base, *found, ())
    return moved


def _reshaped(x: Array, shape: Shape) -> Array:
    return x if x.shape == shape else _native.contiguous(_move("reshape", x, shape=shape))


# --------------------------------------------------------------------------- products


def _contract(primitive: Primitive, out: Aval, a: Array, b: Array, *, params: Any) -> Array:
    batch = known(out.shape[:-2])
    flat: tuple[int, ...] = ()
    m, k, n = a.shape[-2], a.shape[-1], b.shape[-1]
    if prod(b.shape[:-2]) == 1 and not _is_transposed(a):
        # One right operand for all: the batch is just more rows.
        a = _reshaped(a, (prod(batch) * m, k))
        b = _drop_ones(b)
    else:
        flat = (prod(batch),)
        a = _flat_batch(a, batch, (m, k))
        b = _flat_batch(b, batch, (k, n))
    turned = (_is_transposed(a), _is_transposed(b))
    key = (primitive.name, a.dtype, b.dtype, len(flat), turned, tuple(params.items()))
    args = [_turn(x) if t else x for x, t in zip((a, b), turned, strict=True)]
    program = _product_program(primitive, key, args, turned, params)
    return _reshaped(program(*args)[0], out.shape)


def _is_transposed(x: Array) -> bool:
    """Whether the matrices of x lie column by column, so that x.mT is contiguous."""
    rows, columns = x.shape[-2:]
    if rows == 1 or columns == 1 or x._contiguous:
        return False
    return bool(_turn(x)._contiguous)


def _turn(x: Array) -> Array:
    axes = (*range(x.ndim - 2), x.ndim - 1, x.ndim - 2)
    return _move("transpose", x, axes=axes)


def _drop_ones(x: Array) -> Array:
    return x if x.ndim == 2 else _move("reshape", x, shape=x.shape[-2:])


def _flat_batch(x: Array, batch: Shape, matrix: tuple[int, int]) -> Array:
    if x.shape[:-2] != batch:
        x = _move("broadcast_to", x, shape=(*batch, *matrix))
    return _move("reshape", x, shape=(prod(batch), *matrix))


def _product_program(
    primitive: Primitive, key: Any, args: list[Array], turned: tuple[bool, bool], params: Any
) -> Any:
    """A program for exactly these sizes, or, once there are many, one for all sizes.

    The one for all holds every form of the schedule and takes seconds to compile; a program for
    one shape takes a tenth of one, and is the faster.
    """
    shapes: tuple[Shape, ...] = tuple(x.shape for x in args)
    count = _shapes_seen.setdefault(key, set())
    if shapes not in count and len(count) >= _MOST_SHAPES:
        lead: Shape = (_BATCH,) * (args[0].ndim - 2)
        sizes = ((_M, _K), (_K, _COLUMNS))
        shapes = tuple(
            (*lead, *(reversed(s) if t else s)) for s, t in zip(sizes, turned, strict=True)
        )
    else:
        count.add(shapes)

    def make() -> Any:
        inputs = [Var(Aval(s, x.dtype)) for s, x in zip(shapes, args, strict=True)]
        before = [_turn_node(v) for v, t in zip(inputs, turned, strict=True) if t]
        return engine().program(_graph(primitive, tuple(inputs), dict(params), *before))

    return _cached((*key, shapes), make)


def _turn_node(var: Var) -> Node:
    n = var.aval.ndim
    axes = (*range(n - 2), n - 1, n - 2)
    out = Var(Aval(tuple(var.aval.shape[i] for i in axes), var.aval.dtype))
    return Node(REGISTRY["transpose"], (var,), {"axes": axes}, (out,))


# --------------------------------------------------------------------------- gather and scatter


def _gather(out: Aval, x: Array, indices: Array, *, axis: int) -> Array:
    sizes = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    count = symbol("count")

    def make() -> Any:
        table = Var(Aval((_OUTER, _N, _INNER), x.dtype))
        where = Var(Aval((count,), indices.dtype))
        return engine().program(_graph(REGISTRY["gather"], (table, where), {"axis": 1}))

    program = _cached(("gather", x.dtype, indices.dtype), make)
    flat = _reshaped(indices, (indices.size,))
    return _reshaped(program(_reshaped(x, sizes), flat)[0], out.shape)


def _scatter(
    primitive: Primitive, out: Aval, x: Array, indices: Array, updates: Array, *, params: Any
) -> Array:
    axis = params["axis"]
    sizes = prod(x.shape[:axis]), x.shape[axis], prod(x.shape[axis + 1 :])
    count = symbol("count")

    def make() -> Any:
        shapes = ((_OUTER, _N, _INNER), (count,), (_OUTER, count, _INNER))
        dtypes = (x.dtype, indices.dtype, updates.dtype)
        inputs = tuple(Var(Aval(s, d)) for s, d in zip(shapes, dtypes, strict=True))
        return engine().program(_graph(primitive, inputs, {"axis": 1}))

    program = _cached((primitive.name, x.dtype, indices.dtype), make)
    flat = _reshaped(updates, (sizes[0], indices.size, sizes[2]))
    return _reshaped(program(_reshaped(x, sizes), indices, flat)[0], out.shape)


# --------------------------------------------------------------------------- native movement


def _window_copy(name: str) -> Callable[..., Array]:
    return lambda out, x, **params: _move(name, x, **params)


def _full(out: Aval, *, value: Any, shape: Any, dtype: Any) -> Array:
    scalar = _native.from_scalar(value, dtype.code)
    return scalar if shape == () else _native.contiguous(_move("broadcast_to", scalar, shape=shape))


def _iota(out: Aval, **params: Any) -> Array:
    host = np.arange(known(out.shape)[0], dtype=np.int64).astype(to_numpy(out.dtype))
    made: Array = _native.from_buffer(views.exportable(host), out.dtype.code, True)
    return made


def _put(target: Array, value: Array, start: Any, strides: Any) -> None:
    """Copy `value` into a window of the fresh array `target`."""
    params = {"start": tuple(start), "sizes": value.shape, "strides": tuple(strides)}
    _native.write(_move("slice", target, **params), value)


def _pad(out: Aval, x: Array, *, low: Any, high: Any, value: Any) -> Array:
    padded = _full(out, value=value, shape=out.shape, dtype=out.dtype)
    _put(padded, x, low, (1,) * x.ndim)
    return padded


def _concatenate(out: Aval, *parts: Array, axis: int) -> Array:
    joined: Array = _native.empty(known(out.shape), out.dtype.code)
    start = [0] * out.ndim
    for part in parts:
        _put(joined, part, start, (1,) * out.ndim)
        start[axis] += part.shape[axis]
    return joined


def _update_slice(out: Aval, x: Array, update: Array, *, start: Any, strides: Any) -> Array:
    copy: Array = _native.empty(known(out.shape), out.dtype.code)
    _native.write(copy, x)
    _put(copy, update, start, strides)
    return copy


def _random_bits(out: Aval, state: Array, *, shape: Any) -> Array:
    """Philox over a flat range; the length is told by an input that is never read."""

    def make() -> Any:
        primitive = REGISTRY["random_bits"]
        inputs = (Var(Aval((4,), state.dtype)), Var(Aval((_N,), _LENGTH)))
        bits = Var(primitive.infer(inputs[0].aval, shape=(_N,)))
        node = Node(primitive, inputs[:1], {"shape": (_N,)}, (bits,))
        return engine().program(Graph(inputs, (bits,), (node,), name="eager_random_bits"))

    program = _cached(("random_bits",), make)
    length: Array = _native.empty((prod(shape),), _LENGTH.code)
    return _reshaped(program(state, length)[0], out.shape)


def _native_routine(
    lower: Native, out: Aval, cells: tuple[Array, ...], params: dict[str, Any]
) -> Array:
    """A routine of the core, at once: no program, as nothing is compiled."""
    avals = (Aval(c.shape, c.dtype) for c in cells)
    sizes = known(lower.sizes(*avals, out=out, **params))
    return engine().routine(lower.name)(cells, known(out.shape), out.dtype.code, sizes)


def _exact(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """A primitive without a canonical form: a program for exactly these shapes."""
    avals = tuple(Aval(c.shape, c.dtype) for c in cells)
    key = (primitive.name, avals, tuple(sorted(params.items())))
    inputs = tuple(map(Var, avals))
    program = _cached(key, lambda: engine().program(_graph(primitive, inputs, params)))
    return program(*cells)[0]  # type: ignore[no-any-return]


def _same(out: Aval, x: Array, **params: Any) -> Array:
    """The value itself, off the tape."""
    value: Array = _native.alias(x)
    value._node = None
    return value


def _cast(out: Aval, x: Array, *, dtype: DType) -> Array:
    if dtype is x.dtype:
        return _same(out, x)
    return _pointwise(REGISTRY["cast"], (x,), {"dtype": dtype})


_SPECIAL: dict[str, Callable[..., Array]] = {
    **{name: _window_copy(name) for name in views.MOVES},
    "cast": _cast,
    "full": _full,
    "iota": _iota,
    "pad": _pad,
    "concatenate": _concatenate,
    "update_slice": _update_slice,
    "gather": _gather,
    "random_bits": _random_bits,
    "stop_gradient": _same,
}
