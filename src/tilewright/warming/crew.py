"""The parent's side: worker processes compile kernels at the same time, each one by one."""

from __future__ import annotations

import queue
import sys
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..autotune.crew import Station
from ..autotune.process import Worker, WorkerLost
from ..dsl.errors import CompileError
from .goal import Goal

COMPILE_SECONDS = 300.0  # of one kernel, on a busy machine
_COMMAND = (sys.executable, "-P", "-m", f"{__package__}.worker")
_TRIES = 2  # for a kernel at which a worker was lost; it may have been killed by chance


@dataclass(frozen=True)
class Task:
    """A kernel by its number among the common ones, and the goal it is compiled for."""

    goal: Goal
    number: int
    title: str


@dataclass(frozen=True)
class Outcome:
    """What became of a task; `why` is empty if it was compiled."""

    task: Task
    why: str = ""


class _Stopped(Exception):
    """The cache's folder cannot be written to, or the compiler cannot be loaded."""


def make_worker() -> Worker:
    """A worker of the warm-up."""
    return Worker(_COMMAND)


def compile_all(
    tasks: Sequence[Task],
    jobs: int,
    take: Callable[[Outcome], None],
    start: Callable[[], Worker] = make_worker,
) -> None:
    """Compile in `jobs` processes, and call `take` with each outcome, on this thread.

    What is compiled is in the cache at once, so an interrupt (Ctrl-C) loses nothing but what is at
    work. Raises CompileError if it makes no sense to go on.
    """
    waiting: queue.SimpleQueue[Task] = queue.SimpleQueue()
    for task in tasks:
        waiting.put(task)
    done: queue.SimpleQueue[Outcome | _Stopped | None] = queue.SimpleQueue()
    stations = [Station(start()) for _ in range(min(jobs, len(tasks)))]
    over = threading.Event()
    with ThreadPoolExecutor(max(1, len(stations)), thread_name_prefix="tilewright-warmup") as pool:
        try:
            for station in stations:
                pool.submit(_bake, station, waiting, done, over)
            running = len(stations)
            while running:
                found = done.get()
                if isinstance(found, _Stopped):
                    raise CompileError(f"warmup: {found}; what was compiled stays")
                if found is None:
                    running -= 1
                else:
                    take(found)
        finally:
            over.set()
            for station in stations:
                station.worker.stop()
            pool.shutdown(cancel_futures=True)
            for station in stations:
                station.worker.close()


def _bake(
    station: Station,
    waiting: queue.SimpleQueue[Task],
    done: queue.SimpleQueue[Outcome | _Stopped | None],
    over: threading.Event,
) -> None:
    """One worker's share: what it gets done while others do theirs."""
    goal: Goal | None = None
    try:
        while not over.is_set():
            try:
                task = waiting.get_nowait()
            except queue.Empty:
                break
            if task.goal != goal:
                station.open({"do": "open", "goal": task.goal.to_plain()})
                goal = task.goal
            done.put(Outcome(task, _compiled(station, task)))
    except (_Stopped, WorkerLost) as error:
        done.put(_Stopped(str(error)))
    except BaseException as error:
        done.put(_Stopped(f"{type(error).__name__}: {error}"))
        raise
    finally:
        done.put(None)


def _compiled(station: Station, task: Task) -> str:
    """Why a kernel could not be compiled; empty if it was."""
    message = {"do": "compile", "number": task.number, "title": task.title}
    why = ""
    for _ in range(_TRIES):
        try:
            answer = station.ask(message, COMPILE_SECONDS)
        except WorkerLost as lost:
            why = str(lost)
            continue
        if answer.get("problem"):
            raise _Stopped(f"got {answer['problem']} for the cache's folder")
        return str(answer.get("failed", ""))
    return why
