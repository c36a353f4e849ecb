"""A device with memory of its own as a `lowering.protocols.Backend`: a manifest and a number."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from typing import Any

from .. import _native
from ..dsl.device import Device, Facts
from ..dsl.dtypes import ALL, DType, float32
from ..dsl.errors import DeviceError
from ..dsl.sizes import Dim
from ..lowering.cache import Cache, key_of
from ..lowering.protocols import Compiler
from ..lowering.rewrites import Rule
from .manifest import Manifest


def count_devices(manifest: Manifest) -> tuple[int, str]:
    """How many devices a backend has; if none, the reason."""
    try:
        return _native.count_devices(manifest.run_side)
    except DeviceError as error:
        return 0, str(error)


def open_device(manifest: Manifest, number: int) -> Device:
    """Device `number` of a backend; raises DeviceError with the driver's reason."""
    index = _native.open_device(manifest.run_side, number)
    name = manifest.name if number == 0 else f"{manifest.name}:{number}"
    return Device(name, index, facts_of(manifest, _native.device_properties(index)))


def facts_of(manifest: Manifest, properties: dict[str, Any]) -> Facts:
    """What the core tells of a device, with the backend's defaults as far as it has them."""
    dtypes = tuple(d for d in ALL if d.code in properties["dtypes"])
    wanted = manifest.default_float
    return Facts(
        processor=properties["processor"],
        driver=properties["driver"],
        memory=properties["memory"],
        units=properties["units"],
        dtypes=dtypes,
        default_float=wanted if wanted in dtypes else float32,
        default_int=manifest.default_int,
    )


class DeviceBackend:
    """One opened device: how to compile for it and how to load."""

    def __init__(self, manifest: Manifest, device: Device, cache: Cache) -> None:
        self.manifest, self.device, self.cache = manifest, device, cache

    @property
    def name(self) -> str:
        return self.manifest.name

    @property
    def fingerprint(self) -> str:
        """The processor and its driver."""
        return f"{self.device.facts.processor}, {self.device.facts.driver}"

    @property
    def loop_kernels(self) -> bool:
        return self.manifest.loop_kernels

    @property
    def parallel_compiler(self) -> bool:
        return self.manifest.parallel_compiler

    @property
    def pooled_temporaries(self) -> bool:
        return self.manifest.pooled_temporaries

    @property
    def run_side(self) -> str:
        """The name of its table in the native core."""
        return self.manifest.run_side

    @property
    def rules(self) -> tuple[Rule, ...]:
        """Rewrites for its schedules."""
        return self.manifest.rules

    @property
    def needs(self) -> tuple[str, ...]:
        """Nothing of the processor beside it."""
        return ()

    def packed_size(
        self, m: Dim, n: Dim, k: Dim, items: Dim, dtype: DType
    ) -> tuple[Dim, DType] | None:
        return self.manifest.packed_size(m, n, k, items, dtype)

    def routine(self, name: str) -> Callable[..., Any]:
        """Raises DeviceError, that names the routine: these are of the host."""
        raise DeviceError(f"there is no native routine {name} on {self.device.name}")

    def compiler(self) -> Compiler:
        """The compile side, loaded now."""
        return self.manifest.compiler()

    def load_kernel(self, code: bytes, words: bytes, tables: Sequence[bytes]) -> Any:
        """A kernel, by the driver's binary of an earlier build of the same code if there is one."""
        key = key_of("binary", hashlib.sha256(code).hexdigest(), self.name, self.fingerprint)
        stored = self.cache.get(key)
        if stored is not None:
            try:
                return _native.DeviceKernel(self.device.index, stored, words, tables)
            except DeviceError:
                self.cache.remove(key)  # of a driver that calls itself the same and is another
        kernel = _native.DeviceKernel(self.device.index, code, words, tables)
        if kernel.binary:
            self.cache.put(key, kernel.binary)
        return kernel

    def load_program(self, words: bytes, kernels: Sequence[Any], name: str) -> Any:
        return _native.Program(words, kernels, name, self.device.index)
