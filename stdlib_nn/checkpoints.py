"""Checkpoints: named arrays in one safetensors file, written atomically.

The format is https://github.com/huggingface/safetensors: a JSON header and raw data, nothing that
is executed. Ours carry a SHA-256 of names, types and data, so that damage is found; files of
others load too. The format has no complex128: such arrays are pairs of F64, and the metadata names
them. A process that is killed while it saves leaves the old file as it was.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, cast

import numpy as np
import safetensors
import safetensors.numpy

from ..dsl.array import Array
from ..dsl.atomic import write_bytes
from ..dsl.dtypes import dtype, to_numpy
from ..dsl.errors import ArtifactError
from ..dsl.functions import asarray
from .module import Module
from .optim import Optimizer
from .state import load_arrays

State = Module | Optimizer | Mapping[str, Any]
_FORMAT = {"format": "tilewright", "version": "1"}
_CODES = {
    "BOOL": "bool", "I8": "int8", "I16": "int16", "I32": "int32", "I64": "int64",
    "U8": "uint8", "U16": "uint16", "U32": "uint32", "U64": "uint64",
    "F16": "float16", "BF16": "bfloat16", "F32": "float32", "F64": "float64", "C64": "complex64",
}  # fmt: skip


def save(path: str | os.PathLike[str], state: State) -> None:
    """Write the arrays of `state` to a file: the old one stays whole until the new one is.

    `state` is a Module, an Optimizer, or a mapping of names to arrays, modules, optimisers and
    mappings (names are then joined by dots: `save(p, {"model": model, "optimizer": optimizer})`).
    Raises OSError when the file cannot be written.

    >>> import tempfile
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     save(f"{folder}/x.safetensors", {"x": asarray([1.0, 2.0])})
    ...     load(f"{folder}/x.safetensors")["x"].tolist()
    [1.0, 2.0]
    """
    host = {name: _host(name, value) for name, value in named_arrays(state).items()}
    wide = sorted(name for name, value in host.items() if value.dtype == np.complex128)
    host |= {name: _pairs(host[name]) for name in wide}
    metadata = _FORMAT | {"sha256": _digest(host)}
    metadata |= {"complex128": json.dumps(wide)} if wide else {}
    write_bytes(Path(path), safetensors.numpy.save(host, metadata))


def load(path: str | os.PathLike[str], into: State | None = None) -> dict[str, Array]:
    """The arrays of a file by name; with `into`, they are also put into that state.

    `into` is what was given to `save`, of the same structure; it is changed only if everything
    fits. Raises ArtifactError for a damaged or foreign file and for names that do not fit.
    """
    found = _parse(Path(path).read_bytes(), os.fspath(path))
    arrays = {name: _array(value) for name, value in found.items()}
    if into is not None:
        load_arrays(_title(into), named_arrays(into, copies=False), arrays)
    return arrays


def named_arrays(state: State, *, copies: bool = True) -> dict[str, Array]:
    """The arrays of a state by dotted name: snapshots, or the cells themselves."""
    if isinstance(state, Module | Optimizer):
        return state.state_dict() if copies else dict(state.named_arrays())
    if not isinstance(state, Mapping):
        raise TypeError(
            f"save: got {type(state).__name__}; it must be a Module, an Optimizer or a mapping "
            "of names to arrays"
        )
    found: dict[str, Array] = {}
    for name, value in state.items():
        if isinstance(value, Module | Optimizer | Mapping):
            below = named_arrays(value, copies=copies)
            found |= {f"{name}.{rest}": array for rest, array in below.items()}
        else:
            found[str(name)] = value if isinstance(value, Array) else asarray(value)
    return found


def _title(state: State) -> str:
    return "the checkpoint" if isinstance(state, Mapping) else type(state).__name__


# --------------------------------------------------------------------------- bytes


def _host(name: str, value: Array) -> np.ndarray[Any, Any]:
    if name == "__metadata__":
        raise ArtifactError("save: the name __metadata__ is taken by the file format")
    return np.ascontiguousarray(value.numpy()).reshape(value.shape)


def _pairs(x: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    """Complex numbers as pairs of floats, in one axis more."""
    return np.frombuffer(x.tobytes(), np.float64).reshape(*x.shape, 2)


def _joined(found: dict[str, np.ndarray[Any, Any]], names: str, path: str) -> None:
    """Make the arrays that the metadata names complex again."""
    try:
        listed = json.loads(names)
        for name in listed:
            pairs = found[name]
            if pairs.dtype != np.float64 or pairs.shape[-1:] != (2,):
                raise ValueError(f"{name} is {pairs.dtype}{pairs.shape}")
            found[name] = np.frombuffer(pairs.tobytes(), np.complex128).reshape(pairs.shape[:-1])
    except (ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"load: {path} names no proper complex128 arrays: {error}") from None


def _array(host: np.ndarray[Any, Any]) -> Array:
    return asarray(host)


def _digest(arrays: Mapping[str, np.ndarray[Any, Any]]) -> str:
    """SHA-256 of names, types and data, whatever their order in the file."""
    digest = hashlib.sha256()
    for name in sorted(arrays):
        value = arrays[name]
        digest.update(f"{len(name)}:{name}:{value.dtype.name}:{value.shape}:".encode())
        digest.update(value.tobytes())
    return digest.hexdigest()


def _parse(data: bytes, path: str) -> dict[str, np.ndarray[Any, Any]]:
    try:
        entries = cast(Any, safetensors).deserialize(data)
        size = int.from_bytes(data[:8], "little")
        metadata = json.loads(data[8 : 8 + size]).get("__metadata__", {})
    except (safetensors.SafetensorError, ValueError) as error:
        raise ArtifactError(f"load: {path} is not a whole safetensors file: {error}") from None
    found = {}
    for name, entry in entries:
        if entry["dtype"] not in _CODES:
            known = ", ".join(_CODES)
            raise ArtifactError(f"load: {name} in {path} is {entry['dtype']}; known are {known}")
        kind = to_numpy(dtype(_CODES[entry["dtype"]]))
        found[name] = np.frombuffer(entry["data"], kind).reshape(entry["shape"])
    if "sha256" in metadata and metadata["sha256"] != _digest(found):
        raise ArtifactError(f"load: {path} is damaged: its checksum does not fit its content")
    if "complex128" in metadata:
        _joined(found, metadata["complex128"], path)
    return found
