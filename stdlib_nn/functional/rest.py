"""Dropout, tables, padding and lengths of vectors."""

from __future__ import annotations

from collections.abc import Sequence

from ...dsl import functions as f
from ...dsl.array import Array
from ...dsl.device import following
from ...dsl.errors import ArgumentError, BoundsError, DTypeError, ShapeError
from ...dsl.functions import random
from ...dsl.primitives import stop_gradient
from ...dsl.record import is_tracing

_MODES = {"constant": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def dropout(input: Array, p: float = 0.5, training: bool = True) -> Array:
    """In training each element is 0 with probability `p`, and the others are scaled by 1 / (1 - p).

    Without it, the input. Draws from the library's generator (`tw.seed`), so a staged step draws
    anew at each call. N. Srivastava et al., 2014. Raises ArgumentError for p outside [0, 1].

    >>> dropout(f.asarray([1.0, 2.0]), 0.5, training=False).tolist()
    [1.0, 2.0]
    """
    if not 0.0 <= p <= 1.0:
        raise ArgumentError(f"dropout: got p={p}; it must be from 0 to 1")
    if not training or p == 0.0:
        return input
    if p == 1.0:
        return input * 0
    keep = random.uniform(size=input.shape, dtype="float32") >= p
    return f.where(keep, input * (1.0 / (1.0 - p)), 0.0)


@following
def embedding(input: Array, weight: Array, padding_idx: int | None = None) -> Array:
    """Rows of a table: integers (...) -> (..., width), for a weight (count, width).

    The row `padding_idx` (from the end if negative) gets no gradient. Raises ShapeError, DTypeError
    and BoundsError.

    >>> embedding(f.asarray([1, 0]), f.asarray([[1.0], [2.0]])).tolist()
    [[2.0], [1.0]]
    """
    if weight.ndim != 2:
        raise ShapeError(f"embedding: got a weight {weight.shape}; it must be (count, width)")
    found = f.take(weight, input, axis=0)
    if padding_idx is None:
        return found
    count = weight.shape[0]
    if not -count <= padding_idx < count:
        raise BoundsError(f"embedding: got padding_idx={padding_idx} for {count} rows")
    is_padding = f.expand_dims(input == padding_idx % count, -1)
    return f.where(is_padding, stop_gradient(found), found)


@following
def one_hot(tensor: Array, num_classes: int = -1) -> Array:
    """Class numbers (...) -> int64 (..., num_classes): 1 in the place of each, else 0.

    With -1 there are as many classes as the largest number needs, which a staged program cannot
    know. Raises DTypeError, ArgumentError, and BoundsError for a class out of range (in a staged
    program it has no 1).

    >>> one_hot(f.asarray([1, 0]), 3).tolist()
    [[0, 1, 0], [1, 0, 0]]
    """
    if not tensor.dtype.is_integer:
        raise DTypeError(f"one_hot: got {tensor.dtype}; class numbers must be integers")
    if not is_tracing():
        given = tensor.numpy()
        if num_classes < 0 and not given.size:
            raise ArgumentError("one_hot: got no class numbers; num_classes must be given")
        num_classes = int(given.max()) + 1 if num_classes < 0 else num_classes
        if given.size and (given.min() < 0 or given.max() >= num_classes):
            raise BoundsError(
                f"one_hot: got classes from {given.min()} to {given.max()}; they must be from 0 to "
                f"{num_classes - 1}"
            )
    if num_classes < 0:
        raise ArgumentError("one_hot: num_classes must be given in a staged program")
    places = f.arange(num_classes, dtype=tensor.dtype)
    return (f.expand_dims(tensor, -1) == places).astype("int64")


def pad(
    input: Array, pad: Sequence[int], mode: str = "constant", value: float | None = None
) -> Array:
    """input with elements put before and after its last axes.

    `pad`: pairs of numbers of elements, for the last axis first; negative ones take elements away
    ("constant" alone). `mode`: "constant" (`value`, else 0), "reflect", "replicate" or "circular".
    Raises ArgumentError and ShapeError.

    >>> pad(f.asarray([1.0, 2.0]), (1, 2)).tolist()
    [0.0, 1.0, 2.0, 0.0, 0.0]
    """
    if mode not in _MODES:
        raise ArgumentError(f"pad: got mode={mode!r}; it is one of {tuple(_MODES)}")
    if len(pad) % 2 or len(pad) // 2 > input.ndim:
        raise ArgumentError(
            f"pad: got {len(pad)} numbers for an input {input.shape}; they are pairs, for its last "
            "axes"
        )
    pairs = [(0, 0)] * (input.ndim - len(pad) // 2)
    pairs += [(pad[i], pad[i + 1]) for i in range(len(pad) - 2, -1, -2)]
    if mode != "constant":
        if value is not None:
            raise ArgumentError(f"pad: got value={value} with mode={mode!r}; it is for 'constant'")
        if any(n < 0 for pair in pairs for n in pair):
            raise ArgumentError(f"pad: got {tuple(pad)} with mode={mode!r}; none may be negative")
        return f.pad(input, pairs, _MODES[mode])
    return _constant_pad(input, pairs, 0 if value is None else value)


def _constant_pad(input: Array, pairs: list[tuple[int, int]], value: float) -> Array:
    sizes = zip(input.shape, pairs, strict=True)
    if any(isinstance(n, int) and n + min(a, 0) + min(b, 0) < 0 for n, (a, b) in sizes):
        raise ShapeError(f"pad: got an input {input.shape} and pairs {pairs}; no axis has so many")
    window = tuple(
        slice(max(-low, 0), n - max(-high, 0))
        for n, (low, high) in zip(input.shape, pairs, strict=True)
    )
    added = [(max(low, 0), max(high, 0)) for low, high in pairs]
    return f.pad(input[window], added, constant_values=value)


@following
def normalize(input: Array, p: float = 2.0, dim: int = 1, eps: float = 1e-12) -> Array:
    """input / max(its p-norm along `dim`, eps).

    >>> normalize(f.asarray([[3.0, 4.0]])).round(3).tolist()
    [[0.6, 0.8]]
    """
    return input / f.maximum(_length(input, p, dim), eps)


def _length(x: Array, p: float, dim: int) -> Array:
    if p == 2.0:
        return _root((x * x).sum(axis=dim, keepdims=True))
    if p == float("inf"):
        return f.abs(x).max(axis=dim, keepdims=True)
    if p == 1.0:
        return f.abs(x).sum(axis=dim, keepdims=True)
    return (f.abs(x) ** p).sum(axis=dim, keepdims=True) ** (1 / p)


def _root(x: Array) -> Array:
    """The square root, with the slope 0 at 0."""
    held = x > 0
    return f.where(held, f.sqrt(f.where(held, x, 1.0)), x)


@following
def cosine_similarity(x1: Array, x2: Array, dim: int = 1, eps: float = 1e-8) -> Array:
    """The cosine of the angle of vectors along `dim`: x1 . x2 / (max(|x1|, eps) max(|x2|, eps)).

    The shapes are broadcast.

    >>> cosine_similarity(f.asarray([1.0, 0.0]), f.asarray([1.0, 1.0]), dim=0).round(3).item()
    0.707
    """
    a, b = f.broadcast_arrays(x1, x2)
    lengths = [f.maximum(_root((x * x).sum(axis=dim)), eps) for x in (a, b)]
    return (a * b).sum(axis=dim) / (lengths[0] * lengths[1])


def local_response_norm(
    input: Array, size: int, alpha: float = 1e-4, beta: float = 0.75, k: float = 1.0
) -> Array:
    """input (N, C, ...) / (k + alpha / size * the sum of squares of `size` channels around)**beta.

    A. Krizhevsky, I. Sutskever, G. Hinton, 2012. Raises ShapeError and ArgumentError.

    >>> local_response_norm(f.asarray([[2.0, 0.0]]), 1, alpha=1.0, beta=1.0).round(3).tolist()
    [[0.4, 0.0]]
    """
    if input.ndim < 2:
        raise ShapeError(f"local_response_norm: got an input {input.shape}; it takes (N, C, ...)")
    if size < 1:
        raise ArgumentError(f"local_response_norm: got size={size}; it must be at least 1")
    before = size // 2
    widths = [(0, 0), (before, size - 1 - before), *((0, 0) for _ in input.shape[2:])]
    squares = f.pad(input * input, widths)
    n = input.shape[1]
    total = squares[:, :n]
    for i in range(1, size):
        total = total + squares[:, i : i + n]
    return input / (k + total * (alpha / size)) ** beta
