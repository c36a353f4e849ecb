"""Contests: who takes part, who is compared with whom, what is timed, what the page shows."""

import json
import re
import subprocess
import sys
import time
import types
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

import tilewright as tw
from tilewright.benchmarks import page, peer_process, plots, referee, report, server
from tilewright.benchmarks.contest import (
    COMPILED,
    JAX,
    NUMBA,
    NUMPY,
    OPENVINO,
    ORT,
    TORCH,
    Contest,
    Made,
    ahead_of_best,
    in_numpy_names,
    without,
)
from tilewright.benchmarks.harness import OURS, Options

GOAL = ahead_of_best("doubling", 0.5)


def contest(functions, **more):
    return Contest("doubling", lambda rng: [rng.random(3, np.float32)], functions, GOAL, **more)


def double(library, x):
    return x + x


def test_who_takes_part():
    everyone = contest(in_numpy_names(double))
    assert everyone.peers() == [OURS, NUMPY, TORCH, COMPILED, JAX, ORT, OPENVINO]
    assert everyone.referee == NUMPY
    assert without(everyone, ORT, OPENVINO, JAX).peers() == [OURS, NUMPY, TORCH, COMPILED]
    trained = contest(in_numpy_names(double), gradient=(0,))
    assert trained.peers() == [OURS, TORCH, COMPILED, JAX]
    assert trained.referee == TORCH
    made = contest({OURS: double, NUMBA: Made(double), TORCH: Made(double), JAX: double})
    assert made.peers() == [OURS, TORCH, COMPILED, JAX, ORT, OPENVINO, NUMBA]
    assert made.referee == JAX


class Here:
    """A peer in this process: a desk without a pipe, for tests of what the referee does."""

    pid, is_alive = 0, True

    def __init__(self, peer, threads, log):
        self.desk = server.Desk(peer, threads)

    def ask(self, do, **words):
        try:
            return json.loads(json.dumps(getattr(self.desk, do)(**words)))
        except Exception as error:
            raise peer_process.PeerError(f"{type(error).__name__}: {error}") from None

    def end(self):
        pass


@pytest.fixture
def judge(monkeypatch):
    """`judge(contest, *peers)` holds a contest of these peers in this process."""

    def held(row, *peers):
        script = types.ModuleType("tilewright.benchmarks.of_a_test")
        script.cases = lambda options: iter([row])
        monkeypatch.setitem(sys.modules, script.__name__, script)
        monkeypatch.setattr(referee, "PeerProcess", Here)
        options = Options(rounds=2, threads=1, torch=None, peers=peers)
        with referee.Referee(options) as made:
            return made.measure("of_a_test", row)

    threads = tw.get_num_threads()
    yield held
    tw.set_num_threads(threads)


def test_everyone_has_turns(judge):
    result = judge(contest(in_numpy_names(double)), NUMPY)
    assert not result.error and not result.notes
    assert {name: len(turns) for name, turns in result.turns.items()} == {OURS: 2, NUMPY: 2}
    assert result.first[OURS] > 0
    assert result.best_peer == NUMPY


def test_a_peer_with_a_wrong_result_is_not_timed(judge):
    wrong = {**in_numpy_names(double), NUMPY: lambda library, x: x * 2}
    wrong |= {"numexpr": lambda library, x: x * np.float32(2.1)}
    pytest.importorskip("numexpr")
    result = judge(contest(wrong), NUMPY, "numexpr")
    assert set(result.turns) == {OURS, NUMPY}
    assert "wrong result: off by 0.05" in result.notes["numexpr"]


def test_a_wrong_result_of_ours_is_an_error(judge):
    result = judge(contest({**in_numpy_names(double), OURS: lambda tw, x: x * 3}), NUMPY)
    assert not result.turns
    assert "wrong result" in result.error
    result = judge(contest({**in_numpy_names(double), OURS: lambda tw, x: x.reshape(7)}), NUMPY)
    assert "ShapeError" in result.error


def test_without_a_reference_nothing_is_timed(judge):
    result = judge(contest({OURS: double, TORCH: double}), NUMPY)
    assert "no reference: PyTorch" in result.error


def test_gradients_are_compared(judge, oracle):
    jax = oracle("jax")
    was_wide = jax.config.jax_enable_x64
    functions = {OURS: lambda tw, x: tw.sin(x) * x, JAX: lambda jax, x: jax.numpy.sin(x) * x}
    try:
        result = judge(contest(functions, gradient=(0,)), JAX)
    finally:
        jax.config.update("jax_enable_x64", was_wide)
    assert set(result.turns) == {OURS, JAX}, result.notes


def test_constants_are_captured(judge):
    row = Contest(
        "product",
        lambda rng: [rng.random((3, 4), np.float32), rng.random((4, 5), np.float32)],
        in_numpy_names(lambda library, a, b: a @ b),
        GOAL,
        constants=(1,),
    )
    assert set(judge(row, NUMPY).turns) == {OURS, NUMPY}


def stops(process):
    """Whether the process comes to be stopped; the signal takes its time."""
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if Path(f"/proc/{process.pid}/stat").read_text().rpartition(")")[2].split()[0] == "T":
            return True
        time.sleep(0.01)
    return False


def test_a_process_is_stopped_between_its_answers(tmp_path):
    process = peer_process.PeerProcess(NUMPY, 1, tmp_path / "log", {"OMP_NUM_THREADS": "1"})
    try:
        assert process.ask("drop") == {}
        assert stops(process)
        with pytest.raises(peer_process.PeerError, match="no contest named 'none'"):
            process.ask("reference", script="products", case="none", result="")
        assert "NumPy" not in process.ask("facts")["facts"]
        process.process.kill()
        process.process.wait()
        with pytest.raises(peer_process.PeerError, match="has ended"):
            process.ask("drop")
    finally:
        process.end()
    assert not process.is_alive


def test_bench_writes_a_page_that_is_complete_in_itself(tmp_path):
    turns, shown = tmp_path / "turns.json", tmp_path / "page.html"
    options = ["--only", "128x768x3072$", "--peer", "NumPy", "--threads", "1", "--rounds", "1"]
    command = [sys.executable, "-m", "tilewright", "bench", "products", "--patience", "1"]
    files = ["--json", str(turns), "--html", str(shown)]
    done = subprocess.run([*command, *options, *files], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    told = json.loads(turns.read_text())
    (row,) = told["results"]
    assert row["case"] == "128x768x3072"
    assert set(row["seconds"]) == {"NumPy", "tilewright"}
    assert 0 < row["share_of_roof"] < 1.5
    assert "NumPy" in told["machine"]["kernels"]
    text = shown.read_text()
    assert text == page.page(told)
    assert re.findall(r"(?:src|href)=\"(?!#)", text) == []
    assert text.count("<svg") == 2  # the roofline and the bars
    assert "128x768x3072: tilewright" in text
    check_tags(text)


class Tags(HTMLParser):
    """Raises where a tag is not closed in order."""

    def __init__(self):
        super().__init__()
        self.open = []

    def handle_starttag(self, tag, attrs):
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag):
        assert self.open.pop() == tag


def check_tags(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []


def test_names_are_escaped():
    assert "<b>" not in plots.text(0, 0, "<b>")
    told = report.plain({}, {"processor": "<b>", "threads": 1, "rounds": 1, "peaks": {},
                             "kernels": {"x": "<i>"}})  # fmt: skip
    text = page.page(told)
    assert "<b>" not in text
    assert "<i>" not in text
    check_tags(text)
