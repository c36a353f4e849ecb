"""Function transforms on the tape: `grad` and `value_and_grad`. They nest, and stage under jit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import tree
from .autodiff import (
    TapeNode,
    cotangent_of,
    enable_grad,
    newest_id,
    node_of,
    one_like,
    reaches_outside,
    snapshot,
    walk,
)
from .dtypes import float64
from .errors import GradientError
from .primitive import REGISTRY
from .record import read

if TYPE_CHECKING:
    from .array import Array


def value_and_grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., tuple[Any, Any]]:
    """A function that returns `(f(*args), gradients)`.

    `f` returns a scalar float array, or `(scalar, aux)` with `has_aux`. `argnums` names the
    positional arguments (pytrees of float arrays) to differentiate; the gradients have their
    structure. Raises GradientError for other outputs and for integer inputs.

    >>> import tilewright as tw
    >>> value, g = tw.value_and_grad(lambda x: (x * x).sum())(tw.array([1.0, 2.0]))
    >>> value.item(), g.tolist()
    (5.0, [2.0, 4.0])
    """
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        start = newest_id()
        with enable_grad():
            new_args, leaves, trees = _track(f, args, numbers)
            result = f(*new_args, **kwargs)
            value = result[0] if has_aux else result
            _require_scalar(f, value)
            # A view has no node of its own: its value has, by way of its base.
            found = _pull(read(value), leaves, start)
        picked = iter(found)
        grads = tuple(tree.unflatten(t, [next(picked) for _ in range(t.size)]) for t in trees)
        out = _detached(result, frozenset(_node(x) for x in leaves), start)
        return out, grads[0] if isinstance(argnums, int) else grads

    return transformed


def grad(
    f: Callable[..., Any], argnums: int | Sequence[int] = 0, *, has_aux: bool = False
) -> Callable[..., Any]:
    """A function that returns the gradient of `f` (with `has_aux`: `(gradient, aux)`).

    >>> import tilewright as tw
    >>> tw.grad(tw.grad(lambda x: x * x * x))(tw.array(2.0)).item()
    12.0
    """
    both = value_and_grad(f, argnums, has_aux=has_aux)

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        value, gradient = both(*args, **kwargs)
        return (gradient, value[1]) if has_aux else gradient

    return transformed


def _node(leaf: Array) -> TapeNode:
    node: TapeNode = leaf._node
    return node


def _track(
    f: Callable[..., Any], args: tuple[Any, ...], numbers: tuple[int, ...]
) -> tuple[list[Any], list[Array], list[tree.Tree]]:
    """The arguments with those of `numbers` replaced by tracked copies."""
    new_args, leaves, trees = list(args), [], []
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise GradientError(
                f"grad: argnums has {number}, but {_name(f)} was called with {len(args)} "
                "positional arguments"
            )
        flat, structure = tree.flatten(args[number])
        tracked = [_track_leaf(f, x) for x in flat]
        new_args[number] = tree.unflatten(structure, tracked)
        leaves += tracked
        trees.append(structure)
    return new_args, leaves, trees


def _track_leaf(f: Callable[..., Any], x: Any) -> Array:
    dtype = getattr(x, "dtype", None)
    if isinstance(x, float):
        x = REGISTRY["full"](value=x, shape=(), dtype=_float64())
    elif dtype is None or not hasattr(x, "_node") or not x.dtype.is_inexact:
        kind = type(x).__name__ if dtype is None else dtype
        raise GradientError(
            f"grad: an argument of {_name(f)} is {kind}; only float and complex arrays can be "
            "differentiated"
        )
    value = read(x)
    outer = node_of(value)
    # A node of its own; its edge ties it to what x was computed from, for higher orders.
    return snapshot(value, TapeNode("argument", (outer,), lambda cotangents, keep: cotangents))


_OF_COMPLEX = " (of a complex number its abs, real or imag)"


def _float64() -> Any:
    return float64


def _require_scalar(f: Callable[..., Any], value: Any) -> None:
    shape = getattr(value, "shape", None)
    if shape != () or not value.dtype.is_float:
        got = type(value).__name__ if shape is None else f"{value.dtype}{list(shape)}"
        raise GradientError(
            f"grad: {_name(f)} returned {got}; it must return a float scalar"
            + _OF_COMPLEX * (shape is not None and value.dtype.is_complex)
        )


def _pull(value: Array, leaves: list[Array], start: int) -> list[Array]:
    """The gradient of a scalar with respect to each leaf; zeros where it does not depend on it."""
    own = frozenset(map(_node, leaves))
    node = node_of(value)
    keep = any(n.edges[0] is not None for n in own) or reaches_outside([node], start, own)
    found = {} if node is None else walk([(node, one_like(value))], own, keep)
    return [cotangent_of(x, found) for x in leaves]


def _detached(result: Any, own: frozenset[TapeNode], start: int) -> Any:
    """The result without a tape that nobody outside can use."""

    def strip(x: Any) -> Any:
        value = read(x) if getattr(x, "_base", None) is not None else x
        node = getattr(value, "_node", None)
        if node is None:
            return x
        keep = any(n.edges[0] is not None for n in own) or reaches_outside([node], start, own)
        return x if keep else snapshot(value, None)

    return tree.map_leaves(strip, result)


def _name(f: Callable[..., Any]) -> str:
    return getattr(f, "__name__", type(f).__name__)
