"""The demo's training step by hand in NumPy: what a framework saves its users from."""

from __future__ import annotations

from typing import Any

import numpy as np

Numpy = np.ndarray[Any, Any]


class NumpyTrainer:
    """64-128-64-10 with ReLU, dropout, cross entropy and Adam: forward, backward and update."""

    def __init__(self, weights: list[Numpy], rate: float, dropout: float, seed: int = 0) -> None:
        self.weights = [w.copy() for w in weights]  # w0, b0, w1, b1, w2, b2
        self.rate, self.dropout = rate, dropout
        self.means = [np.zeros_like(w) for w in weights]
        self.squares = [np.zeros_like(w) for w in weights]
        self.count = 0
        self._rng = np.random.default_rng(seed)

    def step(self, x: Numpy, y: Numpy) -> float:
        """One step on a batch; returns the loss before it."""
        loss, grads = self.gradients(x, y)
        self._update(grads)
        return loss

    def gradients(self, x: Numpy, y: Numpy) -> tuple[float, list[Numpy]]:
        """The loss on a batch, and its gradient for each weight."""
        w0, b0, w1, b1, w2, b2 = self.weights
        hidden = np.maximum(x @ w0 + b0, 0)
        keep = self._mask(hidden.shape)
        dropped = hidden * keep
        second = np.maximum(dropped @ w1 + b1, 0)
        logits = second @ w2 + b2
        logits -= logits.max(axis=1, keepdims=True)
        logs = logits - np.log(np.exp(logits).sum(axis=1, keepdims=True))
        rows = np.arange(len(y))
        d_logits = np.exp(logs)
        d_logits[rows, y] -= 1
        d_logits /= len(y)
        d_second = (d_logits @ w2.T) * (second > 0)
        d_hidden = (d_second @ w1.T) * keep * (hidden > 0)
        inputs = ((x, d_hidden), (dropped, d_second), (second, d_logits))
        grads = [g for a, d in inputs for g in (a.T @ d, d.sum(axis=0))]
        return -float(logs[rows, y].mean()), grads

    def _mask(self, shape: tuple[int, ...]) -> Numpy:
        if not self.dropout:
            return np.ones(shape, np.float32)
        kept = self._rng.random(shape, np.float32) >= self.dropout
        return kept.astype(np.float32) / np.float32(1 - self.dropout)

    def _update(self, grads: list[Numpy]) -> None:
        self.count += 1
        size = self.rate / (1 - 0.9**self.count)
        correction = 1 / (1 - 0.999**self.count) ** 0.5
        for w, g, mean, square in zip(self.weights, grads, self.means, self.squares, strict=True):
            mean *= 0.9
            mean += 0.1 * g
            square *= 0.999
            square += 0.001 * g * g
            w -= size * mean / (np.sqrt(square) * correction + 1e-8)
