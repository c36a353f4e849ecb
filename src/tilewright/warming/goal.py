"""What is compiled: for which processor, and into which cache."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, cast

from ..autotune.choices import CHOICES
from ..backends import cpu
from ..lowering import machine
from ..lowering.cache import Cache, default_folder
from ..lowering.engine import Engine
from ..lowering.library import LEVELS
from ..lowering.protocols import Backend

NATIVE = "native"
LIBRARY_CORES = 4  # for how many cores a library's products are cut into parts


@dataclass(frozen=True)
class Goal:
    """`level` is `native` (exactly this machine) or a level that it has, for processes that run
    with TILEWRIGHT_CPU; for a library it is any level, of a machine with common caches."""

    level: str = NATIVE
    is_library: bool = False

    def engine(self) -> Engine:
        """An engine that compiles for it into the user's cache, and knows no library; raises
        DeviceError for a level that this machine does not have."""
        cache = Cache(default_folder())
        if self.level == NATIVE:
            return Engine(cast(Backend, cpu.MANIFEST), cache, CHOICES)
        if self.is_library:
            chosen = machine.for_level(self.level, LIBRARY_CORES)
        else:
            chosen = machine.lesser("warmup", self.level)
        return Engine(cast(Backend, cpu.ForMachine(chosen)), cache)

    def to_plain(self) -> dict[str, Any]:
        return {"level": self.level, "is_library": self.is_library}


def library_goals() -> tuple[Goal, ...]:
    """The libraries of a wheel for this architecture, the best level first."""
    return tuple(Goal(level, is_library=True) for level in LEVELS[machine.host().arch])
