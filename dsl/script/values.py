"""Expressions at run time: Python's own for known values, staged where an operand is traced."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from .. import trace as tracing
from .. import tree
from ..branches import choose, describe, fit
from ..control import evaluate
from ..dtypes import DType, bool_, int64
from ..errors import ShapeError, TraceError
from ..functions import asarray, logical_and, logical_not, logical_or, reshape
from ..functions.convert import is_array
from ..graph import Node
from ..primitive import REGISTRY, Map
from ..record import read
from ..regions import Region
from ..views import MOVES

if TYPE_CHECKING:
    from ..array import Array

_MOST_INLINE = 24  # nodes of the second operand of `and`, `or` that are computed in any case
_SIGNS: dict[str, Callable[[Any, Any], Any]] = {
    "==": operator.eq, "!=": operator.ne, "<": operator.lt, "<=": operator.le,
    ">": operator.gt, ">=": operator.ge, "is": operator.is_, "is not": operator.is_not,
}  # fmt: skip


def is_staged(value: Any) -> bool:
    """Whether a value is known only when the program runs."""
    return is_array(value) and tracing.current() is not None


def truth(value: Any, what: str) -> Any:
    """What a value means as a condition: a bool, or a traced one."""
    if not is_staged(value):
        return bool(value)
    if value.size != 1:
        raise ShapeError(
            f"script: {what} at {tracing.user_source()}: the condition is an array of shape "
            f"{value.shape}; it must hold one element (use .any() or .all())"
        )
    scalar = value if value.shape == () else reshape(value, ())
    return scalar if scalar.dtype is bool_ else asarray(scalar, dtype=bool_)


def as_number(value: Array, dtype: DType | None = None) -> Array:
    """A scalar that stands for a Python number, and takes the dtype of what stands beside it. As
    such a number it has no gradient."""
    fixed = REGISTRY["stop_gradient"](read(value)) if value.dtype.is_inexact else read(value)
    found = REGISTRY["cast"](fixed, dtype=dtype or value.dtype)
    tracing.set_weak(found)
    return found


def negate(value: Any) -> Any:
    """`not value`."""
    return logical_not(truth(value, "`not`")) if is_staged(value) else not value


def both(first: Any, *others: Callable[[], Any]) -> Any:
    """`first and ...`."""
    return _joined("and", first, others)


def either(first: Any, *others: Callable[[], Any]) -> Any:
    """`first or ...`."""
    return _joined("or", first, others)


def _joined(word: str, first: Any, others: tuple[Callable[[], Any], ...]) -> Any:
    while others and not is_staged(first):
        if bool(first) is (word == "or"):
            return first
        first, others = others[0](), others[1:]
    if not others:
        return first

    def rest() -> Any:
        return _joined(word, others[0](), others[1:])

    test = truth(first, f"`{word}`")
    sides = (lambda: first, rest) if word == "and" else (rest, lambda: first)
    return _staged(f"`{word}`", test, sides, word)


def select(test: Any, then: Callable[[], Any], other: Callable[[], Any]) -> Any:
    """`then() if test else other()`."""
    found = truth(test, "the conditional expression")
    if not is_array(found):
        return then() if found else other()
    return _staged("the conditional expression", found, (other, then))


def _staged(what: str, test: Array, sides: tuple[Callable[[], Any], ...], word: str = "") -> Any:
    """The value of the side that a traced test chooses: (if it is false, if it is true)."""
    trace = tracing.current()
    assert trace is not None
    where = tracing.user_source()
    regions = []
    for name, side in zip(("otherwise", "then"), sides, strict=True):
        region = Region(f"script: {what} at {where}", _named(name, side), trace)
        region.run([], lambda cells: ())
        regions.append(region)
    _require_one_type(what, where, regions)
    if word and all(_is_plain_test(r) for r in regions):
        values = [_inlined(r) for r in regions]
        pair = values if word == "and" else values[::-1]
        return logical_and(test, pair[1]) if word == "and" else logical_or(test, pair[1])
    return choose(f"script: {what} at {where}", read(asarray(test, dtype=int64)), regions, [])


def _named(name: str, side: Callable[[], Any]) -> Callable[[], Any]:
    def run() -> Any:
        return side()

    run.__name__ = name
    return run


def _require_one_type(what: str, where: Any, regions: list[Region]) -> None:
    """Raise TraceError if the sides of an expression cannot be one value."""
    same = regions[0].structure == regions[1].structure
    pairs = zip(regions[0].leaves, regions[1].leaves, strict=True) if same else ()
    if same and all(fit(pair) for pair in pairs):
        return
    texts = [
        ", ".join(map(describe, r.leaves)) if r.structure == tree.LEAF else
        f"a {r.structure.kind.__name__} of {len(r.leaves)} values"  # type: ignore[union-attr]
        for r in regions
    ]  # fmt: skip
    raise TraceError(
        f"script: {what} at {where}: the value is {texts[1]} or {texts[0]}, as values decide; "
        "both must be of one type and shape"
    )


def _is_plain_test(region: Region) -> bool:
    """Whether a side is a bool that costs little and has no effect, so that it may be computed
    where Python would not."""
    if region.structure != tree.LEAF:
        return False
    leaf = region.leaves[0]
    is_bool = leaf.dtype is bool_ if is_array(leaf) else isinstance(leaf, bool)
    nodes = region.trace.nodes
    return (
        is_bool and not region.written and len(nodes) <= _MOST_INLINE
        and all(_is_cheap(n) for n in nodes)
    )  # fmt: skip


def _is_cheap(node: Node) -> bool:
    lower = node.primitive.lower
    is_plain = node.primitive.name in MOVES or not node.inputs
    return node.output.aval.shape == () and (
        is_plain or (isinstance(lower, Map) and lower.pointwise)
    )


def _inlined(region: Region) -> Any:
    """The result of a region, computed in the trace around it."""
    leaf = region.leaves[0]
    if not is_array(leaf):
        return leaf
    cells = list(region.captured.values())
    graph = region.graph(cells, [], carried=False)
    del leaf
    region.release()
    return evaluate(graph, [read(c) for c in cells])[0]


# --------------------------------------------------------------------------- comparisons


def compare(left: Any, signs: tuple[str, ...], *others: Callable[[], Any]) -> Any:
    """`left < b < c ...`: each operand is computed once, and only if it is needed."""
    right = others[0]()
    if signs[0] in ("in", "not in"):
        found = contains(right, left)
        found = found if signs[0] == "in" else negate(found)
    else:
        found = _SIGNS[signs[0]](left, right)
    if len(signs) == 1:
        return found
    return both(found, lambda: compare(right, signs[1:], *others[1:]))


def contains(container: Any, item: Any) -> Any:
    """`item in container`."""
    if is_staged(container):
        return (container == item).any()
    if not isinstance(container, list | tuple | range | set | frozenset | dict):
        return item in container
    if not (is_staged(item) or any(map(is_staged, container))):
        return item in container
    found: Any = False
    for one in container:
        found = either(found, functools.partial(_is_item, one, item))
    return found


def _is_item(one: Any, item: Any) -> Any:
    return one is item or truth(one == item, "`in`")


# --------------------------------------------------------------------------- assignments


def augment(sign: str, value: Any, other: Any) -> Any:
    """`value += other`, with a traced value that stands for a Python number replaced, as such a
    number would be, and not written to."""
    if is_array(value) and tracing.is_weak(value):
        return getattr(operator, sign[1:], operator.and_ if sign == "iand" else operator.or_)(
            value, other
        )
    return getattr(operator, sign)(value, other)


def augment_item(sign: str, owner: Any, index: Any, other: Any) -> None:
    """`owner[index] += other`."""
    owner[index] = augment(sign, owner[index], other)
