"""What `movement` measures: moves of data as functions for each library."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy

Function = Callable[..., Any]  # function(library, *arrays) -> an array


@dataclass(frozen=True)
class Move:
    """One way to move data. `shapes`: of the float32 arrays; `places`: how many positions there
    are, below which number, as the last array (none: no such array). `common` is the function for
    NumPy, JAX and tilewright, `torch` PyTorch's, `jax` JAX's where it has to be another."""

    shapes: tuple[tuple[int, ...], ...]
    common: Function
    torch: Function
    jax: Function | None = None
    places: tuple[int, int] = (0, 0)


def _copied(x: Any) -> Any:
    """NumPy's transposes are views; the others make arrays of their own."""
    return numpy.ascontiguousarray(x) if isinstance(x, numpy.ndarray) else x


def _permute(shape: tuple[int, ...], *axes: int) -> Move:
    return Move(
        (shape,),
        lambda np, x: _copied(np.transpose(x, axes)),
        lambda torch, x: x.permute(axes).contiguous(),
    )


def _concatenate(shape: tuple[int, ...], count: int, axis: int) -> Move:
    return Move(
        (shape,) * count,
        lambda np, *xs: np.concatenate(xs, axis),
        lambda torch, *xs: torch.cat(xs, axis),
    )


def _pad(shape: tuple[int, ...], widths: tuple[tuple[int, int], ...]) -> Move:
    backwards = [n for pair in reversed(widths) for n in pair]
    return Move(
        (shape,),
        lambda np, x: np.pad(x, widths),
        lambda torch, x: torch.nn.functional.pad(x, backwards),
    )


def _written(np: Any, x: Any, window: Any) -> Any:
    """A copy of x with a window put in, 7 rows and 9 columns from its corner."""
    out = x.copy()
    out[7 : 7 + window.shape[0], 9 : 9 + window.shape[1]] = window
    return out


def _written_in_torch(torch: Any, x: Any, window: Any) -> Any:
    out = x.clone()
    out[7 : 7 + window.shape[0], 9 : 9 + window.shape[1]] = window
    return out


def _added(np: Any, x: Any, rows: Any, at: Any) -> Any:
    """A copy of x with rows added at places."""
    if isinstance(x, numpy.ndarray):
        out = x.copy()
        numpy.add.at(out, at, rows)
        return out
    return np.scatter_add(x, at, rows)


TRANSPOSES: Mapping[str, Move] = {
    **{
        f"transpose {rows} x {columns}": _permute((rows, columns), 1, 0)
        for rows, columns in ((128, 128), (1000, 1000), (1024, 1024), (3000, 3001), (4096, 2048))
    },
    "8 x 128 x 12 x 64, to heads": _permute((8, 128, 12, 64), 0, 2, 1, 3),
    "8 x 56 x 56 x 64, channels first": _permute((8, 56, 56, 64), 0, 3, 1, 2),
    "8 x 64 x 56 x 56, channels last": _permute((8, 64, 56, 56), 0, 2, 3, 1),
    "64 x 64 x 64, turned round": _permute((64, 64, 64), 2, 1, 0),
    "exp of a transpose, 1024 x 1024": Move(
        ((1024, 1024),),
        lambda np, x: _copied(np.exp(np.transpose(x))),
        lambda torch, x: torch.exp(x.T).contiguous(),
    ),
    "x + transpose of y, 2048 x 2048": Move(
        ((2048, 2048),) * 2,
        lambda np, x, y: x + np.transpose(y),
        lambda torch, x, y: x + y.T,
    ),
}
JOINS: Mapping[str, Move] = {
    "concatenate 3 x 1e5": _concatenate((100_000,), 3, 0),
    "concatenate 3 x 1000 x 333, columns": _concatenate((1000, 333), 3, 1),
    "concatenate 2 x 5e6": _concatenate((5_000_000,), 2, 0),
    "stack 4 x 1e5, as columns": Move(
        ((100_000,),) * 4,
        lambda np, *xs: np.stack(xs, 1),
        lambda torch, *xs: torch.stack(xs, 1),
    ),
    "tanh of a join, 2 x 1e5": Move(
        ((100_000,),) * 2,
        lambda np, *xs: np.tanh(np.concatenate(xs)),
        lambda torch, *xs: torch.tanh(torch.cat(xs)),
    ),
    "roll 1000 x 1000 by 7": Move(
        ((1000, 1000),),
        lambda np, x: np.roll(x, 7, 1),
        lambda torch, x: torch.roll(x, 7, 1),
    ),
    "pad 64 x 56 x 56 by 1": _pad((64, 56, 56), ((0, 0), (1, 1), (1, 1))),
    "pad 1000 x 1000 by 3": _pad((1000, 1000), ((3, 3), (3, 3))),
    "window of 1000 x 1000 into 1024 x 1024": Move(
        ((1024, 1024), (1000, 1000)),
        _written,
        _written_in_torch,
        lambda np, x, window: x.at[7:1007, 9:1009].set(window),
    ),
}
PLACES: Mapping[str, Move] = {
    "512 rows of 30000 x 768": Move(
        ((30_000, 768),),
        lambda np, x, at: x[at],
        lambda torch, x, at: x[at],
        places=(512, 30_000),
    ),
    "1e5 of 1e6 elements": Move(
        ((1_000_000,),),
        lambda np, x, at: x[at],
        lambda torch, x, at: x[at],
        places=(100_000, 1_000_000),
    ),
    "every row's 100 of 1000, 1000 x 1000": Move(
        ((1000, 1000),),
        lambda np, x, at: x[:, at],
        lambda torch, x, at: x[:, at],
        places=(100, 1000),
    ),
    "512 rows added to 3000 x 768": Move(
        ((3000, 768), (512, 768)),
        _added,
        lambda torch, x, rows, at: x.index_add(0, at, rows),
        lambda np, x, rows, at: x.at[at].add(rows),
        places=(512, 3000),
    ),
    "1e5 elements added to 1e6": Move(
        ((1_000_000,), (100_000,)),
        _added,
        lambda torch, x, rows, at: x.index_add(0, at, rows),
        lambda np, x, rows, at: x.at[at].add(rows),
        places=(100_000, 1_000_000),
    ),
}
MOVES: Mapping[str, Move] = {**TRANSPOSES, **JOINS, **PLACES}
