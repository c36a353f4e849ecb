"""Warming up: what is missing is compiled once, whatever happens to workers, disk and user."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from tilewright import cli
from tilewright.autotune.process import Worker
from tilewright.dsl.common_set import CommonKernel, common_kernels
from tilewright.dsl.errors import CompileError, DeviceError
from tilewright.lowering import machine
from tilewright.lowering.cache import Cache
from tilewright.lowering.library import Library, levels_of
from tilewright.warming.crew import Outcome, Task, compile_all, make_worker
from tilewright.warming.goal import Goal, library_goals
from tilewright.warming.warmup import Progress, warm_up, write_libraries

WANTED = (
    "add(float32[n], float32[n]) -> float32[n]",
    "sum(float32[reduced]) -> float32[]",
    "exp(float32[n]) -> float32[n]",
)


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path / "cache"))
    return tmp_path / "cache"


def few() -> list[CommonKernel]:
    found = [k for k in common_kernels() if k.title in WANTED]
    assert len(found) == len(WANTED)
    return found


def tasks() -> list[Task]:
    titles = [k.title for k in common_kernels()]
    return [Task(Goal(), titles.index(title), title) for title in WANTED]


def test_what_is_missing_is_compiled_once(cache: Path) -> None:
    seen: list[Progress] = []
    first = warm_up([Goal()], 1, seen.append, few())
    assert (first.there, first.made, first.failed) == (0, 3, [])
    assert [p.done for p in seen] == [0, 1, 2, 3] and {p.total for p in seen} == {3}
    assert first.bytes > 1000 and "3 kernels are there (3 compiled now)" in first.summary()
    second = warm_up([Goal()], 1, kernels=few())
    assert (second.there, second.made, second.bytes) == (3, 0, first.bytes)
    # A damaged entry is as good as none.
    for path in (p for p in cache.rglob("*") if p.is_file()):
        path.write_bytes(path.read_bytes()[:-1])
    with pytest.warns(UserWarning, match="damaged"):
        assert warm_up([Goal()], 1, kernels=few()).made == 3


def test_levels_are_apart(cache: Path) -> None:
    if machine.host().arch != "x86_64":
        pytest.skip("the levels are those of x86-64")
    goals = [Goal("x86-64-v2"), Goal("x86-64-v2", is_library=True)]
    assert warm_up(goals, 2, kernels=few()).made == 6
    assert warm_up([Goal()], 1, kernels=few()).there == 0
    with pytest.raises(DeviceError, match="warmup: got x86-64-v9"):
        warm_up([Goal("x86-64-v9")], 1, kernels=few())


# --------------------------------------------------------------------------- faults


class Mortal(Worker):
    """A worker that is killed while it compiles, as often as `deaths` says."""

    def __init__(self, deaths: list[str]) -> None:
        super().__init__(make_worker().command)
        self.deaths = deaths

    def ask(self, message: Any, seconds: float) -> Any:
        if message.get("title") in self.deaths and self.pid is not None:
            self.deaths.remove(message["title"])
            os.kill(self.pid, signal.SIGKILL)
        return super().ask(message, seconds)


@pytest.mark.parametrize("times, why", [(1, ""), (2, "SIGKILL")])
def test_a_killed_worker_costs_one_kernel_at_most(cache: Path, times: int, why: str) -> None:
    outcomes: list[Outcome] = []
    deaths = [WANTED[1]] * times
    compile_all(tasks(), 1, outcomes.append, lambda: Mortal(deaths))
    found = {o.task.title: o.why for o in outcomes}
    assert found.keys() == set(WANTED) and not deaths
    assert found[WANTED[0]] == found[WANTED[2]] == ""
    assert (why in found[WANTED[1]]) if why else not found[WANTED[1]]


def test_a_worker_that_cannot_start_is_an_error(cache: Path) -> None:
    broken = (sys.executable, "-c", "raise SystemExit(3)")
    with pytest.raises(CompileError, match="exit code 3"):
        compile_all(tasks(), 2, lambda outcome: None, lambda: Worker(broken))


def test_a_folder_that_cannot_be_written_to_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path / "file" / "cache"))
    with pytest.raises(CompileError, match="Not a directory for the cache's folder"):
        warm_up([Goal()], 1, kernels=few())


FULL = """
import errno, runpy
from tilewright.lowering.cache import Cache
write = Cache._write
def fill(self, path, payload, left=[2]):
    left[0] -= 1
    if left[0] < 0:
        raise OSError(errno.ENOSPC, "No space left on device")
    write(self, path, payload)
