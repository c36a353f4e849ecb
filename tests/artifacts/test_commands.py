"""`tilewright compile`, `run` and `config`, beside `tilewright-run`."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

import tilewright as tw
from tilewright import cli
from tilewright.native_files import runner

SOURCE = """
import tilewright as tw
weight = tw.array([[1.0, 2.0], [3.0, 4.0]], dtype="float32")

def apply(x):
    return {"y": x @ weight, "total": (x @ weight).sum()}

apply.example_args = lambda: (tw.zeros((8, 2), dtype="float32"),)

def no_example(x):
    return x

def counts(x):
    global weight
    weight += 1
    return x
counts.example_args = (tw.zeros(3),)
"""


def run(*words: object) -> Result:
    return CliRunner().invoke(cli.app, [str(w) for w in words])


@pytest.fixture
def source(tmp_path: Path) -> Path:
    (tmp_path / "model.py").write_text(SOURCE)
    return tmp_path / "model.py"


def test_compile_then_run_both_ways(source: Path, tmp_path: Path) -> None:
    model, x = tmp_path / "m.tw", np.arange(6, dtype=np.float32).reshape(3, 2)
    told = run("compile", f"{source}:apply", "-o", model, "--dynamic", "x:0=n")
    assert told.exit_code == 0, told.output
    assert "input   x: float32[n, 2]" in told.output
    assert "output  total: float32[]" in told.output
    np.save(tmp_path / "x.npy", x)
    words = [model, "--input", tmp_path / "x.npy", "--output", f"y={tmp_path / 'y.npy'}"]
    expected = x @ np.array([[1, 2], [3, 4]], np.float32)
    assert run("run", *words, "--repeat", "3").output.startswith("first ")
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)
    (tmp_path / "y.npy").unlink()
    subprocess.run([runner(), *words], check=True)
    np.testing.assert_array_equal(np.load(tmp_path / "y.npy"), expected)
    described = run("run", model, "--describe").output
    native = subprocess.run([runner(), model, "--describe"], capture_output=True, text=True)
    assert described == native.stdout
    assert json.loads(run("run", model, "--manifest").output)["sizes"] == ["n"]


def test_module_level_example_arguments(tmp_path: Path) -> None:
    file = tmp_path / "f.py"
    file.write_text("import numpy as np\nexample_args = (np.ones(3),)\ndef f(x): return x * 2\n")
    assert run("compile", f"{file}:f", "-o", tmp_path / "f.tw").exit_code == 0
    assert tw.load(tmp_path / "f.tw")(np.ones(3)).tolist() == [2, 2, 2]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{}:absent", "-o", "m.tw"], "has no function absent"),
        (["{}:no_example", "-o", "m.tw"], "no_example.example_args = lambda"),
        (["{}:counts", "-o", "m.tw"], "counts changes state"),
        (["absent.py:f", "-o", "m.tw"], "there is no file absent.py"),
        (["{}:apply", "-o", "absent/m.tw"], "there is no folder"),
        (["{}:apply", "-o", "m.tw", "--dynamic", "z:0=n"], "dynamic names the input 'z'"),
    ],
)
def test_compile_refuses(
    words: list[str], message: str, source: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(source.parent)
    told = run("compile", *(w.format(source) for w in words))
    assert told.exit_code == 1 and message in str(told.exception)
    assert not (source.parent / "m.tw").exists()


def test_wrong_usage_has_exit_code_2(path: Path, source: Path) -> None:
    for words in (
        ["compile", f"{source}:apply", "-o", "m.tw", "--dynamic", "x=n"],
        ["run", path],
        ["run", path, "-i", "z=x.npy"],
        ["run", path, "-i", "x.npy", "-i", "y.npy"],
        ["run", path, "-i", "x=x.npy", "-i", "x=y.npy"],
        ["config"],
    ):
        assert run(*words).exit_code == 2, words


def test_run_refuses_another_device(path: Path) -> None:
    told = run("run", path, "--device", "abacus", "--describe")
    assert told.exit_code == 1 and "it is for the device cpu, not abacus" in str(told.exception)


def test_config_names_what_is_there() -> None:
    assert run("config", "--cflags").output == f"-I{tw.include_dir()}\n"
    assert run("config", "--libs").output.endswith(" -ltilewright\n")
    assert (Path(run("config", "--include").output.strip()) / "tilewright.h").exists()
    assert (Path(run("config", "--library").output.strip()) / "libtilewright.so").exists()
    assert Path(run("config", "--runner").output.strip()).exists()
