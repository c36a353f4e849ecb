"""Products of matrices, over batches."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import numpy as np

from ..dtypes import DType
from ..errors import DTypeError, ShapeError
from ..graph import Aval
from ..primitive import Contract, Lanes, Primitive, Sample, register
from ..sizes import Dim
from .complex import conj
from .elementwise import ALL_NUMBERS
from .families import check_dtype, ulps
from .movement import reshape, sum_to, transpose, turned
from .samples import smooth

if TYPE_CHECKING:
    from ..array import Array


def _infer_matmul(a: Aval, b: Aval) -> Aval:
    if a.dtype is not b.dtype:
        raise DTypeError(f"matmul: got {a.dtype} and {b.dtype}; they must be equal")
    check_dtype("matmul", a.dtype, ALL_NUMBERS)
    if a.ndim != b.ndim or a.ndim < 2:
        raise ShapeError(f"matmul: got {a.shape} and {b.shape}; the ranks must be equal, 2 or more")
    if a.shape[-1] != b.shape[-2]:
        raise ShapeError(
            f"matmul: got {a.shape} and {b.shape}; "
            f"the inner sizes {a.shape[-1]} and {b.shape[-2]} must be equal"
        )
    batch = [_batch_size(a, b, m, n) for m, n in zip(a.shape[:-2], b.shape[:-2], strict=True)]
    return Aval((*batch, a.shape[-2], b.shape[-1]), a.dtype)


def _batch_size(a: Aval, b: Aval, m: Dim, n: Dim) -> Dim:
    if m != n and m != 1 and n != 1:
        raise ShapeError(
            f"matmul: got {a.shape} and {b.shape}; the batch sizes {m} and {n} must be equal or 1"
        )
    return n if m == 1 else m


def _vjp_matmul(ct: Array, out: Array, a: Array, b: Array) -> tuple[Array, Array]:
    grad_a, grad_b = matmul(ct, conj(turned(b))), matmul(conj(turned(a)), ct)
    return sum_to(grad_a, a.shape), sum_to(grad_b, b.shape)


def _batch_matmul(lanes: Lanes, a: Array, b: Array) -> Array:
    """A product for each lane; of matrices with one operand for all, one large product."""
    count = lanes.count
    if lanes.batched == (True, False) and len(b.shape) == 2:
        rows, k = a.shape[1:]
        tall = matmul(reshape(a, shape=(count * rows, k)), b)
        return reshape(tall, shape=(count, rows, b.shape[1]))
    if lanes.batched == (False, True) and len(a.shape) == 2:
        k, columns = b.shape[1:]
        beside = reshape(transpose(b, axes=(1, 0, 2)), shape=(k, count * columns))
        wide = reshape(matmul(a, beside), shape=(a.shape[0], count, columns))
        return transpose(wide, axes=(1, 0, 2))
    once = (x if has else _once(x) for x, has in zip((a, b), lanes.batched, strict=True))
    return matmul(*once)


def _once(x: Array) -> Array:
    return reshape(x, shape=(1, *x.shape))


def _matmul_samples(dtype: DType) -> Iterator[Sample]:
    for a, b in (
        ((3, 4), (4, 5)), ((1, 7), (7, 1)), ((2, 3, 4), (2, 4, 2)), ((2, 3, 4), (1, 4, 2)),
        ((1, 3, 4), (2, 4, 2)), ((2, 1, 3, 2), (1, 3, 2, 3)), ((0, 3), (3, 2)), ((2, 0), (0, 3)),
        ((33, 17), (17, 35)),
    ):  # fmt: skip
        yield Sample((smooth(dtype, *a), smooth(dtype, *b, seed=1)))


matmul: Primitive = register(
    Primitive(
        name="matmul",
        infer=_infer_matmul,
        lower=Contract(),
        vjp=_vjp_matmul,
        batch=_batch_matmul,
        reference=np.matmul,
        samples=_matmul_samples,
        dtypes=ALL_NUMBERS,
        ulp=ulps(4, complex=4),
    )
)
