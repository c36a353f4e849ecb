"""`tw.tune`: find better knobs for the kernels of a function, and use them from now on."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib import metadata
from os import PathLike
from pathlib import Path
from typing import Any

from ..dsl import eager_programs
from ..dsl.config import config
from ..dsl.device import Device
from ..dsl.engine import engine
from ..dsl.errors import TuningError
from ..dsl.jit import Jitted, forget_programs, jit
from ..lowering import pipeline
from ..lowering.engine import Engine
from ..lowering.fusion import Group
from ..lowering.fusion_text import group_text
from ..lowering.knobs import Point, Refused, Space
from . import transfer
from .choices import CHOICES
from .crew import Crew
from .database import Database
from .place import default_path
from .process import WorkerLost
from .records import Record
from .report import KernelReport, Listener, Progress, TuningReport
from .session import KernelTuning, Limits, Winner

LEAST_SHARE = 0.02  # of the time of all kernels, from which one is worth it
LEAST_SECONDS = 2e-6  # a kernel that is shorter is mostly the call
_MOST_COMPILERS = 4


def tune(
    f: Callable[..., Any],
    *args: Any,
    seconds: float = 30.0,
    trials: int | None = None,
    seed: int = 0,
    database: str | PathLike[str] | None = None,
    progress: Listener | None = None,
) -> TuningReport:
    """Measure other knobs for the kernels of `f(*args)`, and keep those that are faster.

    `f` is a staged function, or is staged first; it is traced, as in a first call, and not
    run. The kernels share the `seconds` (and the `trials`, if given) by their part of the time.
    Candidates run in worker processes on random data of the same shapes; each is checked before
    its time counts, and a better one is kept only if two further measurements confirm it, so
    nothing gets slower. Results go to the database (`database` names another file; see
    `tilewright db`), and every program that is compiled from now on uses them, in any process
    with the same machine and number of threads; those of this process are renewed at once.

    `progress` is called with a `Progress` again and again. Returns a report, whose repr is a
    table. Raises TuningError if there is nothing to tune or the arguments make no sense.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: tw.softmax(x * 2))
    >>> report = tw.tune(f, tw.ones((50, 99)), seconds=120, trials=4)
    >>> report.trials
    4
    """
    if not callable(f):
        raise TuningError(f"tune: got {type(f).__name__}; it must be a function")
    if not seconds > 0 or (trials is not None and trials < 1):
        raise TuningError(f"tune: got seconds={seconds}, trials={trials}; both must be positive")
    staged = f if isinstance(f, Jitted) else jit(f)
    path = default_path() if database is None else Path(database)
    return _Tuning(staged, args, path, seed, progress).run(seconds, trials)


class _Job:
    """One kernel to tune, with the analytic code to compare with."""

    def __init__(self, made: Engine, group: Group, launches: int) -> None:
        key = pipeline.group_key(group)
        self.group, self.launches = group, launches
        self.structure = pipeline.structure_of(key)
        shape = ", ".join(str(v.aval) for v in group.outputs[:2])
        self.report = KernelReport(
            f"{pipeline.group_name(group).removeprefix('tw_')} {shape}", self.structure, 0.0
        )
        self.space: Space | None = None
        try:
            self.space = made.compiler.schedules.space(group)
        except Refused as reason:
            self.report.outcome = f"not tuned: {reason}"
        self.panel = dict(self.space.default).get("nr") if self.space else None

    @property
    def time(self) -> float:
        """Seconds that the kernel takes in one call of the function, so far as is known."""
        return self.launches * self.report.before if self.report.before > 0 else 0.0


class _Tuning:
    def __init__(
        self,
        staged: Jitted,
        args: tuple[Any, ...],
        path: Path,
        seed: int,
        listener: Listener | None,
    ) -> None:
        self.started = time.monotonic()
        self.staged, self.path, self.seed, self.listener = staged, path, seed, listener
        self.engine = _engine(staged.device(*args))
        self.environment = self.engine.environment
        self.stored = self._stored()
        self.args = args
        self.jobs: list[_Job] = []
        self.present: _Job | None = None  # which kernel the crew is at

    def run(self, seconds: float, trials: int | None) -> TuningReport:
        """Tune the kernels one after the other, those that take the longest first."""
        end = self.started + seconds
        compilers = max(1, min(_MOST_COMPILERS, _threads(self.environment)))
        with Crew(compilers, self.engine.backend.name) as crew:
            self.jobs = self._jobs()
            chosen = self._worth_it(crew, self._tunable())
            for i, job in enumerate(chosen):
                shares = [j.report.share for j in chosen[i:]]
                part = shares[0] / sum(shares)
                now = time.monotonic()
                left = None if trials is None else max(1, round(trials * part))
                limits = Limits(now + max(0.0, end - now) * part, left)
                self._tune(crew, job, i, limits, seconds)
                trials = None if trials is None else max(0, trials - job.report.trials)
                if trials == 0 or time.monotonic() >= end:
                    break
        return self._finish(seconds)

    # ------------------------------------------------------------------ before

    def _tunable(self) -> list[_Job]:
        found = [job for job in self.jobs if job.space is not None]
        if not found:
            reasons = "; ".join(j.report.outcome for j in self.jobs) or "it has no kernels"
            raise TuningError(f"tune: nothing of {self.staged} can be tuned: {reasons}")
        return found

    def _jobs(self) -> list[_Job]:
        counts: Counter[str] = Counter()
        groups: dict[str, Group] = {}
        for graph, read_only in self.staged.graphs(*self.args):
            for group in self.engine.groups(graph, read_only):
                key = pipeline.group_key(group)
                counts[key] += 1
                groups.setdefault(key, group)
        return [_Job(self.engine, group, counts[key]) for key, group in groups.items()]

    def _stored(self) -> list[Record]:
        """What is known already; a database that cannot be written to is told now, and what is
        found serves this process alone."""
        try:
            with Database(self.path) as opened:
                return opened.records()
        except TuningError as error:
            warnings.warn(f"tune: results are kept in this process only: {error}", stacklevel=5)
            return []

    def _worth_it(self, crew: Crew, jobs: Sequence[_Job]) -> list[_Job]:
        """Measure the untuned kernels; those that are worth tuning, the longest first."""
        for job in jobs:
            self._tell(job, "start", 1.0, 0.0)
            self._open(crew, job)
        total = sum(job.time for job in jobs)
        for job in jobs:
            report = job.report
            report.share = job.time / total if total else 0.0
            if not report.outcome and report.before < LEAST_SECONDS:
                report.outcome = f"not tuned: it takes {report.before * 1e6:.1f} us"
            if not report.outcome and report.share < LEAST_SHARE:
                report.outcome = f"not tuned: it takes {report.share:.1%} of the time"
        return sorted((j for j in jobs if not j.report.outcome), key=lambda j: -j.report.share)

    def _open(self, crew: Crew, job: _Job) -> None:
        """Get the crew ready for a kernel, and measure it as it is."""
        if self.present is job:
            return
        self.present = job
        about = {
            "group": transfer.group_to_plain(job.group),
            "threads": _threads(self.environment),
            "panel": job.panel,
        }
        try:
            job.report.before = crew.open(about, self.engine.kernel_entry(job.group), self.seed)
        except WorkerLost as lost:
            job.report.outcome = f"not tuned: {lost}"

    # ------------------------------------------------------------------ one kernel

    def _tune(self, crew: Crew, job: _Job, number: int, limits: Limits, seconds: float) -> None:
        assert job.space is not None
        self._open(crew, job)
        if job.report.outcome:
            return
        mine, known = self._known(job, job.space)
        job.report.default = dict(job.space.default)
        tuning = KernelTuning(
            job.space, crew, job.report, seed=self.seed, known=known, stored=mine,
            tell=lambda stage, best: self._tell(job, stage, best, seconds),
        )  # fmt: skip
        winner = tuning.run(limits)
        if winner is not None:
            self._keep(job, job.space, winner)

    def _known(self, job: _Job, space: Space) -> tuple[Point | None, list[Point]]:
        """The point that is stored for this kernel here, and all that are for it anywhere, as
        places to start from."""
        mine: Point | None = None
        found: list[Point] = []
        for record in self.stored:
            if record.structure == job.structure:
                try:
                    point = space.decode(record.choice)
                except Refused:
                    continue
                found.append(point)
                if record.environment == self.environment:
                    mine = point
        return mine, found

    def _keep(self, job: _Job, space: Space, winner: Winner) -> None:
        report, duel = job.report, winner.duel
        report.before, report.after = duel.seconds
        report.knobs = dict(winner.point)
        record = Record(
            structure=job.structure,
            environment=self.environment,
            choice=space.encode(winner.point),
            untuned=report.before,
            best=report.before * duel.ratio,
            spread=duel.spread,
            trials=report.trials,
            name=report.name[:200],
            kernel=group_text(job.group, {})[:20_000],
            measured=datetime.now(UTC).isoformat(timespec="seconds"),
            version=metadata.version("tilewright"),
        )
        report.after = record.best
        self._store(job, record)

    def _store(self, job: _Job, record: Record) -> None:
        """Put a record into the database; what that cannot take serves this process alone."""
        report = job.report
        try:
            with Database(self.path) as opened:
                report.is_stored = opened.put(record, beaten=self._beaten(job))
            report.outcome = (
                "stored" if report.is_stored else "another tuner has stored better ones"
            )
            is_elsewhere = report.is_stored and self.path != default_path()
        except TuningError as error:
            report.outcome, is_elsewhere = f"used in this process, not stored: {error}", True
            warnings.warn(f"tune: {report.outcome}", stacklevel=7)
        if is_elsewhere:
            CHOICES.remember(self.environment, job.structure, record.choice)

    def _beaten(self, job: _Job) -> str:
        """The stored knobs that the new ones have beaten in a duel, or that are of no use."""
        for record in self.stored:
            if (record.structure, record.environment) == (job.structure, self.environment):
                return record.choice
        return ""

    # ------------------------------------------------------------------ after

    def _finish(self, seconds: float) -> TuningReport:
        for job in self.jobs:
            if not job.report.outcome:
                job.report.outcome = "not tuned: there was no time left"
        self.engine.refresh()
        forget_programs()
        eager_programs.forget_programs()
        self._tell(self.jobs[-1], "done", 1.0, seconds)
        reports = [job.report for job in self.jobs]
        reports.sort(key=lambda r: -r.share)
        return TuningReport(
            reports, time.monotonic() - self.started, str(self.path), self.environment, self.staged
        )

    def _tell(self, job: _Job, stage: str, best: float, seconds: float) -> None:
        if self.listener is not None:
            self.listener(
                Progress(
                    stage=stage,
                    kernel=job.report.name,
                    number=self.jobs.index(job) + 1,
                    kernels=len(self.jobs),
                    trials=sum(j.report.trials for j in self.jobs),
                    best=best,
                    untuned=job.report.before,
                    elapsed=time.monotonic() - self.started,
                    seconds=seconds,
                )
            )


def _engine(of: Device | None = None) -> Engine:
    """The engine of a device (the current one)."""
    if config.current()["reproducible"]:
        raise TuningError("tune: got the reproducible mode; its kernels have no knobs")
    found = engine(of)
    if not isinstance(found, Engine):
        raise TuningError(f"tune: got an engine of type {type(found).__name__}; it cannot tune")
    return found


def present_environment() -> str:
    """The environment that records of this process are for."""
    return _engine().environment


def _threads(environment: str) -> int:
    """The number of threads that an environment says."""
    return int(environment.rsplit(" ", 1)[1].removesuffix("t"))
