"""`vmap`: a function of one example as a function of many at once."""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import batched_flow as batched_flow  # the rules of control flow
from . import tree
from .batching import evaluate_lanes, with_lanes
from .errors import ArgumentError, AxisError, ShapeError, TraceError
from .functions.convert import asarray, is_array
from .graph import Aval
from .primitives.lanes import axis_moved
from .record import read, write
from .regions import ARRAY
from .sizes import Dim
from .staging import Staged, argument_names, has_elements, name_of, stage, with_arrays
from .trace import is_weak

if TYPE_CHECKING:
    from .array import Array

Axes = Any  # an int, None, or a pytree of these that begins as the arguments do


def vmap(f: Callable[..., Any], in_axes: Axes = 0, out_axes: Axes = 0) -> Callable[..., Any]:
    """A function that does for all slices of its arguments at once what `f` does for one.

    `in_axes` says along which axis the lanes of each positional argument lie: an int for all, or a
    tuple with an int, None (the same value in every lane) or a pytree of these for each argument.
    Arrays among keyword arguments have their lanes along axis 0. `out_axes` says where the axis of
    lanes stands in each result; None is for what is the same in all lanes. So the result of `f`
    with shape (m,) has shape (lanes, m), or (m, lanes) with `out_axes=1`.

    `f` is traced once: a Python `if` or `while` on its arrays is refused; `tw.cond`, `tw.scan` and
    the other control flow go through, whether lanes agree or not. Each lane draws random numbers
    of its own: those of a draw with an axis of lanes in front. Arrays of outside may be written if
    all lanes write the same. It nests, and composes with `grad`, `jvp`, `jit` and `checkpoint`.

    Raises ShapeError where numbers of lanes disagree, AxisError for an axis that is not there,
    ArgumentError if nothing has lanes, TraceError for what cannot be done lane by lane.

    >>> import tilewright as tw
    >>> dots = tw.vmap(lambda x, y: (x * y).sum(), in_axes=(0, None))
    >>> dots(tw.array([[1.0, 2.0], [3.0, 4.0]]), tw.array([1.0, 10.0])).tolist()
    [21.0, 43.0]
    """

    @functools.wraps(f)
    def mapped(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        axes = _axes_of(f, in_axes, args, kwargs)
        lanes = _Lanes(f, args, kwargs, leaves, axes)
        inputs = [read(x) for x in lanes.arrays]
        avals = [
            Aval(x.shape[1:] if has else x.shape, x.dtype)
            for x, has in zip(inputs, lanes.flags, strict=True)
        ]

        def build(cells: list[Array]) -> tuple[Any, ...]:
            return tuple(tree.unflatten(structure, with_arrays(leaves, cells)))

        weak = [not has and is_weak(x) for x, has in zip(inputs, lanes.flags, strict=True)]
        traced = stage("vmap", _called(f), avals, build, weak)
        with traced.place(inputs):
            return _run(traced, lanes, inputs, out_axes)

    return mapped


def _called(f: Callable[..., Any]) -> Callable[..., Any]:
    def call(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        return f(*args, **kwargs)

    call.__name__ = name_of(f)
    return call


def _is_axis(x: Any) -> bool:
    return x is None or (isinstance(x, int) and not isinstance(x, bool))


def _axes_of(
    f: Callable[..., Any], in_axes: Axes, args: tuple[Any, ...], kwargs: dict[str, Any]
) -> list[int | None]:
    """The axis of lanes of each leaf of the arguments."""
    if isinstance(in_axes, list):
        in_axes = tuple(in_axes)
    if not _is_axis(in_axes) and isinstance(in_axes, tuple) and len(in_axes) != len(args):
        raise ArgumentError(
            f"vmap: in_axes has {len(in_axes)} entries, but {name_of(f)} was called with "
            f"{len(args)} positional arguments"
        )
    try:
        found = tree.spread_prefix(in_axes, args, _is_axis)
    except ValueError as error:
        raise ArgumentError(
            f"vmap: in_axes does not fit the arguments of {name_of(f)}: got {error}; wanted an "
            "int, None, or containers like the argument's"
        ) from None
    return [*found, *tree.spread_prefix(0, kwargs, _is_axis)]


class _Lanes:
    """The arrays of a call with their lanes along the first axis, and which have any."""

    def __init__(
        self,
        f: Callable[..., Any],
        args: tuple[Any, ...],
        kwargs: dict[str, Any],
        leaves: list[Any],
        axes: list[int | None],
    ) -> None:
        names = argument_names(f, args, kwargs)
        self.f = f
        self.leaves = [x for x in leaves if has_elements(x)]
        self.axes: list[int | None] = []
        self.arrays: list[Array] = []
        self.count: Dim | None = None
        self._first = ""
        for x, axis, name in zip(leaves, axes, names, strict=True):
            if has_elements(x):
                self._add(asarray(x), axis, name)
            elif axis is not None and isinstance(x, bool | int | float | complex):
                raise AxisError(
                    f"vmap: {name} is the number {x!r}, which has no axis {axis}; give it None in "
                    "in_axes"
                )
        if self.count is None:
            raise ArgumentError(
                f"vmap: no argument of {name_of(f)} has lanes; give an axis in in_axes to at least "
                "one array"
            )

    @property
    def flags(self) -> list[bool]:
        return [axis is not None for axis in self.axes]

    @property
    def n(self) -> Dim:
        assert self.count is not None
        return self.count

    def _add(self, x: Array, axis: int | None, name: str) -> None:
        if axis is None:
            self.axes.append(None)
            self.arrays.append(x)
            return
        if not -x.ndim <= axis < x.ndim:
            raise AxisError(f"vmap: {name} has shape {x.shape}; in_axes asks for its axis {axis}")
        place = axis % x.ndim
        count = x.shape[place]
        if self.count is None:
            self.count, self._first = count, f"{name} has {count} lanes along axis {axis}"
        elif count != self.count:
            raise ShapeError(
                f"vmap: {self._first}, {name} has {count} along axis {axis}; they must be equal"
            )
        self.axes.append(place)
        self.arrays.append(axis_moved(x, place, 0))


def _run(traced: Staged, lanes: _Lanes, inputs: list[Array], out_axes: Axes) -> Any:
    outside, constants = traced.outside(), traced.constants()
    n_outside = len(outside)
    # The graph takes what is outside first, and constants last.
    values = [*outside, *inputs, *constants]
    flags = [*[False] * n_outside, *lanes.flags, *[False] * len(constants)]
    outs, has = evaluate_lanes(traced.graph, values, flags, lanes.n)
    n = traced.n_results
    result = _results(traced, outs[:n], has[:n], out_axes, lanes.n)
    _put_back(traced, lanes, outs[n:], has[n:])
    return result


def _results(traced: Staged, outs: list[Array], has: list[bool], out_axes: Axes, count: Dim) -> Any:
    """What the function returns, with the lanes of each result where they are wanted."""
    whole = tree.unflatten(traced.structure, range(len(traced.plain)))
    try:
        axes = tree.spread_prefix(out_axes, whole, _is_axis)
    except ValueError as error:
        raise ArgumentError(
            f"vmap: out_axes does not fit what {traced.name} returns: got {error}; wanted an int, "
            "None, or containers like the result's"
        ) from None
    given = iter(zip(outs, has, strict=True))
    names = tree.leaf_names(traced.structure)
    found: list[Any] = []
    for x, axis, name in zip(traced.plain, axes, names, strict=True):
        name = f"the result{name} of {traced.name}"
        if x is ARRAY:
            found.append(_placed(name, *next(given), axis, count))
        elif has_elements(x) or isinstance(x, bool | int | float | complex):
            found.append(_placed(name, asarray(x), False, axis, count))
        else:
            found.append(x)
    return tree.unflatten(traced.structure, found)


def _placed(name: str, x: Array, has: bool, axis: int | None, count: Dim) -> Array:
    """A result with its lanes along an axis."""
    if axis is None:
        if has:
            raise ArgumentError(
                f"vmap: {name} differs from lane to lane; out_axes None is for what is the same in "
                "all lanes"
            )
        return x
    (wide,) = with_lanes([x], [has], [True], count)
    if not -wide.ndim <= axis < wide.ndim:
        raise AxisError(
            f"vmap: {name} has {wide.ndim - 1} axes; out_axes wants its lanes along axis {axis}"
        )
    return read(axis_moved(wide, 0, axis % wide.ndim))


def _put_back(traced: Staged, lanes: _Lanes, values: Sequence[Array], has: Sequence[bool]) -> None:
    """Write what the function wrote, if all lanes wrote the same, or each to its own slice."""
    n = len(traced.written)
    for cell, value, own in zip(traced.written, values[:n], has[:n], strict=True):
        if own:
            raise TraceError(
                f"vmap: {traced.name} writes to an array of outside, {cell.dtype}"
                f"{list(cell.shape)}, what differs from lane to lane; return it instead (a random "
                "generator cannot be used where lanes part, in a branch or loop that not all take)"
            )
        write(cell, value)
    for i, value, own in zip(traced.written_arguments, values[n:], has[n:], strict=True):
        target, axis = lanes.leaves[i], lanes.axes[i]
        if not is_array(target) or (own and axis is None):
            raise TraceError(
                f"vmap: {traced.name} writes to an argument that has no lanes, or is no array of "
                "tilewright; return the new value instead"
            )
        wide = value if own or axis is None else with_lanes([value], [own], [True], lanes.n)[0]
        write(target, wide if axis is None else read(axis_moved(wide, 0, axis)))
