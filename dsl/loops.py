"""Loops on arrays: `while_loop`, `fori_loop`, `scan`.

Eagerly they are Python's own: the loop is run turn by turn, and the tape sees what was done. In
staged code the body is traced once into a graph of its own, and the program loops at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from . import trace as tracing
from . import tree
from . import while_gradient as while_gradient  # the rules of loops
from .branches import condition_of, dtype_of, filled, holds_number, joined, mark_weak
from .control import SCAN, WHILE, bind_control
from .dtypes import bool_, int64, promote
from .errors import ShapeError, TraceError
from .functions import asarray, stack
from .functions.convert import as_index, is_array
from .functions.creation import arange
from .graph import Aval, Graph
from .record import constant, read
from .regions import Region, is_number, put_back

if TYPE_CHECKING:
    from .array import Array

_ROUNDS = 4  # of finding the dtypes of what Python numbers become


def while_loop(condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any) -> Any:
    """`state = body(state)` as long as `condition(state)` holds, from `init`; the last state.

    The state is a pytree of arrays and numbers, whose shapes and dtypes the body keeps (a Python
    number becomes an array of the dtype that the body gives it). In staged code the loop runs in
    the program; its gradient keeps the state of every turn.

    Raises TraceError if the body changes the kind of the state.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: tw.while_loop(lambda s: s < 100, lambda s: s * s, x))
    >>> f(tw.array(3.0)).item()
    6561.0
    """
    if tracing.current() is None:
        state: Any = init
        while condition_of("while_loop", condition(state)):
            state = body(state)
        return state
    return stage_while("while_loop", condition, body, init)


def stage_while(
    what: str, condition: Callable[[Any], Any], body: Callable[[Any], Any], init: Any
) -> Any:
    """`while_loop` in the open trace; `what` is said in messages."""
    trace = tracing.current()
    assert trace is not None
    leaves, structure = tree.flatten(init)
    avals, weak, region = _stable_body(what, body, leaves, structure)
    test = Region(what, _as_test(what, condition), trace)
    test.run(avals, lambda cells: (tree.unflatten(structure, cells),), weak)
    if any(cell is not trace.outermost.token for cell in test.written.values()):
        raise TraceError(f"{what}: {test.name} writes to an array; do it in the body")
    written = {**test.written, **region.written}  # of the test: the order of its effects
    read_only = {
        k: c for k, c in joined([test.captured, region.captured]).items() if k not in written
    }
    given, state = list(read_only.values()), list(written.values())
    graphs = [r.graph(given, state, carried=True) for r in (test, region)]
    graphs[0] = Graph(graphs[0].inputs, graphs[0].outputs[:1], graphs[0].nodes, name=graphs[0].name)
    for each in (test, region):
        each.release()
    carries = [_as_value(x, aval) for x, aval in zip(leaves, avals, strict=True)]
    outs = bind_control(
        WHILE,
        [*map(read, given), *carries, *map(read, state)],
        {"condition": graphs[0], "body": graphs[1], "n_constants": len(given)},
    )
    put_back(state, outs[len(leaves) :])
    mark_weak(outs[: len(leaves)], weak)
    return tree.unflatten(structure, outs[: len(leaves)])


def _as_test(what: str, condition: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def test(state: Any) -> Any:
        found = condition_of(what, condition(state))
        return found if is_array(found) else constant(found, bool_)

    test.__name__ = getattr(condition, "__name__", "condition")
    return test


def _as_value(leaf: Any, aval: Aval) -> Array:
    value = leaf if is_array(leaf) else constant(leaf, aval.dtype)
    return read(asarray(value, dtype=aval.dtype))


def _kind(what: str, leaf: Any) -> Aval:
    if is_array(leaf):
        return Aval(leaf.shape, leaf.dtype)
    if is_number(leaf):
        return Aval((), dtype_of(leaf))
    raise TraceError(
        f"{what}: the state holds {leaf!r} of type {type(leaf).__name__}; it must be arrays and "
        "numbers"
    )


def _stable_body(
    what: str,
    body: Callable[..., Any],
    leaves: list[Any],
    structure: tree.Tree,
    slices: Sequence[Aval] = (),
    build: Callable[[list[Array]], tuple[Any, ...]] | None = None,
    weak_slices: Sequence[bool] = (),
) -> tuple[list[Aval], list[bool], Region]:
    """The body, traced with the kinds of state that it keeps (numbers take the dtypes it gives),
    and which of them stand for Python numbers."""
    trace = tracing.current()
    assert trace is not None
    is_pair = build is not None
    build = build or (lambda cells: (tree.unflatten(structure, cells),))
    avals = [_kind(what, x) for x in leaves]
    weak = [tracing.is_weak(x) if is_array(x) else True for x in leaves]
    for _ in range(_ROUNDS):
        region = Region(what, body, trace)
        region.run([*avals, *slices], build, [*weak, *weak_slices])
        _require_structure(what, region, structure, is_pair)
        kept = [w and region.is_weak(i) for i, w in enumerate(weak)]
        wider = [
            _wider(aval, region.leaves[i]) if w else aval
            for i, (aval, w) in enumerate(zip(avals, weak, strict=True))
        ]
        if (wider, kept) == (avals, weak):
            break
        region.release()
        avals, weak = wider, kept
    for position, aval in enumerate(avals):
        region.require(position, aval)
    return avals, weak, region


def _wider(number: Aval, after: Any) -> Aval:
    """The kind of a Python number in a loop's state that holds what the body makes of it, too."""
    if is_number(after) or (is_array(after) and tracing.is_weak(after)):
        return Aval((), promote(number.dtype, dtype_of(after)))
    fits = is_array(after) and after.shape == () and holds_number(after.dtype, number.dtype)
    return Aval((), after.dtype) if fits else number


