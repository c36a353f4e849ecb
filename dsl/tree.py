"""Pytrees: nested tuples, lists, dicts and dataclass-like objects with leaves.

`flatten` gives the leaves and a hashable `Tree`; `unflatten` is its inverse. Anything that is not
a container is a leaf. `register_node` adds a container type.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Tree:
    """The structure of a pytree: a container type with its keys, or a leaf (`kind` None)."""

    kind: type | None = None
    keys: tuple[Any, ...] = ()
    children: tuple[Tree, ...] = ()

    @property
    def size(self) -> int:
        """The number of leaves."""
        return 1 if self.kind is None else sum(c.size for c in self.children)


LEAF = Tree()
Flatten = Callable[[Any], tuple[Sequence[Any], Sequence[Any]]]
Build = Callable[[Sequence[Any], Sequence[Any]], Any]


def _flatten_dict(value: dict[Any, Any]) -> tuple[Sequence[Any], Sequence[Any]]:
    return list(value.values()), list(value)


_NODES: dict[type, tuple[Flatten, Build]] = {
    tuple: (lambda v: (v, ()), lambda keys, children: tuple(children)),
    list: (lambda v: (v, ()), lambda keys, children: list(children)),
    dict: (_flatten_dict, lambda keys, children: dict(zip(keys, children, strict=True))),
}


def register_node(kind: type, flatten: Flatten, build: Build) -> None:
    """Make `kind` a container: `flatten(v) -> (children, keys)`, `build(keys, children) -> v`."""
    _NODES[kind] = (flatten, build)


def _rules(value: Any) -> tuple[Flatten, Build] | None:
    kind = type(value)
    if kind in _NODES:
        return _NODES[kind]
    if isinstance(value, tuple) and hasattr(kind, "_fields"):
        register_node(kind, lambda v: (v, ()), lambda keys, children: kind(*children))
        return _NODES[kind]
    return None


def flatten(value: Any) -> tuple[list[Any], Tree]:
    """The leaves of a pytree in order, and its structure.

    >>> flatten({"a": 1, "b": (2, 3)})[0]
    [1, 2, 3]
    """
    leaves: list[Any] = []
    return leaves, _flatten(value, leaves)


def _flatten(value: Any, leaves: list[Any]) -> Tree:
    rules = _rules(value)
    if rules is None:
        leaves.append(value)
        return LEAF
    children, keys = rules[0](value)
    return Tree(type(value), tuple(keys), tuple(_flatten(c, leaves) for c in children))


def unflatten(tree: Tree, leaves: Iterable[Any]) -> Any:
    """The pytree with structure `tree` and these leaves.

    >>> unflatten(flatten((1, [2]))[1], "ab")
    ('a', ['b'])
    """
    return _unflatten(tree, iter(leaves))


def _unflatten(tree: Tree, leaves: Any) -> Any:
    if tree.kind is None:
        return next(leaves)
    children = [_unflatten(c, leaves) for c in tree.children]
    return _NODES[tree.kind][1](tree.keys, children)


def map_leaves(function: Callable[..., Any], value: Any) -> Any:
    """Apply a function to every leaf.

    >>> map_leaves(lambda x: x + 1, {"a": [1, 2]})
    {'a': [2, 3]}
    """
    leaves, tree = flatten(value)
    return unflatten(tree, map(function, leaves))


def spread_prefix(prefix: Any, value: Any, is_leaf: Callable[[Any], bool]) -> list[Any]:
    """For each leaf of `value` what `prefix`, which has the same containers down to its own leaves,
    says of it. Raises ValueError where they do not fit.

    >>> spread_prefix((0, None), (1, [2, 3]), lambda x: x is None or isinstance(x, int))
    [0, None, None]
    """
    if is_leaf(prefix):
        return [prefix] * flatten(value)[1].size
    wanted, found = _rules(prefix), _rules(value)
    if wanted is None or found is None or type(prefix) is not type(value):
        raise ValueError(f"{prefix!r} for a {type(value).__name__}")
    parts, keys = wanted[0](prefix)
    children, own = found[0](value)
    if len(parts) != len(children) or sorted(map(repr, keys)) != sorted(map(repr, own)):
        raise ValueError(f"{prefix!r} for a {type(value).__name__} of {len(children)}")
    if keys:
        parts = [parts[list(keys).index(key)] for key in own]
    pairs = zip(parts, children, strict=True)
    return [axis for part, child in pairs for axis in spread_prefix(part, child, is_leaf)]


def leaf_names(tree: Tree) -> list[str]:
    """How each leaf is reached from the whole, as Python writes it.

    >>> leaf_names(flatten({"a": 1, "b": (2, 3)})[1])
    ["['a']", "['b'][0]", "['b'][1]"]
    """
    if tree.kind is None:
        return [""]
    keys = tree.keys or range(len(tree.children))
    pairs = zip(keys, tree.children, strict=True)
    return [f"[{key!r}]{rest}" for key, child in pairs for rest in leaf_names(child)]
