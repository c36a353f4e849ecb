"""Arithmetic and elementary functions, one element at a time.

Integers wrap; `x // 0` and `x % 0` are 0, and the most negative integer over -1 wraps, as in NumPy.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import ALL, COMPLEX, FLOATS, INEXACT, INTEGERS, DType, bool_
from ..graph import Aval
from ..primitive import Expr, Primitive, Sample, Vocabulary
from .comparison import eq, gt, where
from .complex import conj, join, join_reference, real
from .families import binary, no_gradient, ulps, unary, zeros_like
from .samples import Numpy, binary_samples

if TYPE_CHECKING:
    from ..array import Array

    Pair = tuple[Array, Array]

NUMBERS = (*INTEGERS, *FLOATS)
ALL_NUMBERS = (*NUMBERS, *COMPLEX)


def erf_reference(x: Numpy) -> Numpy:
    """The error function in double precision."""
    return np.asarray(np.vectorize(math.erf, otypes=[np.float64])(x), x.dtype)


def sigmoid_reference(x: Numpy) -> Numpy:
    """1 / (1 + exp(-x))."""
    return 1 / (1 + np.exp(-x))


def expm1_reference(x: Numpy) -> Numpy:
    """exp(x) - 1, with C's special values for complex numbers."""
    if x.dtype.kind != "c":
        return np.expm1(x)
    power = np.exp(x)
    far = join_reference(power.real - 1, power.imag)
    return np.where(np.isfinite(x), np.expm1(np.where(np.isfinite(x), x, 0)), far)


def log1p_reference(x: Numpy) -> Numpy:
    """log(1 + x); NumPy's own of complex numbers loses all digits of small ones."""
    if x.dtype.kind != "c":
        return np.log1p(x)
    squares = x.real * (x.real + 2) + x.imag * x.imag
    near = join_reference(np.log1p(squares) / 2, np.arctan2(x.imag, x.real + 1))
    return np.where(np.abs(squares) < 0.5, near, np.log(join_reference(x.real + 1, x.imag)))


def power_scale(x: Numpy, y: Numpy) -> Numpy:
    """the power; of complex numbers, times 1 + abs(y log(x))"""
    size = np.abs(np.power(x, y))
    if x.dtype.kind != "c":
        return size
    angle = np.where(x == 0, 0, np.abs(y * np.log(np.where(x == 0, 1, x))))
    return np.asarray(size * (1 + angle))


def power_samples(dtype: DType) -> Iterator[Sample]:
    """Of complex numbers finite ones only: C leaves open what else gives."""
    for sample in binary_samples(dtype):
        if dtype.is_complex:
            keep = np.isfinite(sample.inputs[0]) & np.isfinite(sample.inputs[1])
            yield Sample(tuple(z[keep] if z.ndim == 1 else z for z in sample.inputs))
        else:
            yield sample


def _lower_abs(t: Vocabulary, x: Expr, *, out: Aval) -> Expr:
    return x if out.dtype.kind == "u" else t.call("abs", x)


def _lower_sign(t: Vocabulary, x: Expr, *, out: Aval) -> Expr:
    if out.dtype.is_complex:
        return t.call("sign", x)
    one, zero = t.const(1, out.dtype), t.const(0, out.dtype)
    if out.dtype.kind == "u":
        return t.select(x > zero, one, zero)
    # The last select turns -0 into 0 and keeps nan, as NumPy does.
    rest = t.select(t.call("eq", x, zero), zero, x)
    return t.select(x > zero, one, t.select(x < zero, t.const(-1, out.dtype), rest))


def _vjp_sign(ct: Array, out: Array, x: Array) -> tuple[Array | None]:
    """Of a complex number what turns it, over its modulus; 0 at 0, as for reals."""
    if not x.dtype.is_complex:
        return (None,)
    along = real(conj(out) * ct)
    across = ct - out * join(along, zeros_like(along))
    size = abs_(x)
    is_zero = eq(size, zeros_like(size))
    safe = where(is_zero, zeros_like(size) + 1, size)
    return (across / join(safe, zeros_like(safe)),)


