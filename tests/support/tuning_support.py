"""Kernels to tune in tests, and the crew that tries points of their spaces for real."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np

import tilewright as tw
from tilewright.autotune.crew import Crew
from tilewright.autotune.process import Worker
from tilewright.autotune.records import Record
from tilewright.autotune.transfer import group_to_plain
from tilewright.autotune.turns import Effort
from tilewright.lowering.engine import Engine
from tilewright.lowering.fusion import Group
from tilewright.lowering.knobs import Point, Space

ONCE = Effort(least=1, most=1, seconds=0.0)


def arrays(*shapes: tuple[int, ...], dtype: str = "float32") -> list[Any]:
    rng = np.random.default_rng(3)
    return [tw.array((rng.standard_normal(s) * 3).astype(dtype)) for s in shapes]


def groups_of(engine: Engine, f: Callable[..., Any], *args: Any) -> list[Group]:
    """The kernels that a call of a function launches."""
    return [
        group
        for graph, read_only in tw.jit(f).graphs(*args)
        for group in engine.groups(graph, read_only)
    ]


def space_of(engine: Engine, group: Group) -> Space:
    found: Space = engine.compiler.schedules.space(group)
    return found


@contextmanager
def crew_at(
    engine: Engine, group: Group, make_worker: Callable[[], Worker] = Worker, threads: int = 2
) -> Iterator[Crew]:
    """A crew that has been told of a kernel."""
    with Crew(2, engine.backend.name, make_worker) as crew:
        open_kernel(crew, engine, group, threads)
        yield crew


def open_kernel(crew: Crew, engine: Engine, group: Group, threads: int = 2) -> float:
    panel = dict(space_of(engine, group).default).get("nr")
    about = {"group": group_to_plain(group), "threads": threads, "panel": panel}
    return crew.open(about, engine.kernel_entry(group), 0)


def a_record(**changed: Any) -> Record:
    """A record that is in order, with some fields as wanted."""
    fields: dict[str, Any] = {
        "structure": f"{1:064x}",
        "environment": "cpu some-machine 2t",
        "choice": '{"knobs":{"vectors":2},"revision":1,"schedule":"rowwise"}',
        "untuned": 1e-5,
        "best": 8e-6,
        "spread": 0.01,
        "trials": 100,
        "name": "softmax float32[3, 4]",
        "kernel": "row[3, 4] reads ...",
        "measured": "2026-01-02T03:04:05+00:00",
        "version": "0.1.0",
    }
    return Record(**{**fields, **changed})


@dataclass(frozen=True)
class MadeUpKnobs:
    """Of a schedule that is none."""

    a: int = 4
    b: str = "x"
    c: bool = False


def refuse_odd(point: Point) -> str | None:
    return "a is odd and c" if point["c"] and int(point["a"]) % 2 else None


def made_up_space(width: int = 16) -> Space:
    choices = {"a": tuple(range(width)), "b": ("x", "y", "z"), "c": (False, True)}
    default = {"a": 4, "b": "x", "c": False}
    return Space("made_up", 1, MadeUpKnobs, default, choices, refuse_odd)
