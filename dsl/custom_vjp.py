"""`custom_vjp`: a function with a gradient of its own."""

from __future__ import annotations

import functools
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from .. import _native
from . import trace as tracing
from . import tree
from .autodiff import OutputNode, TapeNode, no_grad, node_of, snapshot
from .branches import filled as in_place
from .branches import joined
from .control import CUSTOM, GRADIENTS, Seeds, bind_control, evaluate
from .effects import without_effects
from .errors import GradientError, TraceError
from .forward_mode import RULES, Found, Tangents, push, transposed
from .functions.convert import asarray, is_array
from .graph import Aval
from .primitives.families import zeros_like
from .pulling import avals_of, filled, graph_of, in_places, pull_back
from .record import read
from .regions import Region
from .staging import argument_names, arrays_of, has_elements, name_of, with_arrays

if TYPE_CHECKING:
    from .array import Array

Leaves = list[Any]
MOST_NESTED = 3  # calls of a function in the forward and backward functions of its own gradient


class _Nesting(threading.local):
    """How deep this thread is in the forward and backward functions of one function."""

    depth = 0

    @contextmanager
    def deeper(self) -> Iterator[None]:
        self.depth += 1
        try:
            yield
        finally:
            self.depth -= 1


class CustomVjp:
    """A function whose gradient is given beside it; what `tw.custom_vjp` returns."""

    def __init__(self, f: Callable[..., Any]) -> None:
        functools.update_wrapper(self, f)
        self._f = f
        self._forward: Callable[..., tuple[Any, Any]] | None = None
        self._backward: Callable[..., Any] | None = None
        self._nesting = _Nesting()

    def defvjp(
        self, forward: Callable[..., tuple[Any, Any]], backward: Callable[..., Any]
    ) -> CustomVjp:
        """Give the gradient: `forward(*args)` returns `(f(*args), residuals)`, and
        `backward(residuals, cotangent)` one cotangent for each argument, in its structure (or None
        for zeros). Returns the function.
        """
        self._forward, self._backward = forward, backward
        return self

    def __call__(self, *args: Any) -> Any:
        leaves, structure = tree.flatten(args)
        if tracing.current() is not None:
            return self._staged(args, leaves, structure)
        arrays = arrays_of(leaves)
        nodes = [node_of(x) if x.dtype.is_inexact else None for x in arrays]
        if not (_native.grad_enabled() and any(nodes)):
            return self._f(*args)
        return self._taped(args, leaves, structure, arrays, nodes)

    def __get__(self, owner: Any, kind: type | None = None) -> Any:
        return self if owner is None else functools.partial(self, owner)

    def __repr__(self) -> str:
        return f"<tw.custom_vjp of {name_of(self._f)}>"

    def rules(self) -> tuple[Callable[..., tuple[Any, Any]], Callable[..., Any]]:
        """The two functions that were given; raises GradientError if there are none."""
        if self._forward is None or self._backward is None:
            raise GradientError(
                f"custom_vjp: {name_of(self._f)} has no gradient yet; give it with "
                f"{name_of(self._f)}.defvjp(forward, backward)"
            )
        return self._forward, self._backward

    # ------------------------------------------------------------------ in eager code

    def _taped(
        self,
        args: tuple[Any, ...],
        leaves: Leaves,
        structure: tree.Tree,
        arrays: list[Array],
        nodes: list[TapeNode | None],
    ) -> Any:
        forward, backward = self.rules()
        with no_grad():
            result, residuals = self._pair(forward(*args))
        saved = [snapshot(x, n) for x, n in zip(arrays, nodes, strict=True)]
        outs, form = tree.flatten(result)
        outs = [snapshot(read(y), None) if is_array(y) else y for y in outs]
        floats = [i for i, y in enumerate(outs) if is_array(y) and y.dtype.is_inexact]
        kinds = {i: Aval(outs[i].shape, outs[i].dtype) for i in floats}

        def vjp(cotangents: Seeds, keep_graph: bool) -> list[Array | None]:
            kept = residuals
            if keep_graph:  # the residuals with what they depend on
                given = tree.unflatten(structure, with_arrays(leaves, saved))
                kept = self._pair(forward(*given))[1]
            seeds: Leaves = [None] * len(outs)
            for i, c in zip(floats, cotangents, strict=True):
                seeds[i] = zeros_like(kinds[i]) if c is None else c
            found = backward(kept, tree.unflatten(form, seeds))
            return self._cotangents(args, found, saved)

        node = TapeNode(f"{name_of(self._f)}_vjp", tuple(nodes), vjp, len(floats))
        for number, i in enumerate(floats):
            outs[i]._node = OutputNode(node, number)
        return tree.unflatten(form, outs)

    def _pair(self, found: Any) -> tuple[Any, Any]:
        if not isinstance(found, tuple) or len(found) != 2:
            raise GradientError(
                f"custom_vjp: the forward function of {name_of(self._f)} must return a pair "
                "(result, residuals)"
            )
        return found

    def _cotangents(
        self, args: tuple[Any, ...], found: Any, arrays: Sequence[Array]
    ) -> list[Array | None]:
        """One cotangent (or None) for each array among the arguments, checked."""
        own = name_of(self._f)
        given = tuple(found) if isinstance(found, tuple | list) else (found,)
        if len(given) != len(args):
            raise GradientError(
                f"custom_vjp: the backward function of {own} returned {len(given)} cotangents; "
                f"{own} has {len(args)} arguments"
            )
        result: list[Array | None] = []
        names = iter(argument_names(self._f, args, {}))
        picked = iter(arrays)
        for arg, cotangent in zip(args, given, strict=True):
            leaves, form = tree.flatten(arg)
            parts, shape = tree.flatten(cotangent)
            if cotangent is None:
                parts = [None] * len(leaves)
            elif shape != form:
                raise GradientError(
                    f"custom_vjp: the backward function of {own} returned {shape} for "
                    f"{next(names)}, which is {form}; the structures must be equal"
                )
            for x, c in zip(leaves, parts, strict=True):
                name = next(names)
                if has_elements(x):
                    result.append(_fitting(name, c, next(picked)))
        return result

    # ------------------------------------------------------------------ in staged code

    def _staged(self, args: tuple[Any, ...], leaves: Leaves, structure: tree.Tree) -> Any:
        """One node with the three functions as graphs, for whatever is done with it later."""
        forward, backward = self.rules()
        arrays = arrays_of(leaves)

        def build(cells: list[Array]) -> tuple[Any, ...]:
            given: tuple[Any, ...] = tree.unflatten(structure, with_arrays(leaves, cells))
            return given

        weak = list(map(tracing.is_weak, arrays))
        function = _region(self._f, avals_of(arrays), build, weak)
        regions = {"function": function}
        if self._nesting.depth < MOST_NESTED:
            with self._nesting.deeper():  # they may call the function themselves
                first = _region(forward, avals_of(arrays), build, weak)
                self._require_pair(function, first)
                second = self._backward_region(backward, args, arrays, function, first)
            regions |= {"forward": first, "backward": second}
        given = list(joined(r.captured for r in regions.values()).values())
        params: dict[str, Any] = {"forward": None, "backward": None}
        params |= {key: r.graph(given, [], carried=False) for key, r in regions.items()}
        plain, form = function.plain(), function.structure
        for region in regions.values():
            region.release()
        values = [*map(read, given), *arrays]
        counts = {"n_constants": len(given), "n_results": len(params["function"].outputs)}
        outs = bind_control(CUSTOM, values, {**params, **counts})
        return tree.unflatten(form, in_place(plain, outs))

    def _require_pair(self, function: Region, first: Region) -> None:
        """Raise GradientError unless the forward function returns (result, residuals)."""
        form, own = first.structure, name_of(self._f)
        self._pair(tuple(form.children) if form.kind is tuple else None)
        result = form.children[0]
        kinds = [_kinds(function.leaves), _kinds(first.leaves[: result.size])]
        if result != function.structure or kinds[0] != kinds[1]:
            raise GradientError(
                f"custom_vjp: {own} returns {_text(kinds[0])}, its forward function "
                f"{_text(kinds[1])}; they must be equal"
            )

    def _backward_region(
        self,
        backward: Callable[..., Any],
        args: tuple[Any, ...],
        arrays: list[Array],
        function: Region,
        first: Region,
    ) -> Region:
        """The backward function, traced; it gives one cotangent for each inexact argument."""
        n_results = first.structure.children[0].size
        residuals, form = first.leaves[n_results:], first.structure.children[1]
        floats = [is_array(y) and y.dtype.is_inexact for y in function.leaves]
        kept = [r for r in residuals if is_array(r)]
        outs = [y for y, is_float in zip(function.leaves, floats, strict=True) if is_float]

        def call(own: Any, cotangent: Any) -> list[Array]:
            found = self._cotangents(args, backward(own, cotangent), arrays)
            pairs = zip(found, avals_of(arrays), strict=True)
            return [
                zeros_like(kind) if c is None else c for c, kind in pairs if kind.dtype.is_inexact
            ]

        def build(cells: list[Array]) -> tuple[Any, ...]:
            own = iter(cells[: len(kept)])
            values = [next(own) if is_array(r) else r for r in residuals]
            seeds = in_places(cells[len(kept) :], floats)
            return tree.unflatten(form, values), tree.unflatten(function.structure, seeds)

        call.__name__ = name_of(backward)
        return _region(call, avals_of([*kept, *outs]), build)


