"""Primitives that lowering alone makes: the weights of a convolution in panels, and the convolution
that reads them so."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dsl.dtypes import DType
from ..dsl.graph import Aval
from ..dsl.primitive import REGISTRY, Convolve, Expr, Map, Primitive, Reader, Vocabulary
from ..dsl.primitives.families import split_index, ulps
from ..dsl.primitives.patches import windows_of
from ..dsl.sizes import ceil_divide

Numpy = np.ndarray[Any, Any]


def _infer_pack(w: Aval, *, groups: int, panel: int, dtype: DType) -> Aval:
    *taps, per_group, outputs = w.shape
    panels = ceil_divide(outputs // groups, panel)
    total: Any = 1
    for n in taps:
        total = total * n
    return Aval((groups, panels, total, per_group, panel), dtype)


def _lower_pack(
    t: Vocabulary,
    index: tuple[Expr, ...],
    w: Reader,
    *,
    out: Aval,
    groups: int,
    panel: int,
    dtype: DType,
) -> Expr:
    group, number, tap, channel, lane = index
    *taps, _, outputs = w.aval.shape
    each = outputs // groups
    place = number * t.size(panel) + lane
    near = t.call("minimum", place, t.size(each - 1))
    element = w((*split_index(t, tap, tuple(taps)), channel, group * t.size(each) + near))
    element = t.cast(element, dtype)
    if each % panel == 0:
        return element
    return t.select(t.call("eq", near, place), element, t.const(0, dtype))


def _host_pack(w: Numpy, *, groups: int, panel: int, dtype: DType) -> Numpy:
    *taps, per_group, outputs = w.shape
    each = outputs // groups
    panels = -(-each // panel)
    flat = w.reshape(prod(taps), per_group, groups, each)
    flat = np.pad(flat, ((0, 0), (0, 0), (0, 0), (0, panels * panel - each)))
    return flat.reshape(*flat.shape[:3], panels, panel).transpose(2, 3, 0, 1, 4)


def _infer_packed(
    x: Aval, packed: Aval, *, taps: tuple[int, ...], outputs: int, groups: int, **params: Any
) -> Aval:
    counts = (w.count for w in windows_of(x.shape, taps, params))
    return Aval((x.shape[0], *counts, outputs), x.dtype)


def _host_packed(
    x: Numpy, packed: Numpy, *, taps: tuple[int, ...], outputs: int, groups: int, **params: Any
) -> Numpy:
    per_group = packed.shape[3]
    flat = packed.transpose(2, 3, 0, 1, 4).reshape(*taps, per_group, groups, -1)
    w = flat[..., : outputs // groups].reshape(*taps, per_group, outputs)
    found: Numpy = REGISTRY["convolution"].reference(x, w, groups=groups, **params)
    return found


def _nothing(*args: Any, **params: Any) -> Any:
    raise NotImplementedError("only lowering makes this primitive")


# Dear enough that no reader makes the panels anew: they lie in memory.
PACK_PANELS = Primitive(
    "pack_panels", _infer_pack, Map(_lower_pack, cost=24), _host_pack, _nothing, ()
)
CONVOLUTION_PACKED = Primitive(
    "convolution_packed", _infer_packed, Convolve(), _host_packed, _nothing, (), ulp=ulps(8)
)
# One channel a group: the weights are read as they are, (*taps, 1, C).
DEPTHWISE = Primitive(
    "convolution_depthwise",
    lambda x, w, **params: REGISTRY["convolution"].infer(x, w, **params),
    Convolve(),
    lambda x, w, **params: REGISTRY["convolution"].reference(x, w, **params),
    _nothing,
    (),
    ulp=ulps(8),
)
