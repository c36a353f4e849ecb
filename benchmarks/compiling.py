"""The first run of each model, with nothing cached: compiling and all that goes with it."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from . import models
from .contest import COMPILED, JAX
from .harness import OURS, Case, Goal, Options
from .peer_process import PeerProcess
from .referee import is_installed

LIMIT = Goal("first run of a model with nothing cached: at most 60 s", seconds=60.0)
# Where each keeps what it has compiled; JAX keeps nothing unless it is asked to.
_CACHES = {OURS: "TILEWRIGHT_CACHE_DIR", COMPILED: "TORCHINDUCTOR_CACHE_DIR", JAX: ""}


def cases(options: Options) -> Iterator[Case]:
    """Every model of `models` at batch 1, in new processes of each library that compiles."""
    peers = [p for p in _CACHES if is_installed(p) and (options.torch or p != COMPILED)]
    for contest in models.cases(options):
        if contest.name.endswith("batch 1"):
            runs = {peer: _first_run(peer, contest.name, options.threads) for peer in peers}
            yield Case(
                contest.name, runs, LIMIT, _checked, times_itself=True, most_rounds=1
            )  # fmt: skip


def _checked() -> None:
    """`models` compares the results."""


def _first_run(peer: str, name: str, threads: int) -> Callable[[], float]:
    """Seconds of making and calling, without the library's import and the weights."""

    def run() -> float:
        with tempfile.TemporaryDirectory(prefix="tilewright-bench-") as folder:
            variables = {_CACHES[peer]: f"{folder}/cache"} if _CACHES[peer] else {}
            process = PeerProcess(peer, threads, Path(folder, "log"), variables)
            try:
                result = f"{folder}/result.npz"
                told: dict[str, Any] = process.ask(
                    "make", script="models", case=name, model="", result=result
                )
                return float(told["first"])
            finally:
                process.end()

    return run
