"""Programs for tests of tw.script: functions that mean the same eagerly and staged."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np


@dataclass(frozen=True)
class Program:
    """A function and argument tuples; float arrays of the first tuples can be differentiated."""

    f: Callable[..., Any]
    arguments: tuple[tuple[Any, ...], ...]
    smooth: bool = True


PROGRAMS: list[Program] = []
V = np.array([0.5, 1.5, -0.25])
SCALARS = ((2.0,), (-1.5,), (0.25,))
VECTORS = ((V,), (-V,), (V * 0.1,))


def program(*arguments: tuple[Any, ...], smooth: bool = True) -> Callable[..., Any]:
    def add(f: Callable[..., Any]) -> Callable[..., Any]:
        PROGRAMS.append(Program(f, arguments, smooth))
        return f

    return add
