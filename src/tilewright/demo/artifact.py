"""The artifact: the trained network as one file, run by a program without Python."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

from .. import asarray
from .. import stdlib_nn as nn
from ..backends.artifacts import compile as compile_artifact
from ..backends.artifacts import load
from ..dsl.errors import ArtifactError
from ..native_files import runner
from .checks import Checks
from .digits import Digits
from .training import make_predict


def check_artifact(checks: Checks, data: Digits, model: nn.Module) -> None:
    """Save the network, run it by `tilewright-run` and by `tw.load`, and damage it."""
    checks.section("Artifact: the trained network without Python")
    model.eval()
    expected = make_predict(model)(asarray(data.test_x)).numpy()
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        place = Path(folder, "digits.tw")

        def predict(x: Any) -> Any:
            return model(x).argmax(axis=-1)

        example = asarray(data.test_x[:2])
        compile_artifact(predict, example, dynamic={"x": {0: "batch"}}).save(place)
        found = _run(place, data.test_x)
        same = bool(np.array_equal(found, expected))
        right = float((found == data.test_y).mean())
        told = f"{len(found)} digits, {right:.2%} right, from {place.stat().st_size:,} bytes"
        checks.check("tilewright-run predicts the same", same, told)
        loaded = load(place)(asarray(data.test_x)).numpy()
        checks.check("tw.load predicts the same", bool(np.array_equal(loaded, expected)), "equal")
        checks.check("a flipped bit is refused", *_damaged(place))


def _run(artifact: Path, x: Any) -> Any:
    """The output of `tilewright-run`, with nothing in its environment."""
    source, target = artifact.with_name("x.npy"), artifact.with_name("y.npy")
    np.save(source, x)
    words = [runner(), str(artifact), "--input", str(source), "--output", str(target)]
    done = subprocess.run(words, env={}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise ArtifactError(f"demo: tilewright-run ended with {done.returncode}: {done.stderr}")
    return np.load(target)


def _damaged(artifact: Path) -> tuple[bool, str]:
    """Whether the file is refused with one bit changed, and the reason that is given."""
    content = bytearray(artifact.read_bytes())
    content[len(content) // 2] ^= 1
    artifact.write_bytes(content)
    try:
        load(artifact)
    except ArtifactError as refusal:
        return True, " ".join(str(refusal).replace(f"{artifact.parent}/", "").split())
    return False, "it was loaded"