neg = unary("neg", np.negative, dtypes=ALL_NUMBERS, vjp=lambda ct, out, x: (-ct,))
abs_ = unary(
    "abs",
    np.abs,
    lower=_lower_abs,
    dtypes=ALL_NUMBERS,
    result=lambda dtype: dtype.real,
    vjp=lambda ct, out, x: (ct * sign(x),),
    ulp={"complex64": 2, "complex128": 2},
)
sign: Primitive = unary(
    "sign",
    np.sign,
    lower=_lower_sign,
    dtypes=ALL_NUMBERS,
    vjp=_vjp_sign,
    ulp={"complex64": 4, "complex128": 4},
    cost=3,
)
floor = unary("floor", np.floor, vjp=no_gradient)
ceil = unary("ceil", np.ceil, vjp=no_gradient)
trunc = unary("trunc", np.trunc, vjp=no_gradient)
round_ = unary("round", np.rint, dtypes=INEXACT, vjp=no_gradient)
sqrt = unary(
    "sqrt",
    np.sqrt,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * 0.5 / conj(out),),
    ulp={"complex64": 4, "complex128": 4},
    cost=6,
)
rsqrt = unary(
    "rsqrt",
    lambda x: 1 / np.sqrt(x),
    vjp=lambda ct, out, x: (ct * -0.5 * out / x,),
    ulp=ulps(2),
    cost=12,
)
exp = unary(
    "exp",
    np.exp,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(out),),
    ulp=ulps(2, complex=4),
    cost=14,
)
expm1 = unary(
    "expm1",
    expm1_reference,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(out + 1),),
    ulp=ulps(2, complex=4),
    cost=22,
)
log = unary(
    "log",
    np.log,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(x),),
    ulp=ulps(2, complex=4),
    cost=18,
)
log1p = unary(
    "log1p",
    log1p_reference,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct / conj(x + 1),),
    ulp=ulps(2, complex=4),
    cost=24,
)
tanh = unary(
    "tanh",
    np.tanh,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(1 - out * out),),
    ulp=ulps(2, complex=6),
    cost=20,
)
sigmoid = unary(
    "sigmoid",
    sigmoid_reference,
    vjp=lambda ct, out, x: (ct * (out * (1 - out)),),
    ulp=ulps(2),
    cost=22,
)
erf = unary(
    "erf",
    erf_reference,
    vjp=lambda ct, out, x: (ct * (exp(-(x * x)) * (2 / math.sqrt(math.pi))),),
    ulp=ulps(2),
    cost=30,
)
sin = unary(
    "sin",
    np.sin,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (ct * conj(cos(x)),),
    ulp=ulps(2, complex=4),
    cost=25,
)
cos: Primitive = unary(
    "cos",
    np.cos,
    dtypes=INEXACT,
    vjp=lambda ct, out, x: (-(ct * conj(sin(x))),),
    ulp=ulps(2, complex=4),
    cost=25,
)
stop_gradient = unary(
    "stop_gradient", lambda x: x, lower=lambda t, x, *, out: x, dtypes=ALL, vjp=no_gradient, cost=0
)
# x; but no product before it is fused with a sum after it, so that bits are the same everywhere.
fence = unary("fence", lambda x: x, vjp=lambda ct, out, x: (ct,), cost=0)
bitwise_not = unary("bitwise_not", np.bitwise_not, dtypes=(bool_, *INTEGERS), vjp=no_gradient)


def _lower_floordiv(t: Vocabulary, a: Expr, b: Expr, *, out: Aval) -> Expr:
    if out.dtype.is_float:
        return _float_floordiv(t, a, b, out)
    zero, one = t.const(0, out.dtype), t.const(1, out.dtype)
    if out.dtype.kind == "u":
        by_zero = t.call("eq", b, zero)
        return t.select(by_zero, zero, t.call("floordiv", a, t.select(by_zero, one, b)))
    # The processor traps on a division by zero and on lowest / -1: neither reaches it.
    negates, by_zero = t.call("eq", b, t.const(-1, out.dtype)), t.call("eq", b, zero)
    divisor = t.select(negates, one, t.select(by_zero, one, b))
    quotient = t.call("floordiv", a, divisor)
    return t.select(by_zero, zero, t.select(negates, zero - a, quotient))


def _lower_mod(t: Vocabulary, a: Expr, b: Expr, *, out: Aval) -> Expr:
    zero = t.const(0, out.dtype)
    if out.dtype.is_float:
        return _float_mod(t, a, b, out)
    one, by_zero = t.const(1, out.dtype), t.call("eq", b, zero)
    divisor = t.select(by_zero, one, b)
    if out.dtype.kind == "i":
        divisor = t.select(t.call("eq", b, t.const(-1, out.dtype)), one, divisor)
    return t.select(by_zero, zero, t.call("mod", a, divisor))


def _float_mod(t: Vocabulary, a: Expr, b: Expr, out: Aval) -> Expr:
    zero = t.const(0, out.dtype)
    rest = t.call("let", t.call("fmod", a, b))
    other_side = t.call("ne", rest < zero, b < zero)
    at_zero = t.call("copysign", zero, b)
    moved = t.select(other_side, rest + b, rest)
    return t.select(t.call("eq", rest, zero), at_zero, moved)


def _float_floordiv(t: Vocabulary, a: Expr, b: Expr, out: Aval) -> Expr:
    """As CPython and NumPy: from the exact remainder, so that the quotient is not rounded up."""
    zero, one, half = (t.const(c, out.dtype) for c in (0, 1, 0.5))
    rest = t.call("let", t.call("fmod", a, b))
    other_side = t.call("ne", rest < zero, b < zero)
    quotient = t.call("let", t.call("div", a - rest, b))
    lower = t.select(other_side, quotient - one, quotient)
    quotient = t.call("let", t.select(t.call("eq", rest, zero), quotient, lower))
    whole = t.call("let", t.call("floor", quotient))
    nearest = t.select(quotient - whole > half, whole + one, whole)
    exact = t.call("let", t.call("div", a, b))
    at_zero = t.call("copysign", zero, exact)
    result = t.select(t.call("eq", quotient, zero), at_zero, nearest)
    return t.select(t.call("eq", b, zero), exact, result)