def _region(
    f: Callable[..., Any],
    avals: list[Aval],
    build: Callable[[list[Array]], tuple[Any, ...]],
    weak: Sequence[bool] = (),
) -> Region:
    region = Region("custom_vjp", f, tracing.current())
    region.trace.begins = True  # what runs by its own rule, and again, is in no order with the rest
    region.run(avals, build, weak)
    if region.written:
        raise TraceError(
            f"custom_vjp: {region.name} writes to an array of outside; return the new value instead"
        )
    return region


def _kinds(leaves: Leaves) -> list[Any]:
    return [Aval(x.shape, x.dtype) if is_array(x) else x for x in leaves]


def _text(kinds: list[Any]) -> str:
    return f"({', '.join(map(str, kinds))})"


def _fitting(name: str, cotangent: Any, x: Array) -> Array | None:
    """A cotangent of the kind of the argument; raises GradientError for another."""
    if cotangent is None or not x.dtype.is_inexact:
        return None
    value = asarray(cotangent)
    if value.shape != x.shape or value.dtype is not x.dtype:
        raise GradientError(
            f"custom_vjp: got a cotangent {value.dtype}{list(value.shape)} for {name}, which is "
            f"{x.dtype}{list(x.shape)}; shape and dtype must be equal"
        )
    return read(value)


