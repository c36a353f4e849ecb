"""Fusion groups -> a program: slots for all values, launches in order, the memory plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from ..dsl.graph import Graph, Node, Var, has_effect, subgraphs
from ..dsl.primitive import Effect, Native
from ..dsl.sizes import Dim, evaluate, symbol
from ..dsl.timeline import stage
from .fusion import Group
from .memory import Life, MemoryPlan, arrange, lower_bound
from .spaces import base
from .words import (
    ALLOC,
    ARENA,
    FREE,
    INPUT,
    OUTPUT,
    TEMPORARY,
    Call,
    EffectCall,
    Flow,
    Instruction,
    Launch,
    ProgramLayout,
    Slot,
    SlotAction,
)


@dataclass(frozen=True)
class Step:
    """One launch: which kernel, on which values, with which sizes; or, with `kernel` None, what the
    group's one node is: the call of a routine, or control flow over these programs, by number."""

    kernel: int | None
    group: Group
    sizes: tuple[str, ...] = ()
    programs: tuple[int, ...] = ()


@dataclass(frozen=True)
class Plan:
    """A program's layout with what its memory plan needs."""

    name: str
    layout: ProgramLayout
    memory: MemoryPlan
    temporaries: tuple[tuple[Var, int, int], ...]  # those of the pool: first and last step
    results: tuple[tuple[str, Dim], ...]


@stage("plan", lambda graph, *_: graph.name)
def plan_program(
    graph: Graph, steps: Sequence[Step], pooled: bool = False, programs: Sequence[Plan] = ()
) -> Plan:
    """Give each value a slot and order the instructions; with `pooled`, all temporaries come from
    the pool, for devices that cannot pass places inside a block of memory. `programs` are those
    that control flow runs."""
    return _Planner(graph, steps, pooled, programs).plan()