def _require_structure(what: str, region: Region, structure: tree.Tree, is_pair: bool) -> None:
    """Raise TraceError if a body returns a state (for scan: a pair with one) of another
    structure."""
    found = region.structure
    if is_pair:
        if not (found.kind is tuple and len(found.children) == 2):
            raise TraceError(f"{what}: {region.name} must return a pair (state, result)")
        found = found.children[0]
    if found != structure:
        raise TraceError(
            f"{what}: {region.name} returns {found}, the state is {structure}; a loop keeps the "
            "structure of its state"
        )


def fori_loop(lower: Any, upper: Any, body: Callable[[Any, Any], Any], init: Any) -> Any:
    """`state = body(i, state)` for i from `lower` to `upper - 1`; the last state.

    With bounds that are Python integers the loop has a derivative of every order; an array bound
    makes it a `while_loop`. `i` is an int64 scalar.

    >>> import tilewright as tw
    >>> tw.jit(lambda x: tw.fori_loop(0, 3, lambda i, s: s * x + i, 0.0))(tw.array(2.0)).item()
    4.0
    """
    if tracing.current() is None:
        state = init
        for i in range(int(lower), int(upper)):
            state = body(i, state)
        return state
    if is_array(lower) or is_array(upper):
        first = asarray(lower, dtype=int64) if is_array(lower) else int(lower)

        def step(pair: Any) -> Any:
            return pair[0] + 1, body(pair[0], pair[1])

        return stage_while("while_loop", lambda s: s[0] < upper, step, (first, init))[1]

    def turn(state: Any, i: Any) -> Any:
        return body(i, state), None

    turn.__name__ = getattr(body, "__name__", "body")
    bounds = (as_index("fori_loop", n) for n in (lower, upper))
    numbers = arange(*bounds, dtype=int64)
    return stage_scan("fori_loop", turn, init, numbers, None, weak=(True,))[0]


def scan(
    body: Callable[[Any, Any], tuple[Any, Any]],
    init: Any,
    xs: Any = None,
    length: int | None = None,
    *,
    reverse: bool = False,
) -> tuple[Any, Any]:
    """`state, y = body(state, x)` for every slice x of `xs` along its first axis; the last state
    and the ys, stacked.

    `xs` is a pytree of arrays with equally long first axes, or None with a `length`. With `reverse`
    the slices are taken, and the ys stand, from the last to the first. In staged code the loop runs
    in the program, and has derivatives of every order.

    Raises ShapeError for unequal lengths, TraceError if the body changes the kind of the state.

    >>> import tilewright as tw
    >>> total, sums = tw.scan(lambda s, x: (s + x, s + x), 0.0, tw.array([1.0, 2.0, 3.0]))
    >>> total.item(), sums.tolist()
    (6.0, [1.0, 3.0, 6.0])
    """
    n = _length(xs, length)
    if tracing.current() is None:
        return _scan_now(body, init, xs, n, reverse)
    return stage_scan("scan", body, init, xs, n, reverse)


