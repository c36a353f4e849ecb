"""The tuner's side of a worker process: start it, ask it, and end it when it does not answer."""

from __future__ import annotations

import os
import select
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Sequence

from .wire import Message, frame, read_message

_COMMAND = (sys.executable, "-P", "-m", f"{__package__}.worker")
_CHUNK = 1 << 16


class WorkerLost(Exception):
    """The worker crashed, was killed, failed, or did not answer in time; the message says which."""


class Worker:
    """One worker process, started when it is first asked, and again after it was lost."""

    def __init__(self, command: Sequence[str] = _COMMAND) -> None:
        self.command = tuple(command)
        self.starts = 0
        self._process: subprocess.Popen[bytes] | None = None
        self._lock = threading.Lock()
        self._is_stopped = False

    @property
    def pid(self) -> int | None:
        """The process, if there is one."""
        return None if self._process is None else self._process.pid

    def start(self) -> None:
        """Start the process, if there is none; raises WorkerLost after `stop`."""
        with self._lock:
            if self._is_stopped:
                raise WorkerLost("the worker was stopped")
            if self._process is None:
                self.starts += 1
                self._process = self._made()

    def _made(self) -> subprocess.Popen[bytes]:
        # A session of its own: Ctrl-C in a terminal is for the tuner, which then ends it.
        return subprocess.Popen(
            self.command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
            bufsize=0,
        )

    def ask(self, message: Message, seconds: float) -> Message:
        """The answer to a message; raises WorkerLost if none comes within the time."""
        self.start()
        deadline = time.monotonic() + seconds
        try:
            self._send(frame(message), deadline)
            answer = read_message(lambda n: self._receive(n, deadline))
        except TimeoutError:
            self.close()
            raise WorkerLost(f"no answer within {seconds:g} s; the worker was ended") from None
        except BrokenPipeError:
            raise WorkerLost(self._last_words()) from None
        except (OSError, ValueError) as error:
            self.close()
            raise WorkerLost(f"the worker broke off: {error}") from None
        if answer is None:
            raise WorkerLost(self._last_words())
        if "error" in answer:
            raise WorkerLost(f"the worker failed: {answer['error']}")
        return answer

    def stop(self) -> None:
        """End the process for good, also while another thread waits for its answer."""
        with self._lock:
            self._is_stopped = True
            if self._process is not None:
                self._process.kill()

    def close(self) -> None:
        """End the process, if there is one."""
        process, self._process = self._process, None
        if process is None:
            return
        process.kill()
        process.wait()
        for pipe in (process.stdin, process.stdout):
            if pipe is not None:
                pipe.close()

    # ------------------------------------------------------------------ pipes

    def _send(self, raw: bytes, deadline: float) -> None:
        assert self._process is not None and self._process.stdin is not None
        handle = self._process.stdin.fileno()
        os.set_blocking(handle, False)
        rest = memoryview(raw)
        while rest:
            self._wait([], [handle], deadline)
            rest = rest[os.write(handle, rest[:_CHUNK]) :]

    def _receive(self, size: int, deadline: float) -> bytes:
        assert self._process is not None and self._process.stdout is not None
        handle, parts, left = self._process.stdout.fileno(), [], size
        while left:
            self._wait([handle], [], deadline)
            part = os.read(handle, min(left, _CHUNK))
            if not part:
                break
            parts.append(part)
            left -= len(part)
        return b"".join(parts)

    @staticmethod
    def _wait(readable: list[int], writable: list[int], deadline: float) -> None:
        left = deadline - time.monotonic()
        if left <= 0 or not any(select.select(readable, writable, [], left)):
            raise TimeoutError

    def _last_words(self) -> str:
        """How the process ended."""
        assert self._process is not None
        try:
            code = self._process.wait(timeout=5)
        except subprocess.TimeoutExpired:
            code = 0
        self.close()
        if code < 0:
            return f"the worker was ended by {signal.Signals(-code).name}"
        return f"the worker ended with exit code {code}"
