"""`tilewright run`: an artifact on arrays in files, as `tilewright-run` does, in Python."""

from __future__ import annotations

import importlib
import json
import statistics
import time
from contextlib import nullcontext
from pathlib import Path
from typing import Annotated, Any

import numpy as np
import typer

_Model = Annotated[Path, typer.Argument(metavar="MODEL.tw", help="The artifact.")]
_Input = Annotated[
    list[str] | None,
    typer.Option("--input", "-i", metavar="[NAME=]FILE.npy", help="An input, by name or in order."),
]
_Output = Annotated[
    list[str] | None,
    typer.Option("--output", "-o", metavar="[NAME=]FILE.npy", help="Where an output goes."),
]
_Describe = Annotated[bool, typer.Option("--describe", help="Print inputs and outputs, and end.")]
_Manifest = Annotated[
    bool, typer.Option("--manifest", help="Print all that it says of itself as JSON, and end.")
]
_Repeat = Annotated[int, typer.Option(min=0, help="Run so often and print the times.")]
_Threads = Annotated[int | None, typer.Option(min=1, help="All cores by default.")]
_Device = Annotated[str, typer.Option(help="Where to run; what it was compiled for by default.")]
_Trust = Annotated[
    bool, typer.Option("--trust-weights", help="Leave out the checksum of the weights.")
]
_Profile = Annotated[Path | None, typer.Option(help="Write a timeline for Perfetto.")]


def run(
    model: _Model,
    inputs: _Input = None,
    outputs: _Output = None,
    describe: _Describe = False,
    manifest: _Manifest = False,
    repeat: _Repeat = 0,
    threads: _Threads = None,
    device: _Device = "",
    trust: _Trust = False,
    profile: _Profile = None,
) -> None:
    """Run a compiled artifact on arrays in .npy files.

    `tilewright-run` takes the same options (but --profile) and needs no Python: it is what to use
    in production. Artifacts hold machine code: run only those that you trust.

    Examples:

        tilewright run digits.tw --describe
        tilewright run digits.tw --input x.npy --output y.npy
        tilewright run m.tw -i left=a.npy -i right=b.npy -o total=c.npy --repeat 100
    """
    package = importlib.import_module("..", __package__)
    made = package.load(model, trust_weights=trust, device=device)
    if manifest or describe:
        return _tell(made, describe, manifest)
    if threads is not None:
        package.set_num_threads(threads)
    names = [p.name for p in made.outputs]
    targets = _in_order(outputs or [], names, "output")
    with package.profile(profile) if profile else nullcontext():
        found = _run(made, _read(made, inputs or []), repeat)
    for name, path in targets.items():
        _write(Path(path), found[names.index(name)].numpy())


def _tell(made: Any, describe: bool, manifest: bool) -> None:
    if manifest:
        typer.echo(json.dumps(made.manifest, indent=2))
    if describe:
        typer.echo(f"{made.name}, for the device {made.manifest['device']}")
        importlib.import_module(".compile", __package__).show(made)


def _in_order(words: list[str], names: list[str], what: str) -> dict[str, str]:
    """Files by name; those without one take the places that are left."""
    pairs = [w.split("=", 1) if "=" in w else ["", w] for w in words]
    found: dict[str, str] = {}
    for name, path in (p for p in pairs if p[0]):
        if name not in names:
            raise typer.BadParameter(f"the model has no {what} {name}; it has {', '.join(names)}")
        if name in found:
            raise typer.BadParameter(f"{name} is given twice")
        found[name] = path
    free = [n for n in names if n not in found]
    unnamed = [path for name, path in pairs if not name]
    if len(unnamed) > len(free):
        raise typer.BadParameter(f"got too many files: the model has {len(names)} {what}s")
    return found | dict(zip(free, unnamed, strict=False))


def _read(made: Any, words: list[str]) -> list[Any]:
    files = _in_order(words, [p.name for p in made.inputs], "input")
    arrays = []
    for port in made.inputs:
        if port.name not in files:
            raise typer.BadParameter(f"no file for input {port}; give it by --input {port.name}=")
        host = np.load(files[port.name], allow_pickle=False)
        if port.dtype == "bfloat16" and host.dtype.kind == "V":  # what NumPy makes of it
            host = host.view(importlib.import_module("ml_dtypes").bfloat16)
        arrays.append(importlib.import_module("..", __package__).asarray(host))
    return arrays


def _run(made: Any, arrays: list[Any], repeat: int) -> list[Any]:
    found: list[Any] = []
    times = []
    for _ in range(max(repeat, 1)):
        start = time.perf_counter()
        found = made.run(arrays)
        times.append(1e6 * (time.perf_counter() - start))
    if repeat:
        typer.echo(
            f"first {times[0]:.3f} us, median {statistics.median(times):.3f} us, least "
            f"{min(times):.3f} us, of {repeat} runs"
        )
    return found


def _write(path: Path, host: Any) -> None:
    importlib.import_module("..dsl.atomic", __package__).check_place("run", path)
    temporary = path.with_name(f".{path.name}.tmp.npy")
    try:
        np.save(temporary, host, allow_pickle=False)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
