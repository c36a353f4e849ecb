"""Artifacts: the same model by tilewright-run and staged in this process, and the time to load."""

from __future__ import annotations

import itertools
import re
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

import tilewright as tw
from tilewright import nn
from tilewright.native_files import runner

from .harness import OURS, Case, Goal, Options

IN_PROCESS = "staged, in process"
RUN = Goal("`tilewright-run`: within 5 % of the staged call", ratio=0.95, peer=IN_PROCESS)
LOAD = Goal("an artifact is loaded, its weights mapped, in at most 5 ms", seconds=5e-3)
CHECKED = "an artifact is loaded with the weights' checksum in at most 5 ms and 1 ms a MB"
CALLS = 500  # of one turn, whose median counts
# Batch and widths of a multi-layer perceptron: the demo's digits, and a larger one.
MODELS = {"digits": (360, (64, 128, 64, 10)), "large": (256, (784, 1024, 1024, 10))}

ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """For each model: its run, and its loading without and with the checksum of the weights."""
    for name, (batch, widths) in MODELS.items():
        folder = Path(tempfile.mkdtemp(prefix="tilewright-"))
        model = make_model(widths)
        x = np.random.default_rng(0).normal(size=(batch, widths[0])).astype(np.float32)
        np.save(folder / "x.npy", x)
        tw.compile(model, x).save(folder / "m.tw")
        size = (folder / "m.tw").stat().st_size
        limit = 5e-3 + size * 1e-9
        words = [runner(), folder / "m.tw", "--input", folder / "x.npy"]
        words += ["--threads", str(options.threads)]
        staged = tw.jit(lambda x, model=model: model(x))
        given = tw.asarray(x)
        calls = CALLS if batch * widths[1] < 1e5 else CALLS // 10
        runs = {
            IN_PROCESS: partial(_median, staged, given, calls),
            OURS: partial(_told, words, calls, r"median (\S+) us", 1e-6),
        }
        check = _agree(staged, given, words, folder)
        yield Case(f"run {name}, batch {batch}", runs, RUN, check, times_itself=True)
        for goal, more in ((LOAD, ["--trust-weights"]), (Goal(CHECKED, seconds=limit), [])):
            load = {OURS: partial(_told, [*words, *more], 1, r"loaded in (\S+) ms", 1e-3)}
            title = f"load{' and check' * (not more)} {name}, {size / 1e6:.2g} MB"
            yield Case(title, load, goal, lambda: None, times_itself=True)


def make_model(widths: tuple[int, ...]) -> nn.Sequential:
    """Linear layers with ReLU between them."""
    tw.seed(0)
    layers: list[Any] = []
    for wide, narrow in itertools.pairwise(widths):
        layers += [nn.Linear(wide, narrow), nn.ReLU()]
    return nn.Sequential(*layers[:-1]).eval()


def _median(staged: Callable[[Any], Any], x: Any, calls: int) -> float:
    times = []
    for _ in range(calls):
        start = time.perf_counter()
        staged(x)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def _told(words: Sequence[Any], calls: int, pattern: str, unit: float) -> float:
    """A figure that tilewright-run prints."""
    told = subprocess.check_output([*words, "--repeat", str(calls)], text=True)
    found = re.search(pattern, told)
    assert found is not None, told
    return unit * float(found[1])


def _agree(
    staged: Callable[[Any], Any], x: Any, words: list[Any], folder: Path
) -> Callable[[], None]:
    def check() -> None:
        subprocess.run([*words, "--output", folder / "y.npy"], check=True)
        assert np.array_equal(np.load(folder / "y.npy"), staged(x).numpy()), "other bits"

    return check
