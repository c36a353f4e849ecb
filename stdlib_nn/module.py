"""`Module`: parameters, buffers and submodules found by walking the attributes.

There is no registry to keep in step: an array, a module, or a list, tuple or dict of these that
is an attribute of a module is part of it, under the name of the attribute.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self, TypeVar

from ..dsl.array import Array
from ..dsl.device import DeviceLike, following
from ..dsl.dtypes import DTypeLike
from ..dsl.functions import array
from ..dsl.record import observe
from .state import load_arrays, move_arrays

T = TypeVar("T")


def Parameter(value: Any, dtype: DTypeLike | None = None) -> Array:
    """A float array that is trained: a copy of `value` with `requires_grad` set.

    >>> Parameter([1.0, 2.0], dtype="float32").requires_grad
    True
    """
    made = array(value, dtype=dtype)
    made.requires_grad_()
    return made


class Module:
    """Base class of everything that has parameters.

    Subclasses define `forward`. Arrays with `requires_grad` are parameters, other arrays are
    buffers; both are saved and loaded by `state_dict` and `load_state_dict`.

    >>> class Scale(Module):
    ...     def __init__(self):
    ...         self.factor = Parameter([2.0])
    ...     def forward(self, x):
    ...         return x * self.factor
    >>> model = Scale()
    >>> model(array([3.0])).tolist(), [name for name, _ in model.named_parameters()]
    ([6.0], ['factor'])
    """

    _training: bool
    __script_call__ = "forward"  # what a call means in scripted code

    def __new__(cls, *args: Any, **kwargs: Any) -> Self:
        # Set here, so that subclasses need not call super().__init__().
        self = super().__new__(cls)
        self._training = True
        return self

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """What a call computes; each subclass defines it."""
        raise NotImplementedError(f"{type(self).__name__} defines no forward(self, ...)")

    @following
    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self.forward(*args, **kwargs)

    # ------------------------------------------------------------------ what is in it

    def named_modules(self) -> Iterator[tuple[str, Module]]:
        """This module under the name "", then all below it, each once, outer ones first."""
        yield from _once([("", self), *((n, v) for n, v in _walk(self) if isinstance(v, Module))])

    def named_arrays(self) -> Iterator[tuple[str, Array]]:
        """All arrays, parameters and buffers; a shared one under each of its names."""
        yield from ((name, v) for name, v in _walk(self) if isinstance(v, Array))

    def named_parameters(self) -> Iterator[tuple[str, Array]]:
        """The arrays that are trained, each once, under the first of their names."""
        yield from _once((name, v) for name, v in self.named_arrays() if v.requires_grad)

    def named_buffers(self) -> Iterator[tuple[str, Array]]:
        """The arrays that are part of the state and are not trained."""
        yield from _once((name, v) for name, v in self.named_arrays() if not v.requires_grad)

    def parameters(self) -> Iterator[Array]:
        """The arrays that are trained, each once."""
        return (value for _, value in self.named_parameters())

    def buffers(self) -> Iterator[Array]:
        """The arrays that are part of the state and are not trained."""
        return (value for _, value in self.named_buffers())

    # ------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Array]:
        """Snapshots of all arrays by name: later training does not change them."""
        return {name: value.detach() for name, value in self.named_arrays()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Put saved values into the arrays of the same names; all of them, or none on an error.

        Raises ArtifactError for missing and (with `strict`) unexpected names, which it lists;
        ShapeError and DTypeError for arrays that do not fit.
        """
        load_arrays(type(self).__name__, dict(self.named_arrays()), state, strict=strict)

    def to(self, device: DeviceLike) -> Self:
        """Move all arrays, and the gradients they have, to a device: the cells stay the same, so
        optimisers and staged functions that know them go on. Returns the module.

        >>> class Scale(Module):
        ...     def __init__(self):
        ...         self.factor = Parameter([2.0])
        >>> Scale().to("cpu").factor.device
        tilewright.device('cpu')
        """
        move_arrays((value for _, value in self.named_arrays()), device)
        return self

    def zero_grad(self) -> None:
        """Empty the `.grad` of every parameter."""
        for parameter in self.parameters():
            parameter.grad = None

    # ------------------------------------------------------------------ modes

    @property
    def training(self) -> bool:
        """Whether layers such as Dropout behave as in training; see `train` and `eval`."""
        # A staged program that read the mode is made anew when the mode changes.
        return bool(observe(self, "_training", self._training))

    def train(self, mode: bool = True) -> Self:
        """Set this module and all below it to training mode (or to evaluation)."""
        for _, module in self.named_modules():
            module._training = mode
        return self

    def eval(self) -> Self:
        """Set this module and all below it to evaluation mode."""
        return self.train(False)

    # ------------------------------------------------------------------ text

    def describe(self) -> str:
        """What stands between the parentheses of the repr of a module without submodules."""
        return ""

    def __repr__(self) -> str:
        children = list(_children(self))
        head = self.describe()
        if not children:
            return f"{type(self).__name__}({head})"
        lines = [head] if head else []
        lines += [f"{name}: {module!r}" for name, module in children]
        body = "\n".join(lines).replace("\n", "\n  ")
        return f"{type(self).__name__}(\n  {body}\n)"


def _members(owner: Any) -> Iterable[tuple[str, Any]]:
    if isinstance(owner, Module):
        return list(vars(owner).items())
    if isinstance(owner, dict):
        return [(str(key), value) for key, value in owner.items()]
    if isinstance(owner, list | tuple):
        return [(str(i), value) for i, value in enumerate(owner)]
    return ()


def _walk(owner: Any, prefix: str = "", above: tuple[Any, ...] = ()) -> Iterator[tuple[str, Any]]:
    """All arrays and modules below `owner` with their dotted names, depth first."""
    above = (*above, owner)
    for name, value in _members(owner):
        where = f"{prefix}{name}"
        if isinstance(value, Module | Array):
            yield where, value
        if not any(value is a for a in above):  # a reference to a parent is no submodule
            yield from _walk(value, f"{where}.", above)


def _children(owner: Any, prefix: str = "") -> Iterator[tuple[str, Module]]:
    """The modules directly below `owner`, through its lists and dicts."""
    for name, value in _members(owner):
        if isinstance(value, Module):
            yield f"{prefix}{name}", value
        elif isinstance(value, list | tuple | dict):
            yield from _children(value, f"{prefix}{name}.")


def _once(pairs: Iterable[tuple[str, T]]) -> Iterator[tuple[str, T]]:
    seen: set[int] = set()
    for name, value in pairs:
        if id(value) not in seen:
            seen.add(id(value))
            yield name, value
