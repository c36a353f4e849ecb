"""Primitives that lowering alone makes: the weights of a convolution in panels, and the convolution
that reads them so."""

from __future__ import annotations

from math import prod
from typing import Any

import numpy as np

from ..dsl.dtypes import DType, float32, float64
from ..dsl.graph import Aval, Node, Var
from ..dsl.primitive import REGISTRY, Convolve, Expr, Map, Primitive, Reader, Vocabulary
from ..dsl.primitives.families import split_index, ulps
from ..dsl.primitives.patches import windows_of
from ..dsl.sizes import Dim, ceil_divide, known
from .convolutions import has_no_window, node_windows
from .machine import Machine
from .rewrites import Found, Rule, View
from .schedules.convolution_tiles import choose_tiles, takes_windows
from .schedules.matmul_tiles import accumulator

Numpy = np.ndarray[Any, Any]

# Bytes between pixels from which on a dozen of them share a few sets of a cache (measured: 4 KB
# takes a third longer than packing them, 2 KB some percent less), and pixels of a row.
FAR_PIXELS = 2048
LEAST_PLACES = 14
WHOLE = 16  # outputs of the widest vector


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
    (each,) = known((outputs // groups,))
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


def _packed_operations(x: Aval, packed: Aval, *, out: Aval, **params: Any) -> Dim:
    _, _, taps, per_group, _ = packed.shape
    return out.size * taps * per_group * 2


def _nothing(*args: Any, **params: Any) -> Any:
    raise NotImplementedError("only lowering makes this primitive")


# Dear enough that no reader makes the panels anew: they lie in memory.
PACK_PANELS = Primitive(
    "pack_panels", _infer_pack, Map(_lower_pack, cost=24), _host_pack, _nothing, ()
)
CONVOLUTION_PACKED = Primitive(
    "convolution_packed",
    _infer_packed,
    Convolve(_packed_operations),
    _host_packed,
    _nothing,
    (),
    ulp=ulps(8),
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


def convolution_rules(machine: Machine) -> tuple[Rule, ...]:
    """The rules by which convolutions go to the template of a processor."""

    def convolution_as_template(node: Node, view: View) -> Found:
        """Windows over neighbouring channels, or over each channel by itself."""
        if node.primitive.name != "convolution" or not _is_taken(node):
            return None
        (x, w), groups = node.inputs, node.params["groups"]
        *taps, per_group, outputs = w.aval.shape
        if per_group == 1 and outputs == groups and node.output.aval.dtype in (float32, float64):
            return _node(DEPTHWISE, (x, w), node.params, node)
        if groups == 1 and has_no_window(node) and not _is_quick(node):
            return None
        dtype = node.output.aval.dtype
        row = node_windows(node)[-1]
        places, each = known((row.count, outputs // groups))
        tiles = choose_tiles(machine, dtype, places, each)
        how = {"groups": groups, "panel": tiles.panel, "dtype": accumulator(dtype)}
        packed = _node(PACK_PANELS, (w,), how, node)
        params = {**node.params, "taps": tuple(taps), "outputs": outputs}
        return packed, _node(CONVOLUTION_PACKED, (x, packed.output), params, node)

    return (convolution_as_template,)


def _is_quick(node: Node) -> bool:
    """Whether single pixels are read where they are rather than packed by the matrix product:
    those of a tile must lie side by side in the first-level cache, and fill the tile."""
    (x, _), row = node.inputs, node_windows(node)[-1]
    step = x.aval.shape[-1] * row.stride * x.aval.dtype.itemsize
    step, places, outputs = known((step, row.count, node.output.aval.shape[-1]))
    # A last vector that is not whole leaves through memory, which few steps do not pay for.
    return step <= FAR_PIXELS and places >= LEAST_PLACES and outputs % WHOLE == 0


def _is_taken(node: Node) -> bool:
    (x, w), out = (v.aval for v in node.inputs), node.output.aval
    sizes = (*x.shape[1:], *w.shape)
    is_known = all(isinstance(n, int) for n in sizes)
    return (
        is_known
        and out.dtype.is_float
        and 0 not in (*x.shape, *w.shape, *out.shape)
        and takes_windows(node_windows(node))
    )


def _node(primitive: Primitive, inputs: tuple[Var, ...], params: Any, like: Node) -> Node:
    out = primitive.infer(*(v.aval for v in inputs), **params)
    return Node(primitive, inputs, dict(params), (Var(out),), like.source)
