"""`tilewright-run`: the digits network without Python, options, .npy files, errors."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import ml_dtypes
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import tilewright as tw
from tilewright import nn
from tilewright.demo.digits import load_digits
from tilewright.demo.training import make_model, make_step
from tilewright.native_files import runner

Words = str | Path


def run(*words: Words, code: int = 0, **options: Any) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([runner(), *words], capture_output=True, text=True, **options)
    assert done.returncode == code, done.stderr
    return done


def fails(code: int, message: str, *words: Words) -> None:
    told = run(*words, code=code).stderr
    assert told.startswith("error: ") and message in told and told.count("\n") == 1, told


def test_the_digits_network_predicts_the_same(tmp_path: Path) -> None:
    data = load_digits(0)
    tw.seed(0)
    model = make_model()
    step = tw.jit(make_step(model, nn.Adam(model.parameters(), lr=2e-3)))
    for _ in range(8):
        for x, y in nn.DataLoader(data.train_x, data.train_y, batch_size=64, drop_last=True):
            step(x, y)
    model.eval()
    predict = tw.jit(lambda pixels: model(pixels).argmax(axis=-1))
    expected = predict(tw.asarray(data.test_x)).numpy()
    made = tw.compile(predict, data.test_x, dynamic={"pixels": {0: "n"}})
    made.save(tmp_path / "digits.tw")
    np.save(tmp_path / "x.npy", data.test_x)
    # Nothing but three files, an empty environment and another working directory.
    program = shutil.copy(runner(), tmp_path)
    words = ["digits.tw", "--input", "x.npy", "--output", "y.npy"]
    subprocess.run([program, *words], check=True, env={}, cwd=tmp_path)
    found = np.load(tmp_path / "y.npy")
    assert found.dtype == np.int64 and (found == expected).all()
    assert (found == data.test_y).mean() > 0.9


def test_several_inputs_and_outputs_by_name(tmp_path: Path) -> None:
    x, y = np.arange(3.0), np.full(3, 2, np.int32)
    made = tw.compile(lambda a, b: {"sum": a + b, "double": b * 2}, x, y)
    made.save(tmp_path / "m.tw")
    np.save(tmp_path / "x.npy", x)
    np.save(tmp_path / "y.npy", y)
    for inputs in (["-i", "x.npy", "-i", "y.npy"], ["--input=b=y.npy", "--input", "x.npy"]):
        run("m.tw", *inputs, "-o", "double=d.npy", "--output=s.npy", cwd=tmp_path)
        np.testing.assert_array_equal(np.load(tmp_path / "s.npy"), x + y)
        assert np.load(tmp_path / "d.npy").tolist() == [4, 4, 4]
        (tmp_path / "s.npy").unlink()
    assert not [f for f in tmp_path.iterdir() if f.suffix not in (".tw", ".npy")]


def test_descriptions(path: Path, made: tw.Artifact) -> None:
    told = run(path, "--describe").stdout
    assert "input   x: float32[batch, 64]" in told and "output  output: float32[batch, 10]" in told
    assert json.loads(run(path, "--manifest").stdout) == made.manifest
    assert "Exit codes" in run("--help").stdout
    assert tw.__version__ in run("--version").stdout


def test_repeat_prints_times_and_threads(path: Path, pixels: np.ndarray, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", pixels)
    told = run(path, "-i", tmp_path / "x.npy", "--repeat", "20", "--threads=1", "--trust-weights")
    assert re.search(r"loaded in .* ms\nfirst .* median .* of 20 runs on 1 threads", told.stdout)


def test_wrong_usage(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.zeros((1, 64), np.float32))
    fails(2, "got no model")
    fails(2, "unknown option --fast", path, "--fast")
    fails(2, "got two models", path, path)
    fails(2, "--repeat: got -1; it must be a number", path, "--repeat", "-1")
    fails(2, "--threads: got two", path, "--threads", "two")
    fails(2, "--threads takes a value", path, "--threads")
    fails(2, "--describe takes no value", path, "--describe=yes")
    fails(2, "no file for input x: float32[batch, 64]", path)
    fails(2, "the model has no input z", path, "-i", f"z={file}")
    fails(2, "x is given twice", path, "-i", f"x={file}", "-i", f"x={file}")
    fails(2, "the model has 1 inputs", path, "-i", file, "-i", file)
    fails(2, "the model has no output z", path, "-i", file, "-o", "z=out.npy")
    fails(2, "must be 1 to 256", path, "-i", file, "--threads", "1000")


def test_bad_models_and_runs(path: Path, tmp_path: Path) -> None:
    file = tmp_path / "x.npy"
    np.save(file, np.zeros((1, 63), np.float32))
    fails(4, "cannot open", tmp_path / "absent.tw")
    fails(4, "this is no artifact of tilewright", file, "--describe")
    fails(4, "for the device cpu, not abacus", path, "--device", "abacus")
    fails(5, "axis 1 must have size 64", path, "-i", file)
    np.save(file, np.zeros((1, 64)))
    fails(5, "dtype float64; it must be float32", path, "-i", file)
    np.save(file, np.zeros((1, 64), np.float32))
    fails(3, "No such file", path, "-i", file, "-o", tmp_path / "absent" / "y.npy")
    assert [f.name for f in tmp_path.iterdir()] == ["x.npy"]


# --------------------------------------------------------------------------- .npy files

KINDS = (
    "?", "i1", "<i2", "<i4", "<i8", "u1", "<u2", "<u4", "<u8", "<f2", "<f4", "<f8", "<c8",
    "<c16",
)  # fmt: skip


@pytest.fixture(scope="module")
def same(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Models of one input that give it back, by NumPy's name of the dtype."""
    folder = tmp_path_factory.mktemp("same")
    for kind in KINDS:
        x = np.zeros((2, 3, 4), kind)
        sizes = {"x": {0: "a", 1: "b", 2: "c"}}
        tw.compile(lambda x: x, x, dynamic=sizes).save(folder / f"{x.dtype.name}.tw")
    return {np.dtype(k).name: folder / f"{np.dtype(k).name}.tw" for k in KINDS}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
