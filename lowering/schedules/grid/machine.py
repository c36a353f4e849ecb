"""What a schedule must know of a device of grids, blocks and threads."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class GridMachine:
    """One kind of device as schedules see it.

    `threads`: of a block, at most; `shared`: bytes that a block's threads share, at most; `warp`:
    threads that run in step (1: none); `fragments`: dtypes whose products have matrix units.
    """

    threads: int = 256
    shared: int = 32 << 10
    warp: int = 32
    fragments: tuple[str, ...] = ()
