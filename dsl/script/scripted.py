"""`tw.script`: a staged function whose control flow is read from its source."""

from __future__ import annotations

import functools
import types
from collections.abc import Callable, Sequence
from typing import Any

from ..arguments import Dynamic
from ..errors import TraceError
from ..jit import Jitted
from . import runtime as runtime
from .conversion import Converted, convert, is_own


class Scripted(Jitted):
    """A function that runs as a compiled program with its control flow; what `tw.script` returns.

    It is used as what `tw.jit` returns is.
    """

    word = "script"

    def __init__(
        self,
        f: Callable[..., Any],
        static: Sequence[str] = (),
        dynamic: Dynamic | bool | None = None,
    ) -> None:
        self._plain = f
        if isinstance(f, types.FunctionType) and not is_own(f):
            super().__init__(convert(f), static, dynamic)
        elif callable(f) and not isinstance(f, type | types.BuiltinFunctionType):
            super().__init__(Converted(f), static, dynamic)
        else:
            raise TraceError(
                f"script: got {f!r}; it takes functions written in Python, methods and modules"
            )

    @property
    def function(self) -> Callable[..., Any]:
        """The function as it is written; called, it runs eagerly."""
        return self._plain


def script(
    f: Callable[..., Any] | None = None,
    *,
    static: Sequence[str] = (),
    dynamic: Dynamic | bool | None = None,
) -> Any:
    """Stage a function with its control flow, which is read from its source.

    As `tw.jit`, but `if`, `while`, `for`, `break`, `continue`, early `return`, `and`, `or`, `not`,
    chained comparisons, conditional expressions and `assert` that depend on the values of arrays
    stay in the program; the functions and modules that it calls are read likewise. What does not
    depend on values runs as Python when the program is made. Also a decorator, of methods too.
    docs/script.md has the rules. `script(f).function` is the function as it is written.

    Raises TraceError, with the user's line, for what a program cannot hold, and where the source
    is not to be found.

    >>> import tilewright as tw
    >>> def gate(x):
    ...     if x.sum() > 0:
    ...         return x
    ...     return -x
    >>> f = tw.script(gate)
    >>> f(tw.array([1.0, 2.0])).tolist(), f(tw.array([1.0, -2.0])).tolist()
    ([1.0, 2.0], [-1.0, 2.0])
    """
    if f is None:
        return functools.partial(script, static=static, dynamic=dynamic)
    if isinstance(f, Jitted):
        f = f.function
    return Scripted(f, static, dynamic)
