"""Models for ONNX Runtime and OpenVINO from nodes in ONNX's text form."""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from .contest import OnnxText

_TYPES = {"float32": "float", "float64": "double", "int32": "int32", "int64": "int64"}


def model_bytes(text: OnnxText, hosts: Sequence[Any], constants: Sequence[int]) -> bytes:
    """A model of these inputs; those at the places `constants` are initial values."""
    onnx: Any = importlib.import_module("onnx")
    parser: Any = importlib.import_module("onnx.parser")
    pairs = list(zip(text.names, hosts, strict=True))
    given = ", ".join(_typed(*pair) for i, pair in enumerate(pairs) if i not in constants)
    head = f'<ir_version: 10, opset_import: ["": {text.opset}]> g ({given}) => (y)'
    model = parser.parse_model(f"{head} {{ {text.nodes} }}")
    for i in constants:
        model.graph.initializer.append(onnx.numpy_helper.from_array(pairs[i][1], pairs[i][0]))
    return bytes(model.SerializeToString())


def _typed(name: str, host: Any) -> str:
    """
    >>> import numpy as np
    >>> _typed("x", np.ones((2, 3), np.float32))
    'float[2,3] x'
    """
    return f"{_TYPES[host.dtype.name]}[{','.join(map(str, host.shape))}] {name}"
