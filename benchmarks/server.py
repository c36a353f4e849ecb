"""A peer's process: makes its part of a contest or a case, runs turns, hands over results.

The parent sends a line of JSON and reads one (`Desk.serve`). For contests the process holds the
peer's library alone: this package is found as `benchmarks`, without tilewright around it. For cases
it holds whatever the script imports, and runs what belongs to the peer.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import sys
import time
import traceback
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from . import evidence, machine
from .contest import Contest
from .harness import OURS, Case, Options
from .libraries import LIBRARIES, Library, Run, Torch

_TURN = 10e-3  # seconds of calls in one turn; at least one call
_MOST_CALLS = 5000
_SLOW = 0.5  # seconds of a call that is not tried again before the turns
_SEED = 0


class Desk:
    """What a peer is asked to do."""

    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
        self.run: Run = _nothing
        self.clock = time.process_time if threads == 1 else time.perf_counter
        self._rows = Rows(threads)
        self._library: Library | None = None

    @property
    def library(self) -> Library:
        """The peer's library, imported for its first contest."""
        if self._library is None:
            self._library = LIBRARIES[self.peer](self.threads)
        return self._library

    def make(self, script: str, case: str, model: str, result: str) -> dict[str, Any]:
        """Make the run of a contest, call it for the first time, write its result."""
        contest = self._rows.contest(script, case)
        hosts, library = inputs_of(contest), self.library
        start = time.perf_counter()
        self.run = library.make(contest, self.peer, hosts, Path(model) if model else None)
        first = self.run()
        seconds = time.perf_counter() - start
        self._write(first, Path(result))
        return {"first": seconds, "calls": self._calls(seconds)}

    def take(self, script: str, case: str) -> dict[str, Any]:
        """Make the run of a case; our process checks everyone's results."""
        found = self._rows.case(script, case)
        if self.peer == OURS:
            found.check()
        self.run = found.runs[self.peer]
        start = time.perf_counter()
        self.run()
        seconds = time.perf_counter() - start
        return {"first": seconds, "calls": self._calls(seconds)}

    def _calls(self, first: float) -> int:
        """How many calls fill a turn, from the seconds of the first."""
        once = first if first < _SLOW else self._timed(1)
        if once < _SLOW:
            once = min(self._timed(1) for _ in range(3))
        return max(1, min(_MOST_CALLS, round(_TURN / once)))

    def turn(self, calls: int) -> dict[str, Any]:
        """Seconds a call, after one that wakes the peer's threads and fills the caches; and the
        processors that it kept busy."""
        self.run()
        gc.disable()
        try:
            wall, spent = time.perf_counter(), time.process_time()
            seconds = self._timed(calls)
            busy = (time.process_time() - spent) / max(time.perf_counter() - wall, 1e-9)
        finally:
            gc.enable()
        return {"seconds": seconds, "processors": busy}

    def drop(self) -> dict[str, Any]:
        """Forget the run and its arrays."""
        self.run = _nothing
        self._rows.forget()
        gc.collect()
        return {}

    def reference(self, script: str, case: str, result: str) -> dict[str, Any]:
        """The result with all floats in double precision, eager."""
        contest = self._rows.contest(script, case)
        hosts = [wide(x) for x in inputs_of(contest)]
        run = self.library.make(_in_double(contest), self.peer, hosts, None)
        self._write(run(), Path(result))
        return {}

    def export(self, script: str, case: str, model: str) -> dict[str, Any]:
        """The function as an ONNX file; PyTorch's alone can do it."""
        contest = self._rows.contest(script, case)
        library = self.library
        if not isinstance(library, Torch):
            raise TypeError(f"export: {self.peer} writes no ONNX files")
        library.export(contest, inputs_of(contest), Path(model))
        return {}

    def facts(self) -> dict[str, Any]:
        """The versions and the kernels that the library runs here."""
        return {"facts": evidence.of(self.peer, self.library.lib)}

    def serve(self, commands: IO[str], answers: IO[str]) -> None:
        """Answer until the other side closes."""
        for line in commands:
            asked = json.loads(line)
            try:
                answer = getattr(self, asked.pop("do"))(**asked)
            except Exception as error:  # whatever a peer raises is the answer
                traceback.print_exc()
                text = " ".join(f"{type(error).__name__}: {error}".split())
                answer = {"error": text[:400]}
            answers.write(json.dumps(answer) + "\n")
            answers.flush()

    def _timed(self, calls: int) -> float:
        run, start = self.run, self.clock()
        for _ in range(calls):
            run()
        return max((self.clock() - start) / calls, 1e-9)

    def _write(self, result: Any, path: Path) -> None:
        parts = result if isinstance(result, tuple | list) else (result,)
        np.savez(path, *(self.library.host(part) for part in parts))


def _nothing() -> None:
    """The run of a peer that has made none."""


class Rows:
    """The contests and cases of scripts by name. They are asked for in the order of the script, so
    one walk serves all; a name that is behind starts it again."""

    def __init__(self, threads: int) -> None:
        self._threads = threads
        self._script = ""
        self._walk: Iterator[Any] = iter(())
        self._here: Any = None

    def contest(self, script: str, name: str) -> Contest:
        """ValueError if the script has none of this name."""
        return self._find(script, name, Contest)  # type: ignore[no-any-return]

    def case(self, script: str, name: str) -> Case:
        """ValueError if the script has none of this name."""
        return self._find(script, name, Case)  # type: ignore[no-any-return]

    def forget(self) -> None:
        """Let go of the row at hand, whose arrays may be large."""
        self._here = None

    def _find(self, script: str, name: str, kind: type[Contest] | type[Case]) -> Any:
        if self._script == script and isinstance(self._here, kind) and self._here.name == name:
            return self._here
        for is_new in (False, True) if self._script == script else (True,):
            if is_new:
                self._script, self._walk = script, self._cases(script)
            for found in self._walk:
                if isinstance(found, kind) and found.name == name:
                    self._here = found
                    return found
        raise ValueError(f"{script} has no {kind.__name__.lower()} named {name!r}")

    def _cases(self, script: str) -> Iterator[Any]:
        module = importlib.import_module(f".{script}", __package__)
        # Only scripts of cases ask for PyTorch.
        torch = machine.torch_module(self._threads) if has_cases(module) else None
        return iter(module.cases(Options(rounds=1, threads=self._threads, torch=torch)))


def has_cases(module: Any) -> bool:
    """Whether a script knows `Case`, the kind whose runs live in one process."""
    return any(value is Case for value in vars(module).values())


def inputs_of(contest: Contest) -> list[Any]:
    """The same arrays in every process, contiguous."""
    return [np.ascontiguousarray(x) for x in contest.inputs(np.random.default_rng(_SEED))]


def wide(host: Any) -> Any:
    """Floats in double precision, others as they are.

    >>> wide(np.ones(1, np.float32)).dtype, wide(np.ones(1, np.int8)).dtype
    (dtype('float64'), dtype('int8'))
    """
    is_float = host.dtype.kind == "f" or host.dtype.name == "bfloat16"
    return host.astype(np.float64) if is_float else host


def _in_double(contest: Contest) -> Contest:
    return replace(contest, dtype="float64")


def serve(words: Sequence[str]) -> None:
    """The process's main function: the peer's name and the number of threads. What libraries
    print goes to the standard error."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)
    with contextlib.suppress(KeyboardInterrupt):
        Desk(words[0], int(words[1])).serve(sys.stdin, answers)
