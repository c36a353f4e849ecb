"""Windows that slide over an array, channels last: their elements side by side, and back.

Arrays are (N, *spatial, C). The windows of an axis of n elements are described by tuples with an
entry a spatial axis, as everywhere in this room: `taps` elements a window, `dilation` apart,
`strides` from window to window; `low` and `high` are how far the windows reach out before and
behind the axis (negative: how much of it they leave out), and `spread` - 1 zeros lie between
neighbouring elements (as transposed convolutions have it).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from ..dtypes import FLOATS, DType, bool_, int32
from ..errors import ShapeError
from ..graph import Aval
from ..primitive import Expr, Lanes, Map, Primitive, Reader, Sample, Vocabulary, register
from ..sizes import Dim, Shape, known
from .families import check_dtype, split_index, ulps
from .samples import Numpy, smooth

if TYPE_CHECKING:
    from ..array import Array

Ints = tuple[int, ...]
Index = tuple[Expr, ...]


@dataclass(frozen=True)
class Windows:
    """The windows along one axis of `n` elements."""

    n: Dim
    taps: Dim
    stride: int
    dilation: int
    low: Dim
    high: Dim
    spread: int = 1

    @property
    def length(self) -> Dim:
        """Elements of the axis with the zeros between them."""
        return spread_length(self.n, self.spread)

    @property
    def extent(self) -> Dim:
        """Positions from the first to the last element of a window."""
        return spread_length(self.taps, self.dilation)

    @property
    def count(self) -> Dim:
        """The number of windows."""
        room = self.length + self.low + self.high - self.extent
        if isinstance(room, int):
            return max(0, room // self.stride + 1)
        return (room + self.stride) // self.stride


def spread_length(n: Dim, spread: int) -> Dim:
    """n elements with spread - 1 others between neighbours."""
    return 0 if n == 0 else (n - 1) * spread + 1


def windows_of(x: Shape, taps: Shape, params: Any) -> list[Windows]:
    """The windows along each spatial axis of an array (N, *spatial, C)."""
    names = ("strides", "dilation", "low", "high", "spread")
    columns = zip(x[1:-1], taps, *(params[name] for name in names), strict=True)
    return [Windows(*column) for column in columns]


def check_windows(name: str, x: Aval, taps: Shape, params: Any) -> list[Windows]:
    """Raise ShapeError unless the parameters describe windows over x."""
    rank = x.ndim - 2
    if rank < 1:
        raise ShapeError(f"{name}: got {x.shape}; it must be (N, *spatial, C)")
    for key in ("strides", "dilation", "low", "high", "spread"):
        if len(params[key]) != rank:
            raise ShapeError(f"{name}: got {key}={params[key]} for {rank} spatial axes")
    if len(taps) != rank:
        raise ShapeError(f"{name}: got windows {taps} for {rank} spatial axes")
    steps = (*params["strides"], *params["dilation"], *params["spread"])
    if any(isinstance(n, int) and n < 1 for n in (*taps, *steps)):
        raise ShapeError(f"{name}: got windows {taps} with {params}; all must be 1 or more")
    return windows_of(x.shape, taps, params)


def tap_position(
    t: Vocabulary, window: Windows, place: Expr, tap: Expr
) -> tuple[Expr | None, Expr]:
    """Whether a tap of the window at `place` is an element (None: always), and which, held inside
    the axis."""
    at = place * t.size(window.stride) + tap * t.size(window.dilation) - t.size(window.low)
    never_out = window.low == 0 and window.high == 0
    if never_out and window.spread == 1:
        return None, at
    return _held(t, at, window.n, window.spread)


def _held(t: Vocabulary, at: Expr, n: Dim, step: int) -> tuple[Expr, Expr]:
    """Whether a position is one of n, `step` apart, and which of them, held inside."""
    near = t.call("minimum", t.call("maximum", at, t.size(0)), t.size((n - 1) * step))
    inside = t.call("eq", near, at)
    if step > 1:
        rest = t.call("index_mod", near, t.size(step))
        inside = t.call("bitwise_and", inside, t.call("eq", rest, t.size(0)))
        near = t.call("index_div", near, t.size(step))
    return inside, near


def read_tap(
    t: Vocabulary, windows: list[Windows], x: Reader, index: Index, taps: Any, value: Expr
) -> Expr:
    """The element that a tap of the window at `index` = (n, *places, c) sees; `value` outside."""
    n, *places, channel = index
    inside: Expr | None = None
    found = []
    for window, place, tap in zip(windows, places, taps, strict=True):
        ok, near = tap_position(t, window, place, tap)
        found.append(near)
        if ok is not None:
            inside = ok if inside is None else t.call("bitwise_and", inside, ok)
    element = x((n, *found, channel))
    return element if inside is None else t.select(inside, element, value)


# --------------------------------------------------------------------------- patches


def _infer_patches(x: Aval, *, taps: Ints, value: float, **params: Any) -> Aval:
    windows = check_windows("patches", x, taps, params)
    total = int(np.prod(taps))
    return Aval((x.shape[0], *(w.count for w in windows), total, x.shape[-1]), x.dtype)


def _lower_patches(
    t: Vocabulary, index: Index, x: Reader, *, out: Aval, taps: Ints, value: float, **params: Any
) -> Expr:
    filler = t.const(value, out.dtype)
    if 0 in x.aval.shape:
        return filler
    *outside, number, channel = index
    windows = windows_of(x.aval.shape, taps, params)
    places = split_index(t, number, taps)
    return read_tap(t, windows, x, (*outside, channel), places, filler)


def host_patches(x: Numpy, *, taps: Ints, value: float, **params: Any) -> Numpy:
    """`patches` in NumPy."""
    windows = windows_of(x.shape, taps, params)
    counts = host_counts(windows)
    out = np.full((x.shape[0], *counts, int(np.prod(taps)), x.shape[-1]), value, x.dtype)
    for number, tap in enumerate(product(*map(range, taps))):
        for place in product(*map(range, counts)):
            at = host_position(windows, place, tap)
            if at is not None:
                out[all_items(place, number)] = x[at]
    return out


def host_counts(windows: list[Windows]) -> Ints:
    """The numbers of windows along axes whose sizes are known."""
    return known(tuple(w.count for w in windows))


def all_items(place: Ints, *further: int) -> Any:
    """A place in the arrays of all items."""
    return (slice(None), *place, *further)


def host_position(windows: list[Windows], place: Ints, tap: Ints) -> Any:
    """Where the elements under a tap are, of all items; None if there are none."""
    found: list[Any] = [slice(None)]
    for w, p, k in zip(windows, place, tap, strict=True):
        low, length = known((w.low, w.length))
        at = p * w.stride + k * w.dilation - low
        if not 0 <= at < length or at % w.spread:
            return None
        found.append(at // w.spread)
    return tuple(found)


def _vjp_patches(
    ct: Array, out: Array, x: Array, *, taps: Ints, value: float, **params: Any
) -> tuple[Array]:
    return (fold(ct, taps=taps, sizes=x.shape[1:-1], **params),)


def _batch_patches(lanes: Lanes, x: Array, **params: Any) -> Array:
    found = patches(joined_lanes(lanes, x), **params)
    return parted_lanes(lanes, found)


def joined_lanes(lanes: Lanes, x: Array) -> Array:
    """Lanes as further items of the batch."""
    return x.reshape((lanes.count * x.shape[1], *x.shape[2:]))


def parted_lanes(lanes: Lanes, x: Array) -> Array:
    """The items of a batch as lanes again."""
    total: Any = x.shape[0]
    return x.reshape((lanes.count, total // lanes.count, *x.shape[1:]))


# Of what becomes windows: images and their gradients.
DTYPES = (*FLOATS, int32)

GEOMETRIES: tuple[tuple[Ints, Ints, dict[str, Ints]], ...] = (
    ((2, 5, 3), (3,), {}),
    ((1, 5, 6, 2), (2, 3), {"strides": (2, 1), "low": (1, 0), "high": (0, 2)}),
    ((1, 3, 5, 2), (2, 2), {"dilation": (1, 2), "spread": (2, 1), "low": (1, 1), "high": (2, 0)}),
    ((2, 6, 1), (2,), {"low": (-1,), "high": (-2,), "strides": (2,)}),
    ((1, 0, 2), (1,), {"low": (1,), "high": (1,)}),
    ((1, 2, 3), (3,), {}),  # no window fits
)


def whole_params(rank: int, given: dict[str, Ints]) -> dict[str, Ints]:
    """Parameters of windows with the plain ones filled in."""
    plain = {"strides": 1, "dilation": 1, "low": 0, "high": 0, "spread": 1}
    return {key: given.get(key, (value,) * rank) for key, value in plain.items()}


def _patches_samples(dtype: DType) -> Iterator[Sample]:
    for shape, taps, given in GEOMETRIES:
        params: dict[str, Any] = whole_params(len(taps), given)
        yield Sample((smooth(dtype, *shape),), {**params, "taps": taps, "value": 0})


patches: Primitive = register(
    Primitive(
        "patches", _infer_patches, Map(_lower_patches, cost=4), host_patches, _patches_samples,
        DTYPES, vjp=_vjp_patches, batch=_batch_patches,
    )
)  # fmt: skip


# --------------------------------------------------------------------------- fold


def _infer_fold(y: Aval, *, taps: Ints, sizes: Shape, **params: Any) -> Aval:
    check_dtype("fold", y.dtype, DTYPES)
    x = Aval((y.shape[0], *sizes, y.shape[-1]), y.dtype)
    expected = _infer_patches(x, taps=taps, value=0, **params).shape
    if expected != y.shape:
        raise ShapeError(f"fold: got {y.shape}; the windows of {x.shape} make {expected}")
    return x


def _lower_fold(
    t: Vocabulary, index: Index, y: Reader, *, out: Aval, taps: Ints, sizes: Shape, **params: Any
) -> Expr:
    zero = t.const(0, out.dtype)
    if 0 in y.aval.shape:
        return zero
    n, *places, channel = index
    windows = windows_of(out.shape, taps, params)
    total: Expr = None
    for number, tap in enumerate(product(*map(range, taps))):
        inside: Expr = t.const(True, bool_)
        found = []
        for window, place, k in zip(windows, places, tap, strict=True):
            ok, at = _window_with(t, window, place, k)
            inside = t.call("bitwise_and", inside, ok)
            found.append(at)
        element = y((n, *found, t.size(number), channel))
        term = t.call("let", t.select(inside, element, zero))
        total = term if total is None else t.call("let", total + term)
    return total


def _window_with(t: Vocabulary, window: Windows, place: Expr, tap: int) -> tuple[Expr, Expr]:
    """Whether an element lies under that tap of a window, and of which (held inside)."""
    ahead = place * t.size(window.spread) + t.size(window.low - tap * window.dilation)
    return _held(t, ahead, window.count, window.stride)


def _host_fold(y: Numpy, *, taps: Ints, sizes: Ints, **params: Any) -> Numpy:
    out = np.zeros((y.shape[0], *sizes, y.shape[-1]), y.dtype)
    windows = windows_of(out.shape, taps, params)
    for number, tap in enumerate(product(*map(range, taps))):
        for place in product(*(range(n) for n in y.shape[1:-2])):
            at = host_position(windows, place, tap)
            if at is not None:
                out[at] += y[all_items(place, number)]
    return out


def _vjp_fold(
    ct: Array, out: Array, y: Array, *, taps: Ints, sizes: Shape, **params: Any
) -> tuple[Array]:
    return (patches(ct, taps=taps, value=0, **params),)


def _batch_fold(lanes: Lanes, y: Array, **params: Any) -> Array:
    return parted_lanes(lanes, fold(joined_lanes(lanes, y), **params))


def _fold_samples(dtype: DType) -> Iterator[Sample]:
    for shape, taps, given in GEOMETRIES:
        params: dict[str, Any] = whole_params(len(taps), given)
        counts = [w.count for w in windows_of(shape, taps, params)]
        made = (shape[0], *counts, int(np.prod(taps)), shape[-1])
        sizes = {"taps": taps, "sizes": shape[1:-1]}
        yield Sample((smooth(dtype, *made),), params | sizes)  # type: ignore[arg-type]


fold: Primitive = register(
    Primitive(
        "fold", _infer_fold, Map(_lower_fold, cost=40), _host_fold, _fold_samples, DTYPES,
        vjp=_vjp_fold, batch=_batch_fold, ulp=ulps(8),
    )
)  # fmt: skip
