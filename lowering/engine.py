"""The engine: graphs in, loaded programs out; four levels of memory before the compiler.

Programs are known by the text of their graph: in this process, loaded or as bytes; in the user's
cache on disk; in the library of kernels that comes with the package. Only then are they compiled.
What is on disk comes first, as it was compiled for exactly this machine.
"""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from .. import _native
from ..dsl import timeline
from ..dsl.errors import CompileError
from ..dsl.graph import Aval, Graph, graph_text
from ..dsl.sizes import evaluate, symbols
from . import dump, pipeline, selfcheck
from .cache import FORMAT, Cache, default_folder, key_of, sources_digest
from .entry import KernelEntry, ProgramEntry
from .fusion import Group
from .library import Library
from .loops import with_loop_kernels
from .memory import MemoryPlan
from .prepack import Prepacked, Split, split_graph
from .program import pooled_peak
from .protocols import Backend, Choices
from .rewrites import RULES


@dataclass(frozen=True)
class ExportedProgram:
    """A compiled program that takes its weights as inputs: after the arguments those at positions
    of the graph's inputs, then the derived ones. `text` is the graph that was compiled."""

    entry: ProgramEntry
    weights: tuple[tuple[int, Any], ...]
    derived: tuple[Any, ...]
    text: str


class Engine:
    """Implements `dsl.engine.Engine` for one backend; `choices` knows the tuned knobs, `library`
    has kernels that came with the package, `rules` rewrite graphs."""

    def __init__(
        self,
        backend: Backend,
        cache: Cache | None = None,
        choices: Choices | None = None,
        library: Library | None = None,
        rules: pipeline.Rewrites = RULES,
    ) -> None:
        self.backend, self.rules = backend, (*backend.rules, *rules)
        self.choices, self.library = choices, library
        self.cache = Cache(default_folder()) if cache is None else cache
        self._programs: dict[str, Any] = {}
        self._entries: dict[str, ProgramEntry] = {}
        self._kernels: dict[bytes, Any] = {}
        self._lock = threading.RLock()
        self._scope: str | None = None
        self.compiled = 0  # programs that had to be compiled
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

    def is_ready(self, graph: Graph) -> bool:
        """Whether the program of a graph is there, so that nothing must be compiled for it."""
        return self.stored(graph) is not None

    def stored(self, graph: Graph) -> ProgramEntry | None:
        """The program of a graph as bytes, if it was compiled before."""
        text = graph_text(graph)
        with self._lock:
            return self._stored(text, self.chosen(graph, text))

    def compile(self, graph: Graph) -> None:
        """Have the program of a graph compiled and kept on disk, if it is not; load nothing."""
        with self._lock:
            self._entry(graph, graph_text(graph))

    def kernel(self, graph: Graph) -> Any:
        """The one kernel of a graph whose buffers are the graph's inputs and outputs in order."""

        def only(entry: ProgramEntry) -> Any:
            if (count := len(entry.kernels)) == 1:
                return self.load_kernel(entry.kernels[0])
            raise CompileError(f"kernel: graph {graph.name} has {count} kernels; it must have 1")

        with self._lock:
            return self._made(graph, graph_text(graph), only)

    def sized_kernel(self, graph: Graph) -> tuple[Any, tuple[str, ...]]:
        """The one kernel of a graph as in `kernel`, and the names of its unknown sizes, which may
        stand in parameters alone."""
        with self._lock:
            groups = self._groups(graph)
            if len(groups) != 1:
                raise CompileError(f"kernel: graph {graph.name} has {len(groups)} kernels, not 1")
            entry = self.kernel_entry(groups[0])
            return self.load_kernel(entry), entry.sizes

    def prepacked(self, graph: Graph, read_only: frozenset[int]) -> Any:
        """A program that keeps what depends only on the inputs at the positions `read_only`
        (constants count after the inputs) from call to call; it is called like a program."""
        split = self.split(graph, read_only)
        if split is None:
            return self.program(graph)
        return Prepacked(split, self.program(split.derive), self.program(split.main))

    def export(self, graph: Graph, cells: Mapping[int, Any]) -> ExportedProgram:
        """The program of a graph whose inputs at the positions of `cells` (constants count after
        the inputs) are these arrays for ever: they and what depends on them alone are `weights`,
        the program's inputs behind the other ones."""
        split = self.split(graph, frozenset(cells))
        if split is None:
            main, kept, made = graph, tuple(range(_n_inputs(graph))), ()
        else:
            main, kept = split.main, split.kept
            made = self._derive(split, cells)
        entry = self._entry(main, graph_text(main))
        weights = tuple((i, cells[i]) for i in kept if i in cells)
        return ExportedProgram(entry, weights, made, graph_text(main))

    def _derive(self, split: Split, cells: Mapping[int, Any]) -> tuple[Any, ...]:
        """The derived forms of weights, computed now. They do not depend on unknown sizes, but
        their kernels may name some: an argument of the smallest such sizes supplies them."""
        arguments = dict(enumerate(split.derive.inputs))
        open_ = [i for i, v in arguments.items() if any(map(symbols, v.aval.shape))]
        used = sorted({*split.read, *open_})
        derive = replace(split.derive, inputs=tuple(arguments[i] for i in used))
        given = [cells[i] if i in cells else _smallest(arguments[i].aval) for i in used]
        made: tuple[Any, ...] = self.program(derive)(*given)
        return made

    def _load(self, graph: Graph, text: str) -> Any:
        dump.write(graph, self.stage)
        return self._made(graph, text, lambda entry: self._assemble(entry, graph.name))

    def _made(self, graph: Graph, text: str, load: Callable[[ProgramEntry], Any]) -> Any:
        """What `load` makes of the program of a graph."""
        try:
            return load(self._entry(graph, text))
        except ValueError as error:
            # The bytes are sound but of another build: compile again, once.
            self._forget_library(graph.name, error)
            self._entries.pop(text, None)
            self.cache.remove(self._key(text, self.chosen(graph, text)))
            return load(self._entry(graph, text))

    def _forget_library(self, name: str, error: ValueError) -> None:
        if self.library is not None:
            path, self.library = self.library.path, None
            warnings.warn(
                f"library: {path} is not used any more: {name} could not be loaded: {error}",
                stacklevel=5,
            )

    @timeline.stage("load", lambda self, entry, name, *_: name)
    def _assemble(self, entry: ProgramEntry, name: str) -> Any:
        return self.backend.load_program(entry.words, self._loaded(entry), name)

    def _loaded(self, entry: ProgramEntry) -> list[Any]:
        return [self.load_kernel(k) for k in entry.kernels]

    def load_kernel(self, entry: KernelEntry) -> Any:
        key = entry.words + entry.code
        if key not in self._kernels:
            self._kernels[key] = self.backend.load_kernel(entry.code, entry.words, entry.tables)
        return self._kernels[key]

    def _entry(self, graph: Graph, text: str) -> ProgramEntry:
        found = self._entries.get(text)
        if found is not None:
            return found
        for name in pipeline.routines_of(graph):
            self.backend.routine(name)  # DeviceError where the device has none
        chosen = self.chosen(graph, text)
        entry = self._stored(text, chosen)
        timeline.moment("program found on disk" if entry else "program not cached", graph.name)
        if entry is None:
            made = pipeline.compile_program(
                self.lowered(graph), self.compiler, self.cache, self.scope, chosen,
                pooled=self.backend.pooled_temporaries, rules=self.rules,
                jobs=_native.get_num_threads() if self.backend.parallel_compiler else 1,
            )  # fmt: skip
            entry = ProgramEntry(made.words, made.kernels)
            self.compiled += 1
            self.cache.put(self._key(text, chosen), entry.to_bytes())
        self._entries[text] = entry
        return entry

    def _stored(self, text: str, chosen: Mapping[str, str]) -> ProgramEntry | None:
        """A program that was compiled before: by this process, on this machine, or, for kernels
        without tuned knobs, by whoever made the library."""
        found = self._entries.get(text)
        if found is not None:
            return found
        raw = self.cache.get(self._key(text, chosen))
        entry = None if raw is None else ProgramEntry.from_bytes(raw)
        if entry is None and not chosen:
            entry = self._of_library(text)
        if entry is not None:
            self._entries[text] = entry
        return entry

    def _of_library(self, text: str) -> ProgramEntry | None:
        raw = None if self.library is None else self.library.get(library_key(text))
        if raw is None:
            return None
        entry = ProgramEntry.from_bytes(raw)
        if entry is None:
            self._forget_library("an entry", ValueError("it is no program"))
        return entry

    def _key(self, text: str, chosen: Mapping[str, str]) -> str:
        """A program's key depends on its kernels' tuned knobs: once there are better ones, it is
        another program."""
        return key_of("program", text, self.scope, *(f"{s} {chosen[s]}" for s in sorted(chosen)))

    # ------------------------------------------------------------------ tuned knobs

    @property
    def environment(self) -> str:
        """What measured times depend on beside the kernel."""
        threads = _native.get_num_threads()
        return f"{self.backend.name} {self.backend.fingerprint} {threads}t"

    def chosen(self, graph: Graph, text: str) -> dict[str, str]:
        """The tuned knobs of a graph's kernels, by structure."""
        table = self.choices.table(self.environment, self.cache) if self.choices else {}
        if not table:
            return {}
        return {s: table[s] for s in self._structures(graph, text) if s in table}

    def _structures(self, graph: Graph, text: str) -> list[str]:
        """The structures of a graph's kernels; kept on disk, so that a program that is there
        starts without rewriting and fusion."""
        key = key_of("structures", text, self.scope)
        raw = self.cache.get(key)
        if raw is not None:
            return raw.decode().split()
        found = pipeline.structures(self._groups(graph))
        self.cache.put(key, "\n".join(found).encode())
        return found

    def kernel_entry(self, group: Group, choice: str = "") -> KernelEntry:
        """The compiled kernel of a group, untuned unless `choice` gives knobs."""
        return pipeline.cached_kernel(group, choice, self.compiler, self.cache, self.scope)

    def groups(self, graph: Graph, read_only: frozenset[int]) -> tuple[Group, ...]:
        """The kernels that every call of a program launches, in order (those that run only when
        the inputs `read_only` change are not among them)."""
        split = self.split(graph, read_only)
        return self._groups(graph if split is None else split.main)

    def lowered(self, graph: Graph) -> Graph:
        """The graph as the backend compiles it."""
        return with_loop_kernels(graph, self.rules) if self.backend.loop_kernels else graph

    def _groups(self, graph: Graph) -> tuple[Group, ...]:
        return pipeline.kernel_groups(self.lowered(graph), self.rules)

    def refresh(self) -> None:
        """Forget the programs in memory: what is asked for next uses the tuned knobs of now."""
        with self._lock:
            self._programs.clear()
            self._entries.clear()

    @property
    def scope(self) -> str:
        """What compiled code depends on beside the graph: the machine and our own sources."""
        if self._scope is None:
            own = self.backend.name, self.backend.fingerprint
            self._scope = key_of(FORMAT, *own, sources_digest())
        return self._scope

    @property
    def compiler(self) -> Any:
        if self._compiler is None:
            with timeline.span(timeline.Category.COMPILE, "import the compiler"):
                self._compiler = self.backend.compiler()
        return self._compiler

    def routine(self, name: str) -> Any:
        """A native routine of the backend, ready to be called."""
        return self.backend.routine(name)

    # ------------------------------------------------------------------ stages as text

    def split(self, graph: Graph, read_only: frozenset[int]) -> Any:
        size = self.backend.packed_size
        return split_graph(graph, read_only, size, self.rules) if read_only else None

    def stage(self, graph: Graph, stage: str, read_only: frozenset[int] = frozenset()) -> str:
        """The text of a graph at a stage: graph, kernels, tir, asm or memory; of both parts, where
        what depends on the inputs `read_only` alone is kept from call to call."""
        split = self.split(graph, read_only)
        if split is not None:
            first, second = (self.stage(g, stage) for g in (split.derive, split.main))
            return f"# once for each value of the state that is only read\n{first}\n\n" + (
                f"# at every call\n{second}"
            )
        if stage == "graph":
            return graph_text(graph)
        if stage == "kernels":
            return pipeline.kernels_text(self.lowered(graph), self.rules)
        if stage == "memory":
            return str(self.memory(graph))
        if stage not in ("tir", "asm"):
            raise ValueError(f"stage: got {stage!r}; it must be graph, kernels, tir, asm or memory")
        texts = {}
        chosen = self.chosen(graph, graph_text(graph))
        for group in self._groups(graph):
            key = pipeline.group_key(group)
            if group.kind == "native":
                texts[key] = f"# the native routine of {group.anchors[0].primitive.name}"
            if group.kind == "effect":
                texts[key] = f"# the effect {group.anchors[0].primitive.name}"
            if key not in texts:
                choice = chosen.get(pipeline.structure_of(key), "")
                source = pipeline.source_of(group, self.compiler, choice)
                texts[key] = self.compiler.text(source, stage)
        return "\n\n".join(texts.values())

    def check(
        self, graph: Graph, read_only: frozenset[int], inputs: Sequence[Any], folder: Any
    ) -> selfcheck.Report:
        """Each kernel of a program, on these inputs, against the primitives' references; what is
        out of its bounds is written to `folder`, or to the cache's."""
        place = default_folder() / "reproductions" if folder is None else Path(folder)
        return selfcheck.check(self, graph, read_only, inputs, place)

    def memory(self, graph: Graph, sizes: Mapping[str, int] | None = None) -> MemoryPlan:
        """The memory plan for given sizes of the unknown axes (none if all are known)."""
        values = dict(sizes or {})
        missing = [name for name in graph.symbols if name not in values]
        if missing:
            raise ValueError(f"memory: got no value for the sizes {missing}")
        entry = self._entry(graph, graph_text(graph))
        numbers: dict[str, int] = {}
        launched: list[tuple[int, tuple[str, ...]]] = []

        def number(group: Group) -> tuple[int, tuple[str, ...]]:
            found = numbers.setdefault(pipeline.group_key(group), len(numbers))
            launched.append((found, entry.kernels[found].sizes))
            return launched[-1]

        pooled, rules = self.backend.pooled_temporaries, self.rules
        plan = pipeline.plan_graph(self.lowered(graph), number, pooled=pooled, rules=rules)
        kernels = self._loaded(entry)
        scratch = [
            kernels[i].scratch_bytes(*(values.get(n, 1) for n in sizes)) for i, sizes in launched
        ]
        results = tuple((name, evaluate(size, values)) for name, size in plan.results)
        return replace(
            plan.memory, results=results, scratch=max(scratch, default=0),
            pooled=pooled_peak(plan, values),
        )  # fmt: skip


def _smallest(aval: Aval) -> Any:
    ones = dict.fromkeys(set().union(*map(symbols, aval.shape)), 1)
    return _native.empty([evaluate(d, ones) for d in aval.shape], aval.dtype.code)


def _n_inputs(graph: Graph) -> int:
    return len(graph.inputs) + len(graph.constants)


def library_key(text: str) -> str:
    """The key in a library of a program by the text of its graph: that a library's machine and
    sources fit is checked once for all of it."""
    return key_of("program", text)


def make_engine(
    backend: Backend,
    choices: Choices | None = None,
    library: Library | None = None,
    rules: pipeline.Rewrites = RULES,
) -> Engine:
    """The engine of a backend with the user's disk cache."""
    return Engine(backend, choices=choices, library=library, rules=rules)
