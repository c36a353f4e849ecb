"""The section of weights: a safetensors file whose data can be used where it lies.

The format wants tensors without gaps. Those whose size is a multiple of 64 bytes come first, then
the others by the size of their elements: so all lie at multiples of their elements' size, and the
large ones, which kernels read most, at multiples of 64.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from ...dsl.array import Array
from .container import ALIGNMENT

_CODES = {
    "bool": "BOOL", "int8": "I8", "int16": "I16", "int32": "I32", "int64": "I64",
    "uint8": "U8", "uint16": "U16", "uint32": "U32", "uint64": "U64",
    "float16": "F16", "bfloat16": "BF16", "float32": "F32", "float64": "F64",
    "complex64": "C64", "complex128": "C128",  # the last is ours: the format has no name for it
}  # fmt: skip


def weights_section(weights: Mapping[str, Array]) -> list[bytes | memoryview]:
    """Header and data; without copies of what is contiguous already."""
    hosts = {name: np.ascontiguousarray(value.numpy()) for name, value in weights.items()}
    order = sorted(hosts, key=lambda n: (hosts[n].nbytes % ALIGNMENT != 0, -hosts[n].itemsize))
    table: dict[str, Any] = {}
    at = 0
    for name in order:
        shape, dtype = list(weights[name].shape), str(weights[name].dtype)
        end = at + hosts[name].nbytes
        table[name] = {"dtype": _CODES[dtype], "shape": shape, "data_offsets": [at, end]}
        at = end
    header = json.dumps(table, separators=(",", ":")).encode()
    header += b" " * (-(8 + len(header)) % ALIGNMENT)
    data = [hosts[n].reshape(-1).view(np.uint8).data for n in order if hosts[n].nbytes]
    return [len(header).to_bytes(8, "little"), header, *data]
