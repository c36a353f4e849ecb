"""`f.check(*args)`: each kernel of a program alone, on the values that it gets in a real call,
against the primitives' references.

Kernels run one by one as the program launches them, with their tuned knobs; loops and branches are
replayed turn by turn, and kernels in them are compared in the first turns.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from ..dsl.autodiff import no_grad
from ..dsl.dtypes import to_numpy
from ..dsl.functions import stack
from ..dsl.graph import Graph, Node, Var, graph_text
from ..dsl.primitives.families import zeros_like
from ..dsl.sizes import known
from .fusion import Group, fuse
from .pipeline import group_key, group_name, prepared, structure_of
from .prepack import PACK_B
from .program import Step, plan_program
from .reference import Host, Reference, Unchecked, allowed, errors
from .reproduction import Failure, write_reproduction
from .spaces import base
from .words import program_words

if TYPE_CHECKING:
    from ..dsl.array import Array
    from .engine import Engine

COMPARED_TURNS = 16  # of each loop


@dataclass
class Row:
    """One kernel: how often it was compared, its largest error in units of what is allowed, the
    user's lines of its nodes, and why it was not compared, if it was not."""

    kernel: str
    kind: str
    lines: tuple[str, ...]
    runs: int = 0
    worst: float = 0.0
    reason: str = ""

    @property
    def ok(self) -> bool:
        """Whether all comparisons were within the bounds."""
        return self.worst <= 1


@dataclass
class Report:
    """What `f.check` found; `first` is the first kernel out of its bounds, `reproduction` the file
    that shows it alone."""

    name: str
    rows: list[Row] = field(default_factory=list)
    first: Row | None = None
    reproduction: Path | None = None

    @property
    def ok(self) -> bool:
        """Whether every kernel that was compared is within its bounds."""
        return self.first is None

    def __str__(self) -> str:
        head = ("kernel", "kind", "runs", "error / bound", "lines")
        body = [(r.kernel, r.kind, str(r.runs), _verdict(r), ", ".join(r.lines)) for r in self.rows]
        widths = [max(len(row[i]) for row in (head, *body)) for i in range(len(head))]
        lines = [
            "  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)).rstrip()
            for row in (head, *body)
        ]
        return "\n".join([*lines, self._summary()])

    __repr__ = __str__

    def _summary(self) -> str:
        if self.first is None:
            n = sum(1 for r in self.rows if r.runs)
            return f"{self.name}: {n} of {len(self.rows)} kernels compared, all within their bounds"
        return (
            f"{self.name}: {self.first.kernel} (lines {', '.join(self.first.lines)}) is the first "
            f"out of its bounds, by {self.first.worst:.3g} times; to see it alone: python "
            f"{self.reproduction}"
        )


def _verdict(row: Row) -> str:
    if not row.runs:
        return f"not compared: {row.reason}"
    return f"{row.worst:.3g}{'' if row.ok else '  OUT OF BOUNDS'}"


def check(
    engine: Engine, graph: Graph, read_only: frozenset[int], inputs: Sequence[Array], folder: Path
) -> Report:
    """Replay a program's kernels on these inputs."""
    replay = _Replay(engine, graph, folder)
    split = engine.split(graph, read_only)
    with no_grad():
        if split is None:
            replay.run(engine.lowered(graph), inputs)
        else:
            made = replay.run(engine.lowered(split.derive), inputs)
            kept = [inputs[i] for i in split.kept]
            replay.run(engine.lowered(split.main), [*kept, *made])
    return replay.report


