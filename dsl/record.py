"""Binding: what it means to apply a primitive to arrays.

Eagerly it runs now; under an open trace it appends a node; where an input is tracked it is put on
the tape. Movement primitives give views: cells that know their base and the moves to it, applied
when the view is read as a value. Here, too, is what a write means.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import device as placing
from . import eager, eager_device, views
from . import eager_random as eager_random  # how draws run
from . import trace as tracing
from .autodiff import LeafNode, TapeNode, is_tracked, node_of, snapshot
from .dtypes import DType, to_numpy
from .errors import GradientError, ShapeError, TraceError
from .graph import Aval
from .primitive import REGISTRY, Primitive, set_bind
from .recipe_steps import rule_of
from .sizes import known
from .tracked import Tracked, plain

if TYPE_CHECKING:
    from .array import Array


def is_tracing() -> bool:
    """Whether primitives are being staged in this thread.

    Who does something else then must ask this before it looks at an array: while a call is recorded
    for later calls like it, which are not staged, the question raises Unrecordable.
    """
    trace = tracing.current()
    if isinstance(trace, tracing.Recording):
        raise tracing.Unrecordable(f"{trace.name}: it is another when it is staged")
    return trace is not None


def runs_on_host(*cells: Array) -> bool:
    """Whether a primitive applied to these runs at once in the host's memory, where it may do and
    refuse what depends on values; as a call does that is recorded for later ones."""
    trace = tracing.current()
    if trace is not None:
        return isinstance(trace, tracing.Recording)
    return all(cell._is_concrete and not cell._device for cell in cells)


def bind(primitive: Primitive, *cells: Array, **params: Any) -> Array:
    """Apply a primitive: check, then view, stage or run, then put it on the tape."""
    if primitive.name in views.MOVES:
        view = _view(primitive, cells[0], params)
        return view if view is not None else _root(_apply(primitive, cells, params))
    return _apply(primitive, cells, params)


def _apply(primitive: Primitive, cells: tuple[Array, ...], params: dict[str, Any]) -> Array:
    if tracing.current() is None and not any(map(is_tracked, cells)):
        return eager.run(primitive, cells, params)
    return _bind_values(primitive, tuple(map(read, cells)), params)


def _root(value: Array) -> Array:
    """A value as a cell of its own, where running a movement gave a window on another's."""
    if not value._is_view:
        return value
    root: Array = _native.contiguous(value)
    root._node = value._node
    return root


set_bind(bind)


def _bind_values(primitive: Primitive, values: tuple[Array, ...], params: dict[str, Any]) -> Array:
    """Stage or run a primitive on values (the results of `read`), and tape it."""
    trace = tracing.current()
    if trace is None:
        out = eager.run(primitive, values, params)
    else:
        out = trace.append(primitive, tuple(_var(v, trace) for v in values), params)
    if _native.grad_enabled() and out.dtype.is_inexact:
        _tape(primitive, values, params, out)
    return out


def _var(value: Array, trace: tracing.Trace) -> Any:
    return tracing.traced_var(value, trace)


def _tape(
    primitive: Primitive, values: tuple[Array, ...], params: dict[str, Any], out: Array
) -> None:
    nodes = tuple(node_of(v) if v.dtype.is_inexact else None for v in values)
    if primitive.vjp is None or not any(nodes):
        return
    rule = rule_of(primitive)
    saved = tuple(snapshot(v, n) for v, n in zip(values, nodes, strict=True))
    result = snapshot(out, None)

    def vjp(cotangents: Any, keep_graph: bool) -> Any:
        # Only now does the result get its node: stored, it would make a cycle.
        seen = snapshot(result, node) if keep_graph else result
        return rule(cotangents[0], seen, *saved, **params)

    node = TapeNode(primitive.name, nodes, vjp)
    out._node = node


# --------------------------------------------------------------------------- reading and writing


def read(cell: Array) -> Array:
    """The value of a cell: untied from it, staged if a trace is open, with its tape node."""
    base = cell._base
    if base is not None and cell._node is None:
        value = read(base)
        if tracing.current() is None and not is_tracked(value):
            return snapshot(cell, None)
        for primitive, params in cell._moves:
            value = _bind_values(primitive, (value,), dict(params))
        # A window on another's memory is a value of its own: what is moved out of it later must not
        # be taken for a part of the other.
        return value if value._base is None else snapshot(value, value._node)
    trace = tracing.current()
    if trace is None:
        if cell._traced is not None:
            _escaped(cell)
        return cell
    if cell._traced is not None and not trace.is_inside(cell._traced.trace):
        return cell
    captured = trace.lift(_native.contiguous(cell) if cell._is_view else cell)
    if not trace.is_region and _native.grad_enabled() and captured.current._node is None:
        captured.current._node = node_of(cell)
    return captured.current


def _escaped(cell: Array) -> None:
    payload = cell._traced
    raise TraceError(
        f"a traced value made at {payload.source} was used after its trace ended; return it from "
        "the function instead of keeping it outside"
    )


