"""Worker processes: they crash, hang, are killed and talk nonsense, and nothing comes of it."""

from __future__ import annotations

import io
import os
import signal
import subprocess
import sys
import threading
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tilewright.autotune.process import Worker, WorkerLost
from tilewright.autotune.wire import frame, read_message

PREFIX = """
import os, signal, sys, time
from tilewright.autotune.wire import frame, read_message
message = read_message(sys.stdin.buffer.read)
def say(answer):
    sys.stdout.buffer.write(frame(answer)); sys.stdout.buffer.flush()
"""


def worker(body: str) -> Worker:
    return Worker([sys.executable, "-c", PREFIX + body])


def is_gone(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return True
    return False


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("os.kill(os.getpid(), signal.SIGSEGV)", "ended by SIGSEGV"),
        ("sys.exit(3)", "exit code 3"),
        ("time.sleep(60)", "no answer within 1 s"),
        ("sys.stdout.buffer.write(b'x' * 100); sys.stdout.flush(); time.sleep(9)", "broke off"),
        ("sys.stdout.buffer.write(frame({'a': 1})[:-1])", "exit code 0"),
        ("say({'error': 'no such thing'})", "no such thing"),
        ("say([1])", "broke off"),
    ],
)
def test_what_can_happen_to_a_worker_is_told(body: str, told: str) -> None:
    lost = worker(body)
    with pytest.raises(WorkerLost, match=told):
        lost.ask({"do": "anything"}, 20.0 if "sleep(60)" not in body else 1.0)
    pid = lost.pid
    lost.close()
    assert pid is None or is_gone(pid)


def test_a_lost_worker_is_started_again() -> None:
    flaky = worker("say({'pid': os.getpid()}) if 'go' in message else sys.exit(1)")
    with pytest.raises(WorkerLost):
        flaky.ask({}, 20)
    first = flaky.ask({"go": 1}, 20)["pid"]
    assert flaky.starts == 2 and not is_gone(first)
    flaky.close()
    assert is_gone(first)


def test_a_worker_killed_from_outside_is_told() -> None:
    slow = worker("time.sleep(60)")
    slow.start()
    assert slow.pid is not None
    timer = threading.Timer(0.5, os.kill, (slow.pid, signal.SIGKILL))
    timer.start()
    with pytest.raises(WorkerLost, match="SIGKILL"):
        slow.ask({}, 30)
    timer.join()


def test_long_messages_go_both_ways_at_once() -> None:
    echo = worker("say(message)")
    long = {"text": "x" * 3_000_000}
    assert echo.ask(long, 60) == long
    echo.close()


def test_a_worker_ends_when_its_tuner_is_gone() -> None:
    program = """
import os
from tilewright.autotune.process import Worker
w = Worker(); print(w.ask({"do": "load", "backend": "null"}, 60), w.pid, flush=True)
os.kill(os.getpid(), 9)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    pid = int(done.stdout.split()[-1])
    for _ in range(100):
        if is_gone(pid):
            return
        time.sleep(0.1)
    pytest.fail("the worker outlived its tuner")


def test_an_unknown_message_is_an_answer_not_an_end() -> None:
    real = Worker()
    for _ in range(2):
        with pytest.raises(WorkerLost, match="KeyError"):
            real.ask({"do": "nothing known"}, 60)
    assert real.starts == 1
    real.close()


@given(st.binary(max_size=64))
def test_no_bytes_are_more_than_an_error(raw: bytes) -> None:
    try:
        message = read_message(io.BytesIO(raw).read)
    except ValueError:
        return
    assert message is None or frame(message)
