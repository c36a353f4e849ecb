"""The worker processes of a tuner: some compile at the same time, one measures alone.

While it measures nothing else runs: candidates are compiled in batches between the measurements.
The measuring worker never loads the compiler, so a new one is there in an instant when a candidate
has crashed it.
"""

from __future__ import annotations

import queue
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ..lowering.entry import KernelEntry
from .process import Worker, WorkerLost
from .transfer import entry_from_plain, entry_to_plain
from .turns import Duel, Effort
from .wire import Message

START_SECONDS = 60.0  # to load the compiler, on a busy machine
COMPILE_SECONDS = 10.0
TRY_SECONDS = 20.0


class Failed(Exception):
    """A candidate is none; the message says why, in words that many candidates share."""


class Station:
    """A worker that is at work on one kernel: a new process is first told of it."""

    def __init__(self, worker: Worker) -> None:
        self.worker = worker
        self.opening: Message = {}
        self._opened = 0  # the start of the worker that knows of the kernel

    def open(self, opening: Message) -> Message:
        """Begin a kernel."""
        self.opening, self._opened = opening, 0
        return self._open()

    def ask(self, message: Message, seconds: float) -> Message:
        """The answer of a worker that knows of the kernel; raises WorkerLost."""
        if self._opened != self.worker.starts or self.worker.pid is None:
            self._open()
        return self.worker.ask(message, seconds)

    def _open(self) -> Message:
        answer = self.worker.ask(self.opening, START_SECONDS)
        self._opened = self.worker.starts
        return answer


class Crew:
    """The stations; use it in a `with`, at whose end all processes are gone."""

    def __init__(
        self, compilers: int, backend: str, make_worker: Callable[[], Worker] = Worker
    ) -> None:
        self.backend = backend
        self.bench = Station(make_worker())
        self.compilers = [Station(make_worker()) for _ in range(compilers)]
        self._threads = ThreadPoolExecutor(compilers, thread_name_prefix="tilewright-tune")
        # They load the compiler meanwhile; nothing is measured before they have.
        self._loading = [self._threads.submit(self._load, s.worker) for s in self.compilers]

    def __enter__(self) -> Crew:
        return self

    def __exit__(self, *error: object) -> None:
        workers = [station.worker for station in (self.bench, *self.compilers)]
        for worker in workers:
            worker.stop()
        self._threads.shutdown(cancel_futures=True)
        for worker in workers:
            worker.close()

    def _load(self, worker: Worker) -> None:
        worker.ask({"do": "load", "backend": self.backend}, START_SECONDS)

    def open(self, about: Mapping[str, Any], untuned: KernelEntry, seed: int) -> float:
        """Begin a kernel: what `about` says is told to all; the untuned kernel's seconds.

        Raises WorkerLost if even that one cannot be run.
        """
        while self._loading:
            self._loading.pop().result()
        opening = {"do": "open", "backend": self.backend, **about}
        for station in self.compilers:
            station.opening, station._opened = opening, 0
        measured = {**opening, "untuned": entry_to_plain(untuned), "seed": seed}
        seconds: float = self.bench.open(measured)["seconds"]
        return seconds

    def compile(self, choices: Sequence[str]) -> list[KernelEntry | Failed]:
        """Compile candidates at the same time; what cannot be compiled gives its reason."""
        idle: queue.SimpleQueue[Station] = queue.SimpleQueue()
        for station in self.compilers:
            idle.put(station)

        def one(choice: str) -> KernelEntry | Failed:
            station = idle.get()
            try:
                answer = station.ask({"do": "compile", "choice": choice}, COMPILE_SECONDS)
            except WorkerLost as lost:
                return Failed(f"compiling: {lost}")
            finally:
                idle.put(station)
            if "entry" in answer:
                return entry_from_plain(answer["entry"])
            return Failed(str(answer.get("refused") or f"compiling: {answer['failed']}"))

        return list(self._threads.map(one, choices))

    def measure(
        self, candidate: KernelEntry, effort: Effort, against: KernelEntry | None = None
    ) -> Duel:
        """Check a candidate and time it in turns with the untuned kernel, or another one.

        Raises Failed if it is wrong, crashes or does not end.
        """
        message = {"do": "try", "entry": entry_to_plain(candidate), "effort": vars(effort)}
        if against is not None:
            message["against"] = entry_to_plain(against)
        try:
            answer = self.bench.ask(message, TRY_SECONDS)
        except WorkerLost as lost:
            raise Failed(f"running: {lost}") from None
        if "wrong" in answer:
            raise Failed(f"wrong: {answer['wrong']}")
        return Duel(tuple(answer["incumbent"]), tuple(answer["candidate"]))

    def renew_bench(self, seed: int) -> None:
        """A fresh process, with other inputs, for measurements that must not depend on chance."""
        self.bench.worker.close()
        self.bench.opening = {**self.bench.opening, "seed": seed}
