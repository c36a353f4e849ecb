"""Devices against the host on the same cores: eager, staged and training, each waited for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tilewright as tw
from tilewright.demo.training import BATCH, RATE, make_model, make_step

from .chain import chain
from .harness import OURS, Case, Goal, Options, agree

HOST = "cpu device"
# Stated, not striven for: a driver for processors knows less of them than our own schedules do.
GOAL = Goal("a device on the host's cores: at least a tenth of the host's speed", 0.1, HOST)
SMALL = Goal("an eager operation on 4 elements on a device: at most 0.2 ms", seconds=2e-4)
TRAINING = Goal("training step on a device: at least a fiftieth of the host's speed", 0.02, HOST)

ONE_PROCESS = True  # its runs share what is made for them, or start processes themselves


def cases(options: Options) -> Iterator[Case]:
    """Six cases for each device beside the host, but those that emulate one for its correctness
    alone; none where there is no other."""
    for info in tw.devices():
        if info.available and info.name != "cpu" and not info.name.endswith("_sim"):
            yield from _cases(tw.device(info.name))


def _cases(device: tw.Device) -> Iterator[Case]:
    rng = np.random.default_rng(0)
    x, y = (rng.uniform(0.1, 2.0, 1_000_000).astype(np.float32) for _ in range(2))
    table = rng.standard_normal((512, 1024)).astype(np.float32)
    square = rng.standard_normal((512, 512)).astype(np.float32)
    line: Any = tw.jit(lambda x, y: chain(tw, x, y))
    rows: Any = tw.jit(lambda x: tw.softmax(x, axis=-1))
    product: Any = tw.jit(lambda x, y: x @ y)
    yield _case(device, "eager add of 4", lambda a, b: a + b, (x[:4], y[:4]), SMALL)
    yield _case(device, "eager add of 1M", lambda a, b: a + b, (x, y), GOAL)
    yield _case(device, "chain 1M", line, (x, y), GOAL)
    yield _case(device, "softmax 512x1024", rows, (table,), GOAL)
    yield _case(device, "matmul 512", product, (square, square), GOAL, 2.0 * 512**3)
    yield _training(device)


def _waited(device: tw.Device, f: Callable[..., Any], *args: Any) -> Callable[[], Any]:
    def run() -> Any:
        found = f(*args)
        device.synchronise()
        return found

    return run


def _case(
    device: tw.Device,
    name: str,
    f: Callable[..., Any],
    inputs: tuple[Any, ...],
    goal: Goal,
    flops: float = 0.0,
) -> Case:
    runs = {
        HOST: _waited(tw.device("cpu"), f, *map(tw.asarray, inputs)),
        OURS: _waited(device, f, *(tw.asarray(v, device=device) for v in inputs)),
    }
    return Case(f"{device}: {name}", runs, goal, agree(runs, 1e-4, 1e-4, HOST), flops)


def _training(device: tw.Device) -> Case:
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (BATCH, 64)).astype(np.float32)
    labels = rng.integers(0, 10, BATCH)
    runs = {HOST: _step(tw.device("cpu"), x, labels), OURS: _step(device, x, labels)}
    return Case(
        f"{device}: training step, batch {BATCH}", runs, TRAINING, lambda: _check(device, x, labels)
    )


def _step(device: tw.Device, x: Any, labels: Any, training: bool = True) -> Callable[[], Any]:
    tw.seed(0)  # the same weights everywhere
    model = make_model().train(training).to(device)
    step = make_step(model, tw.nn.Adam(model.parameters(), lr=RATE))
    inputs = tw.asarray(x, device=device), tw.asarray(labels, device=device)
    return _waited(device, tw.jit(step), *inputs)


def _check(device: tw.Device, x: Any, labels: Any) -> None:
    """A few steps without dropout have the same losses on both."""
    here, there = (_step(d, x, labels, training=False) for d in (tw.device("cpu"), device))
    for _ in range(3):
        np.testing.assert_allclose(there().item(), here().item(), rtol=1e-4)
