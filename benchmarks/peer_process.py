"""The parent's end of a peer's process: started once, asked by lines, stopped between turns."""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

_FOLDER = Path(__file__).resolve().parent
# The package of the benchmarks alone: as a part of tilewright it would load that, and with the
# folder's parent on the path an installed package would hide others. The first lines let the
# system end the process with its parent, even while it is stopped.
_BOOT = """
import ctypes, signal, sys, types
try:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)
except (AttributeError, OSError):
    pass
package = types.ModuleType("benchmarks")
package.__path__ = [sys.argv[1]]
sys.modules["benchmarks"] = package
from benchmarks.server import serve
serve(sys.argv[2:])
"""
_LIMIT = 900.0  # seconds for any one request


class PeerError(Exception):
    """A peer could not do what it was asked, in its own words."""


class PeerProcess:
    """A peer that answers; its standard error goes to a file of its own."""

    def __init__(
        self, peer: str, threads: int, log: Path, variables: Mapping[str, str] | None = None
    ) -> None:
        """`variables` are added to the environment."""
        self.peer, self.log = peer, log
        command = [sys.executable, "-P", "-c", _BOOT, str(_FOLDER), peer, str(threads)]
        with log.open("ab") as errors:
            self.process = subprocess.Popen(
                command,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=errors,
                env={**os.environ, **(variables or {})},
            )
        self._pending = b""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def is_alive(self) -> bool:
        return self.process.poll() is None

    def ask(self, do: str, **words: Any) -> dict[str, Any]:
        """The answer; the process runs only meanwhile, so its spinning threads disturb nobody."""
        self._signal(signal.SIGCONT)
        try:
            assert self.process.stdin is not None
            self.process.stdin.write(json.dumps({"do": do, **words}).encode() + b"\n")
            self.process.stdin.flush()
            answer = json.loads(self._line())
        except BrokenPipeError:
            raise PeerError(f"its process has ended: {self._last_words()}") from None
        finally:
            self._signal(signal.SIGSTOP)
        if "error" in answer:
            raise PeerError(answer["error"])
        return dict(answer)

    def end(self) -> None:
        """End the process, whatever it does."""
        if self.is_alive:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stdout):
            if pipe is not None:
                with contextlib.suppress(BrokenPipeError):  # what it was asked last is unread
                    pipe.close()

    def _signal(self, number: int) -> None:
        if self.is_alive:
            self.process.send_signal(number)

    def _line(self) -> bytes:
        assert self.process.stdout is not None
        source, deadline = self.process.stdout.fileno(), time.monotonic() + _LIMIT
        while b"\n" not in self._pending:
            ready, _, _ = select.select([source], [], [], max(0.0, deadline - time.monotonic()))
            if not ready:
                self.process.kill()
                raise PeerError(f"no answer in {_LIMIT:.0f} s")
            got = os.read(source, 1 << 16)
            if not got:
                raise PeerError(f"its process has ended: {self._last_words()}")
            self._pending += got
        line, _, self._pending = self._pending.partition(b"\n")
        return line

    def _last_words(self) -> str:
        lines = self.log.read_text(errors="replace").split("\n")
        return " ".join(" ".join(lines[-4:]).split())[-200:] or f"exit {self.process.poll()}"
