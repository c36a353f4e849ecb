"""The functions that `rows` measures: how each library, which comes first, says them, in float32.

`x` is the array, `w` and `b` what it is scaled and moved by, `m` and `v` running statistics. ONNX
texts take `x`, `weight`, `bias`, `mean` and `variance`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

Shape = tuple[int, ...]
Call = Callable[..., Any]


def _none(shape: Shape) -> tuple[Shape, ...]:
    return ()


@dataclass(frozen=True)
class Rows:
    """One function. `parameters` gives the shapes of the further arguments for a shape of the
    first; with `keeps_shape` the result is as large as the first; with `is_trained` the gradient
    is measured too."""

    shapes: tuple[Shape, ...]
    ours: Call
    torch: Call
    jax: Call
    numpy: Call | None = None
    onnx: str = ""
    parameters: Callable[[Shape], tuple[Shape, ...]] = _none
    keeps_shape: bool = False
    is_trained: bool = False


FLAT = ((100_000,), (1_000_000,), (10_000_000,))
MATRICES = ((128, 768), (1024, 1024), (4096, 4096))
BLOCKS = ((8, 64, 256), (32, 256, 256), (16, 1024, 1024))
CLASSES = ((4096, 64), (512, 768), (256, 4096), (32, 50257))
IMAGES = ((8, 21, 64, 64), (8, 64, 56, 56), (2, 256, 128, 128))
CHANNELS = ((8, 512, 7, 7), (8, 256, 14, 14), (8, 64, 56, 56))
TOKENS = ((128, 768), (1024, 768), (1024, 1024), (4096, 1024))


def _plain(name: str, torch: str, onnx: str, shapes: tuple[Shape, ...], axis: Any) -> Rows:
    """A reduction that NumPy, JAX and tilewright call by one name."""

    def theirs(library: Any, x: Any) -> Any:
        call = getattr(library, torch)
        return call(x) if axis is None else call(x, dim=axis)

    text = f"y = {onnx}<keepdims=0>(x)"
    if axis is not None:
        text = f"axes = Constant<value_ints=[{axis}]>() y = {onnx}<keepdims=0>(x, axes)"
    return Rows(
        shapes,
        lambda tw, x: getattr(tw, name)(x, axis=axis),
        theirs,
        lambda jax, x: getattr(jax.numpy, name)(x, axis=axis),
        lambda np, x: getattr(np, name)(x, axis=axis),
        text,
    )


def _place(axis: int) -> Rows:
    return Rows(
        MATRICES,
        lambda tw, x: tw.argmax(x, axis=axis),
        lambda torch, x: torch.argmax(x, dim=axis),
        lambda jax, x: jax.numpy.argmax(x, axis=axis),
        lambda np, x: np.argmax(x, axis=axis),
        f"y = ArgMax<axis={axis}, keepdims=0>(x)",
    )


def _softmax(name: str, shapes: tuple[Shape, ...], axis: int) -> Rows:
    of_numpy = {"softmax": _numpy_softmax, "log_softmax": _numpy_log_softmax}[name]
    return Rows(
        shapes,
        lambda tw, x: getattr(tw.nn.functional, name)(x, dim=axis),
        lambda torch, x: getattr(torch.nn.functional, name)(x, dim=axis),
        lambda jax, x: getattr(jax.nn, name)(x, axis=axis),
        lambda np, x: of_numpy(x, axis),
        f"y = {'Softmax' if name == 'softmax' else 'LogSoftmax'}<axis={axis}>(x)",
        keeps_shape=True,
        is_trained=True,
    )


def _numpy_softmax(x: Any, axis: int) -> Any:
    e = np.exp(x - x.max(axis, keepdims=True))
    return e / e.sum(axis, keepdims=True)


def _numpy_log_softmax(x: Any, axis: int) -> Any:
    shifted = x - x.max(axis, keepdims=True)
    return shifted - np.log(np.exp(shifted).sum(axis, keepdims=True))


def _standard(library: Any, x: Any, axes: Any) -> Any:
    """Mean 0 and variance 1, as NumPy and JAX say it."""
    centred = x - library.mean(x, axes, keepdims=True)
    return centred / library.sqrt(library.mean(centred * centred, axes, keepdims=True) + 1e-5)


def _last(shape: Shape) -> tuple[Shape, ...]:
    return ((shape[-1],), (shape[-1],))


def _per_channel(shape: Shape) -> tuple[Shape, ...]:
    return ((shape[1],),) * 2


def _wide(p: Any) -> Any:
    return p.reshape((1, -1, 1, 1))


def _group(library: Any, x: Any, w: Any, b: Any) -> Any:
    n, c, *rest = x.shape
    y = _standard(library, x.reshape((n, 32, c // 32, *rest)), (2, 3, 4)).reshape(x.shape)
    return y * _wide(w) + _wide(b)


def _by_running(library: Any, x: Any, w: Any, b: Any, m: Any, v: Any) -> Any:
    return (x - _wide(m)) / library.sqrt(_wide(v) + 1e-5) * _wide(w) + _wide(b)


LAYER_NORM = Rows(
    TOKENS,
    lambda tw, x, w, b: tw.nn.functional.layer_norm(x, x.shape[-1:], w, b),
    lambda torch, x, w, b: torch.nn.functional.layer_norm(x, x.shape[-1:], w, b),
    lambda jax, x, w, b: _standard(jax.numpy, x, -1) * w + b,
    lambda np, x, w, b: _standard(np, x, -1) * w + b,
    "y = LayerNormalization<axis=-1, epsilon=0.00001>(x, weight, bias)",
    _last,
    keeps_shape=True,
    is_trained=True,
)
RMS_NORM = Rows(
    ((16, 4096), (256, 4096), (2048, 4096)),
    lambda tw, x, w: tw.nn.functional.rms_norm(x, x.shape[-1:], w, 1e-5),
    lambda torch, x, w: torch.nn.functional.rms_norm(x, x.shape[-1:], w, 1e-5),
    lambda jax, x, w: x / jax.numpy.sqrt(jax.numpy.mean(x * x, -1, keepdims=True) + 1e-5) * w,
    lambda np, x, w: x / np.sqrt(np.mean(x * x, -1, keepdims=True) + np.float32(1e-5)) * w,
    "y = RMSNormalization<axis=-1, epsilon=0.00001>(x, weight)",
    lambda shape: _last(shape)[:1],
    keeps_shape=True,
    is_trained=True,
)
GROUP_NORM = Rows(
    CHANNELS,
    lambda tw, x, w, b: tw.nn.functional.group_norm(x, 32, w, b),
    lambda torch, x, w, b: torch.nn.functional.group_norm(x, 32, w, b),
    lambda jax, x, w, b: _group(jax.numpy, x, w, b),
    lambda np, x, w, b: _group(np, x, w, b),
    "y = GroupNormalization<num_groups=32, epsilon=0.00001>(x, weight, bias)",
    _per_channel,
    keeps_shape=True,
    is_trained=True,
)
BATCH_NORM = Rows(
    CHANNELS,
    lambda tw, x, w, b: tw.nn.functional.batch_norm(x, None, None, w, b, training=True),
    lambda torch, x, w, b: torch.nn.functional.batch_norm(x, None, None, w, b, training=True),
    lambda jax, x, w, b: _standard(jax.numpy, x, (0, 2, 3)) * _wide(w) + _wide(b),
    lambda np, x, w, b: _standard(np, x, (0, 2, 3)) * _wide(w) + _wide(b),
    parameters=_per_channel,
    keeps_shape=True,
    is_trained=True,
)
BATCH_NORM_INFERENCE = Rows(
    CHANNELS,
    lambda tw, x, w, b, m, v: tw.nn.functional.batch_norm(x, m, v, w, b),
    lambda torch, x, w, b, m, v: torch.nn.functional.batch_norm(x, m, v, w, b),
    lambda jax, x, *p: _by_running(jax.numpy, x, *p),
    lambda np, x, *p: _by_running(np, x, *p),
    "y = BatchNormalization<epsilon=0.00001>(x, weight, bias, mean, variance)",
    lambda shape: ((shape[1],),) * 4,
    keeps_shape=True,
)

ROWS: dict[str, Rows] = {
    "sum": _plain("sum", "sum", "ReduceSum", FLAT, None),
    "sum last": _plain("sum", "sum", "ReduceSum", MATRICES, 1),
    "sum axis 0": _plain("sum", "sum", "ReduceSum", MATRICES, 0),
    "sum middle": _plain("sum", "sum", "ReduceSum", BLOCKS, 1),
    "max": _plain("max", "amax", "ReduceMax", FLAT, None),
    "max last": _plain("max", "amax", "ReduceMax", MATRICES, 1),
    "argmax last": _place(1),
    "argmax axis 0": _place(0),
    "mean last": _plain("mean", "mean", "ReduceMean", MATRICES, 1),
    "var last": Rows(
        MATRICES,
        lambda tw, x: tw.var(x, axis=1),
        lambda torch, x: torch.var(x, dim=1, correction=0),
        lambda jax, x: jax.numpy.var(x, axis=1),
        lambda np, x: np.var(x, axis=1),
    ),
    "std axis 0": Rows(
        MATRICES,
        lambda tw, x: tw.std(x, axis=0),
        lambda torch, x: torch.std(x, dim=0, correction=0),
        lambda jax, x: jax.numpy.std(x, axis=0),
        lambda np, x: np.std(x, axis=0),
    ),
    "var": Rows(
        FLAT,
        lambda tw, x: tw.var(x),
        lambda torch, x: torch.var(x, correction=0),
        lambda jax, x: jax.numpy.var(x),
        lambda np, x: np.var(x),
    ),
    "softmax last": _softmax("softmax", CLASSES, 1),
    "log_softmax last": _softmax("log_softmax", CLASSES, 1),
    "softmax axis 0": _softmax("softmax", MATRICES[:2], 0),
    "softmax channels": _softmax("softmax", IMAGES, 1),
    "layer_norm": LAYER_NORM,
    "rms_norm": RMS_NORM,
    "group_norm": GROUP_NORM,
    "batch_norm": BATCH_NORM,
    "batch_norm inference": BATCH_NORM_INFERENCE,
}
