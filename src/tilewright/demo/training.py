"""Part 2: a network learns the digits, each step one compiled program."""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from .. import Array, asarray, jit
from .. import seed as set_seed
from .. import stdlib_nn as nn
from .checks import Checks
from .digits import Digits

EPOCHS, BATCH, RATE = 40, 64, 2e-3
WANTED, SECONDS = 0.97, 30.0


def make_model() -> nn.Sequential:
    """The network: 64 pixels, two hidden layers, 10 classes."""
    return nn.Sequential(
        nn.Linear(64, 128), nn.ReLU(), nn.Dropout(0.1),
        nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10),
    )  # fmt: skip


def make_step(model: nn.Module, optimizer: nn.Optimizer) -> Callable[[Any, Any], Array]:
    """One training step as a plain function; `tw.jit` of it is the staged one."""

    def step(x: Array, y: Array) -> Array:
        optimizer.zero_grad()
        loss = nn.cross_entropy(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def check_training(checks: Checks, data: Digits, seed: int) -> nn.Module:
    """Train, check the accuracy on the held-out digits and the time, save and load back; gives
    the trained network."""
    checks.section("Training: 64-128-64-10, cross entropy, Adam, the whole step staged")
    set_seed(seed)
    model = make_model()
    start = time.perf_counter()
    accuracy = _train(checks, model, data, seed)
    seconds = time.perf_counter() - start
    right = accuracy >= WANTED
    checks.check(f"at least {WANTED:.0%} on the held-out fifth", right, f"{accuracy:.2%}")
    checks.check(f"under {SECONDS:.0f} s", seconds < SECONDS, f"{seconds:.1f} s with compilation")
    _check_checkpoint(checks, model, data)
    return model


def _train(checks: Checks, model: nn.Module, data: Digits, seed: int) -> float:
    optimizer = nn.Adam(model.parameters(), lr=RATE)
    batches = nn.DataLoader(
        data.train_x, data.train_y, batch_size=BATCH, shuffle=True, seed=seed, drop_last=True
    )
    step = jit(make_step(model, optimizer))
    predict = make_predict(model)
    accuracy = 0.0
    columns = (TextColumn("  {task.description}"), BarColumn(), TimeElapsedColumn())
    with Progress(*columns, console=checks.console) as progress:
        task = progress.add_task("compiling", total=EPOCHS * len(batches))
        for epoch in range(EPOCHS):
            optimizer.lr = RATE * (1 + math.cos(math.pi * epoch / EPOCHS)) / 2
            model.train()
            for x, y in batches:
                loss = step(x, y)
                progress.advance(task)
            model.eval()
            accuracy = _accuracy(predict, data)
            told = f"epoch {epoch + 1:2d}  loss {loss.item():.4f}  accuracy {accuracy:.2%}"
            progress.update(task, description=told)
    return accuracy


def make_predict(model: nn.Module) -> Callable[[Any], Array]:
    """The staged prediction: pixels -> classes."""
    return jit(lambda x: model(x).argmax(axis=-1))  # type: ignore[no-any-return]


def _accuracy(predict: Callable[[Any], Array], data: Digits) -> float:
    return float((predict(asarray(data.test_x)).numpy() == data.test_y).mean())


def _check_checkpoint(checks: Checks, model: nn.Module, data: Digits) -> None:
    set_seed(1)
    other = make_model().eval()
    x = asarray(data.test_x)
    before = make_predict(model)(x).numpy()
    with tempfile.TemporaryDirectory(prefix="tilewright-") as folder:
        path = Path(folder, "digits.safetensors")
        nn.save(path, model)
        size = path.stat().st_size
        nn.load(path, into=other)
    equal = bool(np.array_equal(before, make_predict(other)(x).numpy()))
    found = f"a checkpoint of {size:,} bytes"
    checks.check("saved and loaded back, same predictions", equal, found)
