"""What all tests share: the seed of the day, one kernel cache, oracles, the exhaustive mark."""

from __future__ import annotations

import datetime
import importlib
import os
import random
import shutil
import tempfile
from collections.abc import Callable
from types import ModuleType

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

SAMPLE = 24  # CI runs one in so many exhaustive tests, others each day

# The first example of a test may compile kernels, so no deadline and no complaint about slowness.
_common = {"deadline": None, "suppress_health_check": [HealthCheck.too_slow]}
settings.register_profile("dev", max_examples=30, **_common)
settings.register_profile("ci", max_examples=60, print_blob=True, database=None, **_common)
settings.register_profile("thorough", max_examples=1000, **_common)


def in_ci() -> bool:
    return os.environ.get("CI", "") not in ("", "0", "false")


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--exhaustive", action="store_true", help="run all tests marked exhaustive (long)"
    )


@pytest.hookimpl(tryfirst=True)  # hypothesis reads its seed in its own pytest_configure
def pytest_configure(config: pytest.Config) -> None:
    # Set here, in the environment, so that all workers of xdist agree, also around midnight.
    today = f"{datetime.datetime.now(datetime.UTC):%Y%m%d}"
    seed = os.environ.setdefault("TILEWRIGHT_SEED", today)
    if config.option.hypothesis_seed is None:
        config.option.hypothesis_seed = seed
    settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "ci" if in_ci() else "dev"))
    if not hasattr(config, "workerinput"):
        folder = os.environ.get("TILEWRIGHT_TEST_CACHE") or temporary_folder(config)
        os.environ["TILEWRIGHT_CACHE_DIR"] = folder


def temporary_folder(config: pytest.Config) -> str:
    """A folder that goes when the tests end. TILEWRIGHT_TEST_CACHE names one that stays, so that
    kernels whose sources did not change need not be compiled again in the next run."""
    folder = tempfile.mkdtemp(prefix="tilewright-test-")
    config.add_cleanup(lambda: shutil.rmtree(folder, ignore_errors=True))
    return folder


def pytest_report_header() -> str:
    return f"seed of the day: TILEWRIGHT_SEED={os.environ['TILEWRIGHT_SEED']}"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    if config.getoption("--exhaustive"):
        return
    marked = [item for item in items if item.get_closest_marker("exhaustive")]
    chance = random.Random(os.environ["TILEWRIGHT_SEED"])
    count = -(-len(marked) // SAMPLE) if in_ci() else 0
    left_out = set(marked) - set(chance.sample(marked, count))
    config.hook.pytest_deselected(items=sorted(left_out, key=lambda item: item.nodeid))
    items[:] = [item for item in items if item not in left_out]


@pytest.fixture
def rng() -> np.random.Generator:
    """Random numbers from the seed of the day."""
    return np.random.default_rng(int(os.environ["TILEWRIGHT_SEED"]))


@pytest.fixture(scope="session")
def oracle() -> Callable[[str], ModuleType]:
    """`oracle("torch")` imports an optional package to compare with; else skips the test.

    TILEWRIGHT_REQUIRE lists, by commas, what must be there: then its absence is a failure.
    """
    required = os.environ.get("TILEWRIGHT_REQUIRE", "").split(",")
    return lambda name: (
        importlib.import_module(name) if name in required else pytest.importorskip(name)
    )
