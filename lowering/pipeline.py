"""The way of a graph through the compiler: a list of named passes, then kernels, then a plan."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from ..dsl import timeline
from ..dsl.graph import Graph, Var, graph_text
from ..dsl.primitive import Native
from .cache import Cache, key_of
from .complex_products import with_real_products
from .entry import KernelEntry
from .fusion import Group, fuse
from .fusion_text import group_text
from .kernel import KernelSource
from .program import Plan, Step, plan_program
from .protocols import Compiler
from .rewrites import rewrite
from .words import kernel_words, program_words


@dataclass(frozen=True)
class Compiled:
    """A program ready to be loaded or stored, with its plan."""

    words: bytes
    kernels: tuple[KernelEntry, ...]
    plan: Plan


def kernel_groups(graph: Graph) -> tuple[Group, ...]:
    """The kernels of a graph, in order of execution."""
    return fuse(rewrite(with_real_products(graph)))


def kernels_text(graph: Graph) -> str:
    """The fusion groups as text."""
    names: dict[Var, str] = {}
    return "\n".join(group_text(group, names) for group in kernel_groups(graph))


@timeline.stage("compile", lambda graph, *_, **__: graph.name)
def compile_program(
    graph: Graph,
    compiler: Compiler,
    cache: Cache,
    scope: str,
    chosen: Mapping[str, str],
    *,
    pooled: bool = False,
) -> Compiled:
    """Compile a graph; kernels that are in the cache (under `scope`) are taken from it. `chosen`
    has the tuned knobs of kernels by `structure`; `pooled` as in `plan_program`."""
    graph = rewrite(with_real_products(graph))
    entries: dict[str, int] = {}
    kernels: list[KernelEntry] = []
    steps: list[Step] = []
    for group in fuse(graph):
        if group.kind == "native":
            steps.append(Step(None, group))
            continue
        text = group_key(group)
        if text not in entries:
            entries[text] = len(kernels)
            choice = chosen.get(structure_of(text), "")
            kernels.append(cached_kernel(group, choice, compiler, cache, scope))
        number = entries[text]
        steps.append(Step(number, group, kernels[number].sizes))
    plan = plan_program(graph, steps, pooled)
    return Compiled(program_words(plan.layout), tuple(kernels), plan)


def group_key(group: Group) -> str:
    """A group as text that is equal for groups which may share a kernel."""
    made = Graph(group.inputs, group.outputs, group.nodes, name=group_name(group))
    return f"{group.kind} {group.n_outer} {graph_text(made)}"


def group_name(group: Group) -> str:
    """A C name that tells what a kernel does."""
    named = [n.primitive.name for n in (*group.anchors, *reversed(group.nodes))]
    return "tw_" + "_".join(dict.fromkeys(named[:3]))


def structure_of(group_key: str) -> str:
    """The digest of a kernel's structure, under which its tuned knobs are kept."""
    return key_of("structure", group_key)


def structures(graph: Graph) -> list[str]:
    """The digests of all kernels of a graph."""
    return list(dict.fromkeys(structure_of(group_key(g)) for g in kernel_groups(graph)))


@timeline.stage("schedule", lambda group, *_: group_name(group))
def source_of(group: Group, compiler: Compiler, choice: str = "") -> KernelSource:
    """A group's kernel before code generation."""
    return compiler.schedules.schedule(group_name(group), group, choice)


def routines_of(graph: Graph) -> tuple[str, ...]:
    """The names of the native routines that a graph needs."""
    rules = (node.primitive.lower for node in graph.nodes)
    return tuple(dict.fromkeys(rule.name for rule in rules if isinstance(rule, Native)))


@timeline.stage("generate code", lambda source, *_: source.name)
def code_of(source: KernelSource, compiler: Compiler) -> bytes:
    """A kernel's machine code."""
    return compiler.object_code(source)


def build_kernel(group: Group, compiler: Compiler, choice: str = "") -> KernelEntry:
    """A group's kernel, compiled now."""
    source = source_of(group, compiler, choice)
    code = code_of(source, compiler)
    return KernelEntry(code, kernel_words(source), source.tables, source.sizes)


def cached_kernel(
    group: Group, choice: str, compiler: Compiler, cache: Cache, scope: str
) -> KernelEntry:
    """A group's kernel from the cache (under `scope`), or compiled and put there."""
    key = key_of("kernel", group_key(group), scope, *([choice] if choice else []))
    stored = cache.get(key)
    if stored is not None:
        found = KernelEntry.from_bytes(stored)
        if found is not None:
            timeline.moment("kernel found on disk", group_name(group))
            return found
    timeline.moment("kernel not cached", group_name(group))
    entry = build_kernel(group, compiler, choice)
    cache.put(key, entry.to_bytes())
    return entry
