"""`checkpoint`: the values inside a function are computed again for the gradient, not kept."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import tree
from .control import COND, bind_control
from .dtypes import int64
from .primitive import REGISTRY
from .pulling import avals_of
from .staging import arrays_of, has_elements, name_of, put_back, stage, with_arrays
from .trace import is_weak

if TYPE_CHECKING:
    from .array import Array


def checkpoint(f: Callable[..., Any]) -> Callable[..., Any]:
    """A function with the values and gradients of `f` whose gradient keeps its arguments (and the
    arrays that it reads from outside) alone: what lies between is computed again when the gradient
    is. Memory for time; of a chain of n steps in groups of k, n / k + k values are alive, not n.

    `f` is traced: a Python `if` on its arrays is refused. Its operations stay together, as a
    program inside the program. Random draws are the same in both runs, and what `f` writes is
    written once. It composes with all transforms, and may stand in loops and branches.

    >>> import tilewright as tw
    >>> block = tw.checkpoint(lambda x: tw.sin(tw.sin(x)).sum())
    >>> bool(tw.grad(block)(tw.array([0.0, 1.0]))[0] == 1)
    True
    """

    @functools.wraps(f)
    def transformed(*args: Any, **kwargs: Any) -> Any:
        leaves, structure = tree.flatten((args, kwargs))
        arrays = arrays_of(leaves)

        def build(cells: list[Array]) -> tuple[Any, ...]:
            return tuple(tree.unflatten(structure, with_arrays(leaves, cells)))

        def call(own: tuple[Any, ...], named: dict[str, Any]) -> Any:
            return f(*own, **named)

        call.__name__ = name_of(f)
        traced = stage("checkpoint", call, avals_of(arrays), build, list(map(is_weak, arrays)))
        with traced.place(arrays):
            values = [*traced.outside(), *arrays, *traced.constants()]
            # One branch, always taken: its gradient runs it again, and nothing is shared with it.
            index = REGISTRY["full"](value=0, shape=(), dtype=int64)
            outs = bind_control(COND, [index, *values], {"branches": (traced.closed(),)})
            put_back(traced, [x for x in leaves if has_elements(x)], outs[traced.n_results :])
        return traced.result(outs[: traced.n_results])

    return transformed
