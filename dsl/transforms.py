"""Function transforms on the tape: `grad`, `value_and_grad`, `vjp`, `linearize`. They nest, and
stage under jit."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from . import tree
from .autodiff import (
    TapeNode,
    cotangent_of,
    enable_grad,
    is_tracked,
    newest_id,
    node_of,
    one_like,
    reaches_outside,
    snapshot,
    walk,
)
from .dtypes import float64
from .errors import GradientError
from .functions.convert import asarray, is_array
from .primitive import REGISTRY
from .primitives.families import zeros_like
from .record import read
from .staging import name_of

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

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> tuple[Any, Any]:
        with enable_grad():
            tracked = track("grad", f, args, argnums)
            result = f(*tracked.args, **kwargs)
            value = result[0] if has_aux else result
            _require_scalar(f, value)
            # A view has no node of its own: its value has, by way of its base.
            value = read(value)
            found = tracked.pull([(node_of(value), one_like(value))])
        return tracked.detached(result), tracked.shaped(found)

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


def vjp(f: Callable[..., Any], *primals: Any, has_aux: bool = False) -> tuple[Any, ...]:
    """`(f(*primals), pull)`, where `pull(cotangent)` is a tuple with a cotangent of each argument:
    the product of a cotangent of the result with the derivative, v^T J.

    `f` returns a pytree of float or complex arrays, or `(that, aux)` with `has_aux`: then `aux` is
    a third result. The cotangent has the structure, shapes and dtypes of the result. Complex
    cotangents are those of PyTorch: of a real loss L by x + iy, dL/dx + i dL/dy.

    Raises GradientError for integer arguments or results, and cotangents that do not fit.

    >>> import tilewright as tw
    >>> y, pull = tw.vjp(lambda a, b: a * b, tw.array([1.0, 2.0]), tw.array([3.0, 4.0]))
    >>> [c.tolist() for c in pull(tw.array([1.0, 10.0]))]
    [[3.0, 40.0], [1.0, 20.0]]
    """
    return vjp_for("vjp", f, primals, has_aux)


def vjp_for(
    what: str, f: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool = False
) -> tuple[Any, ...]:
    """`vjp`, whose errors name another transform."""
    taped = _taped(what, f, primals, has_aux)

    def pull(cotangent: Any) -> Any:
        seeds = all_fitting(what, "the cotangent", cotangent, taped.outs, taped.form)
        pairs = [(node_of(y), c) for y, c in zip(taped.outs, seeds, strict=True)]
        return taped.tracked.shaped(taped.tracked.pull(pairs))

    value = taped.tracked.detached(taped.value)
    return (value, pull, *((taped.tracked.detached(taped.aux),) if has_aux else ()))


def linearize(f: Callable[..., Any], *primals: Any) -> tuple[Any, Callable[..., Any]]:
    """`(f(*primals), push)`, where `push(*tangents)` is the derivative along tangents, J t: as
    `jvp`, with `f` run once for many tangents. What the derivative needs is kept.

    >>> import tilewright as tw
    >>> y, push = tw.linearize(lambda x: x * x, tw.array([1.0, 2.0]))
    >>> push(tw.array([1.0, 0.5])).tolist()
    [2.0, 2.0]
    """
    return linearize_for("linearize", f, primals)


def linearize_for(
    what: str, f: Callable[..., Any], primals: tuple[Any, ...]
) -> tuple[Any, Callable[..., Any]]:
    """`linearize`, whose errors name another transform."""
    taped = _taped(what, f, primals, False)
    tracked = taped.tracked
    start = newest_id()
    with enable_grad():
        dummies = [snapshot(zeros_like(y), TapeNode("cotangent", (), _passed)) for y in taped.outs]
        pairs = [(node_of(y), d) for y, d in zip(taped.outs, dummies, strict=True)]
        rows = [read(c) for c in tracked.pull(pairs, keep=True)]
    ends = frozenset(d._node for d in dummies)
    form = tree.flatten(primals)[1]

    def push(*tangents: Any) -> Any:
        given = all_fitting(what, "the tangents", tangents, tracked.leaves, form)
        seeds = [(node_of(c), t) for c, t in zip(rows, given, strict=True)]
        known = [(n, t) for n, t in seeds if n is not None and n.id >= start]
        keep = tracked.is_watched([n for n, _ in known]) or any(map(is_tracked, given))
        found = walk(known, ends, keep, start) if known else {}
        along = [cotangent_of(d, found) for d in dummies]
        return tree.unflatten(taped.form, along)

    return tracked.detached(taped.value), push


# --------------------------------------------------------------------------- tracked arguments


@dataclass(frozen=True)
class Tracked:
    """The arguments of a call with copies whose gradient is wanted in place of some."""

    args: list[Any]
    leaves: list[Array]
    trees: list[tree.Tree]
    single: bool  # one argument was named, not several
    start: int  # the number of the first tape node of the call

    @property
    def own(self) -> frozenset[TapeNode]:
        return frozenset(x._node for x in self.leaves)

    def is_watched(self, roots: Sequence[TapeNode | None]) -> bool:
        """Whether somebody outside may want the gradient of the gradient."""
        own = self.own
        return any(n.edges[0] is not None for n in own) or reaches_outside(roots, self.start, own)

    def pull(
        self, seeds: Sequence[tuple[TapeNode | None, Array]], keep: bool = False
    ) -> list[Array]:
        """The cotangent of each leaf, from those of results; zeros where none depends on it."""
        known = [(node, ct) for node, ct in seeds if node is not None]
        keep = keep or self.is_watched([n for n, _ in known])
        keep = keep or any(is_tracked(ct) for _, ct in known)
        found = walk(known, self.own, keep, self.start) if known else {}
        return [cotangent_of(x, found) for x in self.leaves]

    def shaped(self, found: Sequence[Any]) -> Any:
        """Something for each leaf, in the structure of the arguments."""
        picked = iter(found)
        parts = tuple(tree.unflatten(t, [next(picked) for _ in range(t.size)]) for t in self.trees)
        return parts[0] if self.single else parts

    def detached(self, result: Any) -> Any:
        """A result without a tape that nobody outside can use."""
        return tree.map_leaves(self._strip, result)

    def _strip(self, x: Any) -> Any:
        value = read(x) if getattr(x, "_base", None) is not None else x
        node = getattr(value, "_node", None)
        if node is None:
            return x
        return x if self.is_watched([node]) else snapshot(value, None)


def track(
    what: str, f: Callable[..., Any], args: tuple[Any, ...], argnums: int | Sequence[int]
) -> Tracked:
    """The arguments with those numbered `argnums` replaced by tracked copies."""
    start = newest_id()
    single = isinstance(argnums, int)
    numbers = (argnums,) if isinstance(argnums, int) else tuple(argnums)
    new_args, leaves, trees = list(args), [], []
    for number in numbers:
        if not -len(args) <= number < len(args):
            raise GradientError(
                f"{what}: argnums has {number}, but {name_of(f)} was called with {len(args)} "
                "positional arguments"
            )
        flat, structure = tree.flatten(args[number])
        names = tree.leaf_names(structure)
        tracked = [
            _track_leaf(f"{what}: argument {number % len(args)}{rest} of {name_of(f)}", x)
            for x, rest in zip(flat, names, strict=True)
        ]
        new_args[number] = tree.unflatten(structure, tracked)
        leaves += tracked
        trees.append(structure)
    return Tracked(new_args, leaves, trees, single, start)


def _track_leaf(where: str, x: Any) -> Array:
    value = read(inexact(where, x))
    outer = node_of(value)
    # A node of its own; its edge ties it to what x was computed from, for higher orders.
    return snapshot(value, TapeNode("argument", (outer,), _passed))


def inexact(where: str, x: Any) -> Array:
    """An argument that can be differentiated; raises GradientError for others."""
    if isinstance(x, float):
        return REGISTRY["full"](value=x, shape=(), dtype=float64)
    if not is_array(x) or not x.dtype.is_inexact:
        kind = getattr(x, "dtype", type(x).__name__)
        raise GradientError(
            f"{where} is {kind}; only float and complex arrays can be differentiated"
        )
    return x  # type: ignore[no-any-return]


def _passed(cotangents: Any, keep_graph: bool) -> Any:
    return cotangents


# --------------------------------------------------------------------------- results


@dataclass(frozen=True)
class _Taped:
    """A call on the tape: its result, and the arrays of it."""

    tracked: Tracked
    value: Any
    aux: Any
    outs: list[Array]
    form: tree.Tree


def _taped(what: str, f: Callable[..., Any], primals: tuple[Any, ...], has_aux: bool) -> _Taped:
    with enable_grad():
        tracked = track(what, f, primals, range(len(primals)))
        result = f(*tracked.args)
        value, aux = result if has_aux else (result, None)
        leaves, form = tree.flatten(value)
        outs = [
            read(inexact_result(f"{what}: the result{rest} of {name_of(f)}", y))
            for y, rest in zip(leaves, tree.leaf_names(form), strict=True)
        ]
    return _Taped(tracked, value, aux, outs, form)


def inexact_result(where: str, y: Any) -> Array:
    """A result that has a derivative; raises GradientError for others."""
    if isinstance(y, float):
        return REGISTRY["full"](value=y, shape=(), dtype=float64)
    if not is_array(y) or not y.dtype.is_inexact:
        kind = getattr(y, "dtype", type(y).__name__)
        raise GradientError(
            f"{where} is {kind}; only float and complex arrays have derivatives (return others "
            "beside them, with has_aux where there is one)"
        )
    return y  # type: ignore[no-any-return]


def all_fitting(
    what: str, name: str, given: Any, like: Sequence[Array], form: tree.Tree
) -> list[Array]:
    """Cotangents or tangents as arrays of the kinds of others; raises GradientError."""
    leaves, structure = tree.flatten(given)
    if structure != form:
        raise GradientError(
            f"{what}: got {structure.size} arrays in {structure} for {name}; wanted {form}"
        )
    return [
        fitting(f"{what}: {name}{rest}", x, y)
        for x, y, rest in zip(leaves, like, tree.leaf_names(form), strict=True)
    ]


def fitting(where: str, given: Any, like: Array) -> Array:
    """A cotangent or tangent as an array of the kind of another; raises GradientError."""
    value = asarray(given, dtype=like.dtype) if isinstance(given, int | float) else asarray(given)
    if value.shape != like.shape or value.dtype is not like.dtype:
        raise GradientError(
            f"{where} is {value.dtype}{list(value.shape)}; it must be {like.dtype}"
            f"{list(like.shape)}"
        )
    return read(value)


_OF_COMPLEX = " (of a complex number its abs, real or imag)"


def _require_scalar(f: Callable[..., Any], value: Any) -> None:
    shape = getattr(value, "shape", None)
    if shape != () or not value.dtype.is_float:
        got = type(value).__name__ if shape is None else f"{value.dtype}{list(shape)}"
        raise GradientError(
            f"grad: {name_of(f)} returned {got}; it must return a float scalar"
            + _OF_COMPLEX * (shape is not None and value.dtype.is_complex)
        )
