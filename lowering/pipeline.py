"""The way of a graph through the compiler: a list of named passes, then kernels, then a plan."""

from __future__ import annotations

from dataclasses import dataclass

from ..dsl.graph import Graph, Var, graph_text
from ..dsl.primitive import Native
from .cache import Cache, key_of
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
    return fuse(rewrite(graph))


def kernels_text(graph: Graph) -> str:
    """The fusion groups as text."""
    names: dict[Var, str] = {}
    return "\n".join(group_text(group, names) for group in kernel_groups(graph))


def compile_program(graph: Graph, compiler: Compiler, cache: Cache, scope: str) -> Compiled:
    """Compile a graph; kernels that are in the cache (under `scope`) are taken from it."""
    graph = rewrite(graph)
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
            kernels.append(_kernel(group, text, compiler, cache, scope))
        number = entries[text]
        steps.append(Step(number, group, kernels[number].sizes))
    plan = plan_program(graph, steps)
    return Compiled(program_words(plan.layout), tuple(kernels), plan)


def group_key(group: Group) -> str:
    """A group as text that is equal for groups which may share a kernel."""
    made = Graph(group.inputs, group.outputs, group.nodes, name=group_name(group))
    return f"{group.kind} {group.n_outer} {graph_text(made)}"


def group_name(group: Group) -> str:
    """A C name that tells what a kernel does."""
    named = [n.primitive.name for n in (*group.anchors, *reversed(group.nodes))]
    return "tw_" + "_".join(dict.fromkeys(named[:3]))


def source_of(group: Group, compiler: Compiler) -> KernelSource:
    """A group's kernel before code generation."""
    return compiler.schedules.schedule(group_name(group), group)


def routines_of(graph: Graph) -> tuple[str, ...]:
    """The names of the native routines that a graph needs."""
    rules = (node.primitive.lower for node in graph.nodes)
    return tuple(dict.fromkeys(rule.name for rule in rules if isinstance(rule, Native)))


def _kernel(group: Group, text: str, compiler: Compiler, cache: Cache, scope: str) -> KernelEntry:
    key = key_of("kernel", text, scope)
    stored = cache.get(key)
    if stored is not None:
        found = KernelEntry.from_bytes(stored)
        if found is not None:
            return found
    source = source_of(group, compiler)
    code = compiler.object_code(source)
    entry = KernelEntry(code, kernel_words(source), source.tables, source.sizes)
    cache.put(key, entry.to_bytes())
    return entry
