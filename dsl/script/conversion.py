"""Which functions are rewritten when scripted code calls them, and which are called as they are.

Rewritten are functions, methods and lambdas of the user, and the `forward` of modules. Called as
they are: builtins, tilewright's own, and those of the standard library and of installed packages.
Functions of the user that are handed to any of these (`tw.grad(loss)`, `map(f, xs)`) are rewritten
first.
"""

from __future__ import annotations

import functools
import inspect
import sys
import types
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ... import _native
from .. import trace as tracing
from ..surroundings import WRITTEN
from .builtins import INSTEAD, item
from .rewriting import rewrite
from .source import SourceError
from .state import get
from .values import is_staged

_PACKAGE = __name__.split(".")[0]
_FOLDER = str(Path(__file__).parents[2])
_MARK = "__tw_rewritten__"
_INSTALLED = ("site-packages", "dist-packages")
_NO_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_TAKE_FUNCTIONS = frozenset({map, filter, sorted, min, max, functools.reduce})
_READS = frozenset({"item", "tolist"})


def mark(function: Any) -> Any:
    """Say of a function that it is rewritten already."""
    function.__dict__[_MARK] = function.__code__  # a decorator that copies the dict has its own
    return function


def convert(function: types.FunctionType) -> types.FunctionType:
    """The function, rewritten. Raises TraceError if it cannot be, or has no source."""
    if function.__dict__.get(_MARK) is function.__code__:
        return function
    made: types.FunctionType = mark(rewrite(function, sys.modules[f"{__package__}.runtime"]))
    made.__dict__[WRITTEN] = function
    return made


def callee(called: Any) -> Any:
    """What scripted code calls where the user wrote `called(...)`."""
    if tracing.current() is None:
        return called
    found = _instead_of(called)
    if found is not None:
        return found
    if isinstance(called, types.FunctionType) and is_own(called):
        return _handing(_rebuilt(called))
    if isinstance(called, types.FunctionType | types.MethodType | functools.partial):
        return _converted(called)
    if _takes_functions(called):
        return _handing(called)
    if isinstance(called, type | types.BuiltinFunctionType) or not callable(called):
        return called
    return _converted_object(called)


def _instead_of(called: Any) -> Any:
    """Our own for a builtin, or for a method that reads a traced value."""
    if isinstance(called, types.MethodType):
        owner = called.__self__
        if isinstance(owner, _native.Cell) and called.__name__ in _READS and is_staged(owner):
            return functools.partial(item, owner) if owner.size == 1 else None
        return None
    if isinstance(called, type | types.BuiltinFunctionType):
        return INSTEAD.get(called)
    return None


def _converted(called: Any) -> Any:
    """A function, method or partial with the user's function rewritten; itself if it is none."""
    if isinstance(called, functools.partial):
        inner = callee(called.func)
        if inner is called.func:
            return called
        return functools.partial(inner, *called.args, **called.keywords)
    if isinstance(called, types.MethodType):
        if not isinstance(called.__func__, types.FunctionType):
            return called
        inner = _converted(called.__func__)
        return called if inner is called.__func__ else types.MethodType(inner, called.__self__)
    return _converted_function(called) if _is_of_user(called) else called


def _converted_function(function: types.FunctionType) -> types.FunctionType:
    try:
        return convert(function)
    except SourceError:
        return function  # it may have no control flow; if it has, the error names tw.script


def _converted_object(called: Any) -> Any:
    """An object that is called: a module by its `forward`, others by their `__call__`."""
    method = getattr(type(called), "__call__", None)  # noqa: B004
    name = getattr(type(called), "__script_call__", None)  # which method a call means
    if name is not None and _is_ours(method):
        of = getattr(type(called), name, None)
        if isinstance(of, types.FunctionType) and name not in vars(called):
            return types.MethodType(_converted_function(of), called)
        return callee(getattr(called, name))
    if isinstance(method, types.FunctionType) and _is_of_user(method):
        return types.MethodType(_converted_function(method), called)
    return _handing(called) if _is_ours(called) else called


def is_own(function: types.FunctionType) -> bool:
    """Whether the code of a function is tilewright's, such as that of what `tw.grad(f)` returns."""
    own = str(function.__globals__.get("__name__", "")).split(".")[0] == _PACKAGE
    return own and function.__code__.co_filename.startswith(_FOLDER)  # not in examples of ours


def _rebuilt(function: types.FunctionType, depth: int = 4) -> types.FunctionType:
    """A function of ours with the user's functions that it holds rewritten."""
    cells = function.__closure__ or ()
    held = [get(c) for c in cells]
    found = [_argument(value, depth - 1) for value in held] if depth else held
    if all(x is y for x, y in zip(held, found, strict=True)):
        return function
    new = [c if x is y else types.CellType(y) for c, x, y in zip(cells, held, found, strict=True)]
    made = types.FunctionType(
        function.__code__, function.__globals__, function.__name__, function.__defaults__,
        tuple(new),
    )  # fmt: skip
    made.__kwdefaults__ = function.__kwdefaults__
    return made


def _root(called: Any) -> str:
    return (getattr(called, "__module__", None) or "").split(".")[0]


def _is_ours(called: Any) -> bool:
    return _root(called) == _PACKAGE


def _is_of_user(function: types.FunctionType) -> bool:
    code = function.__code__
    own = function.__globals__.get("__name__", "").split(".")[0]
    is_known = is_own(function) or (own in sys.stdlib_module_names and own != "__main__")
    is_installed = any(part in code.co_filename.split("/") for part in _INSTALLED)
    return not (is_known or is_installed or code.co_flags & _NO_PLAIN)


def _takes_functions(called: Any) -> bool:
    if isinstance(called, type | types.BuiltinFunctionType):
        return called in _TAKE_FUNCTIONS
    return False


def _handing(called: Callable[..., Any]) -> Callable[..., Any]:
    """A call of something that is not rewritten, whose function arguments are."""

    def call(*args: Any, **kwargs: Any) -> Any:
        return called(*map(_argument, args), **{k: _argument(v) for k, v in kwargs.items()})

    return call


def _argument(value: Any, depth: int = 4) -> Any:
    if isinstance(value, types.FunctionType) and is_own(value):
        return _rebuilt(value, depth)
    if isinstance(value, types.FunctionType | types.MethodType | functools.partial):
        return _converted(value)
    if isinstance(value, list | tuple) and any(isinstance(v, types.FunctionType) for v in value):
        return type(value)(map(_argument, value)) if type(value) in (list, tuple) else value
    return value


class Converted:
    """A callable object or method, called with what it runs rewritten."""

    def __init__(self, called: Any) -> None:
        self.called = called
        self.__name__ = getattr(called, "__name__", type(called).__name__)
        self.__wrapped__ = called
        setattr(self, WRITTEN, called)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return callee(self.called)(*args, **kwargs)
