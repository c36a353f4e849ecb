"""A worker process's loop: messages on stdin, answers on stdout."""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys
from collections.abc import Callable

from .wire import Message, frame, read_message

_PR_SET_PDEATHSIG = 1


def serve(answer_to: Callable[[Message], Message]) -> None:
    """Answer messages until there are no more, or the process that started us is gone."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What libraries print must not come between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    while (message := read_message(sys.stdin.buffer.read)) is not None:
        try:
            answer = answer_to(message)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(frame(answer))
        answers.flush()
