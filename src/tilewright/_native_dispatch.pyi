"""The part of `_native` that remembers calls: recipes and their steps, the tape, indexing.

There is no such module: `_native.pyi` takes these names over, which `_native` has.
"""

from collections.abc import Callable, Sequence
from typing import Any, Self

from ._native import Cell, MapKernel, Program
from .dsl.array import Array

def set_operator(op: str, code: int, kernel: MapKernel | None) -> None:
    """Operator `op` on operands of dtype `code` runs `kernel` at once (None: the slow path)."""

def set_cast(source: int, target: int, kernel: MapKernel | None) -> None:
    """How operators convert an operand whose dtype differs from the promoted one; without it
    operands of two dtypes take the slow path."""

class ReduceKernel:
    """An eager reduction for a fixed dtype, rank and axes."""

    def __init__(
        self,
        name: str,
        code: int,
        ndim: int,
        axes: Sequence[int],
        keepdims: bool,
        compile: Callable[[bool, bool], Program],
    ) -> None:
        """`compile(outer, inner)` gives the program that reduces the one axis of (reduced,), or of
        that with an outer or an inner axis around it; it is called once for each pair."""
    def __call__(self, cell: Cell, /) -> Array: ...

class Move:
    """A movement with fixed parameters, on the host: an array to a view of it."""

    def __init__(
        self, kind: str, ints: tuple[Sequence[int], ...], entry: Any = None, copies: bool = False
    ) -> None:
        """reshape (shape), transpose (axes), broadcast_to (shape), slice (start, sizes, steps);
        value and detach (nothing), which give the value as an array of its own, the one with its
        node on the tape, the other without. `entry` is what the view has
        in `_moves` for it. Where no view can say it, `copies` allows one of a copy."""
    def __call__(self, cell: Cell, /) -> Array: ...

class Assembly:
    """Arrays on the host put together in a fresh one."""

    def __init__(self, kind: str, ints: tuple[Sequence[int], ...]) -> None:
        """concatenate ((axis,)) takes any number of arrays; pad (before, after) an array and a
        scalar; update_slice (start, steps) an array and what its window is replaced by."""
    def __call__(self, *cells: Cell) -> Array: ...

class Routine:
    """A native routine with its sizes, on the host; see `call_routine`."""

    def __init__(
        self, name: str, shape: Sequence[int], dtype_code: int, sizes: Sequence[int]
    ) -> None: ...
    def __call__(self, *cells: Cell) -> Array: ...

class Dispatch:
    """A function whose calls, once known, run without Python.

    The second call of a kind (dtypes, shapes, parameters) has its recipe made by the recorder; of
    such calls the kernels are run at once. All else goes to `slow`, as does what fails.
    """

    __name__: str
    __qualname__: str
    __wrapped__: Callable[..., Any]
    def __new__(
        cls,
        slow: Callable[..., Any],
        function: Callable[..., Any] | None = None,
        n_weak: int = 0,
        by_classes: bool = False,
    ) -> Self:
        """`function` is what is traced (default: `slow`). Python numbers among the first `n_weak`
        arguments are told by their type; with `by_classes` sizes only by whether they are 0, 1 or
        more, unless a recipe depends on them."""
    def __call__(self, *args: Any, **kwargs: Any) -> Any: ...
    def __get__(self, owner: Any, kind: type | None = None, /) -> Any: ...
    @property
    def _slow(self) -> Callable[..., Any]: ...
    @property
    def _function(self) -> Callable[..., Any]: ...
    @property
    def _n_weak(self) -> int: ...
    @property
    def _by_classes(self) -> bool: ...
    @property
    def _recipes(self) -> int:
        """How many kinds of calls go without Python."""
    @property
    def _keys(self) -> int:
        """How many kinds of calls are known."""
    def _forget(self) -> None:
        """Learn everything anew."""

Recorder = Callable[
    [Dispatch, tuple[Any, ...], dict[str, Any], bool], tuple[tuple[Any, ...], bool] | None
]

def set_recorder(recorder: Recorder) -> None:
    """What makes recipes: (function, arguments, named ones, whether gradients have to pass) to a
    recipe, and whether it holds for all sizes of these classes; or None. A recipe is (constants,
    steps, outputs): values are numbered from the arrays and weak numbers of the call, in order;
    then come the constants, then one result a step. A step is (callable, numbers, tape); the tape
    is None or (name, rule, parameter names, parameters, numbers); outputs are one number, or a
    tuple of numbers and None."""

def forget_recipes() -> None:
    """All functions learn everything anew."""

class TapeNode:
    """How a value was made. `edges` are the nodes of the operands, None for those that no gradient
    reaches; later nodes have larger `id`s."""

    def __init__(
        self,
        name: str,
        edges: tuple[TapeNode | None, ...],
        vjp: Callable[[Sequence[Array | None], bool], Sequence[Array | None]],
        outputs: int = 1,
    ) -> None: ...
    @property
    def id(self) -> int: ...
    @property
    def name(self) -> str: ...
    @property
    def edges(self) -> tuple[TapeNode | None, ...]: ...
    @property
    def outputs(self) -> int:
        """How many values it made."""
    def vjp(
        self, cotangents: Sequence[Array | None], keep_graph: bool, /
    ) -> Sequence[Array | None]:
        """One cotangent, or None, for each edge."""

def set_tape(
    leaf: Callable[[Array], TapeNode | None],
    read: Callable[[Array], Array],
    rule: Callable[[Any], tuple[Any, ...]],
) -> None:
    """What the tape asks of Python: the node of a leaf; the value of a view of taped ones; and of
    an entry of `_moves` (name, rule, parameter names, parameters)."""

def walk(
    seeds: Sequence[tuple[TapeNode, Array]],
    targets: frozenset[TapeNode],
    keep_graph: bool,
    oldest: int = 0,
) -> dict[TapeNode, Array]:
    """Cotangents of `targets` and of all leaves, from those of the seeds, newest node first."""

def set_walk(
    leaf_type: type[TapeNode], output_type: type[TapeNode], add: Callable[[Any, Any], Any]
) -> None:
    """What the walk asks of Python: the types of nodes that it treats apart, and a sum."""

def next_node_id() -> int:
    """A number above those of all nodes, and below those of later ones."""

def set_indexing(
    get: Callable[[Any, Any], Any],
    put: Callable[[Any, Any, Any], None],
    get_at: Callable[[Any, Any], Any],
) -> None:
    """What does `x[key]` and `x[key] = value` for keys that are not basic; and `x[key]` where the
    key is an array."""

def set_slice_moves(make_entries: Callable[..., tuple[Any, ...]]) -> None:
    """(start, sizes, steps, shape) to the entries of `_moves` for a basic index."""

def set_no_value(value: object) -> None:
    """The default of arguments for which None means something: a parameter like None."""

def set_effect_host(write: Callable[[str], object], call: Callable[..., Sequence[bytes]]) -> None:
    """What effects do: `write(line)` prints, `call(name, where, values, kinds)` calls a function
    of Python on (bytes, (dtype code, shape)) values, and gives the bytes of each result."""

def run_effect(kind: int, text: str, where: str, cells: Sequence[Cell]) -> None:
    """Print (0) or check (1: a condition, 2: that all is finite) now; see core/effect.h."""
