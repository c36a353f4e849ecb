"""Where arrays live: devices, the current one of a thread, and following the operands.

What is made from nothing (`zeros`, constants) is made on the current device: the one of the
innermost `with tw.device(...)`, and inside every public function the one of its operands. An
operation runs where its operands are; two devices in one operation are an error.
"""

from __future__ import annotations

import functools
import threading
import weakref
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ParamSpec, Protocol, TypeVar

from .. import _native
from .dtypes import ALL, FLOATS, DType, float64, int64
from .errors import DeviceError, DTypeError

if TYPE_CHECKING:
    from .array import Array

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class Facts:
    """What is known of a device: sizes in bytes, the number of compute units, its dtypes."""

    processor: str
    driver: str
    memory: int
    units: int
    dtypes: tuple[DType, ...]
    default_float: DType
    default_int: DType


class Device:
    """A place for arrays and their operations; made by `tw.device`, one for each place.

    As a context it is where arrays are made that nothing else says the place of. `index` is its
    number in the native core (0: the host); `synchronise` waits for all that is queued.
    """

    def __init__(self, name: str, index: int, facts: Facts) -> None:
        self.name, self.index, self.facts = name, index, facts

    @property
    def default_float(self) -> DType:
        """The dtype of arrays made of Python floats, or of nothing."""
        return self.facts.default_float

    @property
    def default_int(self) -> DType:
        """The dtype of arrays made of Python ints."""
        return self.facts.default_int

    def synchronise(self) -> None:
        """Wait until everything that was asked of the device is done."""
        _native.synchronise(self.index)

    def require(self, operation: str, dtypes: Iterable[DType]) -> None:
        """Raise DTypeError for a dtype that the device does not have."""
        for dtype in dtypes:
            if dtype not in self.facts.dtypes:
                has = ", ".join(map(str, self.facts.dtypes))
                raise DTypeError(
                    f"{operation}: {dtype}: the device {self.name} ({self.facts.processor}) does "
                    f"not have it; it has {has}"
                )

    def fitting_float(self, wanted: DType) -> DType:
        """`wanted`, or the next wider float that the device has, or its default."""
        if wanted in self.facts.dtypes:
            return wanted
        wider = (d for d in FLOATS if d.itemsize > wanted.itemsize and d in self.facts.dtypes)
        return next(wider, self.default_float)

    def __enter__(self) -> Device:
        _state.stack.append(self)
        return self

    def __exit__(self, *error: object) -> None:
        _state.stack.pop()

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return device, (self.name,)

    def __repr__(self) -> str:
        return f"tilewright.device({self.name!r})"

    def __str__(self) -> str:
        return self.name


DeviceLike = Device | str


class Provider(Protocol):
    """Finds devices; the package's root supplies it."""

    def open(self, name: str) -> Device:
        """The device of a name such as "cpu" or "backend:1"; raises DeviceError."""

    def names(self) -> Sequence[str]:
        """The names of all devices beside the host that can be used here."""


class _Missing:
    def open(self, name: str) -> Device:
        raise DeviceError("no devices are installed; import tilewright, not tilewright.dsl")

    def names(self) -> Sequence[str]:
        return ()


HOST: Device = Device("cpu", 0, Facts("", "", 0, 0, ALL, float64, int64))
_by_index: dict[int, Device] = {0: HOST}
_provider: Provider = _Missing()


class _State(threading.local):
    def __init__(self) -> None:
        self.stack: list[Device] = [HOST]


_state = _State()


def install(provider: Provider) -> None:
    """Make `provider` the one that finds devices."""
    global _provider
    _provider = provider


def device(like: DeviceLike) -> Device:
    """A device by its name: "cpu", or a backend with a number, which is 0 if left out.

    `with tw.device(...)` makes arrays there. Raises DeviceError that says why it is not there;
    `tw.devices()` lists all.

    >>> device("cpu")
    tilewright.device('cpu')
    """
    if isinstance(like, Device):
        return like
    if not isinstance(like, str):
        raise DeviceError(f"device: got {like!r}; it must be a name such as 'cpu', or a device")
    if like == HOST.name:
        return HOST
    found = _provider.open(like)
    return _by_index.setdefault(found.index, found)


def available() -> tuple[Device, ...]:
    """All devices that can be used here, the host first; one that cannot be opened is none.

    >>> available()[0]
    tilewright.device('cpu')
    """
    found = [HOST]
    for name in _provider.names():
        with suppress(DeviceError):
            found.append(device(name))
    return tuple(found)


def current() -> Device:
    """The device on which this thread makes arrays that nothing else says the place of."""
    return _state.stack[-1]


def by_index(index: int) -> Device:
    """The opened device of a number in the native core."""
    return _by_index[index]


@contextmanager
def scope(index: int) -> Iterator[None]:
    """Make device number `index` the current one."""
    _state.stack.append(_by_index[index])
    try:
        yield
    finally:
        _state.stack.pop()


# --------------------------------------------------------------------------- following operands


def common_index(operation: str, cells: Sequence[Array]) -> int:
    """The number of the device that all of these concrete arrays are on (the current one if there
    are none); raises DeviceError that names two if they are on several."""
    if not cells:
        return current().index
    first = cells[0]._device
    for cell in cells:
        if cell._device != first:
            both = by_index(first), by_index(cell._device)
            raise DeviceError(
                f"{operation}: got arrays on {both[0]} and {both[1]}; they must be on one device: "
                "move one with x.to(...)"
            )
    return first


def following(function: Callable[P, T]) -> Callable[P, T]:
    """The function with the device of its first array argument as the current one."""
    return functools.wraps(function)(placed(function))


def placed(function: Callable[P, T]) -> Callable[P, T]:
    """`following` without the function's name and documentation, for what is called inside."""

    def call(*args: P.args, **kwargs: P.kwargs) -> T:
        index = _index_of(args) if args else None
        if index is None and kwargs:
            index = _index_of(kwargs.values())
        if index is None or index == _state.stack[-1].index:
            return function(*args, **kwargs)
        _state.stack.append(_by_index[index])
        try:
            return function(*args, **kwargs)
        finally:
            _state.stack.pop()

    return call


def _index_of(values: Iterable[Any]) -> int | None:
    for value in values:
        if isinstance(value, _native.Cell):
            if value._is_concrete:
                return value._device
        elif type(value) in (list, tuple):
            found = _index_of(value)
            if found is not None:
                return found
    return None


# --------------------------------------------------------------------------- cells that wander

_wanderers: dict[int, weakref.ref[Any]] = {}


def let_wander(cell: Array) -> None:
    """Mark a cell whose value moves to the device that asks for it: a random generator's state."""
    key = id(cell)
    _wanderers[key] = weakref.ref(cell, lambda _: _wanderers.pop(key, None))


def wanders(cell: Array) -> bool:
    """Whether a cell was marked by `let_wander`."""
    return id(cell) in _wanderers


def settle(cell: Array, index: int) -> None:
    """Move the value of a wandering cell to a device."""
    if cell._device != index:
        _native.assign(cell, _native.transfer(cell, index))
