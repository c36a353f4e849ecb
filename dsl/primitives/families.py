"""Family constructors: what elementwise primitives, comparisons and reductions share."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import partial
from typing import Any

from ..device import following
from ..dtypes import ALL, FLOATS, DType, bool_
from ..errors import AxisError, DTypeError, ShapeError
from ..graph import Aval
from ..primitive import (
    REGISTRY,
    Expr,
    Map,
    Primitive,
    Reduce,
    Reducer,
    Sample,
    Vocabulary,
    register,
)
from .lanes import over_axes, over_leading_axes
from .samples import binary_samples, reduction_samples, unary_samples

Rule = Callable[..., Expr]
Samples = Callable[[DType], Iterable[Sample]]
DTypes = tuple[DType, ...]
Result = DType | Callable[[DType], DType] | None  # the dtype, or what it is for the inputs' dtype


def ulps(bound: float, half: float = 1, complex: float = 0) -> Mapping[str, float]:
    """An error bound for float32 and float64, and one for complex numbers, of their modulus; half
    types are rounded once from float32."""
    found = {"float32": bound, "float64": bound, "float16": half, "bfloat16": half}
    return found | ({"complex64": complex, "complex128": complex} if complex else {})


def check_dtype(name: str, dtype: DType, allowed: DTypes) -> None:
    """Raise `DTypeError` unless the primitive takes this dtype."""
    if dtype not in allowed:
        raise DTypeError(f"{name}: got {dtype}; it takes {', '.join(map(str, allowed))}")


def check_axes(name: str, axes: tuple[int, ...], ndim: int) -> None:
    """Raise `AxisError` unless the axes are sorted, distinct and in range."""
    if list(axes) != sorted(set(axes)) or any(not 0 <= axis < ndim for axis in axes):
        raise AxisError(f"{name}: got axes {axes}; they must be distinct, in 0..{ndim - 1}, sorted")


def infer_elementwise(
    name: str, dtypes: DTypes, result: Result, *avals: Aval, **params: Any
) -> Aval:
    """All inputs of one shape and dtype give that shape, and `result` or that dtype."""
    first = avals[0]
    for other in avals[1:]:
        if other.shape != first.shape:
            raise ShapeError(f"{name}: got {first.shape} and {other.shape}; they must be equal")
        if other.dtype is not first.dtype:
            raise DTypeError(f"{name}: got {first.dtype} and {other.dtype}; they must be equal")
    check_dtype(name, first.dtype, dtypes)
    made = result if result is None or isinstance(result, DType) else result(first.dtype)
    return Aval(first.shape, made or first.dtype)


def named(name: str) -> Rule:
    """The rule that calls the vocabulary's function `name`."""
    return lambda t, *elements, out, **params: t.call(name, *elements)


def elementwise(
    name: str,
    reference: Callable[..., Any],
    samples: Samples,
    *,
    lower: str | Rule | None = None,
    vjp: Callable[..., Any] | None = None,
    dtypes: DTypes = FLOATS,
    result: Result = None,
    ulp: Mapping[str, float] | None = None,
    scale: Callable[..., Any] | None = None,
    cost: int = 1,
) -> Primitive:
    """A pointwise primitive; `lower` is a rule or a vocabulary name (default: its own)."""
    rule = lower if callable(lower) else named(lower or name)
    return register(
        Primitive(
            name=name,
            infer=partial(infer_elementwise, name, dtypes, result),
            lower=Map(rule, pointwise=True, cost=cost),
            vjp=vjp,
            reference=reference,
            samples=samples,
            dtypes=dtypes,
            ulp=ulp or {},
            scale=scale,
            batch=over_leading_axes(name),
        )
    )


def unary(
    name: str, reference: Callable[..., Any], *, samples: Samples = unary_samples, **rules: Any
) -> Primitive:
    """A pointwise function of one array."""
    return elementwise(name, reference, samples, **rules)


def binary(
    name: str, reference: Callable[..., Any], *, samples: Samples = binary_samples, **rules: Any
) -> Primitive:
    """A pointwise function of two arrays of one shape and dtype."""
    return elementwise(name, reference, samples, **rules)


def comparison(name: str, reference: Callable[..., Any]) -> Primitive:
    """A pointwise predicate of two arrays; the result is bool, the gradient zero."""
    return binary(name, reference, dtypes=ALL, result=bool_, vjp=no_gradient)


@following
def zeros_like(x: Any) -> Any:
    """Zeros of the shape and dtype of x; unlike `x * 0` also where x is infinite."""
    return REGISTRY["full"](value=0, shape=x.shape, dtype=x.dtype)


def no_gradient(ct: Any, out: Any, *inputs: Any, **params: Any) -> tuple[None, ...]:
    """The vjp of a piecewise constant function: zero for every input."""
    return (None,) * len(inputs)


def infer_reduction(
    name: str,
    dtypes: DTypes,
    result: DType | None,
    identity: bool,
    x: Aval,
    *,
    axes: tuple[int, ...],
) -> Aval:
    """Drop `axes`; without an identity there must be something to reduce."""
    check_axes(name, axes, x.ndim)
    check_dtype(name, x.dtype, dtypes)
    if not identity and any(x.shape[axis] == 0 for axis in axes):
        raise ShapeError(f"{name}: got {x.shape} over axes {axes}; there is no element to reduce")
    kept = tuple(size for axis, size in enumerate(x.shape) if axis not in axes)
    return Aval(kept, result or x.dtype)


def reduction(
    name: str,
    reference: Callable[..., Any],
    reducer: Reducer,
    *,
    dtypes: DTypes,
    vjp: Callable[..., Any] | None = None,
    result: DType | None = None,
    identity: bool = True,
    ulp: Mapping[str, float] | None = None,
    canonical: Callable[..., Any] | None = None,
) -> Primitive:
    """A reduction over `axes` (sorted, non-negative), which the result no longer has."""
    return register(
        Primitive(
            name=name,
            infer=partial(infer_reduction, name, dtypes, result, identity),
            lower=Reduce(reducer),
            vjp=vjp,
            reference=reference,
            samples=partial(reduction_samples, empty=identity),
            dtypes=dtypes,
            ulp=ulp or {},
            canonical=canonical,
            batch=over_axes(name),
        )
    )


def movement(
    name: str,
    infer: Callable[..., Aval],
    lower: Rule,
    reference: Callable[..., Any],
    samples: Samples,
    vjp: Callable[..., Any],
    batch: Callable[..., Any],
    *,
    cost: int = 0,
) -> Primitive:
    """A primitive that moves elements of any dtype and computes nothing."""
    rule = Map(lower, cost=cost)
    return register(Primitive(name, infer, rule, reference, samples, ALL, vjp=vjp, batch=batch))


def linear_index(t: Vocabulary, index: tuple[Expr, ...], shape: tuple[Any, ...]) -> Expr:
    """The position of `index` in the row-major order of `shape`."""
    flat = t.size(0)
    for i, size in zip(index, shape, strict=True):
        flat = flat * t.size(size) + i
    return flat


def split_index(t: Vocabulary, flat: Expr, shape: tuple[Any, ...]) -> tuple[Expr, ...]:
    """The index whose position in the row-major order of `shape` is `flat`."""
    index: list[Expr] = []
    for size in reversed(shape[1:]):
        index.append(t.call("index_mod", flat, t.size(size)))
        flat = t.call("index_div", flat, t.size(size))
    return (flat, *reversed(index)) if shape else ()
