"""What the namespace has, as the array API standard asks: devices, data types, capabilities."""

from __future__ import annotations

from typing import Any

from . import device as placing
from .device import Device, DeviceLike
from .dtypes import ALL, DType
from .errors import ArgumentError, DTypeError
from .functions.kinds import isdtype

STANDARD_VERSION = "2025.12"
VERSIONS = ("2021.12", "2022.12", "2023.12", "2024.12", STANDARD_VERSION)
MOST_AXES = 32  # of the native core's cells

# The data types of the standard; float16 and bfloat16 are beyond it.
_STANDARD = tuple(d for d in ALL if not (d.is_float and d.itemsize < 4))


class NamespaceInfo:
    """Answers of `__array_namespace_info__()`; `device` is a device or its name, None the current.

    >>> info = namespace_info()
    >>> info.default_device(), info.default_dtypes()["real floating"]
    (tilewright.device('cpu'), tilewright.float64)
    >>> sorted(info.dtypes(kind="signed integer"))
    ['int16', 'int32', 'int64', 'int8']
    """

    def capabilities(self) -> dict[str, Any]:
        """What eager code can do; a staged program (`tw.jit`) has shapes that are known before."""
        return {
            "boolean indexing": True,
            "data-dependent shapes": True,
            "max dimensions": MOST_AXES,
        }

    def default_device(self) -> Device:
        """Where arrays are made that nothing else says the place of."""
        return placing.current()

    def devices(self) -> tuple[Device, ...]:
        """All devices that can be used here, the host first."""
        return placing.available()

    def default_dtypes(self, *, device: DeviceLike | None = None) -> dict[str, DType]:
        """The data types of arrays that nothing else says the type of, by kind."""
        place = _place(device)
        pairs = 2 * place.default_float.itemsize
        complexes = [d for d in place.facts.dtypes if d.kind == "c" and d.itemsize == pairs]
        found = {"real floating": place.default_float}
        if complexes:
            found["complex floating"] = complexes[0]
        return found | {"integral": place.default_int, "indexing": place.default_int}

    def dtypes(
        self, *, device: DeviceLike | None = None, kind: str | tuple[str, ...] | None = None
    ) -> dict[str, DType]:
        """The standard's data types that a device has, by name: all, or those of a kind, such as
        "integral", or of several.

        Raises DTypeError (a TypeError) for an unknown kind.
        """
        if kind is not None and not isinstance(kind, str | tuple):
            raise DTypeError(f"dtypes: got kind {kind!r}; it is a name, several names, or None")
        has = _place(device).facts.dtypes
        return {d.name: d for d in _STANDARD if d in has and (kind is None or isdtype(d, kind))}

    def __repr__(self) -> str:
        return f"<tilewright: array API {STANDARD_VERSION}>"


def _place(device: DeviceLike | None) -> Device:
    return placing.current() if device is None else placing.device(device)


def namespace_info() -> NamespaceInfo:
    """What there is here: the standard's `__array_namespace_info__`."""
    return NamespaceInfo()


def check_version(api_version: str | None) -> None:
    """Raise ArgumentError for a version of the standard that is not spoken here."""
    if api_version is not None and api_version not in VERSIONS:
        raise ArgumentError(
            f"__array_namespace__: got api_version {api_version!r}; it is one of "
            f"{', '.join(VERSIONS)}"
        )
