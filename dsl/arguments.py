"""The arguments of a call as named arrays, and which of their axes have unknown sizes."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import _native
from . import tree
from .dtypes import dtype
from .errors import ArgumentError
from .graph import Aval
from .sizes import Size, evaluate, symbol

Dynamic = Mapping[str, Mapping[int, str]]
MOST_SIZES = 4


def is_array(leaf: Any) -> bool:
    """Whether a leaf of a pytree is an input, not a constant of the program."""
    return isinstance(leaf, _native.Cell | np.ndarray)


@dataclass(frozen=True)
class Arguments:
    """A call: its leaves and structure, and `parameters`: a name and a value each, in order.
    `names` and `avals` are those of the arrays among the leaves."""

    leaves: tuple[Any, ...]
    structure: tree.Tree
    parameters: tuple[tuple[str, Any], ...]
    names: tuple[str, ...]
    avals: tuple[Aval, ...]

    def with_arrays(self, avals: Iterable[Aval]) -> list[Any]:
        """The leaves with other things in the place of the arrays."""
        others = iter(avals)
        return [next(others) if is_array(leaf) else leaf for leaf in self.leaves]


def bind_arguments(
    f: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Arguments:
    """Name the arrays of a call by their parameters: `x`, and `x.key` or `x.0` within a pytree.

    >>> import tilewright as tw
    >>> bind_arguments(lambda x, y: x, (tw.zeros(2),), {"y": {"a": tw.zeros(3)}}).names
    ('x', 'y.a')
    """
    try:
        # A module's call passes everything on to `forward`, which has the names.
        bound = inspect.signature(getattr(f, "forward", f)).bind(*args, **kwargs)
        parameters = tuple(_parameters(bound))
        args, kwargs = bound.args, bound.kwargs
    except TypeError as error:
        raise ArgumentError(f"compile: the example arguments do not fit: {error}") from None
    except ValueError:  # a builtin without a signature
        parameters = tuple((f"input{i}", a) for i, a in enumerate(args)) + tuple(kwargs.items())
    leaves, structure = tree.flatten((args, dict(kwargs)))
    names = tuple(name for prefix, value in parameters for name in _paths(prefix, value))
    repeated = [n for i, n in enumerate(names) if n in names[:i]]
    if repeated:
        raise ArgumentError(f"compile: two inputs have the name {repeated[0]}; rename one")
    # Each array an aval of its own: one that is passed twice is two inputs.
    avals = tuple(Aval(tuple(x.shape), dtype(x.dtype)) for x in leaves if is_array(x))
    return Arguments(tuple(leaves), structure, parameters, names, avals)


def _parameters(bound: inspect.BoundArguments) -> Iterator[tuple[str, Any]]:
    for name, value in bound.arguments.items():
        kind = bound.signature.parameters[name].kind
        if kind is inspect.Parameter.VAR_POSITIONAL:
            yield from ((f"{name}{i}", v) for i, v in enumerate(value))
        elif kind is inspect.Parameter.VAR_KEYWORD:
            yield from value.items()
        else:
            yield name, value


def _paths(prefix: str, value: Any) -> Iterator[str]:
    structure = tree.flatten(value)[1]
    leaves = iter(tree.flatten(value)[0])
    yield from (path for path in leaf_paths(prefix, structure) if is_array(next(leaves)))


def leaf_paths(prefix: str, structure: tree.Tree) -> Iterator[str]:
    """A name for each leaf of a pytree."""
    if structure.kind is None:
        yield prefix
        return
    named = len(structure.keys) == len(structure.children)
    for i, child in enumerate(structure.children):
        key = str(structure.keys[i]) if named else str(i)
        yield from leaf_paths(f"{prefix}.{key}" if prefix else key, child)


# --------------------------------------------------------------------------- sizes


@dataclass(frozen=True)
class Sizes:
    """The unknown sizes of a call, with what each is in the example."""

    names: tuple[str, ...]
    example: Mapping[str, int]
    avals: tuple[Aval, ...]

    def at(self, values: Mapping[str, int]) -> list[Aval]:
        """The types of the arrays at given sizes."""
        return [Aval(tuple(evaluate(d, values) for d in a.shape), a.dtype) for a in self.avals]


def sizes_of(arguments: Arguments, dynamic: Dynamic) -> Sizes:
    """Put the unknown sizes into the types; raises ArgumentError for what does not exist."""
    example: dict[str, int] = {}
    shapes = {n: list(a.shape) for n, a in zip(arguments.names, arguments.avals, strict=True)}
    for name, axes in dynamic.items():
        if name not in shapes:
            known = ", ".join(shapes) or "none"
            raise ArgumentError(f"compile: dynamic names the input {name!r}; there are: {known}")
        for axis, size in axes.items():
            _set_size(name, shapes[name], axis, size, example)
    if len(example) > MOST_SIZES:
        raise ArgumentError(
            f"compile: got {len(example)} unknown sizes ({', '.join(example)}); the most are "
            f"{MOST_SIZES}"
        )
    avals = tuple(
        Aval(tuple(shapes[n]), a.dtype)
        for n, a in zip(arguments.names, arguments.avals, strict=True)
    )
    order = dict.fromkeys(str(d) for a in avals for d in a.shape if isinstance(d, Size))
    return Sizes(tuple(order), example, avals)


def _set_size(name: str, shape: list[Any], axis: Any, size: Any, example: dict[str, int]) -> None:
    if type(axis) is not int or not -len(shape) <= axis < len(shape):
        raise ArgumentError(
            f"compile: dynamic names axis {axis!r} of {name}, which has {len(shape)} axes"
        )
    if not isinstance(size, str) or not size.isidentifier() or not size.isascii():
        raise ArgumentError(f"compile: dynamic: got the size {size!r}; it must be a word: 'batch'")
    length = shape[axis]
    if isinstance(length, Size):
        raise ArgumentError(f"compile: dynamic names axis {axis} of {name} twice")
    if example.setdefault(size, length) != length:
        raise ArgumentError(
            f"compile: {size} is {example[size]} on one axis of the example and {length} on axis "
            f"{axis} of {name}; sizes that may differ need two names"
        )
    shape[axis] = symbol(size)
