"""The engine: graphs in, loaded programs out; three levels of memory before the compiler.

Programs are known by the text of their graph: in this process, on disk (machine code and words,
loaded without importing a compiler), and only then compiled.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from ..dsl.errors import CompileError
from ..dsl.graph import Graph, graph_text
from ..dsl.sizes import evaluate
from . import dump, pipeline
from .cache import Cache, default_folder, key_of, sources_digest
from .entry import ProgramEntry
from .fusion import fuse
from .memory import MemoryPlan
from .prepack import Prepacked, split_graph
from .program import Step, plan_program, pooled_peak
from .protocols import Backend
from .rewrites import rewrite

FORMAT = "1"  # of programs, kernels and entries
_ROOT = Path(__file__).parent.parent


class Engine:
    """Implements `dsl.engine.Engine` for one backend."""

    def __init__(self, backend: Backend, cache: Cache | None = None) -> None:
        self.backend = backend
        self.cache = Cache(default_folder()) if cache is None else cache
        self._programs: dict[str, Any] = {}
        self._entries: dict[str, ProgramEntry] = {}
        self._kernels: dict[bytes, Any] = {}
        self._lock = threading.RLock()
        self._scope: str | None = None
        self._compiler: Any = None

    # ------------------------------------------------------------------ programs

    def program(self, graph: Graph) -> Any:
        """The program of a graph: compiled, or from memory, or from the disk cache. Its inputs
        are those of the graph, then its constants."""
        text = graph_text(graph)
        with self._lock:
            found = self._programs.get(text)
            if found is None:
                found = self._programs[text] = self._load(graph, text)
        return found

    def kernel(self, graph: Graph) -> Any:
        """The one kernel of a graph whose buffers are the graph's inputs and outputs in order."""
        with self._lock:
            entry = self._entry(graph, graph_text(graph))
            if len(entry.kernels) != 1:
                raise CompileError(
                    f"kernel: graph {graph.name} has {len(entry.kernels)} kernels; it must have 1"
                )
            return self._loaded(entry)[0]

    def prepacked(self, graph: Graph, read_only: frozenset[int]) -> Any:
        """A program that keeps what depends only on the inputs at the positions `read_only`
        (constants count after the inputs) from call to call; it is called like a program."""
        split = self._split(graph, read_only)
        if split is None:
            return self.program(graph)
        return Prepacked(split, self.program(split.derive), self.program(split.main))

    def _load(self, graph: Graph, text: str) -> Any:
        dump.write(graph, self.stage)
        try:
            return self._assemble(self._entry(graph, text), graph.name)
        except ValueError:
            # The bytes are sound but of another build: compile again, once.
            self._entries.pop(text, None)
            self.cache.remove(self._key(text))
            return self._assemble(self._entry(graph, text), graph.name)

    def _assemble(self, entry: ProgramEntry, name: str) -> Any:
        return self.backend.load_program(entry.words, self._loaded(entry), name)

    def _loaded(self, entry: ProgramEntry) -> list[Any]:
        loaded = []
        for k in entry.kernels:
            key = k.words + k.code
            if key not in self._kernels:
                self._kernels[key] = self.backend.load_kernel(k.code, k.words, k.tables)
            loaded.append(self._kernels[key])
        return loaded

    def _entry(self, graph: Graph, text: str) -> ProgramEntry:
        found = self._entries.get(text)
        if found is not None:
            return found
        for name in pipeline.routines_of(graph):
            self.backend.routine(name)  # DeviceError where the device has none
        raw = self.cache.get(self._key(text))
        entry = None if raw is None else ProgramEntry.from_bytes(raw)
        if entry is None:
            made = pipeline.compile_program(graph, self.compiler, self.cache, self.scope)
            entry = ProgramEntry(made.words, made.kernels)
            self.cache.put(self._key(text), entry.to_bytes())
        self._entries[text] = entry
        return entry

    def _key(self, text: str) -> str:
        return key_of("program", text, self.scope)

    @property
    def scope(self) -> str:
        """What compiled code depends on beside the graph: the machine and our own sources."""
        if self._scope is None:
            folders = [_ROOT / "lowering", _ROOT / "dsl" / "primitives", _ROOT / "backends"]
            digest = sources_digest(folders)
            self._scope = key_of(FORMAT, self.backend.name, self.backend.fingerprint, digest)
        return self._scope

    @property
    def compiler(self) -> Any:
        if self._compiler is None:
            self._compiler = self.backend.compiler()
        return self._compiler

    def routine(self, name: str) -> Any:
        """A native routine of the backend, ready to be called."""
        return self.backend.routine(name)

    # ------------------------------------------------------------------ stages as text

    def _split(self, graph: Graph, read_only: frozenset[int]) -> Any:
        return split_graph(graph, read_only, self.backend.packed_size) if read_only else None

    def stage(self, graph: Graph, stage: str, read_only: frozenset[int] = frozenset()) -> str:
        """The text of a graph at a stage: graph, kernels, tir, asm or memory; of both parts, where
        what depends on the inputs `read_only` alone is kept from call to call."""
        split = self._split(graph, read_only)
        if split is not None:
            first, second = (self.stage(g, stage) for g in (split.derive, split.main))
            return f"# once for each value of the state that is only read\n{first}\n\n" + (
                f"# at every call\n{second}"
            )
        if stage == "graph":
            return graph_text(graph)
        if stage == "kernels":
            return pipeline.kernels_text(graph)
        if stage == "memory":
            return str(self.memory(graph))
        if stage not in ("tir", "asm"):
            raise ValueError(f"stage: got {stage!r}; it must be graph, kernels, tir, asm or memory")
        texts = {}
        for group in pipeline.kernel_groups(graph):
            key = pipeline.group_key(group)
            if group.kind == "native":
                texts[key] = f"# the native routine of {group.anchors[0].primitive.name}"
            if key not in texts:
                source = pipeline.source_of(group, self.compiler)
                texts[key] = self.compiler.text(source, stage)
        return "\n\n".join(texts.values())

    def memory(self, graph: Graph, sizes: Mapping[str, int] | None = None) -> MemoryPlan:
        """The memory plan for given sizes of the unknown axes (none if all are known)."""
        values = dict(sizes or {})
        missing = [name for name in graph.symbols if name not in values]
        if missing:
            raise ValueError(f"memory: got no value for the sizes {missing}")
        entry = self._entry(graph, graph_text(graph))
        graph = rewrite(graph)
        numbers: dict[str, int] = {}
        steps = []
        for group in fuse(graph):
            if group.kind == "native":
                steps.append(Step(None, group))
                continue
            number = numbers.setdefault(pipeline.group_key(group), len(numbers))
            steps.append(Step(number, group, entry.kernels[number].sizes))
        plan = plan_program(graph, steps)
        kernels = self._loaded(entry)
        scratch = [
            kernels[s.kernel].scratch_bytes(*(values[n] for n in s.sizes))
            for s in steps
            if s.kernel is not None
        ]
        results = tuple((name, evaluate(size, values)) for name, size in plan.results)
        return replace(
            plan.memory, results=results, scratch=max(scratch, default=0),
            pooled=pooled_peak(plan, values),
        )  # fmt: skip


def _n_inputs(graph: Graph) -> int:
    return len(graph.inputs) + len(graph.constants)


def make_engine(backend: Backend) -> Engine:
    """The engine of a backend with the user's disk cache."""
    return Engine(backend)
