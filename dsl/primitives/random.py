"""Counter-based random numbers: Philox4x32-10, and what is made of its words without a choice.

J. Salmon, M. Moraes, R. Dror, D. Shaw: "Parallel random numbers: as easy as 1, 2, 3", SC 2011.
A state is uint32[4]: the key, then the number of the call, low words first. Element i of a draw
is made of the four words of the block whose counter is (i, call), whatever the shape.

Each draw is two primitives: NAME for the elements 0.. of a shape, and NAME_at for elements given
by their numbers, which a sampler that rejects some candidates draws again alone. Products that a
kernel might fuse into what comes after them are fenced, so that bits are the same everywhere.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from ..dtypes import DType, bfloat16, float16, float32, float64, int64, to_numpy, uint32, uint64
from ..errors import DTypeError
from ..graph import Aval
from ..primitive import (
    ONE_BY_ONE,
    REGISTRY,
    Expr,
    Lanes,
    Map,
    Primitive,
    Reader,
    Sample,
    Vocabulary,
    register,
)
from ..sizes import Shape
from .families import linear_index, ulps
from .lanes import one_by_one
from .philox import Words, block_words, halves, lower_philox
from .samples import Numpy

STATE = np.array([1, 0xFFFFFFFF, 7, 3], np.uint32)
DIGITS = {"float32": 24, "float16": 11, "bfloat16": 8}  # random bits of a uniform number


def check_state(name: str, state: Aval) -> None:
    """Raise DTypeError unless this is a generator's state."""
    if state.dtype is not uint32 or state.shape != (4,):
        raise DTypeError(f"{name}: got a state {state}; it must be uint32[4]")


def batch_draw(name: str, lanes: Lanes, state: Any, *, shape: Shape, **params: Any) -> Any:
    """Each lane has numbers of its own, those of a draw with an axis of lanes in front; where each
    has a state of its own, those of its state."""
    if lanes.batched[0]:
        return ONE_BY_ONE
    return REGISTRY[name](state, shape=(lanes.count, *shape), **params)


# --------------------------------------------------------------------------- words as they come


def _infer_random_bits(state: Aval, *, shape: Shape) -> Aval:
    check_state("random_bits", state)
    return Aval(shape, uint32)


def _lower_random_bits(
    t: Vocabulary, index: tuple[Expr, ...], state: Reader, *, out: Aval, shape: Shape
) -> Expr:
    """Element i is word i % 4 of the block whose counter is (i // 4, call)."""
    flat = linear_index(t, index, shape)
    block, word = t.call("index_div", flat, t.size(4)), t.call("index_mod", flat, t.size(4))
    words = lower_philox(t, block, state)
    result = words[3]
    for i in (2, 1, 0):
        result = t.select(t.call("eq", word, t.size(i)), words[i], result)
    return result


