"""A peer's process: makes its part of a contest, runs turns, hands over results.

The parent sends a line of JSON and reads one (`Desk.serve`). The process holds the peer's library
alone: this package is found as `benchmarks`, without tilewright around it.
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
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np

from . import evidence
from .contest import Contest
from .harness import Options
from .libraries import LIBRARIES, Run

_TURN = 10e-3  # seconds of calls in one turn; at least one call
_MOST_CALLS = 5000
_SLOW = 0.5  # seconds of a call that is not tried again before the turns
_SEED = 0


class Desk:
    """What a peer is asked to do."""

    def __init__(self, peer: str, threads: int) -> None:
        self.peer, self.threads = peer, threads
        self.library = LIBRARIES[peer](threads)
        self.run: Run = _nothing
        self.clock = time.process_time if threads == 1 else time.perf_counter

    def make(self, script: str, case: str, model: str, result: str) -> dict[str, Any]:
        """Make the run, call it for the first time, write its result."""
        contest = find_contest(script, case, self.threads)
        hosts = inputs_of(contest)
        start = time.perf_counter()
        self.run = self.library.make(contest, self.peer, hosts, Path(model) if model else None)
        first = self.run()
        seconds = time.perf_counter() - start
        self._write(first, Path(result))
        once = seconds if seconds < _SLOW else self._timed(1)
        if once < _SLOW:
            once = min(self._timed(1) for _ in range(3))
        return {"first": seconds, "calls": max(1, min(_MOST_CALLS, round(_TURN / once)))}

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
        gc.collect()
        return {}

    def reference(self, script: str, case: str, result: str) -> dict[str, Any]:
        """The result with all floats in double precision, eager."""
        contest = find_contest(script, case, self.threads)
        hosts = [wide(x) for x in inputs_of(contest)]
        run = self.library.make(_in_double(contest), self.peer, hosts, None)
        self._write(run(), Path(result))
        return {}

    def export(self, script: str, case: str, model: str) -> dict[str, Any]:
        """The function as an ONNX file; PyTorch's alone can do it."""
        contest = find_contest(script, case, self.threads)
        export = getattr(self.library, "export")  # noqa: B009: of one library
        export(contest, inputs_of(contest), Path(model))
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


def find_contest(script: str, case: str, threads: int) -> Contest:
    """The contest of this name; ValueError if the script has none."""
    module = importlib.import_module(f".{script}", __package__)
    for found in module.cases(Options(rounds=1, threads=threads, torch=None)):
        if isinstance(found, Contest) and found.name == case:
            return found
    raise ValueError(f"{script} has no contest named {case!r}")


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
