"""How deep the rewritten code that runs now is: in calls of itself, in branches, in `try`."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .. import trace as tracing
from ..errors import TraceError

MOST_RECURSION = 24  # calls of a function inside of itself, each in a branch of the one before


class _Depth(threading.local):
    def __init__(self) -> None:
        self.calls: list[tuple[Any, int]] = []  # functions, with the branches around the call
        self.branches: list[str] = []  # the places of branches that are being traced
        self.attempts: list[str] = []  # the places of `try` statements with handlers


_depth = _Depth()


class Uncaught(BaseException):
    """Carries a TraceError past the handlers of a user's `try`, which are not meant for it."""

    def __init__(self, error: TraceError) -> None:
        super().__init__(str(error))
        self.error = error


def enter_call(key: Any, name: str) -> None:
    """Note a call; raises TraceError for a recursion that only values would end."""
    depths = {branches for of, branches in _depth.calls if of == key}
    if len(depths) >= MOST_RECURSION:
        raise TraceError(
            f"script: {name} calls itself again and again under the `if` at "
            f"{_depth.branches[-1]}, whose test is known only when the program runs; a program has "
            "no recursion: write a loop"
        )
    _depth.calls.append((key, len(_depth.branches)))


def leave_call() -> bool:
    """Note that a call ends; whether it was the outermost."""
    _depth.calls.pop()
    return not _depth.calls


@contextmanager
def branch(where: str) -> Iterator[None]:
    """While a branch that values decide on is traced."""
    _depth.branches.append(where)
    try:
        yield
    finally:
        _depth.branches.pop()


def refuse_attempts(kind: str, where: str) -> None:
    """Raise TraceError for staging inside of a `try`."""
    if _depth.attempts:
        raise TraceError(
            f"script: {where}: this `{kind}` depends on values that are known only when the "
            f"program runs, and stands inside of the `try` at {_depth.attempts[-1]}; exceptions "
            "are caught when the program is made, not when it runs: move it out of the `try`"
        )


def raised(error: Any) -> Any:
    """What a `raise` statement raises: in a branch that values decide on, the refusal of it."""
    if tracing.current() is None or not _depth.branches:
        return error
    refusal = TraceError(
        f"script: `raise {error!r}` at {tracing.user_source()} under the `if` or `while` at "
        f"{_depth.branches[-1]}, whose test is known only when the program runs; a program cannot "
        "raise: use `assert condition, message`"
    )
    if isinstance(error, BaseException):
        refusal.__cause__ = error
    return refusal


class Attempt:
    """A `try` with handlers: nothing inside of it is staged, and it catches no TraceError."""

    def __init__(self, where: str) -> None:
        self.where = where

    def __enter__(self) -> None:
        trace = tracing.current()
        if trace is not None and trace.parent is not None:
            around = f" (at {_depth.branches[-1]})" if _depth.branches else ""
            raise Uncaught(
                TraceError(
                    f"script: {self.where}: `try` inside of an `if` or a loop that depends on "
                    f"values{around}; exceptions are caught when the program is made, not when it "
                    "runs"
                )
            )
        if trace is not None:
            _depth.attempts.append(self.where)

    def __exit__(self, kind: Any, error: Any, traceback: Any) -> None:
        if _depth.attempts and _depth.attempts[-1] == self.where:
            _depth.attempts.pop()
        if isinstance(error, TraceError) and tracing.current() is not None:
            raise Uncaught(error) from error