def _random_reference(state: Numpy, *, shape: tuple[int, ...]) -> Any:
    count = int(np.prod(shape, dtype=np.int64))
    blocks = np.arange(-(-count // 4), dtype=np.uint64)
    return block_words(state, blocks).reshape(-1)[:count].reshape(shape)


def _random_samples(dtype: DType) -> Iterator[Sample]:
    for shape in ((8,), (3, 5), (), (0, 2), (67,)):
        yield Sample((STATE,), {"shape": shape})


random_bits = register(
    Primitive(
        name="random_bits",
        infer=_infer_random_bits,
        lower=Map(_lower_random_bits, cost=90),
        reference=_random_reference,
        samples=_random_samples,
        dtypes=(uint32,),
        batch=partial(batch_draw, "random_bits"),
        per_lane=True,
    )
)


def advanced(t: Vocabulary, index: Any, state: Reader, calls: Expr) -> Expr:
    """A word of a state `calls` (uint64) later."""
    key = (state((t.size(0),)), state((t.size(1),)))
    low, high = (t.cast(state((t.size(i),)), uint64) for i in (2, 3))
    number = t.call("bitwise_or", low, t.call("shl", high, t.const(32, uint64))) + calls
    words = (*key, *halves(t, t.call("let", number)))
    result = words[3]
    for i in (2, 1, 0):
        result = t.select(t.call("eq", index[0], t.size(i)), words[i], result)
    return result


def _lower_advance(
    t: Vocabulary, index: tuple[Expr, ...], state: Reader, *, out: Aval, calls: int
) -> Expr:
    return advanced(t, index, state, t.const(calls, uint64))


def _infer_advance(state: Aval, *, calls: int) -> Aval:
    check_state("random_advance", state)
    return state


def _advance_reference(state: Numpy, *, calls: int) -> Numpy:
    number = (int(state[2]) | int(state[3]) << 32) + calls
    return np.array([state[0], state[1], number & 0xFFFFFFFF, number >> 32 & 0xFFFFFFFF], np.uint32)


def _advance_samples(dtype: DType) -> Iterator[Sample]:
    for state, calls in ((STATE, 1), ([5, 6, 0xFFFFFFFF, 4], 2), ([0, 0, 9, 2**32 - 1], 1 << 33)):
        yield Sample((np.array(state, np.uint32),), {"calls": calls})


# The state after a number of calls.
random_advance = register(
    Primitive(
        name="random_advance",
        infer=_infer_advance,
        lower=Map(_lower_advance, cost=8),
        reference=_advance_reference,
        samples=_advance_samples,
        dtypes=(uint32,),
        batch=one_by_one,
    )
)

# --------------------------------------------------------------------------- draws


@dataclass(frozen=True)
class Draw:
    """A draw; `rule(t, words, out=, **params)` makes an element of the four words of its block,
    `reference(words, **params)` elements of uint32[..., 4]. `params` has the dtype."""

    name: str
    rule: Callable[..., Expr]
    reference: Callable[..., Numpy]
    params: Callable[[DType], Mapping[str, Any]]
    dtypes: tuple[DType, ...]

    def infer(self, state: Aval, *, shape: Shape, dtype: DType, **rest: Any) -> Aval:
        check_state(self.name, state)
        if dtype not in self.dtypes:
            can = ", ".join(map(str, self.dtypes))
            raise DTypeError(f"{self.name}: got {dtype}; it draws {can}")
        return Aval(shape, dtype)

    def infer_at(self, state: Aval, ids: Aval, *, dtype: DType, **rest: Any) -> Aval:
        if ids.dtype is not int64:
            raise DTypeError(f"{self.name}_at: got numbers of {ids.dtype}; they must be int64")
        return self.infer(state, shape=ids.shape, dtype=dtype, **rest)

    def lower(
        self, t: Vocabulary, index: Any, state: Reader, *, out: Aval, shape: Shape, **params: Any
    ) -> Expr:
        words = lower_philox(t, linear_index(t, index, shape), state)
        return self.rule(t, words, out=out, **params)

    def lower_at(
        self, t: Vocabulary, index: Any, state: Reader, ids: Reader, *, out: Aval, **params: Any
    ) -> Expr:
        return self.rule(t, lower_philox(t, ids(index), state), out=out, **params)

    def batch_at(self, lanes: Lanes, state: Any, ids: Any, **params: Any) -> Any:
        """Elements given by their numbers have the numbers' shape."""
        return ONE_BY_ONE if lanes.batched[0] else REGISTRY[f"{self.name}_at"](state, ids, **params)

    def refer(self, state: Numpy, *, shape: tuple[int, ...], **params: Any) -> Numpy:
        ids = np.arange(int(np.prod(shape, dtype=np.int64)), dtype=np.uint64).reshape(shape)
        return self.reference(block_words(state, ids), **params)

    def refer_at(self, state: Numpy, ids: Numpy, **params: Any) -> Numpy:
        return self.reference(block_words(state, ids.astype(np.uint64)), **params)

    def samples(self, of: DType) -> Iterator[Sample]:
        for shape in ((8,), (3, 5), (), (0, 2), (1000,)):
            for params in self._each_lane(of):
                yield Sample((STATE,), {"shape": shape, **params})

    def samples_at(self, of: DType) -> Iterator[Sample]:
        for ids in ([3, 0, 2**40, 7], [[1, 2]], []):
            for params in self._each_lane(of):
                yield Sample((STATE, np.array(ids, np.int64)), params)

    def _each_lane(self, of: DType) -> Iterator[dict[str, Any]]:
        """The parameters, of either half of a block where they say which."""
        params = self.params(of)
        lanes = ({"lane": 0}, {"lane": 1}) if "lane" in params else ({},)
        return ({**params, **lane} for lane in lanes)


def _draw(
    name: str,
    rule: Callable[..., Expr],
    reference: Callable[..., Numpy],
    params: Callable[[DType], Mapping[str, Any]],
    dtypes: tuple[DType, ...],
    ulp: Mapping[str, float] | None = None,
    cost: int = 100,
) -> tuple[Primitive, Primitive]:
    """The two primitives of a draw."""
    d = Draw(name, rule, reference, params, dtypes)
    make = partial(
        Primitive, dtypes=dtypes, ulp={k.name: (ulp or {}).get(k.name, 0) for k in dtypes}
    )
    return (
        register(
            make(
                name,
                d.infer,
                Map(d.lower, cost=cost),
                d.refer,
                d.samples,
                batch=partial(batch_draw, name),
                per_lane=True,
            )
        ),
        register(
            make(
                f"{name}_at",
                d.infer_at,
                Map(d.lower_at, cost=cost),
                d.refer_at,
                d.samples_at,
                batch=d.batch_at,
            )
        ),
    )


def _word64(t: Vocabulary, words: Words, lane: int) -> Expr:
    low, high = (t.cast(words[2 * lane + i], uint64) for i in (0, 1))
    return t.call("bitwise_or", low, t.call("shl", high, t.const(32, uint64)))


def _words_rule(t: Vocabulary, words: Words, *, out: Aval, dtype: DType, lane: int) -> Expr:
    return _word64(t, words, lane)


def _words_reference(words: Numpy, *, dtype: DType, lane: int) -> Numpy:
    low, high = (words[..., 2 * lane + i].astype(np.uint64) for i in (0, 1))
    return np.asarray(low | high << np.uint64(32))


# uint64, of words 0 and 1 (lane 0) or 2 and 3 (lane 1).
random_words, random_words_at = _draw(
    "random_words", _words_rule, _words_reference, lambda d: {"dtype": d, "lane": 1}, (uint64,)
)


def _uniform_rule(t: Vocabulary, words: Words, *, out: Aval, dtype: DType, lane: int) -> Expr:
    def bits(word: Expr, count: int) -> Expr:
        kept = t.call("shr", word, t.const(32 - count, uint32))
        return t.cast(t.call("let", kept), float64 if dtype is float64 else float32)

    if dtype is float64:
        high, low = bits(words[2 * lane], 27), bits(words[2 * lane + 1], 26)
        whole = high * t.const(2.0**26, float64) + low
        return whole * t.const(2.0**-53, float64)
    digits = DIGITS[dtype.name]
    return t.cast(bits(words[lane], digits) * t.const(2.0**-digits, float32), dtype)


def _uniform_reference(words: Numpy, *, dtype: DType, lane: int) -> Numpy:
    if dtype is float64:
        high, low = words[..., 2 * lane] >> np.uint32(5), words[..., 2 * lane + 1] >> np.uint32(6)
        return (high * 2.0**26 + low) * 2.0**-53
    digits = DIGITS[dtype.name]
    kept = (words[..., lane] >> np.uint32(32 - digits)) * 2.0**-digits
    return kept.astype(to_numpy(dtype))


# In [0, 1), a multiple of 2**-53, 2**-24, 2**-11 or 2**-8; of word `lane`, or of two in float64.
random_uniform, random_uniform_at = _draw(
    "random_uniform", _uniform_rule, _uniform_reference,
    lambda d: {"dtype": d, "lane": 1}, (float64, float32, float16, bfloat16),
)  # fmt: skip


def _positive(t: Vocabulary, words: Words, dtype: DType, lane: int) -> Expr:
    """Uniform in (0, 1], where the logarithm is finite."""
    if dtype is float64:
        unit = _uniform_rule(t, words, out=Aval((), dtype), dtype=dtype, lane=lane)
        return unit + t.const(2.0**-53, float64)
    return t.call(
        "fma", t.cast(words[lane], float32), t.const(2.0**-32, dtype), t.const(2.0**-33, dtype)
    )


def _positive_reference(words: Numpy, dtype: DType, lane: int) -> Numpy:
    if dtype is float64:
        return _uniform_reference(words, dtype=dtype, lane=lane) + np.longdouble(2.0**-53)
    nearest = words[..., lane].astype(np.float32).astype(np.float64)
    return (nearest * 2.0**-32 + 2.0**-33).astype(np.float32).astype(np.float64)


def _exponential_rule(t: Vocabulary, words: Words, *, out: Aval, dtype: DType, lane: int) -> Expr:
    return t.call("neg", t.call("log", _positive(t, words, dtype, lane)))


def _exponential_reference(words: Numpy, *, dtype: DType, lane: int) -> Numpy:
    return np.asarray(0 - np.log(_positive_reference(words, dtype, lane)))


# -log(u), u in (0, 1].
random_exponential, random_exponential_at = _draw(
    "random_exponential", _exponential_rule, _exponential_reference,
    lambda d: {"dtype": d, "lane": 1}, (float64, float32), ulps(2),
)  # fmt: skip


def _normal_rule(t: Vocabulary, words: Words, *, out: Aval, dtype: DType) -> Expr:
    logarithm = t.call("log", _positive(t, words, dtype, 0))
    radius = t.call("sqrt", t.call("let", logarithm * t.const(-2.0, dtype)))
    turns = _uniform_rule(t, words, out=out, dtype=dtype, lane=1)
    return t.call("fence", radius * t.call("cos_turns", turns))


def _normal_reference(words: Numpy, *, dtype: DType) -> Numpy:
    radius = np.sqrt(-2 * np.log(_positive_reference(words, dtype, 0)))
    turns = _uniform_reference(words, dtype=dtype, lane=1).astype(radius.dtype)
    # From the nearest quarter of a turn, where no digit of the cosine is lost.
    quarter = np.rint(4 * turns)
    angle = 2 * np.arccos(np.longdouble(-1)).astype(radius.dtype) * (turns - quarter / 4)
    cosine = np.choose(
        quarter.astype(np.int64) % 4, (np.cos(angle), -np.sin(angle), -np.cos(angle), np.sin(angle))
    )
    return np.asarray(radius * cosine)


# Standard normal numbers (Box and Muller's method, the cosine of each pair).
random_normal, random_normal_at = _draw(
    "random_normal", _normal_rule, _normal_reference,
    lambda d: {"dtype": d}, (float64, float32), ulps(4), cost=180,
)  # fmt: skip


def below(t: Vocabulary, words: Words, width: Expr, surplus: Expr) -> Expr:
    """A number in [0, width), all uint64: the upper half of a 64-bit word times `width`; where it
    came from the part of the words that would make some numbers likelier (`surplus` of them, 2**64
    modulo the width, so less than 2**-32 of all), of the block's other word."""
    shift = t.const(32, uint64)
    products = []
    for lane in (0, 1):
        low, high = (t.cast(words[2 * lane + i], uint64) for i in (0, 1))
        carried = high * width + t.call("shr", low * width, shift)
        products.append(t.call("shr", t.call("let", carried), shift))
    rest = t.call("let", _word64(t, words, 0) * width)
    return t.select(rest < surplus, products[1], products[0])


def _below_rule(t: Vocabulary, words: Words, *, out: Aval, dtype: DType, span: int) -> Expr:
    width, surplus = (t.const(n, uint64) for n in (span, (1 << 64) % span))
    return t.cast(below(t, words, width, surplus), dtype)


def _below_reference(words: Numpy, *, dtype: DType, span: int) -> Numpy:
    found = []
    for row in words.reshape(-1, 4).tolist():
        first, second = (row[i] | row[i + 1] << 32 for i in (0, 2))
        kept = first if first * span % 2**64 >= 2**64 % span else second
        found.append(kept * span >> 64)
    return np.array(found, np.int64).reshape(words.shape[:-1])


# Integers in [0, span), span up to 2**32, equally likely to 2**-64 (D. Lemire, "Fast random
# integer generation in an interval", 2019).
random_below, random_below_at = _draw(
    "random_below", _below_rule, _below_reference,
    lambda d: {"dtype": d, "span": 1_000_003}, (int64,),
)  # fmt: skip

# By name: draws of elements 0.. of a shape, and of elements given by their numbers.
BY_POSITION = (
    "random_bits", "random_words", "random_uniform", "random_exponential", "random_normal",
    "random_below",
)  # fmt: skip
AT = tuple(f"{name}_at" for name in BY_POSITION[1:])
