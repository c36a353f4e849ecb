"""The parts of `tilewright demo` that its own run does not check."""

import io

import numpy as np
import pytest
from rich.console import Console

import tilewright as tw
from tilewright import nn
from tilewright.demo import arrays, peak, timing, tuning
from tilewright.demo.checks import Checks
from tilewright.demo.contenders import Job
from tilewright.demo.numpy_step import NumpyTrainer
from tilewright.demo.table import _cells, _disagreement
from tilewright.peaks import multiply_add


def batch(rng):
    return rng.random((16, 64), np.float32), rng.integers(0, 10, 16)


def network():
    layers = (nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
    return nn.Sequential(*layers)


def test_the_step_by_hand_is_the_same_step(rng):
    model = network()
    x, y = batch(rng)
    trainer = NumpyTrainer([p.numpy() for p in model.parameters()], rate=0.01, dropout=0.0)
    optimizer = nn.Adam(model.parameters(), lr=0.01)
    for _ in range(3):
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(tw.asarray(x)), tw.asarray(y))
        loss.backward()
        optimizer.step()
        assert trainer.step(x, y) == pytest.approx(loss.item(), rel=1e-5)
    for ours, theirs in zip(model.parameters(), trainer.weights, strict=True):
        np.testing.assert_allclose(ours.numpy(), theirs, rtol=1e-3, atol=2e-4)


def test_the_step_by_hand_drops_out():
    trainer = NumpyTrainer([np.zeros((2, 2), np.float32)], rate=0.1, dropout=0.25)
    mask = trainer._mask((100, 100))
    assert set(np.unique(mask)) == {np.float32(0), np.float32(1) / np.float32(0.75)}
    assert abs((mask == 0).mean() - 0.25) < 0.03


def test_vote_of_a_known_point_is_its_label():
    known, labels = np.eye(3, dtype=np.float32) * 9, np.eye(3, dtype=np.float32)
    np.testing.assert_allclose(arrays.vote(np, known, known, labels), labels, atol=1e-6)


def test_the_peak_kernel_computes_what_it_says():
    run, flops = multiply_add.multiply_add()
    run()
    assert flops > 1e7
    found = peak.Peak(1e11)
    assert found.bandwidth(1 << 20) > 1e8
    assert "100 GFLOP/s" in str(found)
    assert "GB/s moving 1.05 MB" in str(found)


def test_medians_time_each_contender():
    calls = {"a": 0, "b": 0}

    def run(name):
        calls[name] += 1

    times = timing.medians({name: lambda name=name: run(name) for name in calls}, rounds=2)
    assert set(times) == {"a", "b"}
    assert all(seconds > 0 for seconds in times.values())
    assert min(calls.values()) > 4


def test_a_wrong_result_is_seen():
    x = np.ones(3)
    job = Job("x", {"NumPy": lambda: x, "eager": lambda: x, "staged": lambda: x + 0.5})
    assert _disagreement(job) == 0.5


def test_a_row_of_the_table():
    job = Job("x", {}, flops=1e9)
    cells = _cells(job, {"NumPy": 0.1, "staged": 0.02, "eager": 5e-5}, peak.Peak(1e11))
    assert cells == ["100.0 ms", "-", "50 us", "20.0 ms", "50.0 GFLOP/s", "50%"]


def test_tuning_shows_before_and_after_and_stays_right(monkeypatch):
    monkeypatch.setattr(tuning, "SEARCH", 300.0)
    monkeypatch.setattr(tuning, "TRIALS", 2)
    monkeypatch.setattr(tuning, "LIMIT", float("inf"))
    told = io.StringIO()
    checks = Checks(Console(file=told, width=200))
    tuning.check_tuning(checks, seed=0)
    assert checks.finish()
    for word in ("1. Tuning", "before", "after", "a whole call", "candidates in"):
        assert word in told.getvalue()


def test_what_cannot_be_checked_is_told():
    told = io.StringIO()
    checks = Checks(Console(file=told, width=100))
    checks.check("first", True, "1")
    checks.skip("second", "there is no such device")
    assert checks.finish()
    assert "second: there is no such device" in told.getvalue()
    assert "all 1 checks passed, 1 skipped" in told.getvalue()


def test_the_last_line_names_what_failed():
    told = io.StringIO()
    checks = Checks(Console(file=told, width=100))
    checks.check("first", True, "1")
    assert checks.finish()
    checks.check("second", False, "2")
    assert not checks.finish()
    assert "all 1 checks passed" in told.getvalue()
    assert "1 of 2 checks failed: second" in told.getvalue()
