"""`tw.profile`: a recording from the start of a with-block to its end."""

from __future__ import annotations

import atexit
import os
import threading
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from .. import memory_stats
from ..dsl import timeline
from ..dsl.atomic import check_place
from ..dsl.errors import ArgumentError
from .recording import Recording
from .summary import summary_text
from .trace_file import write_trace

_VARIABLE = "TILEWRIGHT_PROFILE"
_OWNER = "TILEWRIGHT_PROFILE_PROCESS"  # whose programs' children leave the file alone

os.register_at_fork(after_in_child=timeline.forget)


class Profile:
    """Record what happens inside a with-block, in all threads: `with tw.profile() as p: ...`.

    Recorded are calls of staged functions, eager operations, stages of compilation, launches,
    kernels on each thread or device queue, copies, and the bytes of arrays in use. `print(p)` shows
    a table of it. With a path, a trace is written there when the block ends, also by an exception:
    a JSON file for ui.perfetto.dev or chrome://tracing, in whole or not at all.

    Recordings may lie inside and beside one another; each holds what began in its own time. About a
    million events are kept, what comes after is counted (`dropped`). After a fork() only the parent
    goes on recording.

    Raises ArgumentError for a path that cannot be written, for a second entry, and for a look at
    the results before the end.

    >>> import tilewright as tw
    >>> with tw.profile() as p:
    ...     x = tw.ones(1000) + 1
    >>> [call.name for call in p.events if call.category == "eager"]
    ['add']
    """

    def __init__(self, path: str | os.PathLike[str] | None = None) -> None:
        self.path = None if path is None else Path(path)
        if self.path is not None:
            check_place("profile", self.path)
        self._since: int | None = None
        self._process = self._in_use = 0
        self._recording: Recording | None = None

    def __enter__(self) -> Self:
        if self._since is not None:
            raise ArgumentError("profile: got a second entry; each profile records one time")
        self._process = os.getpid()
        self._in_use = memory_stats()["in_use"]
        self._since = timeline.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        if os.getpid() != self._process or self._since is None:
            return  # a child after fork(): what was recorded is the parent's
        found = timeline.stop(self._since)
        now = time.perf_counter_ns()
        self._recording = Recording(self._since, now, self._in_use, found, _thread_names())
        if self.path is not None:
            write_trace(self.path, self._recording)

    @property
    def events(self) -> Recording:
        """What was recorded, once the block has ended."""
        if self._recording is None:
            state = "not begun" if self._since is None else "not ended"
            raise ArgumentError(f"profile: the recording has {state}; look at it after the block")
        return self._recording

    @property
    def dropped(self) -> int:
        """How many events there was no room for."""
        return self.events.dropped

    def __str__(self) -> str:
        if self._recording is None:
            return repr(self)
        return summary_text(self._recording)

    def __repr__(self) -> str:
        if self._recording is not None:
            return f"<tw.profile of {len(self._recording)} events>"
        return f"<tw.profile, {'ready' if self._since is None else 'recording'}>"


def _thread_names() -> dict[int, str]:
    """By the system's thread number; threads that the native core has not met by name."""
    return {t.native_id: t.name for t in threading.enumerate() if t.native_id is not None}


def profile_process() -> None:
    """Record this process to the file that TILEWRIGHT_PROFILE names. Programs that it starts do
    not write there, unless this one becomes such a program by exec."""
    path = os.environ.get(_VARIABLE)
    owner = os.environ.get(_OWNER)
    if not path or owner not in (None, str(os.getpid())):
        return
    check_place(_VARIABLE, Path(path))
    os.environ[_OWNER] = str(os.getpid())
    whole = Profile(path)
    whole.__enter__()
    atexit.register(whole.__exit__, None, None, None)
