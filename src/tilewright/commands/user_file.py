"""A function of the user's file, as `path/to/file.py:function`, with its example arguments."""

from __future__ import annotations

import importlib.util
import inspect
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from ..dsl.errors import ArgumentError


def load(command: str, target: str) -> tuple[Callable[..., Any], tuple[Any, ...]]:
    """Import the file; the arguments are what `function.example_args`, else the file's
    `example_args`, is or gives: a tuple. Errors begin with the name of the command."""
    place, _, name = target.rpartition(":")
    if not place or not name:
        raise ArgumentError(
            f"{command}: got {target!r}; of a file it must be path/to/file.py:function"
        )
    module = _imported(command, Path(place))
    function = getattr(module, name, None)
    if not callable(function):
        raise ArgumentError(f"{command}: {place} has no function {name}")
    return function, _example(command, function, module, target)


def _imported(command: str, path: Path) -> ModuleType:
    if not path.is_file():
        raise ArgumentError(f"{command}: there is no file {path}")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ArgumentError(f"{command}: got {path}; it must be a Python file")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # as an import would: dataclasses look for their module
    sys.path.insert(0, str(path.resolve().parent))
    spec.loader.exec_module(module)
    return module


def _example(
    command: str, function: Callable[..., Any], module: ModuleType, target: str
) -> tuple[Any, ...]:
    made = getattr(function, "example_args", getattr(module, "example_args", None))
    if callable(made):
        made = made()
    if made is None and not _parameters(function):
        made = ()
    if not isinstance(made, tuple):
        name = target.rpartition(":")[2]
        raise ArgumentError(
            f"{command}: {target} needs example arguments: add `{name}.example_args = lambda: "
            "(...)` to the file, a function that gives a tuple of them"
        )
    return made


def _parameters(function: Callable[..., Any]) -> list[str]:
    try:
        return list(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ["?"]
