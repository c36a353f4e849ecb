"""einops on tilewright's arrays: `import tilewright.einops` once, then `einops.rearrange(x, ...)`.

einops asks every class that derives from its `AbstractBackend` whether an array is its own; this
module makes such a class. (`einops.array_api` works without it, by the array API standard.)

>>> import einops
>>> import tilewright as tw
>>> import tilewright.einops
>>> einops.rearrange(tw.arange(6), "(a b) -> b a", a=2).shape
(3, 2)
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from einops._backends import AbstractBackend

from . import Array
from .dsl import functions as f


class Backend(AbstractBackend):  # type: ignore[misc]  # it need not be installed
    """What einops asks of a library of arrays; eager and staged arrays alike."""

    framework_name = "tilewright"

    def is_appropriate_type(self, tensor: Any) -> bool:
        """Whether an array is one of ours."""
        return isinstance(tensor, Array)

    def from_numpy(self, x: Any) -> Array:
        """An Array of a NumPy array."""
        return f.asarray(x)

    def to_numpy(self, x: Array) -> Any:
        """The elements as a NumPy array."""
        return x.numpy()

    def arange(self, start: int, stop: int) -> Array:
        """The numbers from start to before stop."""
        return f.arange(start, stop)

    def stack_on_zeroth_dimension(self, tensors: Sequence[Array]) -> Array:
        """Arrays joined along a new first axis."""
        return f.stack(tensors)

    def add_axis(self, x: Array, new_position: int) -> Array:
        """A new axis of size 1."""
        return f.expand_dims(x, new_position)

    def tile(self, x: Array, repeats: Sequence[int]) -> Array:
        """x repeated along each axis."""
        return f.tile(x, repeats)

    def concat(self, tensors: Sequence[Array], axis: int) -> Array:
        """Arrays joined along an axis."""
        return f.concatenate(tensors, axis)

    def is_float_type(self, x: Array) -> bool:
        """Whether elements are floats, of which einops takes means."""
        return x.dtype.kind in "fc"

    def einsum(self, pattern: str, *x: Array) -> Array:
        """Einstein's summation."""
        return f.einsum(pattern, *x)