class _Planner:
    def __init__(
        self, graph: Graph, steps: Sequence[Step], pooled: bool, programs: Sequence[Plan]
    ) -> None:
        self.graph, self.steps, self.pooled, self.programs = graph, steps, pooled, programs
        self.producer = {v: n for n in graph.nodes for v in n.outputs}
        self.slots: list[Slot] = []
        self.slot_of: dict[Var, int] = {}
        self.first: dict[Var, int] = {}
        self.last: dict[Var, int] = {}

    def plan(self) -> Plan:
        arguments = (*self.graph.inputs, *(v for v, _ in self.graph.constants))
        for i, var in enumerate(arguments):
            self._slot(var, Slot(INPUT, i))
        results = self._results()
        self._live()
        known = [v for v in self.first if isinstance(v.aval.nbytes, int) and not self.pooled]
        pooled = [v for v in self.first if v not in known]
        lives = [self._life(v) for v in known]
        places, arena = arrange(lives)
        offsets = {p.life.name: p.offset for p in places}
        for var in known:
            self._slot(var, Slot(ARENA, 0, offsets[_name(var)]))
        for var in pooled:
            self._slot(var, Slot(TEMPORARY, 0, var.aval.nbytes))
        sizes = tuple((_name(v), v.aval.nbytes) for v in results)
        memory = MemoryPlan(
            places, arena, lower_bound(lives),
            tuple((n, s) for n, s in sizes if isinstance(s, int)),
        )  # fmt: skip
        layout = ProgramLayout(
            symbols=self.graph.symbols,
            inputs=tuple((v.aval.dtype, v.aval.shape) for v in arguments),
            slots=tuple(self.slots),
            outputs=tuple(
                (self.slot_of[base(v, self.producer)], v.aval.dtype, v.aval.shape)
                for v in self.graph.outputs
            ),
            instructions=tuple(self._instructions(pooled)),
            arena=arena,
            programs=tuple((p.name, p.layout) for p in self.programs),
        )
        spans = tuple((v, self.first[v], self.last[v]) for v in pooled)
        return Plan(self.graph.name, layout, memory, spans, sizes)

    def _slot(self, var: Var, slot: Slot) -> None:
        self.slot_of[var] = len(self.slots)
        self.slots.append(slot)

    def _results(self) -> list[Var]:
        """Output slots, for what the program returns and does not just pass on."""
        found = dict.fromkeys(base(v, self.producer) for v in self.graph.outputs)
        made = [v for v in found if v not in self.slot_of]
        for var in made:
            self._slot(var, Slot(OUTPUT, var.aval.dtype.code, var.aval.nbytes))
        return made

    def _live(self) -> None:
        for i, step in enumerate(self.steps):
            for var in (*step.group.inputs, *step.group.outputs):
                if var not in self.slot_of:
                    self.first.setdefault(var, i)
                    self.last[var] = i

    def _life(self, var: Var) -> Life:
        size = var.aval.nbytes
        assert isinstance(size, int)
        return Life(_name(var), size, self.first[var], self.last[var])

    def _instructions(self, pooled: list[Var]) -> list[Instruction]:
        found: list[Instruction] = []
        for i, step in enumerate(self.steps):
            found += [SlotAction(ALLOC, self.slot_of[v]) for v in pooled if self.first[v] == i]
            found += self._step(step)
            found += [SlotAction(FREE, self.slot_of[v]) for v in pooled if self.last[v] == i]
        return found

    def _step(self, step: Step) -> list[Instruction]:
        if step.kernel is None:
            node = step.group.anchors[0]
            if isinstance(node.primitive.lower, Effect):
                return self._effect(node) if has_effect(node) else []
            return [self._flow(node, step.programs) if step.programs else self._call(node)]
        slots = tuple(self.slot_of[v] for v in (*step.group.inputs, *step.group.outputs))
        return [Launch(step.kernel, slots, tuple(symbol(name) for name in step.sizes))]

    def _effect(self, node: Node) -> list[Instruction]:
        """Without its tokens, which say the order alone."""
        given, made = node.inputs[1:], node.outputs[1:]
        slots = (self.slot_of[base(v, self.producer)] for v in (*given, *made))
        return [
            EffectCall(
                kind=node.primitive.name,
                text=node.params["text"],
                where=node.params["where"],
                slots=tuple(slots),
                types=tuple((v.aval.dtype, v.aval.shape) for v in (*given, *made)),
                n_values=len(given),
            )
        ]

    def _call(self, node: Node) -> Call:
        lower = node.primitive.lower
        assert isinstance(lower, Native)
        values = (*(base(v, self.producer) for v in node.inputs), node.output)
        avals = (v.aval for v in node.inputs)
        sizes = lower.sizes(*avals, out=node.output.aval, **node.params)
        return Call(lower.name, tuple(self.slot_of[v] for v in values), sizes)

    def _flow(self, node: Node, programs: tuple[int, ...]) -> Flow:
        kind, params = node.primitive.name, node.params
        values = tuple(self.slot_of[base(v, self.producer)] for v in node.inputs)
        inside = subgraphs(node)
        taken = inside[-1].inputs  # the last takes all that the others do
        n_constants = params.get("n_constants", 0)
        return Flow(
            kind=kind,
            programs=programs,
            n_constants=n_constants,
            n_carries=params.get("n_carries", len(inside[0].inputs) - n_constants),
            inputs=values,
            outputs=tuple(self.slot_of[v] for v in node.outputs),
            shapes=tuple(v.aval.shape for v in taken),
            length=params.get("length", 0),
            reverse=params.get("reverse", False),
        )


def _name(var: Var) -> str:
    return f"b{var.id}"


def pooled_peak(plan: Plan, values: Mapping[str, int]) -> int:
    """The most bytes of temporaries of unknown size that are alive at once."""
    lives = [
        Life(_name(v), evaluate(v.aval.nbytes, values), first, last)
        for v, first, last in plan.temporaries
    ]
    return lower_bound(lives)
