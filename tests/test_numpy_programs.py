"""The programs of examples/numpy_programs give equal results with NumPy and with tilewright."""

from __future__ import annotations

import importlib.util
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

FOLDER = Path(__file__).resolve().parents[1] / "examples" / "numpy_programs"


def runner() -> Any:
    """The runner as a module."""
    spec = importlib.util.spec_from_file_location("numpy_programs", FOLDER / "__main__.py")
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


RUNNER = runner()


def test_there_are_programs() -> None:
    assert len(RUNNER.PROGRAMS) >= 5


@pytest.mark.parametrize("name", RUNNER.PROGRAMS)
def test_equal_results(name: str) -> None:
    RUNNER.compared(name, small=True, repeats=0)


@pytest.mark.parametrize("name", RUNNER.PROGRAMS)
def test_one_line_is_changed(name: str) -> None:
    changed = [line for line in RUNNER.difference(name).splitlines() if line[:1] in "+-"][2:]
    assert changed == ["-import numpy as np", "+import tilewright.numpy as np"]


def test_unequal_results_are_an_error() -> None:
    with pytest.raises(AssertionError, match="program: x"):
        RUNNER.compare("program", {"x": np.array(1.0)}, {"x": np.array(1.1)}, {})
    with pytest.raises(AssertionError, match="is float32"):
        RUNNER.compare("program", {"x": np.array(1, "f4")}, {"x": np.array(1.0)}, {})


def test_the_command(capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.setattr(sys, "argv", ["numpy_programs", "--small", "pagerank"])
    RUNNER.main()
    shown = capsys.readouterr().out
    assert "+import tilewright.numpy as np" in shown and "pagerank" in shown
    monkeypatch.setattr(sys, "argv", ["numpy_programs", "other"])
    with pytest.raises(SystemExit, match="the programs are"):
        RUNNER.main()
