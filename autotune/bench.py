"""The worker's side of the work: compile candidates of a kernel, check them, time them."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from .. import _native
from ..dsl.dtypes import DType, to_numpy, uint8
from ..dsl.errors import CompileError
from ..dsl.graph import Graph
from ..dsl.sizes import known
from ..lowering import pipeline
from ..lowering.entry import KernelEntry
from ..lowering.fusion import Group
from ..lowering.knobs import Refused
from ..lowering.program import Step, plan_program
from ..lowering.protocols import Backend
from ..lowering.words import program_words
from .reference import Check, make_check, make_inputs, references
from .transfer import entry_from_plain, entry_to_plain, group_from_plain
from .turns import Effort, duel
from .wire import Message


class Bench:
    """One kernel after the other; `answer` takes the messages that a tuner sends."""

    def __init__(self) -> None:
        self.backend: Backend | None = None
        self.compiler: Any = None
        self.group: Group | None = None
        self.inputs: list[Any] = []
        self.check: Check | None = None
        self.loaded: dict[str, Callable[[], Any]] = {}
        self.clock: Callable[[], float] = time.perf_counter

    def answer(self, message: Message) -> Message:
        """Do what a message says; what goes wrong with a candidate is an answer, too."""
        doing = {
            "load": self._load_compiler,
            "open": self._open,
            "compile": self._compile,
            "try": self._try,
        }
        return doing[message["do"]](message)

    # ------------------------------------------------------------------ one kernel

    def _open(self, message: Message) -> Message:
        """Get ready for a kernel: its group, its inputs, its untuned code; says its time."""
        self.backend = _backend(message["backend"])
        _native.set_num_threads(message["threads"])
        # Of one thread the processor's time counts, which others on the machine disturb little.
        self.clock = time.thread_time if message["threads"] == 1 else time.perf_counter
        self.group = group_from_plain(message["group"])
        self.loaded, self.inputs, self.check = {}, [], None
        if "untuned" not in message:
            return {"ready": True}
        hosts = make_inputs(self.group, message["seed"])
        self.inputs = [
            _cell(x, v.aval.dtype) for x, v in zip(hosts, self.group.inputs, strict=True)
        ]
        with np.errstate(all="ignore"):
            expected = references(self.group, hosts, message["panel"])
        untuned = self._load("untuned", entry_from_plain(message["untuned"]))
        self.check = make_check(self.group, expected, list(map(_host, untuned())))
        effort = Effort(least=3, most=3, seconds=0.0)
        return {"seconds": duel(untuned, untuned, effort, self.clock).seconds[0]}

    def _load_compiler(self, message: Message) -> Message:
        """Load the compiler, which takes a second, and do nothing more."""
        self.compiler = _backend(message["backend"]).compiler()
        return {"ready": True}

    def _compile(self, message: Message) -> Message:
        assert self.backend is not None and self.group is not None
        if self.compiler is None:
            self.compiler = self.backend.compiler()
        try:
            self.compiler.schedules.space(self.group).decode(message["choice"])
            made = pipeline.build_kernel(self.group, self.compiler, message["choice"])
        except Refused as reason:
            return {"refused": str(reason)}
        except CompileError as error:
            return {"failed": " ".join(str(error).split())[:300]}
        return {"entry": entry_to_plain(made)}

    def _try(self, message: Message) -> Message:
        """Check a candidate, then time it against one that was loaded before."""
        assert self.check is not None
        candidate = self._load("candidate", entry_from_plain(message["entry"]))
        self._spoil_memory()
        wrong = self.check.complaint(list(map(_host, candidate())))
        if wrong:
            return {"wrong": wrong}
        against = self.loaded["untuned"]
        if "against" in message:
            against = self._load("against", entry_from_plain(message["against"]))
        found = duel(against, candidate, Effort(**message["effort"]), self.clock)
        self._spoil_memory()
        again = self.check.complaint(list(map(_host, candidate())))
        if again:
            return {"wrong": f"after many runs: {again}"}
        return {"incumbent": found.incumbent, "candidate": found.candidate}

    def _spoil_memory(self) -> None:
        """Fill the memory that the next outputs get: a kernel that leaves elements as they are
        would else find there the right ones, of a run before."""
        assert self.group is not None
        _native.empty_cache()
        sizes = known(tuple(v.aval.nbytes for v in self.group.outputs))
        held = [_cell(np.full(n, 0x5A, np.uint8), uint8) for n in sizes]
        del held  # all at once, so that each output finds one

    def _load(self, name: str, entry: KernelEntry) -> Callable[[], Any]:
        """A program of this one kernel on the bench's inputs."""
        assert self.backend is not None and self.group is not None
        group = self.group
        graph = Graph(group.inputs, group.outputs, group.nodes, name="bench")
        words = program_words(plan_program(graph, [Step(0, group, entry.sizes)]).layout)
        kernel = self.backend.load_kernel(entry.code, entry.words, entry.tables)
        program, inputs = self.backend.load_program(words, [kernel], "bench"), self.inputs
        self.loaded[name] = lambda: program(*inputs)
        return self.loaded[name]


def _backend(name: str) -> Backend:
    found: Backend = importlib.import_module(f"...backends.{name}", __name__).MANIFEST
    return found


def _cell(host: Any, dtype: DType) -> Any:
    raw = host.view(np.uint16) if dtype.name == "bfloat16" else host
    return _native.from_buffer(np.ascontiguousarray(raw), dtype.code, True)


def _host(cell: Any) -> Any:
    raw = np.array(memoryview(_native.raw(cell))).reshape(cell.shape)
    return raw.view(to_numpy(cell.dtype)).reshape(cell.shape)
