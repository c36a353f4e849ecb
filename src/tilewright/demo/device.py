"""Another device: the training step of the digits there, beside the same step on the processor."""

from __future__ import annotations

from functools import partial
from typing import Any

import numpy as np

from .. import asarray, device, devices, jit
from .. import seed as set_seed
from .. import stdlib_nn as nn
from .checks import Checks
from .digits import Digits
from .timing import medians
from .training import BATCH, RATE, make_model, make_step

STEPS = 60
TITLE = "the training step on another device"


def check_device(checks: Checks, data: Digits, seed: int) -> None:
    """Train some steps on every device beside the host, from equal weights on equal batches."""
    checks.section(f"Devices: {TITLE}, {STEPS} steps without dropout")
    host, *others = devices()
    for other in others:
        if not other.available:
            checks.skip(f"{TITLE} ({other.name})", other.why)
            continue
        here, there = (_losses(name, data, seed) for name in (host.name, other.name))
        apart = float(np.abs(here - there).max())
        agrees = bool(np.isfinite(there).all()) and apart < 1e-3
        found = f"losses {there[0]:.3f} to {there[-1]:.3f}, apart by at most {apart:.1e}"
        checks.check(f"{other.name} ({other.processor}) learns as {host.name} does", agrees, found)
        learns = bool(there[-1] < there[0] / 2)
        checks.check("the loss falls to less than half", learns, f"{there[-1] / there[0]:.2f}")
        _show_times(checks, [host.name, other.name], data, seed)


def _trainer(name: str, data: Digits, seed: int) -> Any:
    """A function that makes one step on a device with batch number i, and gives the loss."""
    with device(name):
        set_seed(seed)
        model = make_model().eval()
        step = jit(make_step(model, nn.Adam(model.parameters(), lr=RATE)))
        count = len(data.train_x) // BATCH
        parts = [slice(i * BATCH, (i + 1) * BATCH) for i in range(count)]
        batches = [(asarray(data.train_x[p]), asarray(data.train_y[p])) for p in parts]

    def run(i: int) -> Any:
        with device(name):
            return step(*batches[i % count])

    return run


def _losses(name: str, data: Digits, seed: int) -> Any:
    run = _trainer(name, data, seed)
    return np.array([run(i).item() for i in range(STEPS)])


def _read_back(run: Any) -> Any:
    return run(0).item()


def _show_times(checks: Checks, names: list[str], data: Digits, seed: int) -> None:
    trainers = {name: _trainer(name, data, seed) for name in names}
    runs = {n: partial(_read_back, run) for n, run in trainers.items()}
    times = medians(runs, rounds=3)
    told = ", ".join(f"{seconds * 1e6:.0f} us on {name}" for name, seconds in times.items())
    checks.console.print(f"  a step, its loss read back: {told}", highlight=False, soft_wrap=True)
