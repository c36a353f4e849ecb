"""The explanation of a call: its kernels as records, its memory plan, text and page."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .. import _native
from ..dsl import device as placing
from ..dsl.engine import engine
from ..dsl.errors import ArgumentError
from ..dsl.explaining import Call
from ..dsl.graph import Graph, graph_text, has_effect
from ..lowering import pipeline
from ..lowering.fusion import Group
from ..lowering.memory import MemoryPlan
from ..lowering.rules import Described
from ..lowering.spaces import MOVEMENT
from ..lowering.work import Work, work_of
from ..peaks.record import Peaks
from .advice import Facts, advise
from .page import page
from .roof import Bound, bound, known_peaks
from .table import text
from .times import LaunchTime, Times, measure


@dataclass(frozen=True)
class KernelReport:
    """One kernel of a program; equal ones are one record.

    `launches` of it in a call take `seconds` each (median), on `threads`. `work` is of one launch.
    `bound` is None where nothing is counted or no peaks are known. `schedule` and `form` say how it
    is computed, `note` what the schedule has to say of that (a safe, slower one was taken);
    `primitives` are those computed inside, without movement, `lines` the user's lines with theirs;
    `refused` are the merges that fusion did not make, each with its reason; `advice` what to try.
    """

    name: str
    kind: str
    launches: int
    seconds: float
    threads: int
    work: Work
    bound: Bound | None
    schedule: str
    form: str
    note: str
    primitives: tuple[str, ...]
    lines: tuple[tuple[str, tuple[str, ...]], ...]
    refused: tuple[str, ...]
    advice: tuple[str, ...]

    @property
    def total(self) -> float:
        """Seconds of all launches in a call."""
        return self.launches * self.seconds

    @property
    def gflops(self) -> float:
        """Arithmetic in 1e9 operations a second."""
        return self.work.operations / self.seconds / 1e9 if self.seconds else 0.0

    @property
    def gbytes(self) -> float:
        """Traffic in 1e9 bytes a second."""
        return self.work.bytes / self.seconds / 1e9 if self.seconds else 0.0


@dataclass(frozen=True)
class Explanation:
    """Where the time of a call goes. `kernels` are in order of their total time; `seconds` is the
    median of `runs` runs of the whole program; `once` counts kernels that run again only when
    state changes that the program only reads (packed weights); `peaks` are None on a device whose
    peaks are not measured; `memory` is the plan of what a call allocates."""

    name: str
    device: str
    threads: int
    runs: int
    seconds: float
    kernels: tuple[KernelReport, ...]
    once: int
    memory: MemoryPlan
    peaks: Peaks | None

    def __str__(self) -> str:
        return text(self)

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return page(self)

    def html(self, path: str | os.PathLike[str]) -> None:
        """Write a page that needs no other file and no network; raises OSError."""
        Path(path).write_text(page(self), encoding="utf-8")


def explain(call: Call) -> Explanation:
    """Run a program for a while and say what its kernels did."""
    if any(map(has_effect, call.graph.nodes)):
        raise ArgumentError(
            f"explain: {call.name} has effects (prints, checks or callbacks), which would happen "
            "at every run; explain it without them"
        )
    split = engine(call.device).split(call.graph, call.read_only)  # type: ignore[attr-defined]
    main = call.graph if split is None else split.main
    with placing.scope(call.device.index):
        times = measure(lambda: call.program(*call.inputs), _wait, call.seconds)
    peaks = known_peaks() if call.device is placing.HOST else None
    maker: Any = engine(call.device)
    made = _Reports(call, maker, main, times, peaks).made()
    return Explanation(
        name=call.name,
        device=call.device.name,
        threads=_native.get_num_threads(),
        runs=times.runs,
        seconds=times.seconds,
        kernels=tuple(sorted(made, key=lambda k: -k.total)),
        once=0 if split is None else len(maker.groups(split.derive, frozenset())),
        memory=maker.memory(main, call.sizes),
        peaks=peaks,
    )


def _wait(results: Sequence[Any]) -> None:
    """Until what was queued is done: reading an element waits for it."""
    for cell in results[-1:]:
        if cell._device:
            cell.numpy()


class _Reports:
    """The kernels of one program with the times of their launches."""

    def __init__(
        self, call: Call, maker: Any, main: Graph, times: Times, peaks: Peaks | None
    ) -> None:
        self.call, self.maker, self.times, self.peaks = call, maker, times, peaks
        self.chosen = maker.chosen(main, graph_text(main))
        groups = [g for g in maker.groups(main, frozenset()) if g.kind != "effect"]
        self.groups = groups
        self.keys = [pipeline.group_key(g) for g in groups]

    def made(self) -> list[KernelReport]:
        """One record for each distinct kernel."""
        measured = self._launches()
        first: dict[str, Group] = {}
        for key, group in zip(self.keys, self.groups, strict=True):
            first.setdefault(key, group)
        return [self._report(key, group, measured[key]) for key, group in first.items()]

    def _launches(self) -> Mapping[str, list[LaunchTime]]:
        """The launches of each kernel: in order where each group has one; in programs with control
        flow, which launch some often and some not at all, by name (of several kernels of one name
        the first gets them)."""
        found: dict[str, list[LaunchTime]] = {key: [] for key in self.keys}
        names = [_launch_name(g) for g in self.groups]
        launches = self.times.launches
        in_order = len(names) == len(launches) and all(
            t.name.startswith(n) for n, t in zip(names, launches, strict=True)
        )
        if in_order:
            for key, launch in zip(self.keys, launches, strict=True):
                found[key].append(launch)
            return found
        named = dict(zip(reversed(names), reversed(self.keys), strict=True))
        for launch in launches:
            fitting = [n for n in named if launch.name.startswith(n)]  # a phase's name is longer
            if fitting:
                found[named[max(fitting, key=len)]].append(launch)
        return found

    def _report(self, key: str, group: Group, launches: list[LaunchTime]) -> KernelReport:
        seconds = sum(t.seconds for t in launches) / max(len(launches), 1)
        threads = max((t.threads for t in launches), default=0)
        work = work_of(group, self.call.sizes)
        most = _native.get_num_threads()
        roof = bound(work, seconds, most, self.peaks) if self.peaks and launches else None
        choice = self.chosen.get(pipeline.structure_of(key), "")
        told = self._told(group, choice)
        facts = Facts(
            group, work, roof, seconds, threads, most, told.tunable, bool(choice), told.note
        )
        computed = [n for n in group.nodes if n.primitive.name not in MOVEMENT]
        return KernelReport(
            name=pipeline.group_name(group).removeprefix("tw_"),
            kind=group.kind,
            launches=len(launches),
            seconds=seconds,
            threads=threads,
            work=work,
            bound=roof,
            schedule=told.schedule,
            form=told.form,
            note=told.note,
            primitives=tuple(n.primitive.name for n in computed),
            lines=_lines(group),
            refused=_refused(group),
            advice=advise(facts) if launches else (),
        )

    def _told(self, group: Group, choice: str) -> Described:
        if group.kind == "native":
            return Described("routine", _launch_name(group), False, "")
        told: Described = self.maker.compiler.schedules.describe(
            pipeline.group_name(group), group, choice
        )
        return told


def _launch_name(group: Group) -> str:
    if group.kind == "native":
        lower: Any = group.anchors[0].primitive.lower
        return str(lower.name)
    return pipeline.group_name(group)


def _lines(group: Group) -> tuple[tuple[str, tuple[str, ...]], ...]:
    """The user's lines in the kernel with their primitives, in order."""
    found: dict[str, list[str]] = {}
    for node in group.nodes:
        if node.primitive.name not in MOVEMENT:
            place = node.source.short if node.source else "made by lowering"
            found.setdefault(place, []).append(node.primitive.name)
    return tuple((place, tuple(names)) for place, names in found.items())


def _refused(group: Group) -> tuple[str, ...]:
    found = []
    for refusal in group.refused:
        other = refusal.other
        place = f" ({other.source.short})" if other.source else ""
        found.append(f"{other.primitive.name}{place}: {refusal.reason}")
    return tuple(dict.fromkeys(found))
