"""What the tests of the registry of primitives share."""

from __future__ import annotations

# Of further devices, whose drivers take seconds for a kernel: the others are marked exhaustive.
ON_DEVICES = ("mul", "sum", "matmul", "slice", "concatenate", "gather")


def name(value: object) -> str:
    return str(value)
