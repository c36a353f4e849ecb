"""Derivatives along tangents, and whole matrices of derivatives: `jvp`, `jacfwd`, `jacrev`,
`hessian`."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import primitives as p
from . import trace as tracing
from . import tree
from .dtypes import int64
from .errors import GradientError
from .forward_mode import push
from .primitives.families import zeros_like
from .pulling import avals_of
from .record import read
from .sizes import Dim, product
from .staging import name_of, put_back, stage
from .transforms import all_fitting, inexact, inexact_result, linearize_for, vjp_for
from .vmap import vmap

if TYPE_CHECKING:
    from .array import Array


def jvp(f: Callable[..., Any], primals: Sequence[Any], tangents: Sequence[Any]) -> tuple[Any, Any]:
    """`(f(*primals), derivative)`: the derivative of `f` along the tangents, J t, in forward mode.

    `primals` and `tangents` are tuples with one entry (a pytree of float or complex arrays) for
    each argument, of equal structures, shapes and dtypes; the derivative has the structure of the
    result. That of a complex result along a complex tangent is d f(x + e t) / de for a real e.
    In staged code no turn of a loop is kept: the memory does not grow with the number of turns.

    Raises GradientError for integer arguments or results, and tangents that do not fit.

    >>> import tilewright as tw
    >>> y, along = tw.jvp(lambda x: x * x, (tw.array(3.0),), (tw.array(1.0),))
    >>> y.item(), along.item()
    (9.0, 6.0)
    """
    for what, given in (("primals", primals), ("tangents", tangents)):
        if not isinstance(given, tuple | list):
            raise GradientError(
                f"jvp: {what} is a {type(given).__name__}; it must be a tuple with an entry for "
                f"each argument of {name_of(f)}"
            )
    arrays, leaves, form = _arguments(f, tuple(primals))
    along = all_fitting("jvp", f"the tangents of {name_of(f)}", tuple(tangents), arrays, form)
    if tracing.current() is None:
        # Eager code may decide by values, so it is run, and what it did is transposed twice.
        value, move = linearize_for("jvp", f, tree.unflatten(form, arrays))
        return value, move(*tree.unflatten(form, along))
    return _staged(f, arrays, along, leaves, form)


def _arguments(
    f: Callable[..., Any], primals: tuple[Any, ...]
) -> tuple[list[Array], list[Any], tree.Tree]:
    leaves, form = tree.flatten(primals)
    names = tree.leaf_names(form)
    arrays = [
        inexact(f"jvp: argument {rest[1:].replace(']', '', 1)} of {name_of(f)}", x)
        for x, rest in zip(leaves, names, strict=True)
    ]
    return arrays, leaves, form


def _staged(
    f: Callable[..., Any],
    arrays: list[Array],
    tangents: list[Array],
    leaves: list[Any],
    form: tree.Tree,
) -> tuple[Any, Any]:
    values = [read(x) for x in arrays]
    build = lambda cells: tuple(tree.unflatten(form, cells))  # noqa: E731
    traced = stage("jvp", f, avals_of(values), build, list(map(tracing.is_weak, values)))
    for y, rest in zip(traced.plain, tree.leaf_names(traced.structure), strict=True):
        if not traced.is_array(y):
            inexact_result(f"jvp: the result{rest} of {name_of(f)}", y)
    outside, constants = traced.outside(), traced.constants()
    given = [*outside, *values, *constants]
    along = [*[None] * len(outside), *tangents, *[None] * len(constants)]
    outs, moved = push(traced.graph, given, along)
    n = traced.n_results
    for y in outs[:n]:
        inexact_result(f"jvp: a result of {name_of(f)}", y)
    put_back(traced, leaves, outs[n:])
    full = [zeros_like(y) if t is None else t for y, t in zip(outs[:n], moved[:n], strict=True)]
    return traced.result(outs[:n]), traced.result(full)


# --------------------------------------------------------------------------- matrices


def jacrev(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the Jacobian of `f`, one row of the result at a time, in reverse.

    For a result of shape (m...) and an argument of shape (n...) it has shape (m..., n...): element
    [i, j] is the derivative of result i by argument j. For pytrees it is a pytree of these with the
    structure of the result, and in each place that of the argument (a tuple of them if `argnums` is
    a sequence). The cheaper way where there are fewer results than arguments.

    Results must be real; by a complex argument each row is a gradient, dL/dx + i dL/dy. Raises
    GradientError for integer arguments, and results that are not real.

    >>> import tilewright as tw
    >>> tw.jacrev(lambda x: x * x)(tw.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        chosen = _of(f, args, kwargs, argnums)
        value, pull = vjp_for("jacrev", chosen, _chosen("jacrev", f, args, argnums))
        outs, form = tree.flatten(value)
        _require_real("jacrev", f"a result of {name_of(f)}", outs, ".real and .imag")
        basis = tree.unflatten(form, _basis(outs))
        rows = vmap(pull)(basis)  # for each argument, of all rows
        parts, by = tree.flatten(rows if not isinstance(argnums, int) else rows[0])
        found = [
            tree.unflatten(by, [_block(x, start, y.shape, 0) for x in parts])
            for y, start in zip(outs, _starts(outs), strict=True)
        ]
        return tree.unflatten(form, found)

    return transformed


def jacfwd(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the Jacobian of `f`, one column at a time, in forward mode.

    Shapes and structures are those of `jacrev`. The cheaper way where there are fewer arguments
    than results. Arguments must be real; results may be complex. Raises GradientError for others.

    >>> import tilewright as tw
    >>> tw.jacfwd(lambda x: x * x)(tw.array([1.0, 2.0])).tolist()
    [[2.0, 0.0], [0.0, 4.0]]
    """

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        chosen = _of(f, args, kwargs, argnums)
        primals = _chosen("jacfwd", f, args, argnums)
        leaves, form = tree.flatten(primals)
        leaves = [inexact(f"jacfwd: an argument of {name_of(f)}", x) for x in leaves]
        _require_real("jacfwd", f"an argument of {name_of(f)}", leaves, "its parts as arguments")
        primals = tree.unflatten(form, leaves)
        if tracing.current() is None:
            push_one: Callable[..., Any] = linearize_for("jacfwd", chosen, primals)[1]
        else:
            push_one = lambda *t: jvp(chosen, primals, t)[1]  # noqa: E731
        columns = vmap(push_one, out_axes=-1)(*tree.unflatten(form, _basis(leaves)))
        inner = tree.flatten(primals if not isinstance(argnums, int) else primals[0])[1]

        def blocks(y: Array) -> Any:
            axis = len(y.shape) - 1
            starts = _starts(leaves)
            found = [_block(y, s, x.shape, axis) for x, s in zip(leaves, starts, strict=True)]
            return tree.unflatten(inner, found)

        return tree.map_leaves(blocks, columns)

    return transformed


