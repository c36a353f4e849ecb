"""`tw.callback`: functions of Python that staged programs call.

A program does not hold the function: it takes a number as an input, by which the process knows it.
So programs with callbacks are cached on disk like others.
"""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .. import _native
from . import device as placing
from . import tree
from .dtypes import ALL, DType, dtype, int64, to_numpy
from .effects import CALLBACK, EFFECTS, perform, refuse_gradient, set_call
from .errors import ArgumentError, DTypeError, ShapeError, TilewrightError
from .functions import asarray
from .functions.convert import is_array
from .record import read
from .trace import user_source

if TYPE_CHECKING:
    from .array import Array

Kinds = tuple[tuple[tuple[int, ...], DType], ...]


@dataclass(frozen=True)
class _Call:
    """What a program's number stands for: the function, and how its arguments are put together."""

    f: Callable[..., Any]
    structure: tree.Tree
    leaves: tuple[Any, ...]  # arguments that are no arrays; _ARRAY stands for the others
    results: tree.Tree

    def run(self, what: str, arrays: Sequence[np.ndarray[Any, Any]], kinds: Kinds) -> list[Any]:
        """Call the function: its results as NumPy arrays of these kinds."""
        picked = iter(arrays)
        leaves = [next(picked) if x is _ARRAY else x for x in self.leaves]
        found, structure = tree.flatten(self.f(*tree.unflatten(self.structure, leaves)))
        if not kinds:
            return []
        if structure != self.results:
            raise ArgumentError(
                f"{what} returned {structure}; it was said to return {self.results}"
            )
        return [_converted(what, x, *kind) for x, kind in zip(found, kinds, strict=True)]


_ARRAY = object()
_numbers = itertools.count(1)
_calls: dict[int, _Call] = {}  # of programs that are alive


def callback(f: Callable[..., Any], results: Any, *args: Any) -> Any:
    """Call `f(*args)`, a function of Python, each time the program comes by; what it returns.

    `f` gets NumPy arrays, which it must not write to. `results` says what it returns: a pytree of
    arrays, or of `tw.Aval(shape, dtype)`, that are like the results; None if nothing is wanted.
    Calls keep their order. An exception of `f` ends the call, and nothing outside is written.

    A program with callbacks runs in the process that made it: `tw.compile` refuses it, naming the
    function. It has no gradient: give it `tw.stop_gradient(x)`, or use `tw.custom_vjp`.

    Raises GradientError if a gradient would pass through it; ShapeError and DTypeError if `f`
    returns something else than was said.

    >>> import numpy as np
    >>> import tilewright as tw
    >>> g = tw.jit(lambda x: tw.callback(np.sort, x, -x) * 2)
    >>> g(tw.array([1.0, 3.0, 2.0])).tolist()
    [-6.0, -4.0, -2.0]
    """
    given, structure = tree.flatten(tuple(args))
    wanted, form = ([], tree.LEAF) if results is None else tree.flatten(results)
    kinds = tuple(map(_kind, wanted))
    call = _Call(f, structure, tuple(_ARRAY if _is_array(x) else x for x in given), form)
    arrays = [read(asarray(x)) for x in given if _is_array(x)]
    source = user_source()
    name = getattr(f, "__qualname__", type(f).__name__)
    params = {
        "text": name, "where": source.short if source else "an unknown line", "kinds": kinds,
    }  # fmt: skip
    refuse_gradient(arrays, params)
    found = perform(CALLBACK, [_handle(call), *arrays], params)
    return None if results is None else tree.unflatten(form, found)


def _is_array(x: Any) -> bool:
    return is_array(x) or isinstance(x, np.ndarray)


def _kind(like: Any) -> tuple[tuple[int, ...], DType]:
    if not (hasattr(like, "shape") and hasattr(like, "dtype")):
        raise ArgumentError(
            f"callback: got the result {like!r}; it must be an array, or a tw.Aval(shape, dtype)"
        )
    return tuple(int(n) for n in like.shape), dtype(like.dtype)


def _handle(call: _Call) -> Array:
    """An array of the number that stands for a call as long as the array lives."""
    number = next(_numbers)
    _calls[number] = call
    cell = _native.from_buffer(np.asarray(number, dtype=np.int64), int64.code, True)
    cell = _native.transfer(cell, placing.current().index)
    weakref.finalize(cell, _calls.pop, number, None)
    return cell


def _converted(what: str, x: Any, shape: tuple[int, ...], of: DType) -> np.ndarray[Any, Any]:
    host = x.numpy() if is_array(x) else np.asarray(x)
    if isinstance(x, bool | int | float | complex):
        host = host.astype(to_numpy(of))
    if host.shape != shape:
        raise ShapeError(f"{what} returned the shape {host.shape}; it was said to be {shape}")
    if host.dtype != to_numpy(of):
        raise DTypeError(f"{what} returned {host.dtype}; it was said to be {of}")
    return host


def replay(kind: str, token: Array, *values: Array, **params: Any) -> tuple[Array, ...]:
    """An effect by its record, as `f.code(...)` writes it: the token, then the results."""
    return token, *perform(EFFECTS[kind], values, params)


def _run_now(values: Sequence[Array], params: dict[str, Any]) -> list[Array]:
    """A callback of eager code by its number."""
    handle, *arrays = (v.numpy() for v in values)
    call = _call_of(handle, params["text"], params["where"])
    made = call.run(f"callback at {params['where']}: {params['text']}", arrays, params["kinds"])
    return [asarray(x) for x in made]


set_call(_run_now)


def _call_of(handle: Any, name: str, where: str) -> _Call:
    found = _calls.get(int(handle))
    if found is None:
        raise TilewrightError(f"callback at {where}: the function {name} is of another process")
    return found


def serve(name: str, where: str, values: Sequence[Any], kinds: Sequence[Any]) -> list[bytes]:
    """What the core calls for a callback: the values are (bytes, (dtype code, shape))."""
    handle, *arrays = (_from_bytes(raw, *kind) for raw, kind in values)
    call = _call_of(handle, name, where)
    wanted = tuple((tuple(shape), ALL[code]) for code, shape in kinds)
    found = call.run(f"callback at {where}: {name}", arrays, wanted)
    return [np.ascontiguousarray(x).tobytes() for x in found]


def _from_bytes(raw: bytes, code: int, shape: Sequence[int]) -> np.ndarray[Any, Any]:
    return np.frombuffer(raw, to_numpy(ALL[code])).reshape(shape)
