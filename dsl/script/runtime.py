"""The names that rewritten code calls, as attributes of `_tw`."""

from __future__ import annotations

from builtins import slice as slice
from typing import Any

from .. import trace as tracing
from ..debugging import check
from ..errors import TraceError
from ..functions.convert import is_array
from .conversion import callee as callee
from .conversion import mark as mark
from .depth import Attempt as Attempt
from .depth import raised as raised
from .frame import Frame as Frame
from .sites import FALL
from .values import augment as augment
from .values import augment_item as augment_item
from .values import both as both
from .values import compare as compare
from .values import either as either
from .values import is_staged, truth
from .values import negate as negate
from .values import select as select


def fell(code: Any) -> bool:
    """Whether the body of a `try` fell through to its `else`."""
    return not is_array(code) and bool(code == FALL)


def filter_of(test: Any) -> Any:
    """The test of a comprehension's filter or a case's guard, which must be known."""
    if is_staged(test):
        raise TraceError(
            f"script: the `if` of a comprehension or `case` at {tracing.user_source()} depends on "
            "a value that is known only when the program runs, so that what is made has no known "
            "size; use a `for` statement, or tw.where"
        )
    return test


def subject(value: Any) -> Any:
    """What a `match` statement compares, which must be known."""
    if is_staged(value):
        raise TraceError(
            f"script: `match` at {tracing.user_source()} on a value that is known only when the "
            "program runs; use `if` and `elif`"
        )
    return value


class Message:
    """The message of an `assert`: a format with its values."""

    def __init__(self, template: str, *values: Any) -> None:
        self.template, self.values = template, values

    def __str__(self) -> str:
        return self.template.format(*self.values)


def require(test: Any, message: Any) -> None:
    """`assert test, message()`."""
    found = truth(test, "`assert`")
    if is_array(found):
        said = message()
        text = said if isinstance(said, Message) else Message("{}", said)
        if said is None:
            text = Message("the assertion failed")
        check(found, text.template, *text.values)
    elif not found:
        said = message()
        said = str(said) if isinstance(said, Message) else said
        raise raised(AssertionError() if said is None else AssertionError(said))
