"""What all distributions share: parameters, elementary draws, and candidates that are accepted."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import device as placing
from ... import primitives as p
from ... import record
from ...dtypes import DType, DTypeLike, bfloat16, dtype, float16, float32, uint64
from ...errors import ArgumentError, DTypeError, ShapeError, TraceError
from ...primitive import REGISTRY
from ...sizes import Shape, product
from ..convert import ArrayLike, asarray, common_shape, convert, is_array
from ..logic import where
from ..reductions import all as all_of
from ..selection import nonzero
from ..shapes import as_shape, broadcast_to, ravel, reshape
from .bit_generator import Philox

if TYPE_CHECKING:
    from ...array import Array

Parameter = Any  # a Python float, or an Array
Size = Any  # None, an int, a sequence of ints
MOST_STAGED = 16  # rounds of candidates that a staged program may hold


# --------------------------------------------------------------------------- parameters


@dataclass(frozen=True)
class Condition:
    """What a parameter must be; `holds` takes a NumPy array."""

    text: str
    holds: Callable[[Any], Any]


ANY = Condition("be a number", lambda x: x == x)  # never asked
NOT_NEGATIVE = Condition("not be negative", lambda x: ~(x < 0))
POSITIVE = Condition("be above 0", lambda x: x > 0)
ABOVE_ONE = Condition("be above 1", lambda x: x > 1)
PROBABILITY = Condition("be in 0..1", lambda x: (x >= 0) & (x <= 1))
POSITIVE_PROBABILITY = Condition("be above 0 and at most 1", lambda x: (x > 0) & (x <= 1))
BELOW_ONE = Condition("be at least 0 and below 1", lambda x: (x >= 0) & (x < 1))


def float_type(name: str, like: DTypeLike | None) -> DType:
    """The float type of a draw: by default that of the device."""
    wanted = placing.current().default_float if like is None else dtype(like)
    if not wanted.is_float:
        raise DTypeError(f"{name}: got {wanted}; it draws float16, bfloat16, float32 or float64")
    placing.current().require(name, (wanted,))
    return wanted


def computed(of: DType) -> DType:
    """The type in which a draw is computed."""
    return float32 if of in (float16, bfloat16) else of


def parameters(
    name: str, size: Size, of: DType, **given: tuple[ArrayLike, Condition]
) -> tuple[Any, ...]:
    """The shape of the result, then each parameter: a float, or an Array of dtype `of`.

    Values that are known are held to their conditions: ArgumentError; ShapeError if the shapes do
    not fit `size`.
    """
    found = [_parameter(name, label, x, of, must) for label, (x, must) in given.items()]
    shapes = [x.shape for x in found if is_array(x)]
    common = common_shape(name, *shapes)
    if size is None:
        return (common, *found)
    shape = as_shape(name, size)
    if common_shape(name, shape, common) != shape:
        raise ShapeError(f"{name}: got size {shape} and parameters of {common}; they do not fit")
    return (shape, *found)


def _parameter(name: str, label: str, x: ArrayLike, of: DType, must: Condition) -> Parameter:
    if isinstance(x, int | float | np.generic) or (isinstance(x, np.ndarray) and not x.ndim):
        number = np.float64(x)
        if must is not ANY and not must.holds(number):
            raise ArgumentError(f"{name}: got {label} = {x}; it must {must.text}")
        return float(number)
    array = asarray(x)
    if array.dtype.kind not in "iufb":
        raise DTypeError(f"{name}: got {label} of {array.dtype}; it must be real numbers")
    value = convert(array, of)
    if must is not ANY and value._is_concrete:
        known = value.numpy()
        holds = must.holds(known)
        if not np.all(holds):
            wrong = known[~holds].flat[0] if known.ndim else known
            raise ArgumentError(f"{name}: got {label} = {wrong}; it must {must.text}")
    return value


def apply(name: str, x: Parameter) -> Parameter:
    """A function of a parameter, by the name of its primitive."""
    if not is_array(x):
        return getattr(math, {"floor": "floor"}.get(name, name))(x)
    return REGISTRY[name](x)


def times(a: Parameter, b: Parameter) -> Parameter:
    """a * b, which no kernel fuses with a sum: the same bits eagerly, staged and on devices."""
    found: Parameter = a * b
    return p.fence(found) if is_array(found) else found


def scaled(x: Array, loc: Parameter, scale: Parameter) -> Array:
    """x * scale + loc."""
    if not is_array(scale) and scale == 1.0:
        return x if not is_array(loc) and loc == 0.0 else x + loc
    moved: Array = times(x, scale) + loc
    return moved


def finished(x: Array, shape: Shape, to: DType, out: Any = None) -> Array:
    """A result of this shape and dtype, in `out` if one is given."""
    x = convert(x, to)
    x = x if x.shape == shape else broadcast_to(x, shape)
    if out is None:
        return x
    if not is_array(out) or out.shape != shape or out.dtype is not to:
        raise ArgumentError(f"out: got {out!r}; it must be an array of {to}{shape}")
    out[...] = x
    return out  # type: ignore[no-any-return]


# --------------------------------------------------------------------------- elementary draws


@dataclass(frozen=True)
class Source:
    """The numbers of one call: for all elements of a shape, or for those numbered `ids`.

    A block of an element has two lanes of 64 bits; a normal number takes both.
    """

    state: Array
    shape: Shape
    dtype: DType
    ids: Array | None = None

    def _draw(self, name: str, **params: Any) -> Array:
        if self.ids is None:
            return REGISTRY[name](self.state, shape=self.shape, **params)
        return REGISTRY[f"{name}_at"](self.state, self.ids, **params)

    def uniform(self, lane: int = 0) -> Array:
        """In [0, 1)."""
        return self._draw("random_uniform", dtype=self.dtype, lane=lane)

    def exponential(self, lane: int = 0) -> Array:
        """Standard exponential numbers; never 0, so that they have a logarithm."""
        least = 2.0**-34 if self.dtype is float32 else 2.0**-54
        drawn = self._draw("random_exponential", dtype=self.dtype, lane=lane)
        return p.maximum(drawn, p.full(shape=drawn.shape, value=least, dtype=self.dtype))

    def normal(self) -> Array:
        """Standard normal numbers."""
        return self._draw("random_normal", dtype=self.dtype)

    def words(self, lane: int = 0) -> Array:
        """uint64."""
        return self._draw("random_words", dtype=uint64, lane=lane)

    def call(self, number: int) -> Source:
        """The numbers of a later call."""
        if number == 0:
            return self
        return replace(self, state=p.random_advance(self.state, calls=number))


def source(of: Philox, shape: Shape, dtype: DType, calls: int = 1) -> Source:
    """The numbers of the next calls."""
    return Source(of.reserve(calls), shape, computed(dtype))


# --------------------------------------------------------------------------- candidates

Propose = Callable[..., tuple["Array", "Array"]]


def first_accepted(
    name: str,
    of: Philox,
    shape: Shape,
    dtype: DType,
    rounds: int,
    propose: Propose,
    *given: Parameter,
    calls: int = 1,
) -> Array:
    """For each element the first candidate that is accepted, of `rounds` candidates (then the
    last): `propose(source, *given)` gives candidates and which are accepted, from `calls` calls.

    `rounds` is such that none is accepted with a probability below 2**-50. Each element has
    candidates of its own, so the result depends on nothing but the state.
    """
    start = source(of, shape, dtype, calls * rounds)
    values, accepted = propose(start, *given)
    if record.is_tracing():
        if rounds > MOST_STAGED:
            raise TraceError(
                f"{name}: it draws candidates until each element has one, which a staged program "
                "cannot; draw it outside and pass it in"
            )
        for n in range(1, rounds):
            more, also = propose(start.call(n * calls), *given)
            values, accepted = where(accepted, values, more), accepted | also
        return values
    again = _again_where_rejected if placing.current() is placing.HOST else _again_everywhere
    return again(start, values, accepted, rounds, propose, given, calls)


def _again_where_rejected(
    start: Source, values: Array, accepted: Array, rounds: int, propose: Propose, given: Any,
    calls: int,
) -> Array:  # fmt: skip
    left = nonzero(ravel(~accepted))[0]
    if left.size == 0:
        return values
    flat = ravel(values)
    spread = [ravel(broadcast_to(x, start.shape)) if is_array(x) else x for x in given]
    for n in range(1, rounds):
        some = [p.gather(x, left, axis=0) if is_array(x) else x for x in spread]
        here = replace(start.call(n * calls), shape=left.shape, ids=left)
        more, also = propose(here, *some)
        flat = p.scatter_set(flat, left, more, axis=0)
        left = p.gather(left, nonzero(~also)[0], axis=0)
        if left.size == 0:
            break
    return reshape(flat, start.shape)


def _again_everywhere(
    start: Source, values: Array, accepted: Array, rounds: int, propose: Propose, given: Any,
    calls: int,
) -> Array:  # fmt: skip
    """Where the device has no routine that finds the rejected ones."""
    for n in range(1, rounds):
        if product(start.shape) == 0 or bool(all_of(accepted)):
            break
        more, also = propose(start.call(n * calls), *given)
        values, accepted = where(accepted, values, more), accepted | also
    return values
