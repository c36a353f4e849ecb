"""A wheel installs and runs where there is no compiler: an empty venv, nothing else on the path."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
SOURCES = (".cpp", ".h", ".txt", ".cmake", ".o")

PROGRAM = """
import os, shutil, sys
for tool in ("cc", "gcc", "c++", "g++", "clang", "ld", "as", "cmake", "ninja"):
    assert shutil.which(tool) is None, tool
import numpy as np
import tilewright as tw

assert "site-packages" in tw.__file__, tw.__file__
x = np.arange(12, dtype=np.float32).reshape(3, 4)

@tw.jit
def f(a):
    return tw.tanh(a @ a.T) + 1

np.testing.assert_allclose(f(tw.array(x)).numpy(), np.tanh(x @ x.T) + 1, rtol=1e-5)
np.testing.assert_array_equal((tw.array(x) + 2).numpy(), x + 2)
made = tw.compile(f, tw.array(x))
made.save("f.tw")
np.save("x.npy", x)
tool = shutil.which("tilewright-run")
assert tool and os.path.dirname(tool) == os.environ["PATH"]
os.environ.clear()
import subprocess
subprocess.run([tool, "f.tw", "--input", "x.npy", "--output", "y.npy"], check=True)
np.testing.assert_array_equal(np.load("y.npy"), f(tw.array(x)).numpy())
print("ran without a compiler")
"""


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    script = ROOT / "scripts" / "environment.py"
    subprocess.run([sys.executable, script, "--wheel", folder], check=True)
    (path,) = folder.glob("*.whl")
    return path


def test_wheel_holds_the_package_and_no_sources(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    wanted_names = "__init__.py py.typed _native.pyi dsl/graph.py lowering/kernel.py"
    for wanted in (*wanted_names.split(), "benchmarks/run.py", "commands/bench.py"):
        assert f"tilewright/{wanted}" in names
    assert any(n.startswith("tilewright/_native.") and n.endswith(".so") for n in names)
    # What C and C++ programs need is no source: the header, the library, the runner.
    api = {"tilewright/include/tilewright.h", "tilewright/lib/libtilewright.so"}
    assert api <= set(names)
    assert any(n.endswith(".data/scripts/tilewright-run") for n in names)
    # Headers that generated kernels are compiled with are data, in folders called emulation.
    rest = [n for n in names if n not in api and "/emulation/" not in n and ".dist-info/" not in n]
    assert not [n for n in rest if n.endswith(SOURCES)]
    assert any(n.endswith("LICENSE") for n in names)


def test_wheel_runs_without_a_compiler(wheel: Path, tmp_path: Path) -> None:
    python = tmp_path / "venv" / "bin" / "python"
    # Without pip of its own: Debian's Python may lack ensurepip, and ours can install into it.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    pip = [sys.executable, "-m", "pip", "--python", python]
    subprocess.run([*pip, "install", "--quiet", wheel], check=True)
    # Nothing but the venv on the path, an empty home, an empty cache.
    alone = {"PATH": str(python.parent), "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    done = subprocess.run(
        [python, "-c", PROGRAM], env=alone, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert "ran without a compiler" in done.stdout
