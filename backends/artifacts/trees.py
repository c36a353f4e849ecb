"""Pytrees as JSON: the structure of arguments and results without any code.

An array is `{"array": number}`, another leaf a JSON value under its kind; containers are lists of
children under "tuple", "list" or "dict", and a named tuple carries its name and fields.
"""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from ...dsl import tree
from ...dsl.errors import ArtifactError

Json = dict[str, Any]
_SCALARS = (bool, int, str, type(None))
MOST_DEPTH = 32


def to_json(structure: tree.Tree, leaves: Iterator[Any]) -> Json:
    """The tree with these leaves; a leaf that is an `ArrayNumber` is an array.

    Raises ArtifactError for containers and leaves that no file can hold.
    """
    if structure.kind is None:
        return _leaf_to_json(next(leaves))
    kind, children = structure.kind, [to_json(c, leaves) for c in structure.children]
    if kind in (tuple, list):
        return {kind.__name__: children}
    if kind is dict:
        keys = [_key_to_json(k) for k in structure.keys]
        return {"dict": [[k, c] for k, c in zip(keys, children, strict=True)]}
    if issubclass(kind, tuple) and hasattr(kind, "_fields"):
        return {"named": [kind.__name__, list(kind._fields), children]}
    raise ArtifactError(
        f"compile: got a {kind.__name__} among arguments or results; an artifact holds tuples, "
        "lists, dicts and named tuples"
    )


class ArrayNumber(int):
    """A leaf that stands for an array."""


def _leaf_to_json(leaf: Any) -> Json:
    if isinstance(leaf, ArrayNumber):
        return {"array": int(leaf)}
    if type(leaf) is float:
        return {"float": leaf.hex()}
    if type(leaf) in _SCALARS:
        return {"value": leaf}
    raise ArtifactError(
        f"compile: got a {type(leaf).__name__} among arguments or results; an artifact holds "
        "arrays, numbers, strings and None"
    )


def _key_to_json(key: Any) -> Any:
    if type(key) in _SCALARS:
        return key
    raise ArtifactError(f"compile: got the dict key {key!r}; an artifact holds strings and numbers")


# --------------------------------------------------------------------------- reading


def build(tree_json: Any, arrays: Sequence[Any]) -> Any:
    """The pytree with these arrays; raises ArtifactError for JSON of another form."""
    return _build(tree_json, lambda leaf: _leaf(leaf, arrays), 0)


def _build(made: Any, leaf: Callable[[Json], Any], depth: int) -> Any:
    if not isinstance(made, dict) or len(made) != 1 or depth > MOST_DEPTH:
        raise _damaged()
    ((kind, content),) = made.items()
    if kind not in ("tuple", "list", "dict", "named"):
        return leaf(made)
    if not isinstance(content, list):
        raise _damaged()
    if kind == "dict":
        return _build_dict(content, leaf, depth)
    if kind == "named":
        return _build_named(content, leaf, depth)
    children = [_build(c, leaf, depth + 1) for c in content]
    return tuple(children) if kind == "tuple" else children


def _build_dict(content: list[Any], leaf: Callable[[Json], Any], depth: int) -> dict[Any, Any]:
    if not all(isinstance(pair, list) and len(pair) == 2 for pair in content):
        raise _damaged()
    if not all(isinstance(key, _SCALARS) for key, _ in content):
        raise _damaged()
    return {key: _build(child, leaf, depth + 1) for key, child in content}


def _build_named(content: list[Any], leaf: Callable[[Json], Any], depth: int) -> Any:
    try:
        name, fields, children = content
        return namedtuple(name, fields)(*(_build(c, leaf, depth + 1) for c in children))
    except (TypeError, ValueError) as error:
        raise _damaged() from error


def _leaf(made: Mapping[str, Any], arrays: Sequence[Any]) -> Any:
    ((kind, content),) = made.items()
    if kind == "array" and type(content) is int and 0 <= content < len(arrays):
        return arrays[content]
    if kind == "float" and isinstance(content, str):
        try:
            return float.fromhex(content)
        except (ValueError, OverflowError):
            raise _damaged() from None
    if kind == "value" and isinstance(content, _SCALARS):
        return content
    raise _damaged()


def _damaged() -> ArtifactError:
    return ArtifactError("artifact: the manifest is damaged: a pytree is not as it must be")
