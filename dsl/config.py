"""Settings of a thread that change what kernels compute: now whether bits are reproducible."""

from __future__ import annotations

from types import TracebackType

from .. import _native
from .errors import DTypeError, TraceError
from .record import is_tracing


class config:  # a function to its users, as `no_grad` is
    """Settings of the calling thread, from now on or for the body of a `with` statement.

    `reproducible=True`: a result's bits depend on the values alone: not on the number of threads,
    the batch around them, the machine's vectors or caches, nor on whether code runs eagerly, staged
    or from an artifact. It costs speed (sums take a fixed order, products before sums are rounded)
    and its kernels are compiled apart, at their first use. It covers all that kernels compute;
    decompositions of `linalg` and transforms of `fft` are SciPy's and NumPy's (docs/accuracy.md).
    It needs a processor with FMA; devices other than the processor refuse (DeviceError).

    Raises DTypeError for what is no bool, TraceError inside a staged function.

    >>> import tilewright as tw
    >>> with tw.config(reproducible=True):
    ...     tw.config.current()
    {'reproducible': True}
    >>> tw.config.current()
    {'reproducible': False}
    """

    def __init__(self, *, reproducible: bool) -> None:
        if not isinstance(reproducible, bool):
            raise DTypeError(f"config: got reproducible={reproducible!r}; it must be True or False")
        if is_tracing():
            raise TraceError(
                "config: called inside a staged function; set it around the function's call"
            )
        self._before = _native.set_reproducible(reproducible)

    def __enter__(self) -> config:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        where: TracebackType | None,
    ) -> None:
        _native.set_reproducible(self._before)

    @staticmethod
    def current() -> dict[str, bool]:
        """The settings of the calling thread."""
        return {"reproducible": _native.reproducible()}
