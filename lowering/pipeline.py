"""The way of a graph through the compiler: a list of named passes, then kernels, then a plan."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

from ..dsl import timeline
from ..dsl.graph import Graph, Var, all_nodes, graph_text, subgraphs
from ..dsl.primitive import Native
from .attention import without_unread_sums
from .cache import Cache, key_of
from .complex_products import with_real_products
from .entry import KernelEntry
from .first_channels import with_products_of_pixels
from .fusion import Group, fuse
from .fusion_text import group_text
from .kernel import KernelSource
from .layouts import with_channels_last
from .program import Plan, Step, plan_program
from .protocols import Compiler
from .rewrites import RULES, Rule, rewrite
from .words import kernel_words, program_words


@dataclass(frozen=True)
class Compiled:
    """A program ready to be loaded or stored, with its plan."""

    words: bytes
    kernels: tuple[KernelEntry, ...]
    plan: Plan


Rewrites = tuple[Rule, ...]


def prepared(graph: Graph, rules: Rewrites = RULES) -> Graph:
    """The graph as it is fused."""
    graph = with_channels_last(with_products_of_pixels(with_real_products(graph)))
    return without_unread_sums(rewrite(graph, rules))


def kernel_groups(graph: Graph, rules: Rewrites = RULES) -> tuple[Group, ...]:
    """The kernels of a graph, and of the graphs inside it, in order of execution."""
    found: list[Group] = []
    for group in fuse(prepared(graph, rules)):
        inner = subgraphs(group.anchors[0]) if group.kind == "control" else ()
        found += [g for part in inner for g in kernel_groups(part, rules)] if inner else [group]
    return tuple(found)


def kernels_text(graph: Graph, rules: Rewrites = RULES) -> str:
    """The fusion groups as text."""
    names: dict[Var, str] = {}
    parts = []
    for group in fuse(prepared(graph, rules)):
        parts.append(group_text(group, names))
        inner = subgraphs(group.anchors[0]) if group.kind == "control" else ()
        for part in inner:
            text = f"{part.name}:\n{kernels_text(part, rules)}"
            parts.append("\n".join(f"  {line}" for line in text.splitlines()))
    return "\n".join(parts)


# The number of a group's kernel, and the names of its unknown sizes.
Numbered = Callable[[Group], tuple[int, tuple[str, ...]]]


def plan_graph(graph: Graph, number: Numbered, *, pooled: bool, rules: Rewrites = RULES) -> Plan:
    """The plan of a graph and of the graphs inside it, whose kernels `number` knows."""
    graph = prepared(graph, rules)
    steps: list[Step] = []
    inside: list[Plan] = []
    for group in fuse(graph):
        if group.kind in ("native", "effect"):
            steps.append(Step(None, group))
        elif group.kind == "control":
            parts = subgraphs(group.anchors[0])
            numbers = tuple(range(len(inside), len(inside) + len(parts)))
            inside += [plan_graph(part, number, pooled=pooled, rules=rules) for part in parts]
            steps.append(Step(None, group, programs=numbers))
        else:
            steps.append(Step(number(group)[0], group, number(group)[1]))
    return plan_program(graph, steps, pooled, inside)


@timeline.stage("compile", lambda graph, *_, **__: graph.name)
def compile_program(
    graph: Graph,
    compiler: Compiler,
    cache: Cache,
    scope: str,
    chosen: Mapping[str, str],
    *,
    pooled: bool = False,
    rules: Rewrites = RULES,
    jobs: int = 1,
) -> Compiled:
    """Compile a graph, rewritten by `rules`; kernels in the cache (under `scope`) are taken
    from it. `chosen` has the tuned knobs of kernels by `structure`; `pooled` as in
    `plan_program`. So many `jobs` are done at the same time."""
    entries: dict[str, int] = {}
    kernels: list[KernelEntry] = []

    def build(group: Group) -> KernelEntry:
        choice = chosen.get(structure_of(group_key(group)), "")
        return cached_kernel(group, choice, compiler, cache, scope)

    built = _built_together(kernel_groups(graph, rules), build, jobs) if jobs > 1 else {}

    def number(group: Group) -> tuple[int, tuple[str, ...]]:
        text = group_key(group)
        if text not in entries:
            entries[text] = len(kernels)
            kernels.append(built.get(text) or build(group))
        return entries[text], kernels[entries[text]].sizes

    plan = plan_graph(graph, number, pooled=pooled, rules=rules)
    return Compiled(program_words(plan.layout), tuple(kernels), plan)


def _built_together(
    groups: Sequence[Group], build: Callable[[Group], KernelEntry], jobs: int
) -> dict[str, KernelEntry]:
    """The kernels of groups by their keys, on several threads: most of the time is spent in the
    code generator, which lets other threads of Python run. A loop is left for later: LLVM's options
    are changed for it, and they are those of all threads."""
    alone = ("native", "effect", "control", "loop")
    distinct = {group_key(g): g for g in groups if g.kind not in alone}
    if len(distinct) < 2:
        return {}
    name = "tilewright-compile"
    with ThreadPoolExecutor(min(jobs, len(distinct)), thread_name_prefix=name) as threads:
        return dict(zip(distinct, threads.map(build, distinct.values()), strict=True))


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


def structures(groups: Sequence[Group]) -> list[str]:
    """The digests of kernels, each once."""
    return list(dict.fromkeys(structure_of(group_key(g)) for g in groups))


@timeline.stage("schedule", lambda group, *_: group_name(group))
def source_of(group: Group, compiler: Compiler, choice: str = "") -> KernelSource:
    """A group's kernel before code generation."""
    return compiler.schedules.schedule(group_name(group), group, choice)


def routines_of(graph: Graph) -> tuple[str, ...]:
    """The names of the native routines that a graph needs."""
    rules = (node.primitive.lower for node in all_nodes(graph))
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
