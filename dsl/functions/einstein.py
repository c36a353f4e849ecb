"""Einstein's summation: pairs of operands as matrix products, in an order that keeps them small."""

from __future__ import annotations

import string
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import DTypeLike, bool_, dtype
from ..errors import ArgumentError, DTypeError, ShapeError
from ..sizes import product
from .axes import check_order
from .convert import asarray, boolean, convert, result_type
from .diagonals import diagonal
from .linear import matmul
from .outputs import casts, store
from .reductions import any as any_
from .reductions import sum as sum_
from .shapes import broadcast_to, reshape, transpose

if TYPE_CHECKING:
    from ..array import Array

_dtype = dtype


@dataclass
class _Term:
    """An operand and the labels of its axes."""

    value: Array
    labels: str


def einsum(
    *operands: Any,
    out: Array | None = None,
    optimize: Any = False,
    dtype: DTypeLike | None = None,
    order: str = "K",
    casting: str = "safe",
) -> Array:
    """The sum of products that labels describe: einsum("ij,jk->ik", a, b) is a matrix product.

    Labels that the result lacks are summed over; without "->" it has those that occur once, in
    alphabetic order. "..." stands for axes that broadcast. Lists of ints may stand for labels:
    einsum(a, [0, 1], b, [1, 2], [0, 2]). More than two operands are contracted in pairs, in the
    order of `optimize` (see `einsum_path`), which by default is the greedy one.

    >>> einsum("ij,j->i", [[1, 2], [3, 4]], [1, 1])
    array([3, 7])
    >>> einsum("ii", [[1, 2], [3, 4]])
    array(5)
    """
    check_order("einsum", order)
    text, arrays = _parsed(operands)
    inputs, output = _explicit(text, [x.ndim for x in arrays])
    wanted = result_type(*arrays) if dtype is None else _dtype(dtype)
    for x in arrays:
        if not casts(x.dtype, wanted, casting):
            raise DTypeError(f"einsum: got {x.dtype}; it does not cast to {wanted} by {casting!r}")
    sizes = _sizes(inputs, arrays)
    terms = [
        _Term(_stretched(convert(x, wanted), labels, sizes), labels)
        for x, labels in zip(arrays, inputs, strict=True)
    ]
    for pair in _pairs(inputs, output, sizes, optimize):
        chosen = [terms.pop(i) for i in sorted(pair, reverse=True)][::-1]
        kept = set(output).union(*(t.labels for t in terms))
        terms.append(_contract(chosen, kept))
    (last,) = terms
    result = _alone(last, set(output))
    final = transpose(result.value, [result.labels.index(label) for label in output])
    return store("einsum", asarray(final, copy=True), out)


def _parsed(operands: tuple[Any, ...]) -> tuple[str, list[Array]]:
    """The text of labels, and the arrays; both of NumPy's ways to write them."""
    if not operands:
        raise ArgumentError("einsum: got nothing; it takes labels and arrays")
    if isinstance(operands[0], str):
        return operands[0].replace(" ", ""), [asarray(x) for x in operands[1:]]
    given = list(operands)
    last = given.pop() if len(given) % 2 else None
    arrays = [asarray(x) for x in given[::2]]
    text = ",".join(map(_labels_of, given[1::2]))
    return text if last is None else f"{text}->{_labels_of(last)}", arrays


def _labels_of(numbers: Sequence[Any]) -> str:
    letters = string.ascii_uppercase + string.ascii_lowercase
    try:
        return "".join("..." if n is Ellipsis else letters[n.__index__()] for n in numbers)
    except (AttributeError, TypeError, IndexError):
        raise DTypeError(f"einsum: got labels {numbers!r}; they are ints below 52, ...") from None


def _explicit(text: str, ndims: list[int]) -> tuple[list[str], str]:
    """Labels of each operand and of the result, one letter an axis."""
    left, arrow, right = text.partition("->")
    names = left.split(",")
    if len(names) != len(ndims):
        raise ArgumentError(f"einsum: got labels {text!r} for {len(ndims)} arrays")
    for part in (*names, right):
        rest = part.replace("...", "", 1)
        if not all(c in string.ascii_letters for c in rest):
            raise ArgumentError(f"einsum: got labels {part!r}; they are letters, or one '...'")
    used = set(left + right)
    spare = [c for c in string.ascii_letters[::-1] if c not in used]
    most = max((n - len(s.replace("...", "")) for n, s in zip(ndims, names, strict=True)
                if "..." in s), default=0)  # fmt: skip
    if len(spare) < most:
        raise ArgumentError(f"einsum: got {text!r}; there are not letters enough for its axes")
    dots = "".join(spare[:most])
    inputs = [_filled(s, n, dots) for s, n in zip(names, ndims, strict=True)]
    if arrow:
        output = right.replace("...", dots)
    else:
        once = sorted(c for c in set(left) - set(",.") if left.count(c) == 1)
        output = dots + "".join(once)
    _check_output(output, inputs, text)
    return inputs, output