def _vjp_pow(ct: Array, out: Array, x: Array, y: Array) -> Pair:
    """`y * x**(y-1)` and `out * log(x)`, with 0 where the first factor is 0."""
    x, y, out = conj(x), conj(y), conj(out)
    zero = y * 0
    one = zero + 1
    flat = eq(y, zero)
    slope = where(flat, zero, y * pow_(x, where(flat, zero, y - 1)))
    logarithm = log(where(eq(x, zero), one, x))
    return ct * slope, ct * (out * logarithm)


def shared(ct: Array, x: Array, y: Array) -> Pair:
    """The cotangent to the larger of x and y, and to the other; a tie gives each a half."""
    zero, half, tie = zeros_like(ct), ct * 0.5, eq(x, y)
    larger = gt(x, y)
    return where(tie, half, where(larger, ct, zero)), where(tie, half, where(larger, zero, ct))


add = binary(
    "add",
    np.add,
    lower=lambda t, x, y, *, out: x + y,
    dtypes=ALL_NUMBERS,
    vjp=lambda ct, out, x, y: (ct, ct),
)
sub = binary(
    "sub",
    np.subtract,
    lower=lambda t, x, y, *, out: x - y,
    dtypes=ALL_NUMBERS,
    vjp=lambda ct, out, x, y: (ct, -ct),
)
mul = binary(
    "mul",
    np.multiply,
    lower=lambda t, x, y, *, out: x * y,
    dtypes=ALL_NUMBERS,
    vjp=lambda ct, out, x, y: (ct * conj(y), conj(x) * ct),
    ulp={"complex64": 3, "complex128": 3},
)
div = binary(
    "div",
    np.divide,
    dtypes=INEXACT,
    vjp=lambda ct, out, x, y: (ct / conj(y), -(ct * conj(out) / conj(y))),
    ulp={"complex64": 6, "complex128": 6},
    cost=4,
)
floordiv = binary(
    "floordiv",
    np.floor_divide,
    lower=_lower_floordiv,
    dtypes=NUMBERS,
    vjp=no_gradient,
    cost=30,
)
mod = binary(
    "mod",
    np.remainder,
    lower=_lower_mod,
    dtypes=NUMBERS,
    vjp=lambda ct, out, x, y: (ct, -(ct * floordiv(x, y))),
    cost=30,
)
pow_ = binary(
    "pow",
    np.power,
    samples=power_samples,
    dtypes=INEXACT,
    vjp=_vjp_pow,
    ulp=ulps(2, complex=8),
    scale=power_scale,
    cost=50,
)
maximum = binary(
    "maximum", np.maximum, dtypes=ALL_NUMBERS, vjp=lambda ct, out, x, y: shared(ct, x, y), cost=2
)
minimum = binary(
    "minimum", np.minimum, dtypes=ALL_NUMBERS, vjp=lambda ct, out, x, y: shared(ct, y, x), cost=2
)


def _amount(t: Vocabulary, y: Expr, out: Aval) -> tuple[Expr, Expr]:
    """Whether a shift is by less than all bits, and the shift to do then (else 0)."""
    zero = t.const(0, out.dtype)
    fits = y < t.const(out.dtype.bits, out.dtype)
    if out.dtype.kind == "i":
        fits = t.call("bitwise_and", fits, y >= zero)
    return fits, t.select(fits, y, zero)


def _lower_shift_left(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    fits, amount = _amount(t, y, out)
    return t.select(fits, t.call("shl", x, amount), t.const(0, out.dtype))


def _lower_shift_right(t: Vocabulary, x: Expr, y: Expr, *, out: Aval) -> Expr:
    fits, amount = _amount(t, y, out)
    zero = t.const(0, out.dtype)
    sign_bits = t.select(x < zero, t.const(-1, out.dtype), zero) if out.dtype.kind == "i" else zero
    return t.select(fits, t.call("shr", x, amount), sign_bits)


BITS = (bool_, *INTEGERS)
bitwise_and = binary("bitwise_and", np.bitwise_and, dtypes=BITS, vjp=no_gradient)
bitwise_or = binary("bitwise_or", np.bitwise_or, dtypes=BITS, vjp=no_gradient)
bitwise_xor = binary("bitwise_xor", np.bitwise_xor, dtypes=BITS, vjp=no_gradient)
shift_left = binary(
    "shift_left", np.left_shift, lower=_lower_shift_left, dtypes=INTEGERS, vjp=no_gradient, cost=3
)
shift_right = binary(
    "shift_right",
    np.right_shift,
    lower=_lower_shift_right,
    dtypes=INTEGERS,
    vjp=no_gradient,
    cost=3,
)
