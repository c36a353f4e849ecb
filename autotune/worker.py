"""A worker process: `python -m tilewright.autotune.worker`, messages on stdin and stdout.

Candidates are strangers' code: they may crash, hang or never end. So they run here, in a process
that its tuner can kill at any time; it ends by itself when the tuner is gone.
"""

from __future__ import annotations

import ctypes
import os
import resource
import signal
import sys

from .bench import Bench
from .wire import frame, read_message

_PR_SET_PDEATHSIG = 1


def main() -> None:
    """Answer messages until there are no more."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # What libraries print must not come between the messages.
    answers = os.fdopen(os.dup(sys.stdout.fileno()), "wb")
    os.dup2(sys.stderr.fileno(), sys.stdout.fileno())
    bench = Bench()
    while (message := read_message(sys.stdin.buffer.read)) is not None:
        try:
            answer = bench.answer(message)
        except Exception as error:
            answer = {"error": f"{type(error).__name__}: {error}"[:500]}
        answers.write(frame(answer))
        answers.flush()


if __name__ == "__main__":
    main()
