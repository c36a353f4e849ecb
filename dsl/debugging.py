"""`tw.debug`: printing and checking that stay in staged programs.

They run each time the program comes by them, in order, also inside of branches and loops, and in
artifacts without Python. No optimisation removes or moves them, and gradients pass by them.
"""

from __future__ import annotations

import re
import string
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from . import tree
from .dtypes import bool_
from .effects import CHECK, CHECK_FINITE, PRINT, perform
from .errors import ArgumentError, CheckError, DTypeError
from .functions import asarray
from .functions.convert import is_array
from .trace import user_source

_SPEC = re.compile(r"[+-]?0?\d{0,2}(\.\d{1,2})?[defgx]?")


def print(text: Any, *values: Any, **named: Any) -> None:
    """Write a line to the standard output when the program comes by.

    `text` is a format of `str.format`, in which `{}`, `{0}` and `{name}` stand for `values` and
    `named`; arrays take formats of numbers (`{:.3f}`), applied to each element. What is no text is
    written as it is. Large arrays are abbreviated. Values that are no arrays are written as they
    are when the function is traced.

    Raises ArgumentError for a format that is malformed, or names what is not given.

    >>> import tilewright as tw
    >>> @tw.jit
    ... def f(x):
    ...     tw.debug.print("sum {:.2f} of {x}", x.sum(), x=x)
    ...     return x * 2
    >>> f(tw.array([1.0, 2.5])).tolist()
    sum 3.50 of [1.0 2.5]
    [2.0, 5.0]
    """
    if not isinstance(text, str):
        values = (text, *values)
        text = " ".join(["{}"] * len(values))
    template, arrays = _filled("print", text, values, named)
    perform(PRINT, arrays, {"text": template, "where": _where()})


def check(condition: Any, text: str = "the check failed", *values: Any, **named: Any) -> None:
    """End the call with a CheckError if an element of `condition` is false.

    The message has the user's line, `text` (a format, as in `tw.debug.print`), and the first place
    that is false. What the call would have written to arrays outside is not written.

    Raises CheckError (an AssertionError); DTypeError if the condition is not bool.

    >>> import tilewright as tw
    >>> f = tw.jit(lambda x: (tw.debug.check(x > 0, "got {}", x), tw.log(x))[1])
    >>> f(tw.array([1.0, 0.0]))
    Traceback (most recent call last):
        ...
    tilewright.dsl.errors.CheckError: check at ...: got [1.0 0.0] (the condition is ...
    """
    where = _where()
    if not is_array(condition) and not isinstance(condition, np.ndarray | list | tuple):
        if not condition:
            raise CheckError(f"check at {where}: {text.format(*values, **named)}")
        return
    test = asarray(condition)
    if test.dtype is not bool_:
        raise DTypeError(f"check at {where}: the condition is {test.dtype}; it must be bool")
    template, arrays = _filled("check", text, values, named)
    perform(CHECK, [test, *arrays], {"text": template, "where": where})


def check_finite(x: Any, name: str = "the value") -> None:
    """End the call with a CheckError if `x`, an array or a pytree of arrays, has a nan or an
    infinity; the message has the user's line, `name`, and the first place where there is one.

    >>> import tilewright as tw
    >>> tw.debug.check_finite(tw.array([1.0, 2.0]))
    """
    where = _where()
    for leaf in tree.flatten(x)[0]:
        value = asarray(leaf)
        if value.dtype.is_inexact:
            perform(CHECK_FINITE, [value], {"text": name, "where": where})


def _where() -> str:
    source = user_source()
    return "an unknown line" if source is None else source.short


def _filled(
    what: str, text: str, values: Sequence[Any], named: Mapping[str, Any]
) -> tuple[str, list[Any]]:
    """A template of the core (core/effect_text.h), and the arrays that it names by number."""
    parts: list[str] = []
    arrays: list[Any] = []
    n_automatic = 0
    try:
        fields = list(string.Formatter().parse(text))
    except ValueError as error:
        raise ArgumentError(f"{what}: got the format {text!r}: {error}") from None
    for literal, field, spec, conversion in fields:
        parts.append(_escaped(literal))
        if field is None:
            continue
        key, n_automatic = (field, n_automatic) if field else (str(n_automatic), n_automatic + 1)
        value = _value(what, text, key, values, named)
        if is_array(value) or isinstance(value, np.ndarray):
            parts.append(_slot(what, text, len(arrays), spec or "", conversion))
            arrays.append(asarray(value))
        else:
            parts.append(_escaped(_as_text(what, value, spec or "", conversion)))
    return "".join(parts), arrays


def _value(what: str, text: str, key: str, values: Sequence[Any], named: Mapping[str, Any]) -> Any:
    if key.isdigit() and int(key) < len(values):
        return values[int(key)]
    if key in named:
        return named[key]
    raise ArgumentError(
        f"{what}: the format {text!r} names {key!r}; there are {len(values)} values"
        + "".join(f", {name}" for name in named)
    )


def _slot(what: str, text: str, number: int, spec: str, conversion: str | None) -> str:
    if conversion or not _SPEC.fullmatch(spec):
        raise ArgumentError(
            f"{what}: got the format {text!r}; arrays take [sign][0][width][.precision] and one of "
            "d e f g x"
        )
    return f"{{{number}:{spec}}}" if spec else f"{{{number}}}"


def _as_text(what: str, value: Any, spec: str, conversion: str | None) -> str:
    shown = repr(value) if conversion == "r" else str(value) if conversion == "s" else value
    try:
        return format(shown, spec)
    except (ValueError, TypeError) as error:
        raise ArgumentError(f"{what}: {value!r} cannot be written as {spec!r}: {error}") from None


def _escaped(text: str) -> str:
    return text.replace("{", "{{").replace("}", "}}")
