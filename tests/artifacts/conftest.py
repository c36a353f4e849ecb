"""A small model as an artifact, for all tests of artifacts."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn


@pytest.fixture(scope="session")
def model() -> nn.Module:
    """A network with a large and small weights, two of which get derived forms."""
    tw.seed(0)
    return nn.Sequential(nn.Linear(64, 80), nn.Tanh(), nn.Linear(80, 10)).eval()


@pytest.fixture(scope="session")
def made(model: nn.Module) -> tw.Artifact:
    """The network for any number of rows."""
    return tw.compile(model, tw.zeros((16, 64), dtype="float32"), dynamic={"x": {0: "batch"}})


@pytest.fixture(scope="session")
def path(made: tw.Artifact, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The file of the artifact."""
    found = tmp_path_factory.mktemp("artifact") / "model.tw"
    made.save(found)
    return found


@pytest.fixture(scope="session")
def pixels() -> np.ndarray:
    return np.random.default_rng(0).normal(size=(21, 64)).astype(np.float32)
