"""A primitive is one record with all its rules; the registry of all of them.

In every rule arrays are positional and parameters are keyword. `lower` says what the primitive
computes in one of six forms (`Map`, `Reduce`, `Contract`, `Convolve`, `Scatter`, `Attend`), and the
schedules in `lowering/` decide how; or it names a routine of the native core (`Native`), or runs
graphs that are its parameters (`Control`), or does something beside computing (`Effect`). Rules are
handed their vocabulary `t`, so records never import a compiler.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from math import prod
from typing import TYPE_CHECKING, Any, Protocol

from .dtypes import DType
from .graph import Aval
from .sizes import Dim

if TYPE_CHECKING:
    from .array import Array

Expr = Any  # a scalar expression of the kernel compiler; supports Python's operators
Index = tuple[Expr, ...]


class Vocabulary(Protocol):
    """What a `lower` rule may say; the kernel compiler implements it."""

    def const(self, value: bool | int | float | complex, dtype: DType) -> Expr: ...
    def cast(self, x: Expr, dtype: DType) -> Expr: ...
    def select(self, condition: Expr, x: Expr, y: Expr) -> Expr: ...
    def complex(self, real: Expr, imag: Expr) -> Expr:
        """A complex element of two elements of one float type."""

    def call(self, name: str, *args: Expr) -> Expr:
        """A function of the vocabulary by name: exp, log, floor, sqrt, fma, maximum, ..."""

    def size(self, dim: Any) -> Expr:
        """A `Dim` (int or symbolic) as an int64 expression."""


class Reader(Protocol):
    """An input of a rule: `reader(index)` is its element there, `reader.aval` its type."""

    aval: Aval

    def __call__(self, index: Index) -> Expr: ...


@dataclass(frozen=True)
class Map:
    """Each output element is an expression of input elements.

    Pointwise: `rule(t, *elements, out=Aval, **params)`, all inputs of the output's shape.
    Otherwise: `rule(t, index, *readers, out=Aval, **params)`.
    `cost` is about the number of arithmetic instructions an element takes (0: an index map).
    """

    rule: Callable[..., Expr]
    pointwise: bool = False
    cost: int = 1


@dataclass(frozen=True)
class Reducer:
    """An associative reduction with a state of one or more components.

    `init(t, dtypes)` gives the identity, `step(t, state, x, position)` takes one element in
    (`position` is its index along the reduced axes, flattened, and rises from step to step of a
    state), `merge(t, a, b)` joins two states,
    `finish(t, state, dtype, count)` gives the result. `state(dtype)` lists the components' types.
    Elements arrive cast to `state(dtype)[0]`.
    """

    state: Callable[[DType], tuple[DType, ...]]
    init: Callable[..., tuple[Expr, ...]]
    step: Callable[..., tuple[Expr, ...]]
    merge: Callable[..., tuple[Expr, ...]]
    finish: Callable[..., Expr]


@dataclass(frozen=True)
class Reduce:
    """Reduces `params["axes"]` (sorted, non-negative), which the output no longer has."""

    reducer: Reducer


@dataclass(frozen=True)
class Contract:
    """`out[..., m, n] = sum over k of a[..., m, k] * b[..., k, n]`; batch sizes equal or 1.

    Half types accumulate in float32 and are rounded once."""


def _window_products(x: Aval, w: Aval, *, out: Aval, **params: Any) -> Dim:
    """Two operations for each tap and channel of a group that an output sees."""
    *taps, per_group, _ = w.shape
    return out.size * prod(taps) * per_group * 2


@dataclass(frozen=True)
class Convolve:
    """`out[n, p, o] = sum over taps t and channels c of x[n, p + t, c] * w[t, c, o]`, with the
    steps, borders and groups of dsl/primitives/convolution.py. Half types accumulate in float32.
    `operations(*avals, out, **params)` counts its arithmetic."""

    operations: Callable[..., Dim] = _window_products


@dataclass(frozen=True)
class Scatter:
    """`out = x; out[..., indices[j], ...] = combine(out[...], updates[..., j, ...])` along
    `params["axis"]`, in order of j. Inputs: x, indices (1-D, int64, in range), updates."""

    combine: Callable[[Vocabulary, Expr, Expr], Expr]


@dataclass(frozen=True)
class Attend:
    """Softmax of products, times values, streamed over tiles (primitives/attention.py); products
    of whole scores where a device has no schedule for it (lowering/attention.py).

    `operations(*avals, out=Aval, **params)` counts its arithmetic."""

    operations: Callable[..., Dim]


@dataclass(frozen=True)
class Native:
    """The routine `name` of the native core: for what kernels can't say, such as sorting.

    It takes the inputs, contiguous, and `sizes(*avals, out=Aval, **params)`: integers that may
    hold unknown sizes; what they mean is the routine's own (core/routines.h).
    """

    name: str
    sizes: Callable[..., tuple[Dim, ...]]


@dataclass(frozen=True)
class Control:
    """Runs the graphs in its parameters, by an instruction of the executor: `kind` is `cond`,
    `while`, `scan`, `while_vjp` or `custom` (dsl/control.py says what each means); or, with
    `is_kernel`, as one kernel."""

    kind: str
    is_kernel: bool = False


@dataclass(frozen=True)
class Effect:
    """Done beside computing, in order, once each time the program comes by (dsl/effects.py);
    `kind` is `begin` (nothing is done), `print`, `check`, `check_finite` or `callback`."""

    kind: str


Lower = Map | Reduce | Contract | Convolve | Scatter | Attend | Native | Control | Effect


@dataclass(frozen=True)
class Lanes:
    """What a `batch` rule is told: the number of lanes, and which inputs have a slice for each of
    them, along a first axis that the primitive alone does not know."""

    count: Dim
    batched: tuple[bool, ...]


# What a `batch` rule may return instead of an array: run the primitive for one lane after another.
ONE_BY_ONE = object()


@dataclass(frozen=True)
class Sample:
    """One set of inputs that the tests try: NumPy arrays and parameters."""

    inputs: tuple[Any, ...]
    params: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Primitive:
    """One operation of the IR with all its rules; calling it binds it to arrays.

    `infer(*avals, **params)` gives the result's aval (control flow: a tuple) and raises the user's
    errors.
    `vjp(cotangent, out, *inputs, **params)` gives one cotangent (or None) an input.
    `batch(lanes, *inputs, **params)` gives the results of all lanes along a first axis, where some
    inputs have such an axis; or ONE_BY_ONE. With `per_lane` each lane has a result of its own even
    where no input has lanes: random draws.
    `reference(*numpy_arrays, **params)` is the meaning, in NumPy.
    `samples(dtype)` yields the inputs of the registry's tests for each dtype of `dtypes`.
    `ulp[dtype.name]` is the declared error bound in units in the last place (0: exact), against
    the exact result; for sums and products of many terms it is per the reference's own scale.
    `scale(*numpy_arrays, **params)` is what the bound is relative to where that is not the result,
    because terms may cancel; its docstring says it in words.
    `canonical(result, *inputs, **params)`, in NumPy, picks one of several right results (the sign
    of an eigenvector), so that tests can compare.
    """

    name: str
    infer: Callable[..., Any]
    lower: Lower
    reference: Callable[..., Any]
    samples: Callable[[DType], Iterable[Sample]]
    dtypes: tuple[DType, ...]
    vjp: Callable[..., tuple[Array | None, ...]] | None = None
    ulp: Mapping[str, float] = field(default_factory=dict)
    canonical: Callable[..., Any] | None = None
    scale: Callable[..., Any] | None = None
    batch: Callable[..., Any] | None = None
    per_lane: bool = False

    def infer_all(self, *avals: Aval, **params: Any) -> tuple[Aval, ...]:
        found = self.infer(*avals, **params)
        return found if isinstance(found, tuple) else (found,)

    @property
    def is_effect(self) -> bool:
        """Whether it does something beside computing."""
        return isinstance(self.lower, Effect) and self.lower.kind != "begin"

    def __call__(self, *arrays: Array, **params: Any) -> Array:
        return _bind(self, *arrays, **params)

    def __repr__(self) -> str:
        return self.name


REGISTRY: dict[str, Primitive] = {}


def register(primitive: Primitive) -> Primitive:
    """Add a primitive to the registry; tests, backends and the printer find it there."""
    if primitive.name in REGISTRY:
        raise ValueError(f"primitive {primitive.name} is registered twice")
    REGISTRY[primitive.name] = primitive
    return primitive


def _unbound(primitive: Primitive, *arrays: Array, **params: Any) -> Array:
    raise RuntimeError("record.py has not been imported")


_bind: Callable[..., Array] = _unbound


def set_bind(bind: Callable[..., Array]) -> None:
    """Called once, by record.py: what it means to apply a primitive to arrays."""
    global _bind
    _bind = bind
