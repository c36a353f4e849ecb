"""Contests: the results of all peers are compared, then they take turns, one process at a time.

Everyone but the peer whose turn it is is stopped (SIGSTOP), so threads that spin after their work
take no core from whoever comes next, and no pause is needed.
"""

from __future__ import annotations

import importlib.util
import tempfile
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from . import machine
from .contest import COMPILED, OPENVINO, ORT, PEERS, TORCH, Contest, Made, OnnxText
from .harness import OURS, Case, Options, Result
from .libraries import LIBRARIES
from .peer_process import PeerError, PeerProcess


class Referee:
    """The processes of a script, and the contests between them. A context: at its end they end."""

    def __init__(self, options: Options) -> None:
        self.options = options
        kept = [p for p in PEERS if options.torch or p not in (TORCH, COMPILED)]
        self.available = [p for p in (OURS, *kept) if _is_wanted(p, options.peers)]
        self._processes: dict[str, PeerProcess] = {}
        self._folder = tempfile.TemporaryDirectory(prefix="tilewright-bench-")

    def __enter__(self) -> Referee:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        at: TracebackType | None,
    ) -> None:
        for process in self._processes.values():
            process.end()
        self._folder.cleanup()

    def facts(self) -> dict[str, str]:
        """What each peer that has run says of its kernels."""
        told = {}
        for peer, process in self._processes.items():
            if peer not in LIBRARIES:
                continue
            try:
                told[peer] = str(process.ask("facts")["facts"])
            except PeerError as error:
                told[peer] = f"unknown: {error}"
        return told

    def measure(self, script: str, row: Contest | Case) -> Result:
        """Check everyone's result, then time those whose result is right."""
        return self._contest(script, row) if isinstance(row, Contest) else self._case(script, row)

    def _case(self, script: str, case: Case) -> Result:
        """A case of a script that imports what it measures: each of its runs in a process."""
        notes: dict[str, str] = {}
        names = list(case.runs)
        try:
            ready = {}
            for peer in (OURS, *(n for n in names if n != OURS)):
                try:
                    ready[peer] = self._peer(peer).ask("take", script=script, case=case.name)
                except PeerError as error:
                    notes[peer] = str(error)
            return self._timed(case, {n: ready[n] for n in names if n in ready}, notes)
        finally:
            self._drop(names)

    def _contest(self, script: str, contest: Contest) -> Result:
        case = Case(
            contest.name, {}, contest.goal, _checked, contest.flops,
            bytes=contest.bytes, dtype=contest.dtype,
        )  # fmt: skip
        names = [p for p in contest.peers() if p in self.available]
        notes: dict[str, str] = {}
        try:
            return self._timed(case, self._prepare(script, contest, names, notes), notes)
        finally:
            self._drop(names)

    def _timed(self, case: Case, ready: dict[str, dict[str, Any]], notes: dict[str, str]) -> Result:
        """The turns of those who are ready; none if we are not."""
        if OURS not in ready:
            return Result(case, {}, error=notes.get(OURS, "not made"), notes=notes)
        turns, others, processors = self._quietest({p: n["calls"] for p, n in ready.items()})
        first = {p: float(n["first"]) for p, n in ready.items()}
        return Result(case, turns, others, notes=notes, first=first, processors=processors)

    def _prepare(
        self, script: str, contest: Contest, names: Sequence[str], notes: dict[str, str]
    ) -> dict[str, dict[str, Any]]:
        """Everyone's answer to `make`; `notes` gets why somebody takes no part."""
        where = {"script": script, "case": contest.name}
        try:
            expected = self._reference(where, contest)
        except PeerError as error:
            notes[OURS] = f"no reference: {error}"
            return {}
        ready = {}
        for peer in names:
            result = self._path("result.npz")
            try:
                model = self._model(where, contest, peer)
                answer = self._peer(peer).ask("make", **where, model=model, result=str(result))
                if off := difference(read(result), expected, contest.tolerance):
                    raise PeerError(f"wrong result: {off}")
                ready[peer] = answer
            except PeerError as error:
                notes[peer] = str(error)
        return ready

    def _reference(self, where: dict[str, str], contest: Contest) -> list[Any]:
        if contest.referee not in self.available:
            raise PeerError(f"{contest.referee or 'nobody'} is here to compute one")
        path = self._path("reference.npz")
        self._peer(contest.referee).ask("reference", **where, result=str(path))
        return read(path)

    def _model(self, where: dict[str, str], contest: Contest, peer: str) -> str:
        """PyTorch's function as an ONNX file for who runs such; made once a contest."""
        if peer not in (ORT, OPENVINO) or isinstance(contest.function(peer), Made | OnnxText):
            return ""
        path = self._path(f"model-{abs(hash(tuple(where.values())))}.onnx")
        if not path.exists():
            if TORCH not in self.available:
                raise PeerError(f"{TORCH}, which exports the graph, is not installed")
            self._peer(TORCH).ask("export", **where, model=str(path))
        return str(path)

    def _quietest(
        self, calls: dict[str, int]
    ) -> tuple[dict[str, list[float]], float | None, dict[str, float]]:
        found = []
        for _ in range(self.options.patience):
            pids = [p.pid for p in self._processes.values() if p.is_alive]
            before = machine.usage(pids)
            turns, processors = self._rounds(calls)
            found.append((turns, machine.others_share(before, machine.usage(pids)), processors))
            if (found[-1][1] or 0) <= machine.QUIET:
                break
        return min(found, key=lambda each: each[1] or 0)

    def _rounds(self, calls: dict[str, int]) -> tuple[dict[str, list[float]], dict[str, float]]:
        """The turns, in an order that moves on by one each round."""
        names = list(calls)
        turns: dict[str, list[float]] = {name: [] for name in names}
        processors: dict[str, float] = {}
        for number in range(self.options.rounds):
            at = number % len(names)
            for name in names[at:] + names[:at]:
                answer = self._peer(name).ask("turn", calls=calls[name])
                turns[name].append(float(answer["seconds"]))
                processors[name] = float(answer["processors"])
        return turns, processors

    def _peer(self, peer: str) -> PeerProcess:
        """The process of a peer, started at first use and again if it has ended."""
        found = self._processes.get(peer)
        if found is None or not found.is_alive:
            log = self._path(f"{peer.replace(' ', '-')}.log")
            found = self._processes[peer] = PeerProcess(peer, self.options.threads, log)
        return found

    def _drop(self, names: Sequence[str]) -> None:
        for peer in names:
            process = self._processes.get(peer)
            if process is not None and process.is_alive:
                process.ask("drop")
        for model in Path(self._folder.name).glob("model-*"):
            model.unlink()

    def _path(self, name: str) -> Path:
        return Path(self._folder.name) / name


