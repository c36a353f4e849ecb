"""What of a call decides which program runs: its structure, its plain values, its arrays.

A signature leaves out the sizes, which one program may take in any number. Here, too, is in which
words two calls differ.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from .. import _native
from . import device as placing
from . import tree
from .arguments import leaf_paths
from .dtypes import ALL
from .errors import TraceError

if TYPE_CHECKING:
    from .array import Array

Shapes = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Signature:
    """`key` is what is hashed; `arguments` are the distinct arrays, with their `shapes`."""

    key: tuple[Any, ...]
    arguments: tuple[Array, ...]
    shapes: Shapes
    leaves: list[Any]
    structure: tree.Tree


def signature_of(args: tuple[Any, ...], kwargs: dict[str, Any]) -> Signature:
    """The signature of a call; raises TraceError for what is neither an array nor hashable."""
    leaves, structure = tree.flatten((args, kwargs))
    key: list[Any] = [structure, _native.grad_enabled(), _native.reproducible()]
    arguments: list[Array] = []
    positions: dict[int, int] = {}
    for leaf in leaves:
        if isinstance(leaf, _native.Cell):
            same = positions.setdefault(id(leaf), len(arguments))
            if same == len(arguments):
                key.append((leaf.ndim, leaf._code, leaf._device))
                arguments.append(leaf)  # type: ignore[arg-type]
            else:
                key.append(same)
        else:
            # As text, 0.0 differs from -0.0, and nan equals itself.
            key.append((type(leaf), leaf.hex() if type(leaf) is float else leaf))
    if not arguments:
        key.append(placing.current().index)
    _require_hashable(key, leaves)
    shapes = tuple(x.shape for x in arguments)
    return Signature(tuple(key), tuple(arguments), shapes, leaves, structure)


def _require_hashable(key: list[Any], leaves: list[Any]) -> None:
    try:
        hash(tuple(key))
    except TypeError:
        bad = next(x for x in leaves if not isinstance(x, _native.Cell) and not _hashable(x))
        raise TraceError(
            f"jit: got an argument of type {type(bad).__name__}, which is neither an array nor "
            "hashable; pass tw.asarray(...) of it, or a pytree of arrays"
        ) from None


def _hashable(value: Any) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


# --------------------------------------------------------------------------- names


def leaf_names(signature: inspect.Signature | None, structure: tree.Tree) -> list[str]:
    """A name for each leaf of (args, kwargs): `x`, and `x.key` or `x.0` within a pytree."""
    args, kwargs = structure.children
    names: list[str] = []
    for parameter, child in zip(_positional(signature, len(args.children)), args.children,
                                strict=True):  # fmt: skip
        names += leaf_paths(parameter, child)
    for key, child in zip(kwargs.keys, kwargs.children, strict=True):
        names += leaf_paths(str(key), child)
    return names


def _positional(signature: inspect.Signature | None, count: int) -> Iterator[str]:
    parameters = list(signature.parameters.values()) if signature is not None else []
    for i in range(count):
        found = parameters[i] if i < len(parameters) else None
        rest = next((p for p in parameters if p.kind is p.VAR_POSITIONAL), None)
        if found is not None and found.kind in (
            found.POSITIONAL_ONLY, found.POSITIONAL_OR_KEYWORD
        ):  # fmt: skip
            yield found.name
        elif rest is not None:
            yield f"{rest.name}{i - parameters.index(rest)}"
        else:
            yield f"input{i}"


def array_names(names: Sequence[str], leaves: Sequence[Any]) -> list[str]:
    """The names of the distinct arrays among the leaves, in order."""
    found: dict[int, str] = {}
    for name, leaf in zip(names, leaves, strict=True):
        if isinstance(leaf, _native.Cell):
            found.setdefault(id(leaf), name)
    return list(found.values())


# --------------------------------------------------------------------------- differences


def first_difference(before: tuple[Any, ...], now: tuple[Any, ...], names: Sequence[str]) -> str:
    """In which words two keys differ; `names` are those of the leaves of the later call."""
    if before[0] != now[0]:
        return "the arguments have another structure"
    if before[1] != now[1]:
        return f"gradients were {'on' if before[1] else 'off'}, are {'on' if now[1] else 'off'}"
    if before[2] != now[2]:
        return f"reproducible was {before[2]}, is {now[2]}"
    for name, old, new in zip(names, before[3:], now[3:], strict=False):
        if old != new:
            return _leaf_difference(name, old, new)
    return "the current device is another"


def _leaf_difference(name: str, old: Any, new: Any) -> str:
    kinds = [isinstance(x, int) or (len(x) == 3) for x in (old, new)]
    if kinds == [False, False]:
        return f"static argument {name} was {_value(old)}, is {_value(new)}"
    if kinds != [True, True]:
        return f"argument {name}: one call has an array there, the other has none"
    if isinstance(old, int) or isinstance(new, int):
        return f"argument {name}: it is the same array as another one in one call only"
    if old[0] != new[0]:
        return f"argument {name}: rank was {old[0]}, is {new[0]}"
    if old[1] != new[1]:
        return f"argument {name}: dtype was {_dtype(old[1])}, is {_dtype(new[1])}"
    return (
        f"argument {name}: it was on {placing.by_index(old[2])}, is on {placing.by_index(new[2])}"
    )


def _value(key: Any) -> str:
    kind, value = key
    text = repr(float.fromhex(value) if kind is float else value)
    return text if len(text) <= 40 else f"{text[:37]}..."


def _dtype(code: int) -> str:
    return str(next(d for d in ALL if d.code == code))


def size_difference(names: Sequence[str], before: Shapes, now: Shapes) -> str:
    """Which sizes differ: "argument x: axis 0 was 3, is 5"."""
    parts = [
        f"argument {name}: axis {axis} was {m}, is {n}"
        for name, old, new in zip(names, before, now, strict=True)
        for axis, (m, n) in enumerate(zip(old, new, strict=True))
        if m != n
    ]
    return "; ".join(parts[:3]) + ("; ..." if len(parts) > 3 else "")
