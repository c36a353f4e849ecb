"""Reverse-mode differentiation: a tape over `bind`.

Every value that depends on a tracked array carries the `TapeNode` that made it. Walking the nodes
backwards and applying each primitive's `vjp` rule gives the gradients. The rules are made of
primitives, so the same walk works eagerly and under a trace, and on its own results.
"""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from typing import TYPE_CHECKING, Any

from .. import _native
from . import trace as tracing
from .device import common_index, following
from .errors import GradientError
from .primitive import REGISTRY
from .primitives.families import zeros_like

if TYPE_CHECKING:
    from .array import Array
    from .dtypes import DType

# How a value was made: `vjp(cotangents, keep_graph)` gives one cotangent for each edge.
TapeNode = _native.TapeNode


class LeafNode(TapeNode):
    """A cell with `requires_grad`: its cotangent is added to the cell's `.grad`."""

    __slots__ = ("cell",)

    def __init__(self, cell: Array) -> None:
        super().__init__("leaf", (), lambda cotangents, keep: ())
        self.cell = weakref.ref(cell)


class OutputNode(TapeNode):
    """One of several outputs of `parent`."""

    __slots__ = ("index", "parent")

    def __init__(self, parent: TapeNode, index: int) -> None:
        super().__init__(parent.name, (parent,), lambda cotangents, keep: cotangents)
        self.parent, self.index = parent, index


def node_of(cell: Array) -> TapeNode | None:
    """The tape node of a value, made on demand for a leaf; None for an untracked value."""
    node: TapeNode | None = cell._node
    if isinstance(node, LeafNode) and not cell.requires_grad and node.cell() is cell:
        node = cell._node = None
    if node is None and cell.requires_grad:
        node = cell._node = LeafNode(cell)
    return node


def is_tracked(cell: Array) -> bool:
    """Whether the value of a cell depends on something that wants a gradient."""
    return node_of(cell) is not None or (cell._base is not None and is_tracked(cell._base))


def snapshot(cell: Array, node: TapeNode | None) -> Array:
    """The value of `cell` in a cell of its own, which no later write reaches."""
    copy: Array = _native.alias(cell)
    copy._node = node
    return copy


# --------------------------------------------------------------------------- modes


@contextmanager
def _grad_mode(on: bool) -> Iterator[None]:
    before = _native.grad_enabled()
    _native.set_grad_enabled(on)
    try:
        yield
    finally:
        _native.set_grad_enabled(before)


def no_grad() -> Any:
    """A context (or decorator) in which nothing is recorded for gradients.

    >>> import tilewright as tw
    >>> x = tw.array([1.0], dtype="float32").requires_grad_()
    >>> with tw.no_grad():
    ...     (x * 2).requires_grad
    False
    """
    return _grad_mode(False)


def enable_grad() -> Any:
    """A context in which gradients are recorded again inside `no_grad`."""
    return _grad_mode(True)


# --------------------------------------------------------------------------- the walk


@following
def walk(
    seeds: Iterable[tuple[TapeNode, Array]],
    targets: frozenset[TapeNode],
    keep_graph: bool,
    oldest: int = 0,
) -> dict[TapeNode, Array]:
    """Cotangents of `targets` and of all leaves, from those of the seeds, newest node first. Nodes
    older than number `oldest` are not followed."""
    return _native.walk(list(seeds), targets, keep_graph, oldest)


def cotangent_of(x: Array, found: Mapping[TapeNode, Array]) -> Array:
    """What a walk found for a target; zeros where nothing depends on it."""
    node: TapeNode = x._node
    if node in found:
        return found[node]
    zeros: Array = zeros_like(x)
    return zeros


