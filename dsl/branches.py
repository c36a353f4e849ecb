"""Branches on arrays: `cond` and `switch`.

Eagerly they are Python's own: the chosen function is called. In staged code all functions are
traced into graphs of their own, and the program chooses at run time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from . import flow_gradients as flow_gradients  # the rules of branches
from . import trace as tracing
from . import tree
from .control import COND, bind_control
from .dtypes import DType, bool_, int64
from .errors import ShapeError, TraceError
from .functions import asarray, clip, result_type
from .functions.convert import is_array
from .graph import Aval
from .record import read
from .regions import ARRAY, Region, is_number, put_back

if TYPE_CHECKING:
    from .array import Array


def cond(
    condition: Any,
    true_function: Callable[..., Any],
    false_function: Callable[..., Any],
    *operands: Any,
) -> Any:
    """`true_function(*operands)` where the condition holds, else `false_function(*operands)`.

    `condition` is a bool or a scalar array. In staged code both functions are traced; they must
    return pytrees of one structure, shapes and dtypes (a Python number takes the dtype of the other
    side), and only the chosen one runs. Both may read and write arrays of outside.

    Raises TraceError if the two sides do not fit, ShapeError if the condition is no scalar.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: tw.cond(x.sum() > 0, lambda: x, lambda: -x))
    >>> f(tw.array([-1.0, -2.0])).tolist()
    [1.0, 2.0]
    """
    decided = condition_of("cond", condition)
    if not is_array(decided):
        return (true_function if decided else false_function)(*operands)
    index = read(asarray(decided, dtype=int64))
    return _branches("cond", index, (false_function, true_function), operands)


def switch(index: Any, functions: Sequence[Callable[..., Any]], *operands: Any) -> Any:
    """`functions[index](*operands)`; an index outside is clamped to the first or the last.

    `index` is an integer or an integer scalar array; the rest is as in `cond`.

    >>> import tilewright as tw
    >>> tw.switch(1, [lambda x: x, lambda x: -x], tw.array(3.0)).item()
    -3.0
    """
    if not functions:
        raise ShapeError("switch: got no functions; wanted at least one")
    if not is_array(index) or (index._is_concrete and tracing.current() is None):
        return functions[max(0, min(int(index), len(functions) - 1))](*operands)
    if index.shape != () or not index.dtype.is_integer:
        raise ShapeError(
            f"switch: the index is {index.dtype}{list(index.shape)}; it must be an integer scalar"
        )
    chosen = read(asarray(clip(asarray(index, dtype=int64), 0, len(functions) - 1), dtype=int64))
    return _branches("switch", chosen, tuple(functions), operands)


def condition_of(what: str, condition: Any) -> Any:
    """A Python bool where the value is known, else an array of one bool."""
    if not is_array(condition):
        return bool(condition)
    if condition.shape != ():
        raise ShapeError(f"{what}: the condition has shape {condition.shape}; it must be a scalar")
    if tracing.current() is None:
        return bool(condition)
    return asarray(condition, dtype=bool_) if condition.dtype is not bool_ else condition


def _branches(
    what: str, index: Array, functions: tuple[Callable[..., Any], ...], operands: Sequence[Any]
) -> Any:
    """Trace all functions, make them return the same kinds, and stage one node."""
    trace = tracing.current()
    assert trace is not None
    leaves, structure = tree.flatten(list(operands))
    arrays = [read(x) for x in leaves if is_array(x)]
    avals = [Aval(x.shape, x.dtype) for x in arrays]
    weak = [tracing.is_weak(x) for x in arrays]

    def build(cells: list[Array]) -> Any:
        picked = iter(cells)
        return tree.unflatten(structure, [next(picked) if is_array(x) else x for x in leaves])

    regions = [Region(what, f, trace) for f in functions]
    for region in regions:
        region.run(avals, build, weak)
    return choose(what, index, regions, arrays)


def choose(what: str, index: Array, regions: Sequence[Region], arrays: Sequence[Array]) -> Any:
    """Stage a node that takes the results of the region at an index; `arrays` are the arguments
    of all regions. The results of the regions must be of one kind."""
    _require_structure(what, regions)
    weak = [all(r.is_weak(i) for r in regions) for i in range(len(regions[0].leaves))]
    _agree(what, regions)
    captured = joined(r.captured for r in regions)
    written = list(joined(r.written for r in regions).values())
    given = list(captured.values())
    graphs = tuple(r.graph(given, written, carried=False) for r in regions)
    structure, plain = regions[0].structure, regions[0].plain()
    for region in regions:
        region.release()
    outs = bind_control(COND, [index, *map(read, given), *arrays], {"branches": graphs})
    n_results = len(outs) - len(written)
    put_back(written, outs[n_results:])
    results = filled(plain, outs[:n_results])
    mark_weak(results, weak)
    return tree.unflatten(structure, results)


def filled(plain: Sequence[Any], arrays: Sequence[Array]) -> list[Any]:
    """Results with their arrays in place."""
    picked = iter(arrays)
    return [next(picked) if x is ARRAY else x for x in plain]


def mark_weak(results: Sequence[Any], weak: Sequence[bool]) -> None:
    """Results that stand for Python numbers on all sides do so outside."""
    for result, is_weak in zip(results, weak, strict=True):
        if is_weak and is_array(result):
            tracing.set_weak(result)


def joined(parts: Iterable[Mapping[int, Array]]) -> dict[int, Array]:
    """Cells of several regions, by identity."""
    found: dict[int, Array] = {}
    for part in parts:
        found.update(part)
    return found


def _require_structure(what: str, regions: Sequence[Region]) -> None:
    first = regions[0]
    for other in regions[1:]:
        if other.structure != first.structure:
            raise TraceError(
                f"{what}: the branches disagree: {other.name} returns {_shape_of(other)}, "
                f"{first.name} returns {_shape_of(first)}"
            )


def _agree(what: str, regions: Sequence[Region]) -> None:
    """Make numbers arrays where they differ; raises TraceError where sides do not fit."""
    for position in range(len(regions[0].leaves)):
        sides = [r.leaves[position] for r in regions]
        if not fit(sides):
            named = zip(reversed(regions), reversed(sides), strict=True)
            raise TraceError(
                f"{what}: the branches disagree: "
                f"{', '.join(f'{r.name} gives {describe(x)}' for r, x in named)} for result "
                f"{position}; what a branch decides must be arrays of one kind, or numbers"
            )
        dtype = _common(sides)
        if dtype is not None:
            for region in regions:
                region.convert(position, dtype)


def fit(sides: Sequence[Any]) -> bool:
    """Whether leaves of the results of branches can be one value: arrays of one shape and dtype
    and numbers that such an array can hold, or one Python object."""
    if _are_one(sides):
        return True
    if not all(is_array(x) or is_number(x) for x in sides):
        return False
    firm = [x for x in sides if is_array(x) and not tracing.is_weak(x)]
    if not firm:
        return True
    kind = Aval(firm[0].shape, firm[0].dtype)
    numbers = [dtype_of(x) for x in sides if not is_array(x) or tracing.is_weak(x)]
    if any(Aval(x.shape, x.dtype) != kind for x in firm) or (numbers and kind.shape):
        return False
    return all(holds_number(kind.dtype, of) for of in numbers)


_RANKS = {"b": 0, "u": 1, "i": 1, "f": 2, "c": 3}


def holds_number(dtype: DType, number: DType) -> bool:
    """Whether a Python number of one dtype can be an element of another, as in arithmetic."""
    return _RANKS[number.kind] <= _RANKS[dtype.kind]


def describe(leaf: Any) -> str:
    """A leaf for messages: an array by its kind."""
    return str(Aval(leaf.shape, leaf.dtype)) if is_array(leaf) else repr(leaf)


def _are_one(sides: Sequence[Any]) -> bool:
    """Whether all sides are the same Python object, or equal ones of a type."""
    return not any(map(is_array, sides)) and all(equal(x, sides[0]) for x in sides)


def equal(x: Any, other: Any) -> bool:
    """Whether two Python objects are one and the same to a program."""
    if x is other or type(x) is not type(other):
        return x is other
    if isinstance(x, float):  # 0.0 differs from -0.0
        return bool(x.hex() == other.hex())
    found = x == other
    return isinstance(found, bool) and found


def _common(sides: Sequence[Any]) -> DType | None:
    """The dtype of a result that is an array, None if it is the same Python object everywhere."""
    if _are_one(sides):
        return None
    firm: list[DType] = [x.dtype for x in sides if is_array(x) and not tracing.is_weak(x)]
    return firm[0] if firm else result_type(*sides)


def _shape_of(region: Region) -> str:
    kind = region.structure.kind
    return "a single value" if kind is None else f"a {kind.__name__} of {len(region.leaves)} values"


def dtype_of(leaf: Any) -> DType:
    """The dtype of an array, or that which an array of a Python number has here."""
    return asarray(leaf).dtype