def _length(xs: Any, length: int | None) -> int:
    leaves = tree.flatten(xs)[0] if xs is not None else []
    if not all(getattr(x, "shape", ()) for x in leaves):
        raise ShapeError("scan: xs holds a scalar; it must be arrays with a first axis")
    sizes: list[int] = [x.shape[0] for x in leaves]
    if length is not None:
        sizes.append(as_index("scan", length))
    if not sizes or any(n != sizes[0] for n in sizes):
        found = sorted(set(sizes))
        raise ShapeError(f"scan: got the lengths {found}; wanted one, of xs or by `length`")
    return sizes[0]


def _slice(xs: Any, i: int) -> Any:
    return tree.map_leaves(lambda x: x[i], xs)


def _scan_now(
    body: Callable[[Any, Any], tuple[Any, Any]], init: Any, xs: Any, n: int, reverse: bool
) -> tuple[Any, Any]:
    state, ys = init, []
    for i in reversed(range(n)) if reverse else range(n):
        state, y = body(state, None if xs is None else _slice(xs, i))
        ys.append(y)
    if not ys:
        raise ShapeError("scan: got 0 slices outside of staged code, where results have no shape")
    rows = [tree.flatten(y)[0] for y in (ys[::-1] if reverse else ys)]
    structure = tree.flatten(ys[0])[1]
    stacked = [
        None if column[0] is None else stack([asarray(v) for v in column])
        for column in zip(*rows, strict=True)
    ]
    return state, tree.unflatten(structure, stacked)


def stage_scan(
    what: str,
    body: Callable[..., Any],
    init: Any,
    xs: Any,
    length: int | None,
    reverse: bool = False,
    weak: Sequence[bool] = (),
) -> tuple[Any, Any]:
    """`scan` in the open trace; `weak` says which of the slices stand for Python numbers."""
    leaves, structure = tree.flatten(init)
    slices, form = tree.flatten(xs) if xs is not None else ([], None)
    stacked = [read(asarray(x)) for x in slices]
    n = stacked[0].shape[0] if length is None else length

    def build(cells: list[Array]) -> tuple[Any, ...]:
        state = tree.unflatten(structure, cells[: len(leaves)])
        x = None if form is None else tree.unflatten(form, cells[len(leaves) :])
        return state, x

    kinds = [Aval(x.shape[1:], x.dtype) for x in stacked]
    avals, is_weak, region = _stable_body(what, body, leaves, structure, kinds, build, weak)
    _number_results(region, len(leaves))
    written = list(region.written.values())
    given = [c for k, c in region.captured.items() if k not in region.written]
    counts = (len(given), len(leaves), len(kinds), len(written))
    graph = _state_before_results(region.graph(given, written, carried=True), *counts)
    of_ys, plain = region.structure.children[1], region.plain()[len(leaves) :]
    region.release()
    carries = [_as_value(x, aval) for x, aval in zip(leaves, avals, strict=True)]
    n_state = len(carries) + len(written)
    params = {"body": graph, "n_constants": len(given), "n_carries": n_state, "length": n}
    inputs = [*map(read, given), *carries, *map(read, written), *stacked]
    outs = bind_control(SCAN, inputs, {**params, "reverse": reverse})
    put_back(written, outs[len(carries) : n_state])
    mark_weak(outs[: len(carries)], is_weak)
    ys = tree.unflatten(of_ys, filled(plain, outs[n_state:]))
    return tree.unflatten(structure, outs[: len(carries)]), ys


def _number_results(region: Region, first: int) -> None:
    """Numbers among the results of a turn become arrays, as they are stacked."""
    for position in range(first, len(region.leaves)):
        if is_number(region.leaves[position]):
            region.convert(position, dtype_of(region.leaves[position]))


def _state_before_results(
    graph: Graph, n_given: int, n_carries: int, n_slices: int, n_written: int
) -> Graph:
    """The cells that a body writes are carries too: before the slices, and before the results."""
    first = n_given + n_carries
    inputs = graph.inputs
    taken = (*inputs[:first], *inputs[first + n_slices :], *inputs[first : first + n_slices])
    outs, end = graph.outputs, len(graph.outputs) - n_written
    given = (*outs[:n_carries], *outs[end:], *outs[n_carries:end])
    return Graph(taken, given, graph.nodes, name=graph.name)