Cache._write = fill
runpy.run_module("tilewright.warming.worker", run_name="__main__")
"""


def test_a_full_disk_is_an_error(cache: Path) -> None:
    done: list[Outcome] = []
    with pytest.raises(CompileError, match="No space left on device for the cache's folder"):
        compile_all(tasks(), 1, done.append, lambda: Worker((sys.executable, "-c", FULL)))
    assert [o.task.title for o in done] == [WANTED[0]] and not done[0].why
    assert sound(cache) == 2


WARM = """
import sys
from tilewright.dsl.common_set import common_kernels
from tilewright.warming.goal import Goal
from tilewright.warming.warmup import warm_up
from tilewright.warming.crew import make_worker
chosen = [k for k in common_kernels() if k.title.startswith(tuple(sys.argv[1:]))]
report = warm_up([Goal()], 1, lambda now: print(now.done, flush=True), chosen)
assert not report.failed, report.failed
print("there", report.there + report.made, len(chosen))
"""


def start(*names: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", WARM, *names], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        text=True,
    )  # fmt: skip


def sound(cache: Path) -> int:
    """How many entries there are, each of them whole."""
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        names = [p.name for p in cache.rglob("*") if p.is_file() and not p.name.startswith(".")]
        assert all(Cache(cache).get(name) for name in names)
    return len(names)


def test_two_at_once(cache: Path) -> None:
    both = [start("neg(") for _ in range(2)]
    said = [process.communicate(timeout=300) for process in both]
    assert [p.returncode for p in both] == [0, 0], said
    total = said[0][0].split()[-1]
    assert int(total) > 20 and all(out.endswith(f"there {total} {total}\n") for out, _ in said)
    assert sound(cache) == 2 * int(total)


def eventually(holds: Callable[[], bool]) -> bool:
    end = time.monotonic() + 60
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    return holds()


def test_an_interrupt_keeps_what_is_done(cache: Path) -> None:
    process = start("add(", "mul(", "sub(", "sin(")
    assert process.stdout is not None
    while int(process.stdout.readline()) < 2:
        pass
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    others = [
        child
        for task in Path(f"/proc/{process.pid}/task").iterdir()
        for child in (task / "children").read_text().split()
    ]
    assert children or others
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=60)
    assert process.returncode and "KeyboardInterrupt" in errors
    assert eventually(lambda: not any(Path(f"/proc/{pid}").exists() for pid in others))
    assert sound(cache) >= 4  # a program and its kernel each


# --------------------------------------------------------------------------- libraries


EAGER = """
import sys
import numpy as np
import tilewright as tw
x = tw.asarray(np.arange(6, dtype=np.float32).reshape(2, 3))
assert float(tw.exp(x + x).sum()) > 1
assert "tvm" not in sys.modules
assert float((x - x).sum()) == 0
assert "tvm" in sys.modules
"""


def test_a_process_with_a_library_needs_no_compiler(cache: Path, tmp_path: Path) -> None:
    (best, *_) = levels_of(machine.host()) or pytest.skip("this processor has none of the levels")
    goal = next(goal for goal in library_goals() if goal.level == best)
    assert warm_up([goal], 1, kernels=few()).made == 3
    ((path, size),) = write_libraries(tmp_path / "kernels", [goal], "0.0", few())
    assert path.stat().st_size == size and len(Library(path)) == 3
    own = {"TILEWRIGHT_KERNELS": str(path.parent), "TILEWRIGHT_CACHE_DIR": str(tmp_path / "empty")}
    done = subprocess.run(
        [sys.executable, "-c", EAGER], env=os.environ | own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr


def test_a_library_is_whole_or_not_there(cache: Path, tmp_path: Path) -> None:
    with pytest.raises(CompileError, match="the library has no"):
        write_libraries(tmp_path, library_goals()[:1], "0.0", few())
    assert not list(tmp_path.glob("*.kernels"))


# --------------------------------------------------------------------------- the command

run = CliRunner().invoke


def test_the_command_lists_the_kernels() -> None:
    result = run(cli.app, ["warmup", "--list"])
    assert result.exit_code == 0
    assert result.output.splitlines() == [k.title for k in common_kernels()]
    assert json.loads(run(cli.app, ["warmup", "--list", "--json"]).output)[:2]


def test_the_command_refuses_what_it_cannot_do(tmp_path: Path) -> None:
    for words in (["--jobs", "0"], ["--nonsense"]):
        assert run(cli.app, ["warmup", *words]).exit_code == 2
    for words in (["--level", "x86-64-v9"], ["--level", "x86-64-v3", "--library", str(tmp_path)]):
        command = [sys.executable, "-m", "tilewright", "warmup", *words]
        done = subprocess.run(command, capture_output=True, text=True)
        assert done.returncode == 1 and "error: warmup: got" in done.stderr


def test_info_tells_of_the_library(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TILEWRIGHT_KERNELS", str(tmp_path))
    assert json.loads(run(cli.app, ["info", "--json"]).output)["kernels"]["file"] is None
    assert "compiled at first use" in run(cli.app, ["info"]).output
    for level in levels_of(machine.host()):
        (tmp_path / f"{level}.kernels").write_bytes(b"nothing")
    told = json.loads(run(cli.app, ["info", "--json"]).output)["kernels"]
    assert len(told["problems"]) == len(levels_of(machine.host()))
