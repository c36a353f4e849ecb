"""A compiled function in this process: from `tw.compile` or from a file, run by the native core."""

from __future__ import annotations

import json
import mmap
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ... import _native
from ...dsl import tree
from ...dsl.array import Array
from ...dsl.atomic import write_bytes
from ...dsl.errors import ArgumentError, ArtifactError
from ...dsl.functions import asarray
from .. import registry
from . import trees


@dataclass(frozen=True)
class Port:
    """A named input or output: its dtype, and its shape, where unknown sizes are words."""

    name: str
    dtype: str
    shape: tuple[int | str, ...]

    def __str__(self) -> str:
        return f"{self.name}: {self.dtype}[{', '.join(map(str, self.shape))}]"


class Artifact:
    """A compiled function that no longer needs its source: what `tw.compile` and `tw.load` return.

    Call it with arrays, by position or by name; the result is a pytree as the function gave it.
    `manifest` is all that the file says of itself.

    >>> import tilewright as tw
    >>> double = tw.compile(lambda x: x * 2, tw.zeros((3, 4)), dynamic={"x": {0: "n"}})
    >>> double(tw.ones((2, 4))).shape
    (2, 4)
    >>> print(double.inputs[0])
    x: float64[n, 4]
    """

    def __init__(self, native: _native.Artifact, source: mmap.mmap | Path) -> None:
        self._native = native
        self._source = source
        self.manifest: dict[str, Any] = _parse(native.manifest)
        _make_ready(native.routines, str(self.manifest["device"]))
        self.inputs: tuple[Port, ...] = _ports(self.manifest["inputs"])
        self.outputs: tuple[Port, ...] = _ports(self.manifest["outputs"])
        self._arguments = _arguments(self.manifest, len(self.inputs))
        self._numbers = {port.name: i for i, port in enumerate(self.inputs)}
        self._result = self.manifest.get("result")
        trees.build(self._result, self.outputs)  # so that damage shows now
        self._is_flat = all(v == {"array": i} for i, v in enumerate(self._arguments.values()))
        self._is_single = self._result == {"array": 0}

    @property
    def name(self) -> str:
        """The function's name."""
        return str(self.manifest["name"])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        inputs = self._gather(args, kwargs)
        outputs = self._native.run(inputs)
        return outputs[0] if self._is_single else trees.build(self._result, outputs)

    def run(self, inputs: Sequence[Array]) -> list[Array]:
        """All outputs, in the order of `outputs`, for arrays in the order of `inputs`."""
        return self._native.run(inputs)

    def save(self, path: str | os.PathLike[str]) -> None:
        """Write the artifact to a file, by convention NAME.tw: a file of that name stays whole
        until the new one is. Raises OSError when it cannot be written."""
        if isinstance(self._source, Path):
            write_bytes(Path(path), self._source.read_bytes())
        else:
            write_bytes(Path(path), self._source)

    def __repr__(self) -> str:
        inputs, outputs = (", ".join(map(str, ports)) for ports in (self.inputs, self.outputs))
        return f"<tilewright artifact {self.name}({inputs}) -> ({outputs})>"

    # ------------------------------------------------------------------ arguments

    def _gather(self, args: Sequence[Any], kwargs: Mapping[str, Any]) -> list[Any]:
        if self._is_flat and not kwargs and len(args) == len(self.inputs):
            return [a if isinstance(a, Array) else _array(self, a) for a in args]
        found: list[Any] = [None] * len(self.inputs)
        if len(args) > len(self._arguments):
            raise ArgumentError(
                f"{self.name}: got {len(args)} arguments; it takes {', '.join(self._arguments)}"
            )
        given = set()
        for name, value in (*zip(self._arguments, args, strict=False), *kwargs.items()):
            if name in given:
                raise ArgumentError(f"{self.name}: got {name} twice")
            given.add(name)
            self._put(found, name, value)
        missing = [p.name for p, value in zip(self.inputs, found, strict=True) if value is None]
        if missing:
            raise ArgumentError(f"{self.name}: got no value for {', '.join(missing)}")
        return found

    def _put(self, found: list[Any], name: str, value: Any) -> None:
        """An argument as the function had it, or an input by its full name (`x.key`)."""
        if name in self._arguments:
            self._match(found, name, self._arguments[name], value)
        elif name in self._numbers:
            found[self._numbers[name]] = _array(self, value)
        else:
            known = ", ".join(dict.fromkeys([*self._arguments, *self._numbers]))
            raise ArgumentError(f"{self.name}: got an argument {name}; it takes {known}")

    def _match(self, found: list[Any], name: str, wanted: Any, value: Any) -> None:
        if "array" in wanted:
            found[wanted["array"]] = _array(self, value)
            return
        places = [trees.ArrayNumber(i) for i in range(len(self.inputs))]
        leaves, structure = tree.flatten(value)
        known, expected = tree.flatten(trees.build(wanted, places))
        same = _shape_text(structure) == _shape_text(expected)
        for place, leaf in zip(known, leaves, strict=False) if same else ():
            if isinstance(place, trees.ArrayNumber):
                found[place] = _array(self, leaf)
            else:
                same = same and type(leaf) is type(place) and leaf == place
        if not same:
            raise ArgumentError(
                f"{self.name}: got {name} = {value!r:.200}; the program was made for another "
                "structure, or another number, string or None in it"
            )


