"""Devices for users: what is there, and which engine serves which device."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from typing import cast

from . import _native
from .backends import cpu, registry
from .backends.device_backend import DeviceBackend, count_devices, facts_of, open_device
from .backends.manifest import Manifest
from .dsl import device as placing
from .dsl.device import Device
from .dsl.dtypes import DType
from .dsl.engine import Engine
from .dsl.errors import DeviceError, DeviceNameError
from .lowering import machine
from .lowering.cache import Cache, default_folder
from .lowering.engine import make_engine
from .lowering.library import find_library
from .lowering.protocols import Backend, Choices
from .lowering.rewrites import ORDERED_RULES


@dataclass(frozen=True)
class DeviceInfo:
    """A device as `tw.devices` lists it; `why` says why it is not there, and is else empty.

    `memory` is in bytes (0: not known), `units` are cores or compute units.
    """

    name: str
    why: str = ""
    processor: str = ""
    driver: str = ""
    memory: int = 0
    units: int = 0
    dtypes: tuple[DType, ...] = ()
    default_float: DType = placing.HOST.default_float
    default_int: DType = placing.HOST.default_int

    @property
    def available(self) -> bool:
        """Whether arrays can be made there."""
        return not self.why

    def __str__(self) -> str:
        if self.why:
            return f"{self.name}: not there: {self.why}"
        size = f"{self.memory / 2**30:.1f} GiB, " if self.memory else ""
        driver = f", {self.driver}" if self.driver else ""
        return f"{self.name}: {self.processor}, {self.units} units, {size}{self.default_float}" + (
            f" by default{driver}"
        )


def list_devices() -> list[DeviceInfo]:
    """All devices, the host first, and the backends that have none here with the reason."""
    found = [_host()]
    for manifest in registry.device_manifests().values():
        count, why = count_devices(manifest)
        found += [_info(manifest, number) for number in range(count)]
        if not count:
            found.append(DeviceInfo(manifest.name, why=why))
    return found


def _host() -> DeviceInfo:
    memory = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    facts = placing.HOST.facts
    cores = machine.host().cores
    return DeviceInfo(
        placing.HOST.name, "", machine.processor_name(), "", memory, cores, facts.dtypes
    )


def _info(manifest: Manifest, number: int) -> DeviceInfo:
    try:
        device = placing.device(manifest.name if number == 0 else f"{manifest.name}:{number}")
    except DeviceError as error:
        return DeviceInfo(f"{manifest.name}:{number}", why=str(error))
    f = facts_of(manifest, _native.device_properties(device.index))
    return DeviceInfo(
        device.name, "", f.processor, f.driver, f.memory, f.units, f.dtypes, f.default_float,
        f.default_int,
    )  # fmt: skip


class Provider:
    """Implements `dsl.device.Provider` with the folders of backends/."""

    def open(self, name: str) -> Device:
        backend, _, number = name.partition(":")
        manifests = registry.device_manifests()
        if backend not in manifests or not (number.isdecimal() or name == backend):
            known = ", ".join([placing.HOST.name, *manifests])
            raise DeviceNameError(
                f"device: got {name!r}; the devices are {known}, with a number behind a colon if "
                "there are several"
            )
        return open_device(manifests[backend], int(number or 0))

    def names(self) -> list[str]:
        found = []
        for manifest in registry.device_manifests().values():
            count, _ = count_devices(manifest)
            found += [manifest.name if n == 0 else f"{manifest.name}:{n}" for n in range(count)]
        return found


def reproducible_engine_of(device: Device) -> Engine:
    """The engine of the reproducible mode: no tuned knobs and no kernels of a library, as both are
    of the usual mode. Raises DeviceError for a device that has no such mode."""
    if device is not placing.HOST:
        raise DeviceError(
            f"reproducible: got the device {device.name}; only the device {placing.HOST.name} has "
            "this mode"
        )
    processor = cpu.ForMachine(replace(machine.host(), reproducible=True))
    return make_engine(cast(Backend, processor), rules=ORDERED_RULES)


def engine_of(device: Device, choices: Choices) -> Engine:
    """The engine that compiles and loads for a device."""
    if device is placing.HOST:
        return make_engine(cast(Backend, cpu.MANIFEST), choices, find_library(machine.host()))
    backend = device.name.partition(":")[0]
    manifest = registry.device_manifests()[backend]
    return make_engine(DeviceBackend(manifest, device, Cache(default_folder())), choices)