def reaches_outside(roots: Iterable[TapeNode | None], start: int, own: frozenset[TapeNode]) -> bool:
    """Whether the tape below `roots` reaches nodes older than `start`, or leaves: then somebody
    outside may want the gradient of the gradient."""
    stack = [r for r in roots if r is not None]
    seen = set(stack)
    while stack:
        node = stack.pop()
        if node not in own and (isinstance(node, LeafNode) or node.id < start):
            return True
        for edge in node.edges:
            if edge is not None and edge not in seen:
                seen.add(edge)
                stack.append(edge)
    return False


def newest_id() -> int:
    """A number that every later tape node exceeds."""
    return _native.next_node_id()


# --------------------------------------------------------------------------- .grad and backward


def get_grad(cell: Array) -> Array | None:
    """The `.grad` slot of a cell, as the open trace sees it."""
    trace = tracing.current()
    if trace is None or cell._traced is not None:
        return cell._grad  # type: ignore[no-any-return]
    slot = trace.grad_slot(cell)
    if slot.current is slot.initial:
        slot.was_read = True
        if slot.initial is not None:
            trace.lift(slot.initial, tracing.Origin(cell, is_grad=True))
    return slot.current


def set_grad(cell: Array, value: Array | None) -> None:
    """Put a value into the `.grad` slot of a cell, or empty it with None."""
    if value is not None and (value.shape != cell.shape or value.dtype is not cell.dtype):
        raise GradientError(
            f"grad: got {value.dtype}{value.shape} for an array of {cell.dtype}{cell.shape}; "
            "shape and dtype must be equal"
        )
    trace = tracing.current()
    if value is not None and value._is_concrete and cell._is_concrete:
        common_index("grad", (cell, value))
    if trace is None or cell._traced is not None:
        cell._grad = value
    else:
        trace.grad_slot(cell).current = value


@following
def backward(root: Array, cotangent: Array | None = None, *, retain_graph: bool = False) -> None:
    """Add the gradient of `root` to the `.grad` of every leaf that it depends on.

    `root` is a scalar, or `cotangent` of its shape is given. Raises GradientError when nothing
    that `root` depends on requires a gradient.
    """
    del retain_graph  # the tape lives as long as the values that it made; kept for torch's callers
    node = node_of(root)
    if node is None:
        raise GradientError(
            "backward: the value depends on no array with requires_grad, or was computed under "
            "no_grad"
        )
    if cotangent is None:
        if root.shape != ():
            raise GradientError(
                f"backward: got an array of shape {root.shape}; without a cotangent it must be a "
                "scalar, for example its sum()"
            )
        if root.dtype.is_complex:
            raise GradientError(
                f"backward: got a {root.dtype}; without a cotangent it must be real, for example "
                "its abs() or its real part"
            )
        on_host = tracing.current() is None and not root._device
        cotangent = _one_on_host(root.dtype) if on_host else one_like(root)
    grads = walk([(node, cotangent)], frozenset(), keep_graph=False)
    with _grad_mode(False):
        for leaf, grad in grads.items():
            _accumulate(leaf, grad)


def _accumulate(leaf: TapeNode, grad: Array) -> None:
    cell = leaf.cell() if isinstance(leaf, LeafNode) else None
    if cell is None:
        return
    before = get_grad(cell)
    # A cell of its own: the cotangent may be the value of another leaf as well.
    new = snapshot(_moved(grad), None) if before is None else before + grad
    set_grad(cell, new)


def _moved(grad: Array) -> Array:
    """The value of a cotangent that is a view of a traced one."""
    base, trace = grad._base, tracing.current()
    if base is None or base._traced is None or trace is None:
        return grad
    value = base
    for primitive, params in grad._moves:
        value = trace.append(primitive, (tracing.traced_var(value, trace),), dict(params))
    return value


@following
def one_like(x: Array) -> Array:
    """A one of x's shape and dtype; x is a float scalar."""
    return REGISTRY["full"](value=1.0, shape=x.shape, dtype=x.dtype)


@cache
def _one_on_host(dtype: DType) -> Array:
    return _native.from_scalar(1.0, dtype.code)
