"""examples/cell.py: traced by an example the gate is lost, scripted it is kept, everywhere."""

from __future__ import annotations

import importlib.util
import subprocess
import warnings
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright.native_files import runner

PATH = Path(__file__).resolve().parents[2] / "examples" / "cell.py"


@pytest.fixture(scope="module")
def cell() -> ModuleType:
    spec = importlib.util.spec_from_file_location("cell_example", PATH)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_example_runs(cell: ModuleType, capsys: Any) -> None:
    cell.main()
    shown = capsys.readouterr().out
    assert "cell.py:38: trace_example: bool() of a traced value" in shown, shown
    lines = [line for line in shown.splitlines() if line.startswith(("traced,", "scripted,"))]
    assert [line.endswith(": as eager") for line in lines] == [True, False, True, True], lines


def test_the_runner_gives_the_bits_of_the_staged_cell(cell: ModuleType, tmp_path: Path) -> None:
    tw.seed(0)
    x, h = (tw.random.default_rng(i).normal(size=(3, 4), dtype="float32") for i in range(2))
    for name, module in (("plain", cell.Cell()), ("gated", cell.GatedCell())):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", tw.TraceWarning)
            traced = tw.trace_example(module, x, h)
        for f in (traced, tw.script(module)):
            tw.compile(f, x, h).save(tmp_path / f"{name}.tw")
            for sign in (1, -1):
                found = cell.run_without_python(tmp_path / f"{name}.tw", sign * x, h)
                for y, z in zip(found, f(sign * x, h), strict=True):
                    np.testing.assert_array_equal(y, z.numpy())
                if f is not traced:
                    np.testing.assert_allclose(found[0], module(sign * x, h)[0].numpy(), rtol=1e-5)


def test_in_reproducible_mode_the_runner_gives_the_bits_of_eager_code(
    cell: ModuleType, tmp_path: Path
) -> None:
    tw.seed(0)
    x, h = (tw.random.default_rng(i).normal(size=(3, 4), dtype="float32") for i in range(2))
    with tw.config(reproducible=True):
        for name, module in (("plain", cell.Cell()), ("gated", cell.GatedCell())):
            tw.compile(tw.script(module), x, h).save(tmp_path / f"{name}.tw")
            for sign in (1, -1):
                found = cell.run_without_python(tmp_path / f"{name}.tw", sign * x, h)
                for y, z in zip(found, module(sign * x, h), strict=True):
                    np.testing.assert_array_equal(y, z.numpy())


def test_prints_and_checks_without_python(tmp_path: Path) -> None:
    def f(x: Any) -> Any:
        tw.debug.print("x {:.1f}", x)
        tw.debug.check(x > 0, "got {}", x)
        return tw.sqrt(x)

    tw.compile(f, tw.ones(2)).save(tmp_path / "f.tw")
    for numbers, code in (([1.0, 4.0], 0), ([1.0, -4.0], 4)):
        np.save(tmp_path / "x.npy", np.array(numbers))
        words = [runner(), tmp_path / "f.tw", "--input", tmp_path / "x.npy"]
        words += ["--output", tmp_path / "y.npy"]
        done = subprocess.run(words, capture_output=True, text=True, env={})
        assert f"x [1.0 {numbers[1]}]" in done.stdout
        assert (done.returncode == 0) == (code == 0)
    assert "check at test_cell_example.py:" in done.stderr and "got [1.0 -4.0]" in done.stderr
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), [1.0, 2.0])