def hessian(f: Callable[..., Any], argnums: int | Sequence[int] = 0) -> Callable[..., Any]:
    """A function that returns the matrix of second derivatives of `f`: `jacfwd(jacrev(f))`.

    For a scalar `f` of an argument of shape (n...) it has shape (n..., n...).

    >>> import tilewright as tw
    >>> tw.hessian(lambda x: (x * x * x).sum())(tw.array([1.0, 2.0])).tolist()
    [[6.0, 0.0], [0.0, 12.0]]
    """
    return jacfwd(jacrev(f, argnums), argnums)


def _numbers(argnums: int | Sequence[int]) -> tuple[int, ...]:
    return (argnums,) if isinstance(argnums, int) else tuple(argnums)


def _chosen(
    what: str, f: Callable[..., Any], args: tuple[Any, ...], argnums: int | Sequence[int]
) -> tuple[Any, ...]:
    """The arguments by which to differentiate."""
    for number in _numbers(argnums):
        if not -len(args) <= number < len(args):
            raise GradientError(
                f"{what}: argnums has {number}, but {name_of(f)} was called with {len(args)} "
                "positional arguments"
            )
    return tuple(args[i] for i in _numbers(argnums))


def _of(
    f: Callable[..., Any],
    args: tuple[Any, ...],
    kwargs: dict[str, Any],
    argnums: int | Sequence[int],
) -> Callable[..., Any]:
    """f as a function of the chosen arguments alone."""

    def chosen(*own: Any) -> Any:
        given = list(args)
        for number, value in zip(_numbers(argnums), own, strict=True):
            given[number] = value
        return f(*given, **kwargs)

    chosen.__name__ = name_of(f)
    return chosen


def _require_real(what: str, which: str, arrays: Sequence[Any], instead: str) -> None:
    for x in arrays:
        if x.dtype.is_complex:
            raise GradientError(f"{what}: {which} is {x.dtype}; it must be real: take {instead}")


def _starts(arrays: Sequence[Array]) -> list[Dim]:
    """Where each array begins among the elements of all."""
    found: list[Dim] = [0]
    for x in arrays:
        found.append(found[-1] + product(x.shape))
    return found[:-1]


def _basis(arrays: Sequence[Array]) -> list[Array]:
    """The unit vectors of the space of all elements, in parts of the arrays' shapes."""
    total: Dim = 0
    for x in arrays:
        total = total + product(x.shape)
    found = []
    for x, start in zip(arrays, _starts(arrays), strict=True):
        size = product(x.shape)
        rows = p.reshape(p.iota(size=total, dtype=int64), shape=(total, 1))
        columns = p.reshape(p.iota(size=size, dtype=int64) + start, shape=(1, size))
        wide = (p.broadcast_to(side, shape=(total, size)) for side in (rows, columns))
        units = p.cast(p.eq(*wide), dtype=x.dtype)
        found.append(p.reshape(units, shape=(total, *x.shape)))
    return found


def _block(x: Array, start: Dim, shape: tuple[Dim, ...], axis: int) -> Array:
    """The part of an axis that begins at `start`, in this shape."""
    rank = len(x.shape)
    begin = tuple(start if a == axis else 0 for a in range(rank))
    sizes = tuple(product(shape) if a == axis else n for a, n in enumerate(x.shape))
    part = p.slice_(x, start=begin, sizes=sizes, strides=(1,) * rank)
    return read(p.reshape(part, shape=(*x.shape[:axis], *shape, *x.shape[axis + 1 :])))
