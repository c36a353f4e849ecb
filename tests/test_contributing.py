"""The worked examples of CONTRIBUTING.md run as written, in a copy of the package."""

from __future__ import annotations

import os
import platform
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import tilewright

ROOT = Path(__file__).resolve().parent.parent
BLOCK = re.compile(r"^```python\n# (\S+\.py)\n(.*?)^```", flags=re.S | re.M)
BLOCKS = dict(BLOCK.findall((ROOT / "CONTRIBUTING.md").read_text()))
TRIALS = [name for name in BLOCKS if name.startswith("try_")]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the package and the examples' files in it."""
    folder = tmp_path_factory.mktemp("contributing")
    package = folder / "tilewright"
    ignored = shutil.ignore_patterns("__pycache__", "native", ".*")
    shutil.copytree(ROOT / "src" / "tilewright", package, ignore=ignored)
    shutil.copy(tilewright._native.__file__, package)
    for name, text in BLOCKS.items():
        path = folder / name if name in TRIALS else package / name
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    return folder


def test_there_is_an_example_of_each_kind() -> None:
    assert TRIALS == ["try_primitive.py", "try_schedule.py", "try_backend.py"]


@pytest.mark.parametrize("trial", TRIALS)
def test_the_example_runs_as_written(trial: str, copy: Path) -> None:
    if trial == "try_backend.py" and platform.machine() != "x86_64":
        pytest.skip("the example is for x86-64")
    # -S would lose the dependencies; a finder of an editable install must not win over the copy.
    start = f"""
import runpy, sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in type(f).__module__]
sys.path.insert(0, {str(copy)!r})
import tilewright
assert tilewright.__file__.startswith({str(copy)!r}), tilewright.__file__
runpy.run_path({trial!r}, run_name="__main__")
"""
    variables = dict(os.environ, TILEWRIGHT_CACHE_DIR=str(copy / "cache"))
    program = [sys.executable, "-c", start]
    done = subprocess.run(program, capture_output=True, text=True, cwd=copy, env=variables)
    assert done.returncode == 0, done.stderr