def custom_vjp(f: Callable[..., Any]) -> CustomVjp:
    """A function whose gradient is not that of its operations, but what `defvjp` gives.

    `f.defvjp(forward, backward)`: `forward(*args)` returns `(f(*args), residuals)`, a pytree of
    whatever the gradient needs; `backward(residuals, cotangent)` returns a tuple with one cotangent
    for each argument, of its structure, shapes and dtypes, or None for zeros. The cotangent has the
    structure of the result (None in place of integers). Gradients flow to the arguments alone, not
    to arrays that the functions read from outside. All transforms go through: `vmap` does the three
    functions for all lanes, `jvp` transposes `backward`, which must be linear in the cotangent, and
    higher orders differentiate `forward` and `backward`.

    Raises GradientError if a cotangent does not fit, or no gradient was given.

    >>> import tilewright as tw
    >>> @tw.custom_vjp
    ... def clipped(x):
    ...     return x * x
    >>> def forward(x):
    ...     return clipped(x), x
    >>> def backward(x, cotangent):
    ...     return (tw.clip(2 * x * cotangent, -1, 1),)
    >>> _ = clipped.defvjp(forward, backward)
    >>> tw.grad(clipped)(tw.array(3.0)).item()
    1.0
    """
    return CustomVjp(f)


# --------------------------------------------------------------------------- rules


def _pulled(
    params: Any, values: Sequence[Array], residuals: Sequence[Array], cotangents: Sequence[Array]
) -> list[Array | None]:
    """What the backward function gives for each input."""
    n = params["n_constants"]
    found = evaluate(params["backward"], [*values[:n], *residuals, *cotangents])
    return [*[None] * n, *in_places(found, [x.dtype.is_inexact for x in values[n:]])]


def _gradient(
    saved: list[Array], outs: list[Array], seeds: Seeds, wanted: list[bool], params: Any
) -> list[Array | None]:
    """By the results as the backward function says; by the residuals, which a gradient of the
    gradient reads, as the forward function's operations say."""
    _require_rule(params)
    n = params["n_results"]
    found = _pulled(params, saved, outs[n:], filled(seeds[:n], outs[:n]))
    if all(s is None for s in seeds[n:]):
        return found
    forward, has = params["forward"], [s is not None for s in seeds]
    given = [s for s in seeds[n:] if s is not None]

    def build(cells: list[Array]) -> list[Array]:
        own, rest = cells[: len(saved)], cells[len(saved) :]
        back = [*[None] * n, *in_places(rest, has[n:])]
        return pull_back(forward, own, wanted, back)

    graph = graph_of(f"{forward.name}_vjp", avals_of([*saved, *given]), build)
    more = in_places(evaluate(graph, [*saved, *given]), wanted)
    return [a if b is None else b if a is None else a + b for a, b in zip(found, more, strict=True)]


def _require_rule(params: Any) -> None:
    if params["backward"] is None:
        raise GradientError(
            f"custom_vjp: a derivative of {params['function'].name} of order {MOST_NESTED + 1} is "
            "not there in staged code, as its forward or backward function calls itself"
        )


def _tangent(cells: list[Array], tangents: Tangents, params: dict[str, Any]) -> Found:
    _require_rule(params)
    n = params["n_results"]
    outs = bind_control(CUSTOM, cells, params)
    along: Tangents = [None] * (len(outs) - n)
    if along:
        along = push(params["forward"], cells, tangents)[1][n:]

    def pulled(cotangents: list[Array], values: list[Array], results: list[Array]) -> Any:
        residuals = outs[n:] or evaluate(without_effects(params["forward"]), values)[n:]
        return _pulled(params, values, residuals, cotangents)

    return outs, [*transposed(pulled, cells, tangents, outs[:n]), *along]


GRADIENTS["custom"] = _gradient
RULES["custom"] = _tangent