class _Replay:
    """The executor in Python, one kernel at a time."""

    def __init__(self, engine: Engine, graph: Graph, folder: Path) -> None:
        self.engine, self.folder = engine, folder
        self.chosen = engine.chosen(graph, graph_text(graph))
        self.report = Report(graph.name)
        self.rows: dict[str, Row] = {}
        self.programs: dict[str, Any] = {}
        self.unpacked: dict[int, tuple[Array, Host]] = {}  # by the identity of a packed operand
        self.compares = True

    def run(self, graph: Graph, values: Sequence[Array]) -> list[Array]:
        """The outputs of a lowered graph."""
        graph = prepared(graph, self.engine.rules)
        arguments = (*graph.inputs, *(v for v, _ in graph.constants))
        env = dict(zip(arguments, values, strict=True))
        producer = {v: n for n in graph.nodes for v in n.outputs}

        def value(var: Var) -> Array:
            if var not in env:  # another view of the same bytes
                env[var] = _as_kind(env[base(var, producer)], var)
            return env[var]

        for group in fuse(graph):
            node = group.anchors[0] if group.anchors else None
            if group.kind == "control" and node is not None:
                found = self._control(node, [value(v) for v in node.inputs])
                env.update(zip(node.outputs, found, strict=True))
            elif group.kind == "effect" and node is not None and len(node.outputs) == 1:
                env[node.output] = _native.empty((0,), node.output.aval.dtype.code)
            else:
                found = self._group(group, [value(v) for v in group.inputs])
                env.update(zip(group.outputs, found, strict=True))
        return [value(v) for v in graph.outputs]

    # ------------------------------------------------------------------ kernels

    def _group(self, group: Group, inputs: list[Array]) -> list[Array]:
        key = group_key(group)
        if key not in self.programs:
            self.programs[key] = self._program(group, key)
        found = list(self.programs[key](*inputs))
        for node in group.nodes:
            if node.primitive is PACK_B:
                self.unpacked[id(found[0])] = found[0], _operand(group, node, inputs)
        if self.compares and group.kind != "effect":
            self._compare(group, key, inputs, found)
        return found

    def _program(self, group: Group, key: str) -> Any:
        """A program that launches the group's kernel, as the whole program does."""
        graph = _graph_of(group)
        called = group.kind in ("native", "effect")
        entry = None
        if not called:
            choice = self.chosen.get(structure_of(key), "")
            entry = self.engine.kernel_entry(group, choice)
        step = Step(0, group, entry.sizes) if entry else Step(None, group)
        plan = plan_program(graph, [step], self.engine.backend.pooled_temporaries)
        kernels = [self.engine.load_kernel(entry)] if entry else []
        return self.engine.backend.load_program(program_words(plan.layout), kernels, graph.name)

    def _compare(self, group: Group, key: str, inputs: list[Array], found: list[Array]) -> None:
        row = self.rows.get(key)
        if row is None:
            lines = dict.fromkeys(n.source.short for n in group.nodes if n.source)
            row = self.rows[key] = Row(group_name(group), group.kind, tuple(lines))
            self.report.rows.append(row)
        graph, known = _graph_of(group), self.unpacked
        hosts = [known[id(x)][1] if id(x) in known else _host(x) for x in inputs]
        try:
            wanted = allowed(graph, hosts)
        except Unchecked as why:
            row.reason = str(why)
            return
        results = [_host(y) for y in found]
        results, wanted = _canonical(group, hosts, results, wanted)
        worst = max(
            (float(errors(y, *w).max(initial=0)) for y, w in zip(results, wanted, strict=True)),
            default=0.0,
        )
        row.runs += 1
        row.worst = max(row.worst, worst)
        if worst > 1 and self.report.first is None:
            self.report.first = row
            failure = Failure(self.report.name, row.kernel, graph, hosts, results, wanted)
            self.report.reproduction = write_reproduction(failure, self.folder)

    # ------------------------------------------------------------------ control flow

    def _control(self, node: Node, values: list[Array]) -> list[Array]:
        kind, params = node.primitive.name, node.params
        if kind == "cond":
            return self.run(params["branches"][int(values[0].item())], values[1:])
        n, before = params["n_constants"], self.compares
        try:
            if kind == "while":
                return self._states(params, values[:n], values[n:])[-1]
            if kind == "scan":
                return self._scan(node, values)
            return self._loop_back(node, values)
        finally:
            self.compares = before

    def _turn(self, number: int) -> None:
        self.compares = self.compares and number < COMPARED_TURNS

    def _states(self, params: Any, constants: list[Array], state: list[Array]) -> list[list[Array]]:
        """The state before each turn of a `while`, and after the last."""
        states = [state]
        while self.run(params["condition"], [*constants, *state])[0].item():
            self._turn(len(states))
            state = self.run(params["body"], [*constants, *state])
            states.append(state)
        return states

    def _scan(self, node: Node, values: list[Array]) -> list[Array]:
        params = node.params
        n, k, length = params["n_constants"], params["n_carries"], params["length"]
        constants, state, stacked = values[:n], values[n : n + k], values[n + k :]
        rows: list[list[Array]] = []
        for turn in range(length):
            self._turn(turn)
            i = length - 1 - turn if params["reverse"] else turn
            slices = [x[i].copy() for x in stacked]
            found = self.run(params["body"], [*constants, *state, *slices])
            state = found[:k]
            rows.append(found[k:])
        if params["reverse"]:
            rows.reverse()
        results = [stack(list(column)) for column in zip(*rows, strict=True)]
        if not rows:
            results = [_empty(v) for v in node.outputs[k:]]
        return [*state, *results]

    def _loop_back(self, node: Node, values: list[Array]) -> list[Array]:
        """The gradient of a `while`: its states again, then the adjoint from the last to the
        first."""
        params = node.params
        n, n_values = params["n_constants"], len(params["body"].inputs)
        constants, state = values[:n], values[n:n_values]
        sums = node.outputs[len(values) - n_values :]
        back = [*values[n_values:], *(zeros_like(v.aval) for v in sums)]
        for before in reversed(self._states(params, constants, state)[:-1]):
            back = self.run(params["adjoint"], [*constants, *before, *back])
        return back


def _graph_of(group: Group) -> Graph:
    return Graph(group.inputs, group.outputs, group.nodes, name=group_name(group))


def _as_kind(cell: Array, var: Var) -> Array:
    made: Array = _native.reinterpret(cell, var.aval.dtype.code, known(var.aval.shape))
    return made


def _host(cell: Array) -> Host:
    return cell.numpy()


def _empty(var: Var) -> Array:
    made: Array = _native.empty(known(var.aval.shape), var.aval.dtype.code)
    return made


def _operand(group: Group, pack: Node, inputs: list[Array]) -> Host:
    """What a kernel packs, before it is packed."""
    nodes = tuple(n for n in group.nodes if n is not pack)
    graph = Graph(group.inputs, pack.inputs[:1], nodes, name="operand")
    found = Reference().run(graph, [_host(x) for x in inputs])[0]
    return found.astype(to_numpy(pack.inputs[0].aval.dtype))


def _canonical(group: Group, inputs: Any, results: Any, wanted: Any) -> tuple[Any, Any]:
    """Where several results are right (the sign of an eigenvector), one of them on both sides."""
    node = group.nodes[-1]
    rule = node.primitive.canonical
    if group.kind != "native" or rule is None:
        return results, wanted
    pick: Callable[[Any], Any] = lambda x: np.asarray(rule(x, *inputs, **node.params))  # noqa: E731
    exact, tolerance = wanted[0]
    return [pick(results[0])], [(pick(exact), np.full(pick(exact).shape, tolerance.max(initial=0)))]
