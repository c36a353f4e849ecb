"""`f.check(*args)`: sound kernels pass, a broken one is named and reproduced alone."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn
from tilewright.backends.cpu import MANIFEST
from tilewright.dsl import engine
from tilewright.dsl.primitive import REGISTRY
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine


def block(x: Any, w: Any) -> Any:
    y = tw.tanh(x @ w) * 2 - 1
    z = tw.exp(y - y.max(axis=-1, keepdims=True))
    return (z / z.sum(axis=-1, keepdims=True)).sum()


def loops(x: Any) -> Any:
    y = tw.fori_loop(0, 5, lambda i, s: tw.sin(s) * 1.1 + i, x)
    z = tw.while_loop(lambda s: s.sum() < 50, lambda s: s * 1.3 + 0.1, tw.abs(y) + 0.1)
    big = tw.fori_loop(
        0, 3, lambda i, s: tw.cond(i > 0, lambda: s @ s.T, lambda: s), tw.ones((64, 64))
    )
    return tw.cond(z.sum() > 60, lambda: tw.exp(-z), lambda: z), big.sum()


def others(x: Any) -> Any:
    tw.debug.print("not printed twice")
    a = x.T @ x + 3 * tw.eye(x.shape[1], dtype=x.dtype)
    return tw.sort(x, axis=0), tw.linalg.cholesky(a), tw.linalg.eigh(a)[1], tw.cumsum(x), x > 0.3


@pytest.mark.parametrize("of", ["float32", "float64", "float16"])
def test_sound_programs_pass(of: str, rng: np.random.Generator) -> None:
    x, w = (tw.asarray(rng.normal(size=s), dtype=of) for s in ((33, 70), (70, 20)))
    report = tw.jit(block).check(x, w)
    assert report.ok and report.reproduction is None, str(report)
    assert all(r.runs for r in report.rows) and "within their bounds" in str(report)
    if of != "float16":
        report = tw.jit(loops).check(x[:3, :3])
        assert report.ok and len(report.rows) >= 3, str(report)


def test_routines_effects_and_state(rng: np.random.Generator, capsys: Any) -> None:
    report = tw.jit(others).check(tw.asarray(rng.normal(size=(9, 4))))
    assert report.ok and {"native", "map"} <= {r.kind for r in report.rows}, str(report)
    assert capsys.readouterr().out == ""
    model = nn.Sequential(nn.Linear(64, 128), nn.Tanh(), nn.Linear(128, 10))
    staged = tw.jit(model)  # its weights are packed once
    before = [p.numpy().copy() for p in model.parameters()]
    report = staged.check(tw.ones((8, 64), dtype="float32"))
    assert report.ok, str(report)
    assert any("matmul_packed" in r.kernel for r in report.rows), str(report)
    for p, b in zip(model.parameters(), before, strict=True):
        np.testing.assert_array_equal(p.numpy(), b)


@pytest.fixture
def broken(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Any:
    """tanh with a slope that is off by a thousandth, and a compiler that has not seen it yet."""
    tanh = REGISTRY["tanh"]
    rule = tanh.lower.rule

    def wrong(t: Any, x: Any, *, out: Any) -> Any:
        return rule(t, x * t.const(1.001, out.dtype), out=out)

    before = engine.installed()
    old = tanh.lower
    object.__setattr__(tanh, "lower", replace(tanh.lower, rule=wrong))
    engine.install(Engine(MANIFEST, Cache(tmp_path / "cache")))
    yield
    object.__setattr__(tanh, "lower", old)
    engine.install(before)


def test_a_broken_kernel_is_named_and_reproduced(broken: Any, tmp_path: Path) -> None:
    def f(x: Any) -> Any:
        y = x.sum(axis=0) * 2
        z = tw.tanh(y) + 1
        return z.sum()

    x = tw.linspace(0.0, 0.1, 30, dtype="float32").reshape(6, 5)
    report = tw.jit(f).check(x, folder=tmp_path / "out")
    assert not report.ok
    assert "tanh" in report.first.kernel and report.first.worst > 10
    assert any("test_selfcheck.py" in line for line in report.first.lines)
    assert "OUT OF BOUNDS" in str(report) and str(report.reproduction) in str(report)
    assert sorted(p.suffix for p in (tmp_path / "out").iterdir()) == [".npz", ".py"]
    text = report.reproduction.read_text()
    assert "p.tanh(" in text and "pickle" not in text


def test_the_reproduction_is_sound_where_the_kernel_is(broken: Any, tmp_path: Path) -> None:
    """In a process whose tanh is right, it says so: it compares the kernel, not stored results."""
    report = tw.jit(lambda x: tw.tanh(x) * 3).check(tw.linspace(0, 1, 9), folder=tmp_path / "out")
    done = subprocess.run(
        [sys.executable, report.reproduction], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "of what is allowed" in done.stdout
    arrays = dict(np.load(report.reproduction.with_suffix(".npz")))
    assert {"input0", "found0", "exact0", "allowed0"} == set(arrays)
    arrays["exact0"] = arrays["exact0"] + 1
    np.savez(report.reproduction.with_suffix(".npz"), **arrays)
    done = subprocess.run(
        [sys.executable, report.reproduction], capture_output=True, text=True, cwd=tmp_path
    )
    assert done.returncode == 1 and "result 0 at [" in done.stdout
