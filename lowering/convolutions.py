"""Convolutions as what kernels are made of: products of patches, or the template of the processor.

A convolution without a window is a product of its pixels with the weights. Any other is a product
of its patches, which the product reads where they are: no patch is ever stored. That is what all
devices can do, for all types, steps and sizes, known or not.
"""

from __future__ import annotations

from math import prod

from ..dsl.graph import Node, Var
from ..dsl.primitives.patches import Windows, windows_of
from .rewrites import Found, Maker, Rule, View


def convolution_as_product(node: Node, view: View) -> Found:
    """The matrix product that a convolution is."""
    if node.primitive.name != "convolution":
        return None
    x, w = node.inputs
    make = Maker(node)
    if 0 in (*node.output.aval.shape, *x.aval.shape, *w.aval.shape):
        out = node.output.aval
        make("full", shape=out.shape, value=0, dtype=out.dtype)
    elif has_no_window(node) and node.params["groups"] == 1:
        make("matmul", _pixels(make, x, node), w)
    elif node.params["groups"] == 1:
        _product_of_patches(make, node)
    else:
        _products_of_groups(make, node)
    return tuple(make.nodes)


def node_windows(node: Node) -> list[Windows]:
    """The windows of a convolution."""
    x, w = (v.aval.shape for v in node.inputs)
    return windows_of(x, w[:-2], {k: v for k, v in node.params.items() if k != "groups"})


def has_no_window(node: Node) -> bool:
    """Whether each output of a convolution sees one pixel."""
    return all((w.taps, w.low, w.high, w.spread) == (1, 0, 0, 1) for w in node_windows(node))


def _pixels(make: Maker, x: Var, node: Node) -> Var:
    """The pixels that a convolution without a window looks at."""
    strides = node.params["strides"]
    if all(s == 1 for s in strides):
        return x
    sizes = (*node.output.aval.shape[:-1], x.aval.shape[-1])
    return make("slice", x, start=(0,) * x.aval.ndim, sizes=sizes, strides=(1, *strides, 1))


def _patches(make: Maker, node: Node) -> Var:
    """(N, *places, taps, C)."""
    x, w = node.inputs
    params = {k: v for k, v in node.params.items() if k != "groups"}
    return make("patches", x, taps=w.aval.shape[:-2], value=0, **params)


def _product_of_patches(make: Maker, node: Node) -> None:
    w = node.inputs[1].aval.shape
    found = _patches(make, node)
    *before, taps, channels = found.aval.shape
    rows = make.reshape(found, *before, taps * channels)
    weights = make.reshape(node.inputs[1], *(1,) * (len(before) - 1), taps * channels, w[-1])
    make("matmul", rows, weights)


def _products_of_groups(make: Maker, node: Node) -> None:
    """A product for each group, all of them as one batch."""
    w, groups = node.inputs[1].aval.shape, node.params["groups"]
    rank, (per_group, outputs) = len(w) - 2, w[-2:]
    taps = prod(w[:-2])
    found = _patches(make, node)
    found = make.reshape(found, *found.aval.shape[:-1], groups, per_group)
    rows = make("transpose", found, axes=(rank + 2, *range(rank + 2), rank + 3))
    rows = make.reshape(rows, *rows.aval.shape[:-2], taps * per_group)
    weights = make.reshape(node.inputs[1], taps * per_group, groups, outputs // groups)
    weights = make("transpose", weights, axes=(1, 0, 2))
    weights = make.reshape(weights, groups, *(1,) * rank, taps * per_group, outputs // groups)
    made = make("matmul", rows, weights)
    made = make("transpose", made, axes=(*range(1, rank + 2), 0, rank + 2))
    make.reshape(made, *node.output.aval.shape)


CONVOLUTION_RULES: tuple[Rule, ...] = (convolution_as_product,)