def _shape_text(structure: tree.Tree) -> Any:
    """A structure for comparison: named tuples are known by their fields, dicts by their keys."""
    fields = getattr(structure.kind, "_fields", None)
    kind = fields or (None if structure.kind is None else structure.kind.__name__)
    return kind, structure.keys, tuple(map(_shape_text, structure.children))


def _array(artifact: Artifact, value: Any) -> Array:
    try:
        return value if isinstance(value, Array) else asarray(value)
    except (TypeError, ValueError) as error:
        raise ArgumentError(f"{artifact.name}: got what is no array: {error}") from None


# --------------------------------------------------------------------------- manifest


def _parse(text: str) -> dict[str, Any]:
    try:
        found: dict[str, Any] = json.loads(text)  # the core has checked its form
    except (ValueError, RecursionError) as error:
        raise ArtifactError(f"artifact: the manifest is damaged: {error}") from None
    return found


def _ports(entries: Any) -> tuple[Port, ...]:
    return tuple(Port(e["name"], e["dtype"], tuple(e["shape"])) for e in entries)


def _arguments(manifest: Mapping[str, Any], n_inputs: int) -> dict[str, Any]:
    """The arguments of a call with their pytrees, whose arrays are each input once."""
    entries = manifest.get("arguments")
    found: dict[str, Any] = {}
    numbers: list[int] = []
    for entry in entries if isinstance(entries, list) else ():
        name, structure = (entry.get(k) for k in ("name", "tree")) if isinstance(entry, dict) else (
            None, None,
        )  # fmt: skip
        if not isinstance(name, str) or name in found:
            raise ArtifactError("artifact: the manifest is damaged: an argument has no proper name")
        places = [trees.ArrayNumber(i) for i in range(n_inputs)]
        leaves = tree.flatten(trees.build(structure, places))[0]
        numbers += [leaf for leaf in leaves if isinstance(leaf, trees.ArrayNumber)]
        found[name] = structure
    if sorted(numbers) != list(range(n_inputs)):
        raise ArtifactError("artifact: the manifest is damaged: its arguments are not the inputs")
    return found


# --------------------------------------------------------------------------- files


def _make_ready(routines: Sequence[str], device: str) -> None:
    """Load what the native routines of a program need, such as LAPACK."""
    if routines:
        find = registry.manifests()[device].find_routine
        for name in routines:
            find(name)


def load(
    path: str | os.PathLike[str],
    *,
    trust_weights: bool = False,
    copy: bool = False,
    device: str = "",
) -> Artifact:
    """Load an artifact that `save` wrote; neither the compiler nor the model's source is needed.

    Weights are mapped from the file, which must not be written to meanwhile (replace it by a
    rename, as `save` does); `copy` reads them instead. `trust_weights` leaves out their checksum.
    `device` says which of several devices of the artifact's kind is meant, by its number.
    An artifact holds machine code: load only those that you trust.

    Raises ArtifactError for a damaged file, and for one that was made for another processor, device
    or version; OSError where there is none.

    >>> import tempfile, tilewright as tw
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     tw.compile(lambda x: x + 1, tw.zeros(3)).save(f"{folder}/next.tw")
    ...     tw.load(f"{folder}/next.tw")(tw.ones(3)).tolist()
    [2.0, 2.0, 2.0]
    """
    os.stat(path)  # the system's own error, with its class, where there is no file
    found = Path(path)
    native = _native.Artifact.open(os.fspath(found), not trust_weights, copy, device)
    return Artifact(native, found)
