"""Small programs with control flow that depends on data, as people write them for NumPy.

Nobody who wrote them thought of compilers: they say `import numpy as np`, and `if`, `while`, `for`,
`break` and `return` where they need them. `load(namespace)` gives them with another library under
NumPy's name. They are the acceptance test of `tw.script` (tests/corpus), and benchmarks/corpus.py
counts who can stage them.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = Path(__file__).resolve().parent


@dataclass(frozen=True)
class Program:
    """A function with arguments (numbers and nested lists), and others of the same kinds that lead
    it through other branches. `smooth`: its results have a derivative by its floats."""

    function: Any
    first: tuple[Any, ...]
    second: tuple[Any, ...]
    smooth: bool = False

    @property
    def name(self) -> str:
        """What the program is called."""
        return str(self.function.__name__)


def load(namespace: Any) -> Iterator[Program]:
    """All programs, with `namespace` as their `np`."""
    for path in sorted(FOLDER.glob("[!_]*.py")):
        module = _load(path, getattr(namespace, "__name__", "namespace"))
        module.__dict__["np"] = namespace
        for function, *rest in module.PROGRAMS:
            yield Program(function, *rest)


def _load(path: Path, tag: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location(f"corpus_{tag}_{path.stem}", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
