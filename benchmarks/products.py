"""A few products in every library, a process each: the example of contests."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .contest import Contest, ahead_of_best, in_numpy_names
from .harness import Options

GOAL = ahead_of_best("products of matrices", 0.95, mean=1.03)
SIZES = ((512, 512, 512), (128, 768, 3072), (1, 4096, 4096))


def cases(options: Options) -> Iterator[Contest]:
    """Each size with the right operand an argument, a weight, and with its gradients."""
    for sizes in SIZES:
        yield _contest(*sizes, "")
        yield _contest(*sizes, ", weight")
    yield _contest(*SIZES[1], ", gradient")


def _contest(m: int, k: int, n: int, kind: str) -> Contest:
    def inputs(rng: Any) -> list[Any]:
        return [rng.standard_normal(shape, dtype="float32") for shape in ((m, k), (k, n))]

    times = 3 if kind == ", gradient" else 1
    return Contest(
        f"{m}x{k}x{n}{kind}",
        inputs,
        in_numpy_names(lambda library, a, b: a @ b),
        GOAL,
        constants=(1,) if kind == ", weight" else (),
        gradient=(0, 1) if kind == ", gradient" else (),
        flops=2.0 * m * k * n * times,
        bytes=4.0 * (m * k + k * n + m * n) * times,
    )
