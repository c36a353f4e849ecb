"""What a kernel's schedule must know of the machine: vector registers, caches, cores.

Read from /proc/cpuinfo and sysfs (Linux, x86-64 and aarch64) with safe defaults; imports no
compiler, so that the key of the disk cache is known without one.
"""

from __future__ import annotations

import os
import platform
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from ..dsl.errors import DeviceError

_CPUINFO = Path("/proc/cpuinfo")
_CACHES = Path("/sys/devices/system/cpu/cpu0/cache")
_DEFAULT_CACHES = (32 << 10, 512 << 10, 8 << 20)

# What the psABI's levels need beyond the one before, as /proc/cpuinfo spells it.
_LEVELS: tuple[tuple[str, frozenset[str]], ...] = (
    ("x86-64-v2", frozenset(["cx16", "lahf_lm", "popcnt", "sse4_1", "sse4_2", "ssse3"])),
    (
        "x86-64-v3",
        frozenset(["avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "abm", "movbe", "xsave"]),
    ),
    ("x86-64-v4", frozenset(["avx512f", "avx512bw", "avx512cd", "avx512dq", "avx512vl"])),
)
_LEVEL_NAMES = ("x86-64", *(name for name, _ in _LEVELS))
# Beyond the levels, what the compiler uses by itself on the machines of the table below.
_MORE = frozenset(
    [
        "sse4a", "gfni", "xop", "fma4", "tbm", "avx512ifma", "avx512vbmi", "avx512_vbmi2",
        "avx512_vnni", "avx512_bitalg", "avx512_vpopcntdq", "avx512_bf16", "avx512_fp16",
        "avx_vnni",
    ]
)  # fmt: skip
# vendor, family -> (lowest model, LLVM's name, the level whose flags it must show).
_X86: Mapping[tuple[str, int], tuple[tuple[int, str, str], ...]] = {
    ("AuthenticAMD", 0x17): ((0x00, "znver1", "x86-64-v3"), (0x30, "znver2", "x86-64-v3")),
    ("AuthenticAMD", 0x1A): ((0x00, "znver5", "x86-64-v4"),),
    ("GenuineIntel", 6): (
        (0x3C, "haswell", "x86-64-v3"),
        (0x4E, "skylake", "x86-64-v3"),
        (0x55, "skylake-avx512", "x86-64-v4"),
        (0x5E, "skylake", "x86-64-v3"),
        (0x6A, "icelake-server", "x86-64-v4"),
        (0x6D, "x86-64-v3", "x86-64-v3"),
        (0x8F, "sapphirerapids", "x86-64-v4"),
        (0x90, "x86-64-v3", "x86-64-v3"),
        (0xCF, "emeraldrapids", "x86-64-v4"),
        (0xD0, "x86-64-v3", "x86-64-v3"),
    ),
}


@dataclass(frozen=True)
class Machine:
    """One kind of CPU as schedules see it; sizes in bytes, caches as one core sees them.

    `fingerprint` is equal on machines that may share compiled kernels and tuning records. `needs`
    is the architecture and, as /proc/cpuinfo spells them, the features that code may use.
    `reproducible` asks for code whose results have the same bits on all machines with FMA.
    """

    arch: str
    mcpu: str
    vector_bytes: int
    n_vector_registers: int
    has_fma: bool
    l1: int
    l2: int
    l3: int
    cores: int
    needs: tuple[str, ...] = field(default=(), compare=False)
    reproducible: bool = False

    @property
    def target(self) -> dict[str, str]:
        """The target for the LLVM code generator."""
        triple = f"{self.arch}-unknown-linux-gnu"
        return {"kind": "llvm", "mtriple": triple, "mcpu": self.mcpu}

    @property
    def broadcasts_memory(self) -> bool:
        """Whether an FMA can broadcast a scalar straight from memory (AVX-512)."""
        return self.vector_bytes == 64

    @property
    def has_masks(self) -> bool:
        """Whether a load can leave out lanes that are not there (AVX, AVX-512)."""
        return self.vector_bytes >= 32

    @property
    def has_scaling(self) -> bool:
        """Whether vectors are multiplied by powers of two in one instruction (AVX-512)."""
        return self.vector_bytes == 64

    @property
    def fingerprint(self) -> str:
        caches = f"{self.l1 >> 10}k-{self.l2 >> 10}k-{self.l3 >> 10}k"
        mode = "-reproducible" if self.reproducible else ""
        return f"{self.arch}-{self.mcpu}-{self.vector_bytes * 8}b-{caches}-{self.cores}c{mode}"


@cache
def host() -> Machine:
    """The machine that we run on, or a lesser one of its kind if TILEWRIGHT_CPU names a level.

    Raises DeviceError for a level that is unknown or that this machine does not have.
    """
    wanted = os.environ.get("TILEWRIGHT_CPU")
    if wanted and platform.machine() not in ("aarch64", "arm64"):
        return lesser("TILEWRIGHT_CPU", wanted)
    if platform.machine() in ("aarch64", "arm64"):
        return _machine("aarch64", "generic", _caches(), _cores())
    fields = _cpuinfo(_read(_CPUINFO))
    return _machine("x86_64", x86_name(fields), _caches(), _cores(), _flags(fields))


def lesser(operation: str, name: str) -> Machine:
    """This machine as one of a lower level; raises DeviceError for one that it does not have."""
    known = level(_flags(_cpuinfo(_read(_CPUINFO))))
    is_x86 = platform.machine() not in ("aarch64", "arm64")
    have = _LEVEL_NAMES[: _LEVEL_NAMES.index(known) + 1] if is_x86 else ()
    if name not in have:
        may = f"it may be {', '.join(have)}" if have else "this processor has no levels"
        raise DeviceError(f"{operation}: got {name}; here {may}")
    return _machine("x86_64", name, _caches(), _cores())


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1


def for_level(name: str, cores: int = 2) -> Machine:
    """A machine known only by its instruction set: x86-64-v2, -v3, -v4 or aarch64's generic.

    >>> for_level("x86-64-v3").vector_bytes
    32
    """
    return _machine("aarch64" if name == "generic" else "x86_64", name, _DEFAULT_CACHES, cores)


def _machine(
    arch: str,
    mcpu: str,
    caches: tuple[int, int, int],
    cores: int,
    flags: frozenset[str] | None = None,
) -> Machine:
    if arch == "aarch64":
        return Machine(arch, mcpu, 16, 32, True, *caches, cores, (arch,))
    known = level(_named_flags(mcpu) if flags is None else flags)
    width, registers = {"x86-64-v4": (64, 32), "x86-64-v3": (32, 16)}.get(known, (16, 16))
    used = _named_flags(known)
    if flags is not None and mcpu not in _LEVEL_NAMES:
        used |= flags & _MORE
    needs = (arch, *sorted(used))
    return Machine(arch, mcpu, width, registers, width > 16, *caches, cores, needs)


def _named_flags(mcpu: str) -> frozenset[str]:
    """The flags that a machine of LLVM's name `mcpu` must have."""
    needs = {name: least for models in _X86.values() for _, name, least in models}
    needs |= {"znver3": "x86-64-v3", "znver4": "x86-64-v4"}
    last = _LEVEL_NAMES.index(needs.get(mcpu, mcpu))
    return frozenset().union(*(flags for _, flags in _LEVELS[:last]))


def level(flags: Iterable[str]) -> str:
    """The highest psABI level whose instructions are all in `flags`.

    >>> level(["sse2"])
    'x86-64'
    """
    have, found = frozenset(flags), "x86-64"
    for name, needed in _LEVELS:
        if not needed <= have:
            break
        found = name
    return found


def x86_name(fields: Mapping[str, str]) -> str:
    """LLVM's name for a CPU from the fields of /proc/cpuinfo; a psABI level if it is unknown or
    if a hypervisor hides instructions that the name implies."""
    family, model = _number(fields, "cpu family"), _number(fields, "model")
    known = level(_flags(fields))
    name, least = known, known
    if family == 0x19 and fields.get("vendor_id") == "AuthenticAMD":
        # Zen 3 and Zen 4 interleave their model numbers; only Zen 4 has AVX-512.
        name, least = ("znver4", "x86-64-v4") if known == "x86-64-v4" else ("znver3", "x86-64-v3")
    for lowest, candidate, needs in _X86.get((fields.get("vendor_id", ""), family), ()):
        if model >= lowest:
            name, least = candidate, needs
    fits = _LEVEL_NAMES.index(least) <= _LEVEL_NAMES.index(known)
    return name if fits else known


def _flags(fields: Mapping[str, str]) -> frozenset[str]:
    return frozenset(fields.get("flags", "").split())


def _number(fields: Mapping[str, str], key: str) -> int:
    text = fields.get(key, "")
    return int(text) if text.isdigit() else -1


def _cpuinfo(text: str) -> dict[str, str]:
    """The fields of the first processor in /proc/cpuinfo."""
    pairs = (line.split(":", 1) for line in text.split("\n\n")[0].splitlines() if ":" in line)
    return {key.strip(): value.strip() for key, value in pairs}


def _caches() -> tuple[int, int, int]:
    """Bytes of the first-level data cache, the second and the third level."""
    sizes = list(_DEFAULT_CACHES)
    for index in sorted(_CACHES.glob("index*")) if _CACHES.exists() else ():
        kind, rank = _read(index / "type").strip(), _read(index / "level").strip()
        size = _bytes(_read(index / "size").strip())
        if kind != "Instruction" and rank in ("1", "2", "3") and size:
            sizes[int(rank) - 1] = size
    return sizes[0], sizes[1], sizes[2]


def _bytes(text: str) -> int:
    """48K -> 49152; 0 for what is not a size."""
    scale = {"K": 1 << 10, "M": 1 << 20, "G": 1 << 30}.get(text[-1:], 1)
    digits = text.rstrip("KMG")
    return int(digits) * scale if digits.isdigit() else 0


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""


def processor_name() -> str:
    """The processor's name as the system tells it."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        lines = []
    names = [line.split(":", 1)[1].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.machine()
