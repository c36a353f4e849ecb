"""Part 3's jobs: what each library runs, on the same inputs."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from .. import asarray, get_num_threads, jit
from .. import stdlib_nn as nn
from ..dsl import functions
from .digits import Digits, Numpy
from .numpy_step import NumpyTrainer
from .training import BATCH, RATE, make_model, make_step

Run = Callable[[], Any]


@dataclass(frozen=True)
class Job:
    """One row: contenders by column, and the work of one call, in flops or in bytes moved."""

    name: str
    runs: dict[str, Run]
    flops: float = 0.0
    bytes: float = 0.0
    tolerance: float = 0.0  # absolute, between the contenders' results; 0: not compared


def torch_module() -> Any | None:
    """PyTorch with our number of threads, if it is installed."""
    if importlib.util.find_spec("torch") is None:
        return None
    torch = importlib.import_module("torch")
    torch.set_num_threads(get_num_threads())
    return torch


def make_jobs(data: Digits, torch: Any | None) -> list[Job]:
    """All rows of the table."""
    rng = np.random.default_rng(0)
    million = [rng.uniform(0.1, 2.0, 1_000_000).astype(np.float32) for _ in range(2)]
    square = [rng.standard_normal((1024, 1024)).astype(np.float32) for _ in range(2)]
    wide = [rng.standard_normal((512, 1024)).astype(np.float32)]
    return [
        _array_job("chain 1M", _chain, million, torch, 1e-5, bytes=12e6),
        _array_job("matmul 1024", _matmul, square, torch, 1e-2, flops=2 * 1024**3),
        _array_job("softmax 512x1024", _softmax, wide, torch, 1e-6, bytes=2 * wide[0].nbytes),
        _training_job(data, torch),
    ]


def _chain(xp: Any, x: Any, y: Any) -> Any:
    return xp.tanh(x * y + x) * xp.exp(-y) + xp.log(x)


def _matmul(xp: Any, a: Any, b: Any) -> Any:
    return a @ b


def _softmax(xp: Any, x: Any) -> Any:
    if xp is not np:
        return xp.softmax(x, -1)
    powers = np.exp(x - x.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def _array_job(
    name: str,
    f: Callable[..., Any],
    inputs: list[Numpy],
    torch: Any | None,
    tolerance: float,
    **work: float,
) -> Job:
    arrays = [asarray(a) for a in inputs]
    staged = jit(lambda *a: f(functions, *a))
    runs: dict[str, Run] = {"NumPy": lambda: f(np, *inputs)}
    if torch is not None:
        tensors = [torch.from_numpy(a) for a in inputs]
        runs["PyTorch"] = lambda: f(torch, *tensors)
    runs["eager"] = lambda: f(functions, *arrays)
    runs["staged"] = lambda: staged(*arrays)
    return Job(name, runs, tolerance=tolerance, **work)


# --------------------------------------------------------------------------- the training step


def _training_job(data: Digits, torch: Any | None) -> Job:
    x, y = data.train_x[:BATCH], data.train_y[:BATCH]
    trainer = NumpyTrainer([p.numpy() for p in make_model().parameters()], RATE, 0.1)
    runs: dict[str, Run] = {"NumPy": lambda: trainer.step(x, y)}
    if torch is not None:
        step, batch = _torch_step(torch), (torch.from_numpy(x), torch.from_numpy(y))
        runs["PyTorch"] = lambda: step(*batch)
    ours = (asarray(x), asarray(y))
    eager, staged = _our_step(), jit(_our_step())
    runs["eager"] = lambda: eager(*ours)
    runs["staged"] = lambda: staged(*ours)
    layers = ((64, 128), (128, 64), (64, 10))
    # A product forward, two backward; the first layer's input needs no gradient.
    products = 3 * sum(a * b for a, b in layers) - 64 * 128
    return Job(f"train step {BATCH}", runs, flops=2.0 * BATCH * products)


def _our_step() -> Callable[[Any, Any], Any]:
    model = make_model()
    return make_step(model, nn.Adam(model.parameters(), lr=RATE))


def _torch_step(torch: Any) -> Callable[[Any, Any], Any]:
    net = torch.nn
    layers = [net.Linear(64, 128), net.ReLU(), net.Dropout(0.1)]
    layers += [net.Linear(128, 64), net.ReLU(), net.Linear(64, 10)]
    model = net.Sequential(*layers)
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    loss_of = net.CrossEntropyLoss()

    def step(x: Any, y: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), y)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
