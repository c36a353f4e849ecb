"""The demo's network and batch: one staged training step beside PyTorch eager and NumPy by hand."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

import tilewright as tw
from tilewright.demo.numpy_step import NumpyTrainer
from tilewright.demo.training import BATCH, RATE, make_model, make_step

from .harness import OURS, Case, Goal, Options

GOAL = Goal(
    "staged training step of the demo: faster than PyTorch eager", ratio=1.0, peer="PyTorch"
)
DROPOUT = 0.1
CHECKED_STEPS = 5


def cases(options: Options) -> Iterator[Case]:
    """One case, on a batch with the shape and range of the demo's digits."""
    rng = np.random.default_rng(0)
    x = rng.uniform(0, 1, (BATCH, 64)).astype(np.float32)
    labels = rng.integers(0, 10, BATCH)
    a, b = tw.asarray(x), tw.asarray(labels)
    model = make_model()
    trainer = NumpyTrainer([p.numpy() for p in model.parameters()], RATE, DROPOUT)
    staged = _staged(model)
    runs: dict[str, Callable[[], Any]] = {
        "NumPy": lambda: trainer.step(x, labels),
        OURS: lambda: staged(a, b),
    }
    if torch := options.torch:
        step = _torch_step(torch)
        s, t = torch.from_numpy(x), torch.from_numpy(labels)
        runs["PyTorch"] = lambda: step(s, t)
    yield Case(f"training step, batch {BATCH}", runs, GOAL, lambda: _check(x, labels))


def _staged(model: Any) -> Callable[..., Any]:
    step = make_step(model, tw.nn.Adam(model.parameters(), lr=RATE))
    return tw.jit(step)  # type: ignore[no-any-return]


def _check(x: Any, labels: Any) -> None:
    """Without dropout a few staged steps end at the weights that NumPy computes by hand."""
    model = make_model().eval()
    trainer = NumpyTrainer([p.numpy() for p in model.parameters()], RATE, 0.0)
    step = _staged(model)
    for _ in range(CHECKED_STEPS):
        loss = step(tw.asarray(x), tw.asarray(labels)).item()
        np.testing.assert_allclose(loss, trainer.step(x, labels), rtol=1e-4)
    for found, expected in zip(model.parameters(), trainer.weights, strict=True):
        np.testing.assert_allclose(found.numpy(), expected, rtol=1e-3, atol=1e-4)


def _torch_step(torch: Any) -> Callable[[Any, Any], Any]:
    net = torch.nn
    model = net.Sequential(
        net.Linear(64, 128), net.ReLU(), net.Dropout(DROPOUT),
        net.Linear(128, 64), net.ReLU(), net.Linear(64, 10),
    )  # fmt: skip
    optimizer = torch.optim.Adam(model.parameters(), lr=RATE)
    loss_of = net.CrossEntropyLoss()

    def step(x: Any, labels: Any) -> Any:
        optimizer.zero_grad()
        loss = loss_of(model(x), labels)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step