def write(cell: Array, value: Array) -> None:
    """Put `value` (of the cell's shape and dtype) into the cell, or into a view's window.

    In place underneath when nobody else holds the memory, on a copy otherwise; recorded on the
    tape and in the trace where these are at work.
    """
    if value.shape != cell.shape or value.dtype is not cell.dtype:
        raise ShapeError(
            f"write: got {value.dtype}{value.shape}; the target is {cell.dtype}{cell.shape}"
        )
    if cell._is_concrete and value._is_concrete:
        placing.common_index("write", (cell, value))
    root = cell if cell._base is None else cell._base
    recorded = _native.grad_enabled() and (is_tracked(root) or is_tracked(value))
    if not is_tracing() and not recorded:
        _native.write(cell, value)
        return
    if recorded and isinstance(root._node, LeafNode):
        raise GradientError(
            "write: an array with requires_grad is written to while gradients are recorded; do it "
            "under tw.no_grad(), or on a copy"
        )
    new = read(value) if cell is root else _updated(read(root), cell._moves, read(value))
    _set_value(root, new)


def _updated(value: Array, moves: Any, new: Array) -> Array:
    """`value` with the window that `moves` lead to replaced by `new`, functionally."""
    if not moves:
        return new
    (primitive, params), rest = moves[0], moves[1:]
    if rest:
        inner = _bind_values(primitive, (value,), dict(params))
        new = _updated(inner, rest, new)
    return views.put_back(_bind_values, primitive, dict(params), value, new)


def _set_value(root: Array, new: Array) -> None:
    trace = tracing.current()
    if trace is None or (root._traced is not None and not trace.is_inside(root._traced.trace)):
        _native.assign(root, _root(new))
        return
    captured = trace.lift(root)
    node = new._node
    if node is None and root.requires_grad:
        node = node_of(root)
    captured.current = snapshot(new, node)


def constant(value: Any, dtype: DType) -> Array:
    """An array made from host data: a buffer of its own on the current device, or a constant of
    the open trace."""
    host = np.asarray(plain(value), dtype=to_numpy(dtype))
    trace = tracing.current()
    if trace is not None and isinstance(value, Tracked):
        return REGISTRY["full"](value=value, shape=(), dtype=dtype)
    if trace is None:
        place = placing.current()
        if place.index == placing.HOST.index:
            made: Array = _native.from_buffer(views.exportable(host), dtype.code, True)
            return made
        place.require("array", (dtype,))
        if host.ndim == 0:
            return eager_device.scalar(host.item(), dtype)
        return _native.transfer(
            _native.from_buffer(views.exportable(host), dtype.code, True), place.index
        )
    if host.ndim == 0:
        return REGISTRY["full"](value=host.item(), shape=(), dtype=dtype)
    return trace.add_constant(host.copy(), Aval(host.shape, dtype))


def observe(owner: Any, name: str, value: Any) -> Any:
    """Tell an open trace that `owner.name` was read: the program is made anew if it changes."""
    trace = tracing.current()
    if trace is not None:
        trace.observe(owner, name, value)
    return value


@contextmanager
def at(like: placing.DeviceLike | None) -> Iterator[None]:
    """Make arrays on a device (None: on the current one); a program runs on one device only."""
    if like is None:
        yield
        return
    found, trace = placing.device(like), tracing.current()
    if trace is not None:
        trace.place("an array is made", found.index)
    with found:
        yield


def transfer(x: Array, to: placing.Device) -> Array:
    """The value of x on a device, off the tape: x itself if it is there."""
    trace = tracing.current()
    if trace is not None:
        trace.place("an array is wanted", to.index)
        return x
    if x._device == to.index:
        return x
    to.require("to", (x.dtype,))
    return _native.transfer(x, to.index)


def move_cell(cell: Array, to: placing.Device) -> None:
    """Give a cell its value on another device; views of it and names for it stay what they are.

    Raises TraceError in staged code, where a program runs on one device.
    """
    if is_tracing():
        raise TraceError(f"to: an array cannot be moved to {to} in staged code; move it before")
    root = cell if cell._base is None else cell._base
    if root._device == to.index:
        return
    to.require("to", (root.dtype,))
    node = root._node
    _native.assign(root, _native.transfer(root, to.index))
    root._node = node


# --------------------------------------------------------------------------- views


def _view(primitive: Primitive, cell: Array, params: dict[str, Any]) -> Array | None:
    """The view that a movement primitive gives, or None where only a copy can."""
    aval = primitive.infer(Aval(cell.shape, cell.dtype), **params)
    base = cell if cell._base is None else cell._base
    moves = () if base is cell else cell._moves
    moves = (*moves, (primitive, tuple(params.items())))
    if base._traced is not None:
        if views.after(base.shape, moves) is None:
            return None  # as in eager code, so that later writes mean the same
        return _native.traced_view(base, known(aval.shape), moves, aval.dtype.code)
    window = views.window(primitive.name, cell, params)
    if window is None:
        return None
    return _native.view(base, *window, moves, aval.dtype.code)
