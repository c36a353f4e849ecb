"""Reductions, softmax and normalisations, forward and with their gradients, beside every peer."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from .contest import JAX, NUMPY, OPENVINO, ORT, TORCH, Contest, Entry, OnnxText, ahead_of_best
from .harness import OURS, Options
from .rows_functions import ROWS, Rows, Shape

FORWARD = ahead_of_best("reductions, softmax and norms", mean=1.3)
BACKWARD = ahead_of_best("softmax and norms with their gradients", mean=1.1)
TOLERANCE = 2e-4  # of the largest result: sums of float32 in any order
NAMES = ("x", "weight", "bias", "mean", "variance")


def cases(options: Options) -> Iterator[Contest]:
    """Every function at its sizes, then those that have gradients of interest with them."""
    for name, rows in ROWS.items():
        for shape in rows.shapes:
            yield _contest(name, rows, shape, with_gradient=False)
    for name, rows in ROWS.items():
        for shape in rows.shapes if rows.is_trained else ():
            yield _contest(name, rows, shape, with_gradient=True)


def _contest(name: str, rows: Rows, shape: Shape, *, with_gradient: bool) -> Contest:
    """What scales and moves is a constant in inference; with gradients, all of them are wanted."""
    n = 1 + len(rows.parameters(shape))
    title = f"{name}{' and gradient' if with_gradient else ''} {'x'.join(map(str, shape))}"
    passes = 3 if with_gradient else 1  # x; with gradients its own and the result's, too
    written = 1 if rows.keeps_shape else 0  # the result
    return Contest(
        title,
        partial(_inputs, rows, shape),
        _functions(rows, n),
        BACKWARD if with_gradient else FORWARD,
        constants=() if with_gradient else tuple(range(1, n)),
        gradient=tuple(range(n)) if with_gradient else (),
        bytes=4.0 * (passes + written) * float(np.prod(shape)),
        tolerance=TOLERANCE,
    )


def _inputs(rows: Rows, shape: Shape, rng: np.random.Generator) -> list[Any]:
    """The array, then what the function scales and moves by, in float32."""
    more = [rng.uniform(0.5, 1.5, s).astype(np.float32) for s in rows.parameters(shape)]
    return [rng.standard_normal(shape).astype(np.float32), *more]


def _functions(rows: Rows, n: int) -> dict[str, Entry]:
    found: dict[str, Entry] = {OURS: rows.ours, TORCH: rows.torch, JAX: rows.jax}
    if rows.numpy is not None:
        found[NUMPY] = rows.numpy
    text = OnnxText(rows.onnx, NAMES[:n]) if rows.onnx else None
    return found | {ORT: text, OPENVINO: text}
