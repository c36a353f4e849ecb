"""Loading named arrays into cells: what modules, optimisers and checkpoints share."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from ..dsl.array import Array
from ..dsl.autodiff import no_grad
from ..dsl.device import DeviceLike
from ..dsl.device import device as find_device
from ..dsl.errors import ArtifactError, DTypeError, ShapeError
from ..dsl.functions import asarray
from ..dsl.record import move_cell


def load_arrays(
    owner: str, own: Mapping[str, Array], given: Mapping[str, Any], *, strict: bool = True
) -> None:
    """Write the arrays of `given` into the cells of `own` with the same names.

    Everything is checked before anything is written. Without `strict`, names that stand on one
    side only are passed over. Raises ArtifactError (names), ShapeError, DTypeError.
    """
    if strict:
        _check_names(owner, own, given)
    found = {n: asarray(given[n], device=own[n].device) for n in own if n in given}
    _check_fit(owner, own, found)
    with no_grad():
        for name, value in found.items():
            own[name][...] = value


def move_arrays(arrays: Iterable[Array], device: DeviceLike) -> None:
    """Give the cells, and the gradients that they have, their values on another device."""
    to = find_device(device)
    for cell in arrays:
        grad, cell.grad = cell.grad, None  # it must be where its array is
        move_cell(cell, to)
        cell.grad = None if grad is None else grad.to(to)


def _check_names(owner: str, own: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    missing = [name for name in own if name not in given]
    unexpected = [name for name in given if name not in own]
    problems = [f"missing {_listed(missing)}"] if missing else []
    problems += [f"unexpected {_listed(unexpected)}"] if unexpected else []
    if problems:
        raise ArtifactError(f"load_state_dict of {owner}: {'; '.join(problems)}")


def _check_fit(owner: str, own: Mapping[str, Array], found: Mapping[str, Array]) -> None:
    shapes = [f"{n}: got {v.shape}, it is {own[n].shape}" for n, v in found.items()
              if v.shape != own[n].shape]  # fmt: skip
    if shapes:
        raise ShapeError(f"load_state_dict of {owner}: wrong shapes: {'; '.join(shapes)}")
    dtypes = [f"{n}: got {v.dtype}, it is {own[n].dtype}" for n, v in found.items()
              if v.dtype is not own[n].dtype]  # fmt: skip
    if dtypes:
        raise DTypeError(f"load_state_dict of {owner}: wrong dtypes: {'; '.join(dtypes)}")


def _listed(names: Iterable[str], limit: int = 8) -> str:
    names = list(names)
    rest = f" and {len(names) - limit} more" if len(names) > limit else ""
    return ", ".join(names[:limit]) + rest