def _checked() -> None:
    """The check of a case whose results were compared already."""


def is_installed(peer: str) -> bool:
    """Whether a peer's library can be imported here."""
    return importlib.util.find_spec(LIBRARIES[peer].module) is not None


def _is_wanted(peer: str, chosen: Sequence[str]) -> bool:
    return is_installed(peer) and (peer == OURS or not chosen or peer in chosen)


def read(path: Path) -> list[Any]:
    """The arrays of a result's file."""
    with np.load(path, allow_pickle=False) as file:
        return [file[name] for name in file.files]


def difference(found: Sequence[Any], expected: Sequence[Any], tolerance: float) -> str:
    """In words how results differ by more than a part of the reference's largest magnitude; ''
    if they do not.

    >>> difference([np.ones(2)], [np.ones(2)], 1e-6)
    ''
    >>> difference([np.ones(2)], [np.ones(3)], 1e-6)
    'shape (2,) instead of (3,)'
    >>> difference([np.array([1.0, 2.0])], [np.array([1.0, 4.0])], 1e-6)
    'off by 0.5 of the largest magnitude, allowed 1e-06'
    """
    if len(found) != len(expected):
        return f"{len(found)} results instead of {len(expected)}"
    for one, other in zip(found, expected, strict=True):
        if one.shape != other.shape:
            return f"shape {one.shape} instead of {other.shape}"
        if not other.size:
            continue
        a, b = one.astype(np.float64), other.astype(np.float64)
        is_same = (a == b) | (np.isnan(a) & np.isnan(b))
        with np.errstate(invalid="ignore"):
            gaps = np.where(is_same, 0.0, np.abs(a - b))
        scale = float(np.max(np.abs(b), initial=0.0, where=np.isfinite(b)))
        worst = float(np.max(gaps)) / (scale or 1.0)
        if not worst <= tolerance:
            return f"off by {worst:.2g} of the largest magnitude, allowed {tolerance:g}"
    return ""
