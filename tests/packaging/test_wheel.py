"""A wheel installs and runs where there is no compiler: an empty venv, nothing else on the path.

The wheel that is built here brings libraries of a few kernels. TILEWRIGHT_WHEEL=dist/....whl tests
one of `make wheel` instead, which brings them all, and takes the whole tour of eager code.
"""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tilewright.dsl.common_set import common_kernels
from tilewright.lowering import machine
from tilewright.lowering.library import levels_of
from tilewright.warming.goal import library_goals
from tilewright.warming.warmup import warm_up, write_libraries

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


EAGER = """
import sys
import numpy as np
import tilewright as tw

assert "site-packages" in tw.__file__, tw.__file__
x = tw.array(np.arange(6, dtype=np.float32).reshape(2, 3))
assert (tw.exp(x + x) @ tw.ones((3, 2), dtype="float32")).sum().dtype == tw.float32
assert "tvm" not in sys.modules
print("no compiler was needed")
"""
INFO = ("-m", "tilewright", "info")
WANTED = (
    "add(float32[n], float32[n]) -> float32[n]",
    "exp(float32[n]) -> float32[n]",
    "matmul(float32[m, k], float32[k, columns]) -> float32[m, columns]",
    "sum(float32[reduced]) -> float32[]",
)


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    given = os.environ.get("TILEWRIGHT_WHEEL")
    if given:
        return Path(given).resolve()
    folder = tmp_path_factory.mktemp("wheel")
    kernels = [k for k in common_kernels() if k.title in WANTED]
    assert len(kernels) == len(WANTED)
    assert not warm_up(library_goals(), 2, kernels=kernels).failed
    write_libraries(folder / "kernels", library_goals(), "0.0", kernels)
    script = ROOT / "scripts" / "environment.py"
    words = ["--wheel", folder, "--kernels", folder / "kernels"]
    subprocess.run([sys.executable, script, *words], check=True)
    (path,) = folder.glob("*.whl")
    return path


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The Python of a virtual environment that has the wheel, and what it depends on."""
    folder = tmp_path_factory.mktemp("venv") / "venv"
    # Without pip of its own: Debian's Python may lack ensurepip, and ours can install into it.
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", folder], check=True)
    pip = [sys.executable, "-m", "pip", "--python", folder / "bin" / "python"]
    subprocess.run([*pip, "install", "--quiet", wheel], check=True)
    return folder / "bin" / "python"


def run_alone(python: Path, home: Path, *words: object) -> str:
    """What a program prints with nothing but the venv on the path, an empty home and cache."""
    alone = {"PATH": str(python.parent), "HOME": str(home), "LANG": "C.UTF-8"}
    command = [python, *map(str, words)]
    done = subprocess.run(command, env=alone, cwd=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_wheel_holds_the_package_and_no_sources(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    wanted_names = "__init__.py py.typed _native.pyi dsl/graph.py lowering/kernel.py"
    for wanted in (*wanted_names.split(), "benchmarks/run.py", "commands/bench.py"):
        assert f"tilewright/{wanted}" in names
    assert any(n.startswith("tilewright/_native.") and n.endswith(".so") for n in names)
    # What C and C++ programs need is no source: the header, the library, the runner.
    api = {"tilewright/include/tilewright.h", "tilewright/lib/libtilewright.so"}
    assert {f"tilewright/kernels/{g.level}.kernels" for g in library_goals()} <= set(names)
    assert api <= set(names)
    assert any(n.endswith(".data/scripts/tilewright-run") for n in names)
    # Headers that generated kernels are compiled with are data, in folders called emulation.
    rest = [n for n in names if n not in api and "/emulation/" not in n and ".dist-info/" not in n]
    assert not [n for n in rest if n.endswith(SOURCES)]
    assert any(n.endswith("LICENSE") for n in names)


def test_wheel_runs_without_a_compiler(python: Path, tmp_path: Path) -> None:
    assert "ran without a compiler" in run_alone(python, tmp_path, "-c", PROGRAM)


def test_eager_code_does_not_load_the_kernel_compiler(python: Path, tmp_path: Path) -> None:
    if not levels_of(machine.host()):
        pytest.skip("this processor has none of the levels that libraries are made for")
    assert "no compiler was needed" in run_alone(python, tmp_path, "-c", EAGER)
    assert f"({levels_of(machine.host())[0]}, " in run_alone(python, tmp_path, *INFO)
    if os.environ.get("TILEWRIGHT_WHEEL"):
        told = run_alone(python, tmp_path, Path(__file__).with_name("tour.py"))
        assert "no compiler was needed" in told
        print(told)
