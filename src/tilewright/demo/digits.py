"""The data: scikit-learn's 1,797 handwritten digits, 8 by 8 pixels of 0 to 16."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

Numpy = np.ndarray[Any, Any]


@dataclass(frozen=True)
class Digits:
    """Pixels scaled to 0..1 as float32 (n, 64), labels as int64 (n,); a fifth is held out."""

    train_x: Numpy
    train_y: Numpy
    test_x: Numpy
    test_y: Numpy


def load_digits(seed: int = 0) -> Digits:
    """The digits, split by a permutation of `seed`."""
    import sklearn.datasets  # an optional dependency, and a second of import

    x, y = sklearn.datasets.load_digits(return_X_y=True)
    order = np.random.default_rng(seed).permutation(len(x))
    x, y = (x[order] / 16.0).astype(np.float32), y[order].astype(np.int64)
    held_out = len(x) // 5
    return Digits(x[held_out:], y[held_out:], x[:held_out], y[:held_out])