def test_npy_files_come_back(
    kind: str, order: str, version: tuple[int, int], same: dict[str, Path], tmp_path: Path
) -> None:
    x = np.random.default_rng(0).integers(0, 100, (2, 3, 5)).astype(kind)
    x = np.asarray(x, order=order)  # type: ignore[call-overload]
    with open(tmp_path / "x.npy", "wb") as file:
        np.lib.format.write_array(file, x, version)
    run(same[x.dtype.name], "-i", tmp_path / "x.npy", "-o", tmp_path / "y.npy")
    y = np.load(tmp_path / "y.npy", allow_pickle=False)
    assert y.dtype == x.dtype
    np.testing.assert_array_equal(y, x)
    assert (tmp_path / "y.npy").stat().st_size == 128 + x.nbytes


def test_bfloat16_and_scalars(tmp_path: Path) -> None:
    x = np.array(1.5, ml_dtypes.bfloat16)
    tw.compile(lambda x: x * 2, x).save(tmp_path / "m.tw")
    np.save(tmp_path / "x.npy", x)
    run("m.tw", "-i", "x.npy", "-o", "y.npy", cwd=tmp_path)
    found = np.load(tmp_path / "y.npy")
    assert found.shape == () and found.view(ml_dtypes.bfloat16) == 3


@pytest.mark.parametrize("kind", ["complex64", "complex128"])
def test_complex_weights(kind: str, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    x, w = ((rng.normal(size=s) + 1j * rng.normal(size=s)).astype(kind) for s in ((3, 4), (4, 2)))
    weights = tw.asarray(w)
    tw.compile(lambda x: tw.exp(x @ weights), x).save(tmp_path / "m.tw")
    np.save(tmp_path / "x.npy", x)
    run("m.tw", "-i", "x.npy", "-o", "y.npy", cwd=tmp_path)
    found = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(found, np.exp(x @ w), rtol=1e-4 if kind == "complex64" else 1e-12)
    np.testing.assert_array_equal(tw.load(tmp_path / "m.tw")(x).numpy(), found)


def npy(header: str, data: bytes = b"", version: int = 1, magic: bytes = b"\x93NUMPY") -> bytes:
    text = header.encode()
    return magic + bytes([version, 0]) + len(text).to_bytes(2, "little") + text + data


GOOD = "{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2, 1), }"


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "ends too early"),
        (b"\x93NUMPY", "ends too early"),
        (npy(GOOD, bytes(8), magic=b"\x93PANDA"), "no .npy file"),
        (npy(GOOD, bytes(8), version=4), "version 4; 1 to 3"),
        (npy(GOOD, bytes(7)), "its header says"),
        (npy(GOOD, bytes(9)), "its header says"),
        (npy(GOOD)[:20], "ends too early"),
        (npy(GOOD.replace("<f4", ">f4"), bytes(8)), "it holds >f4"),
        (npy(GOOD.replace("<f4", "|O"), bytes(8)), "it holds |O"),
        (npy(GOOD.replace("(1, 2, 1)", "(1, -2, 1)"), bytes(8)), "a size is no number"),
        (npy(GOOD.replace("(1, 2, 1)", "(1 2)"), bytes(8)), "the shape is no tuple"),
        (npy(GOOD.replace("(1, 2, 1)", "(8)"), bytes(8)), "the shape is no tuple"),
        (npy(GOOD.replace("2", "9" * 19), bytes(8)), "over 2**63"),
        (npy(GOOD.replace("(1, 2, 1)", f"({'4294967296,' * 2})")), "shape is too large"),
        (npy(GOOD.replace("(1, 2, 1)", f"({'1,' * 33})"), bytes(4)), "over 32 axes"),
        (npy(GOOD.replace("False", "Maybe"), bytes(8)), "neither True nor False"),
        (npy(GOOD.replace("'shape'", "'descr'"), bytes(8)), "not known, or twice"),
        (npy("{'descr': '<f4'}", bytes(8)), "an item is missing"),
        (npy(GOOD + "x", bytes(8)), "something behind"),
        (npy("", bytes(8)), "no dictionary"),
    ],
)
def test_bad_npy_files(content: bytes, message: str, same: dict[str, Path], tmp_path: Path) -> None:
    (tmp_path / "x.npy").write_bytes(content)
    fails(3, message, same["float32"], "-i", tmp_path / "x.npy")
    fails(3, "not a regular file", same["float32"], "-i", tmp_path)
    fails(3, "No such file", same["float32"], "-i", tmp_path / "absent.npy")


@given(data=st.data())
def test_damaged_npy_files_never_crash(
    data: st.DataObject, same: dict[str, Path], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(npy(GOOD, bytes(8)))
    for _ in range(data.draw(st.integers(1, 3))):
        content[data.draw(st.integers(0, len(content) - 1))] = data.draw(st.integers(0, 255))
    file = tmp_path_factory.mktemp("npy") / "x.npy"
    file.write_bytes(content[: data.draw(st.integers(0, len(content)))])
    done = subprocess.run([runner(), same["float32"], "-i", file], capture_output=True)
    assert done.returncode in (0, 3, 5), done.stderr
