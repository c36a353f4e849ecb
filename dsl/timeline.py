"""Python's side of the timeline: spans of staged calls and of the stages of compilation.

The native core records the rest (core/timeline.h). Off, a call site costs the look at `on`.
"""

from __future__ import annotations

import functools
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import IntEnum
from typing import Any, ParamSpec, TypeVar

from .. import _native

P = ParamSpec("P")
R = TypeVar("R")


class Category(IntEnum):
    """What an event tells of, as in core/timeline.h. Memory counts bytes, Cache is a moment; all
    others have a start and an end."""

    CALL = 0
    EAGER = 1
    PROGRAM = 2
    LAUNCH = 3
    KERNEL = 4
    COPY = 5
    COMPILE = 6
    CACHE = 7
    MEMORY = 8


on = False  # whether anybody records; changed by `start` and `stop` alone
_recorders = 0
_lock = threading.Lock()


def start() -> int:
    """Begin a recording, beside others; gives what `stop` wants."""
    global on, _recorders
    with _lock:
        since = _native.timeline_start()
        _recorders += 1
        on = True
    return since


def stop(since: int) -> dict[str, Any]:
    """End a recording; what it holds, as `_native.timeline_stop` says."""
    global on, _recorders
    with _lock:
        _recorders -= 1
        on = _recorders > 0
        return _native.timeline_stop(since)


def forget() -> None:
    """In a child after fork(): nobody records there."""
    global on, _recorders, _lock
    on, _recorders, _lock = False, 0, threading.Lock()


@contextmanager
def span(category: Category, name: str, detail: str = "") -> Iterator[None]:
    """Record the body, if anybody does."""
    if not on:
        yield
        return
    begin = time.perf_counter_ns()
    try:
        yield
    finally:
        _record(category, name, begin, time.perf_counter_ns(), detail)


def moment(name: str, detail: str = "") -> None:
    """Record that the cache was asked, and what came of it."""
    if on:
        now = time.perf_counter_ns()
        _record(Category.CACHE, name, now, now, detail)


def stage(name: str, detail: Callable[..., str]) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Decorates a stage of compilation: each call is a span. `detail` tells what is compiled, from
    the call's positional arguments."""

    def decorate(function: Callable[P, R]) -> Callable[P, R]:
        @functools.wraps(function)
        def timed(*args: P.args, **kwargs: P.kwargs) -> R:
            if not on:
                return function(*args, **kwargs)
            with span(Category.COMPILE, name, detail(*args)):
                return function(*args, **kwargs)

        return timed

    return decorate


def _record(category: Category, name: str, begin: int, end: int, detail: str) -> None:
    _native.timeline_record(category, _encodable(name), begin, end, _encodable(detail))


def _encodable(text: str) -> str:
    """A function may be given any name, also one that is no proper text."""
    return text if text.isascii() else text.encode(errors="replace").decode()