def _filled(labels: str, ndim: int, dots: str) -> str:
    """Letters in place of "...": its last axes are those that all operands share."""
    free = ndim - len(labels.replace("...", ""))
    if free < 0 or (free and "..." not in labels):
        raise ShapeError(f"einsum: got labels {labels!r} for an array of {ndim} axes")
    return labels.replace("...", dots[len(dots) - free :])


def _check_output(output: str, inputs: list[str], text: str) -> None:
    known = set("".join(inputs))
    for label in output:
        if label not in known or output.count(label) > 1:
            raise ArgumentError(
                f"einsum: got {text!r}; a label of the result occurs there once, and in an operand"
            )


def _sizes(inputs: list[str], arrays: list[Array]) -> dict[str, Any]:
    sizes: dict[str, Any] = {}
    for labels, x in zip(inputs, arrays, strict=True):
        for label, size in zip(labels, x.shape, strict=True):
            known = sizes.setdefault(label, size)
            if known == 1:
                sizes[label] = size
            elif size not in (1, known):
                raise ShapeError(
                    f"einsum: got sizes {known} and {size} for label {label!r}; they must be equal"
                )
    return sizes


def _stretched(x: Array, labels: str, sizes: dict[str, Any]) -> Array:
    """Axes of size 1 repeated, where a label has another size elsewhere."""
    shape = tuple(sizes[label] for label in labels)
    return x if x.shape == shape else broadcast_to(x, shape)


def _pairs(inputs: list[str], output: str, sizes: dict[str, Any], optimize: Any) -> list[Any]:
    """Which operands are contracted at each step, by their positions in the list that is left."""
    if len(inputs) == 1:
        return []
    if len(inputs) == 2:
        return [(0, 1)]
    stand_ins = [np.broadcast_to(np.float64(0), [sizes[c] for c in s]) for s in inputs]
    how: Any = "greedy" if optimize is False or optimize is True else optimize
    path = np.einsum_path(",".join(inputs) + "->" + output, *stand_ins, optimize=how)[0]
    return list(path[1:])


def _contract(terms: list[_Term], kept: set[str]) -> _Term:
    """Operands multiplied and summed over the labels that nobody else needs."""
    first, *rest = terms
    for i, second in enumerate(rest):
        needed = kept.union(*(t.labels for t in rest[i + 1 :]))
        first = _product(first, second, needed)
    return first


def _product(a: _Term, b: _Term, kept: set[str]) -> _Term:
    """Two operands as a batch of matrix products."""
    a, b = _alone(a, kept | set(b.labels)), _alone(b, kept | set(a.labels))
    batch = [c for c in a.labels if c in b.labels and c in kept]
    inner = [c for c in a.labels if c in b.labels and c not in kept]
    rows = [c for c in a.labels if c not in b.labels]
    columns = [c for c in b.labels if c not in a.labels]
    left = _matrices(a, batch, rows, inner)
    right = _matrices(b, batch, inner, columns)
    size = {c: n for t in (a, b) for c, n in zip(t.labels, t.value.shape, strict=True)}
    labels = "".join([*batch, *rows, *columns])
    return _Term(reshape(matmul(left, right), tuple(size[c] for c in labels)), labels)


def _matrices(term: _Term, batch: list[str], rows: list[str], columns: list[str]) -> Array:
    order = [term.labels.index(c) for c in (*batch, *rows, *columns)]
    x = transpose(term.value, order)
    cuts = len(batch), len(batch) + len(rows)
    parts = x.shape[: cuts[0]], x.shape[cuts[0] : cuts[1]], x.shape[cuts[1] :]
    return reshape(x, tuple(map(product, parts)))


def _alone(term: _Term, kept: set[str]) -> _Term:
    """An operand with repeated labels taken as diagonals, and labels only it has summed over."""
    x, labels = term.value, term.labels
    for label in sorted(set(labels)):
        while labels.count(label) > 1:
            first = labels.index(label)
            second = labels.index(label, first + 1)
            x = diagonal(x, 0, first, second)
            labels = labels[:first] + labels[first + 1 : second] + labels[second + 1 :] + label
    gone = tuple(i for i, c in enumerate(labels) if c not in kept)
    if gone:
        x = boolean(any_(x, gone)) if x.dtype is bool_ else sum_(x, gone, x.dtype)
        labels = "".join(c for c in labels if c in kept)
    return _Term(x, labels)


def einsum_path(*operands: Any, optimize: Any = "greedy", einsum_call: Any = False) -> Any:
    """The order in which `einsum` contracts its operands, and a text about its cost, from their
    shapes alone: NumPy's own answer.
    """
    text, arrays = _parsed(operands)
    stand_ins = [np.broadcast_to(np.float64(0), x.shape) for x in arrays]
    return np.einsum_path(text, *stand_ins, optimize=optimize, einsum_call=einsum_call)


__all__ = ["einsum", "einsum_path"]
