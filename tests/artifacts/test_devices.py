"""Artifacts for devices with memory of their own: the same file format, the same runner."""

from __future__ import annotations

import subprocess
from pathlib import Path

import numpy as np
import pytest
from device_support import device_names

import tilewright as tw
from tilewright import nn
from tilewright.dsl.errors import ArtifactError
from tilewright.native_files import runner


def by_numpy(x: np.ndarray, a: np.ndarray, b: np.ndarray, c: np.ndarray, d: np.ndarray) -> object:
    """The model of the test below."""
    return np.maximum(x @ a + b, 0) @ c + d


@pytest.mark.parametrize("name", device_names()[1:])
def test_a_model_runs_on_its_device(name: str, tmp_path: Path) -> None:
    device = tw.device(name)
    x = np.random.default_rng(0).normal(size=(9, 64)).astype(np.float32)
    with device:
        tw.seed(0)
        model = nn.Sequential(nn.Linear(64, 32), nn.ReLU(), nn.Linear(32, 10)).eval()
        weights = [p.numpy() for p in model.parameters()]
        made = tw.compile(
            lambda x: {"y": model(x), "weight": model[0].bias}, tw.asarray(x),
            dynamic={"x": {0: "n"}},
        )  # fmt: skip
    assert made.manifest["device"] == name
    made.save(tmp_path / "m.tw")
    loaded = tw.load(tmp_path / "m.tw", device=f"{name}:0")
    for artifact in (made, loaded):
        for given in (x, tw.asarray(x).to(device), x[::2], tw.asarray(x).to(device)[2:7]):
            found = artifact(given)
            assert found["y"].device is device
            host = given.numpy() if isinstance(given, tw.Array) else given
            wanted = by_numpy(host, *weights)
            np.testing.assert_allclose(found["y"].numpy(), wanted, rtol=1e-4, atol=1e-5)
    np.save(tmp_path / "x.npy", x)
    words = ["--input", "x.npy", "--output", "y=y.npy", "--output", "weight=w.npy"]
    done = subprocess.run(
        [runner(), "m.tw", *words, "--device", f"{name}:0"],
        cwd=tmp_path, capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    y = np.load(tmp_path / "y.npy")
    np.testing.assert_allclose(y, by_numpy(x, *weights), rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(np.load(tmp_path / "w.npy"), model[0].bias.numpy())


@pytest.mark.parametrize("name", device_names()[1:])
def test_another_kind_of_device_is_refused(name: str, path: Path, tmp_path: Path) -> None:
    with pytest.raises(ArtifactError, match=f"it is for the device cpu, not {name}"):
        tw.load(path, device=name)
    device = tw.device(name)
    with device:
        tw.compile(lambda x: x + 1, tw.zeros(3, dtype="float32")).save(tmp_path / "m.tw")
    with pytest.raises(ArtifactError, match=f"it is for the device {name}, not cpu"):
        tw.load(tmp_path / "m.tw", device="cpu")
    with pytest.raises(ArtifactError, match=f"the device {name}, which is not here"):
        tw.load(tmp_path / "m.tw", device=f"{name}:99")
