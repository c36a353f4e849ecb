"""Optimisers. Everything that changes from step to step is an array cell, so a staged step is a
program over that state, and a change of the learning rate is seen by the next call.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Self

from ..dsl.array import Array
from ..dsl.autodiff import no_grad
from ..dsl.device import DeviceLike
from ..dsl.dtypes import DType, float32, float64, int64
from ..dsl.errors import DTypeError
from ..dsl.functions import array, exp, ones_like, sqrt, zeros
from .state import load_arrays, move_arrays


class Optimizer:
    """Base class: the parameters, the learning rate, the step count, and buffers by parameter.

    Subclasses name their buffers in `slots` and define `update`. The buffers and the arithmetic
    of half-precision parameters are float32. Raises ValueError when there is no parameter,
    DTypeError for one that is not a float array with `requires_grad`.
    """

    slots: tuple[str, ...] = ()

    def __init__(self, parameters: Iterable[Array], lr: float) -> None:
        self.parameters = _checked(parameters, type(self).__name__)
        where = self.parameters[0].device
        exact = where.fitting_float(float64)
        self._lr = array(_not_negative("lr", lr), dtype=exact, device=where)
        self._count = array(0, dtype=int64, device=where)
        self._buffers = {
            slot: [zeros(p.shape, dtype=_work_dtype(p), device=p.device) for p in self.parameters]
            for slot in self.slots
        }

    @property
    def lr(self) -> Array:
        """The learning rate, a 0-d cell: `opt.lr = 0.1` and `opt.lr *= 0.5` write into it."""
        return self._lr

    @lr.setter
    def lr(self, value: float | Array) -> None:
        with no_grad():
            self._lr[...] = value

    @property
    def step_count(self) -> Array:
        """How many steps were made, a 0-d cell."""
        return self._count

    def step(self) -> None:
        """Change every parameter that has a gradient, in place."""
        with no_grad():
            self._count[...] = self._count + 1
            shared = self.scalars()
            scalars = {d: [s.astype(d) for s in shared] for d in self._work_dtypes()}
            for i, parameter in enumerate(self.parameters):
                grad = parameter.grad
                if grad is not None:
                    buffers = [self._buffers[slot][i] for slot in self.slots]
                    self._apply(parameter, grad, scalars[_work_dtype(parameter)], buffers)

    def _work_dtypes(self) -> list[DType]:
        return list(dict.fromkeys(map(_work_dtype, self.parameters)))

    def _apply(
        self, parameter: Array, grad: Array, scalars: list[Array], buffers: list[Array]
    ) -> None:
        work = _work_dtype(parameter)
        new, *new_buffers = self.update(
            parameter.astype(work, copy=False), grad.astype(work, copy=False), scalars, buffers
        )
        for buffer, value in zip(buffers, new_buffers, strict=True):
            buffer[...] = value
        parameter[...] = new.astype(parameter.dtype, copy=False)

    def scalars(self) -> tuple[Array, ...]:
        """What all updates of a step share: 0-d arrays, computed in float64."""
        return (self._lr,)

    def update(
        self, x: Array, grad: Array, scalars: list[Array], buffers: list[Array]
    ) -> tuple[Array, ...]:
        """The new parameter, then its new buffers; pure elementwise arithmetic."""
        raise NotImplementedError(f"{type(self).__name__} defines no update")

    def to(self, device: DeviceLike) -> Self:
        """Move the state to a device, after the parameters: `opt.to("cpu")`. Returns it."""
        move_arrays((value for _, value in self.named_arrays()), device)
        return self

    def zero_grad(self) -> None:
        """Empty the `.grad` of every parameter."""
        for parameter in self.parameters:
            parameter.grad = None

    def named_arrays(self) -> Iterator[tuple[str, Array]]:
        """The cells of the state by name."""
        yield "lr", self._lr
        yield "step", self._count
        for slot in self.slots:
            yield from ((f"{slot}.{i}", b) for i, b in enumerate(self._buffers[slot]))

    def state_dict(self) -> dict[str, Array]:
        """Snapshots of the learning rate, the step count and the buffers, by name."""
        return {name: value.detach() for name, value in self.named_arrays()}

    def load_state_dict(self, state: Mapping[str, Any], *, strict: bool = True) -> None:
        """Put saved values into the state; all of them, or none on an error.

        Raises ArtifactError, ShapeError or DTypeError, as `Module.load_state_dict` does.
        """
        load_arrays(type(self).__name__, dict(self.named_arrays()), state, strict=strict)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({len(self.parameters)} parameters)"


class SGD(Optimizer):
    """Gradient descent with momentum, optionally Nesterov's, and L2 weight decay.

    >>> p = array([1.0], dtype="float32").requires_grad_()
    >>> opt = SGD([p], lr=0.5)
    >>> (p * p).sum().backward()
    >>> opt.step()
    >>> p.tolist()
    [0.0]
    """

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 0.01,
        *,
        momentum: float = 0.0,
        nesterov: bool = False,
        weight_decay: float = 0.0,
    ) -> None:
        if nesterov and not momentum:
            raise ValueError("SGD: nesterov needs a momentum above 0")
        self.momentum = _fraction("momentum", momentum)
        self.nesterov = nesterov
        self.weight_decay = _not_negative("weight_decay", weight_decay)
        self.slots = ("momentum",) if momentum else ()
        super().__init__(parameters, lr)

    def update(
        self, x: Array, grad: Array, scalars: list[Array], buffers: list[Array]
    ) -> tuple[Array, ...]:
        (lr,) = scalars
        if self.weight_decay:
            grad = grad + x * self.weight_decay
        if not buffers:
            return (x - lr * grad,)
        moving = buffers[0] * self.momentum + grad
        direction = grad + moving * self.momentum if self.nesterov else moving
        return x - lr * direction, moving


class Adam(Optimizer):
    """D. Kingma, J. Ba: "Adam: a method for stochastic optimization", 2015; L2 weight decay.

    >>> p = array([1.0], dtype="float32").requires_grad_()
    >>> opt = Adam([p], lr=0.25)
    >>> (p * p).sum().backward()
    >>> opt.step()
    >>> round(p.item(), 4), opt.step_count.item()
    (0.75, 1)
    """

    slots = ("mean", "square")
    decoupled = False

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
    ) -> None:
        self.betas = (_fraction("betas[0]", betas[0]), _fraction("betas[1]", betas[1]))
        self.eps = _not_negative("eps", eps)
        self.weight_decay = _not_negative("weight_decay", weight_decay)
        super().__init__(parameters, lr)

    def scalars(self) -> tuple[Array, ...]:
        """The step size and the factor of the root, with the bias corrections; and the rate."""
        count = self._count.astype(self._lr.dtype)
        first, second = (_one_minus_power(beta, count) for beta in self.betas)
        return self._lr / first, 1.0 / sqrt(second), self._lr

    def update(
        self, x: Array, grad: Array, scalars: list[Array], buffers: list[Array]
    ) -> tuple[Array, ...]:
        size, correction, lr = scalars
        if self.weight_decay and not self.decoupled:
            grad = grad + x * self.weight_decay
        a, b = self.betas
        mean = buffers[0] * a + grad * (1 - a)
        square = buffers[1] * b + grad * grad * (1 - b)
        if self.weight_decay and self.decoupled:
            x = x - x * (lr * self.weight_decay)
        return x - size * (mean / (sqrt(square) * correction + self.eps)), mean, square


class AdamW(Adam):
    """Adam with decoupled weight decay: I. Loshchilov, F. Hutter, 2019.

    >>> p = array([1.0], dtype="float32").requires_grad_()
    >>> opt = AdamW([p], lr=0.25)
    >>> (p * 0).sum().backward()
    >>> opt.step()
    >>> round(p.item(), 5)
    0.9975
    """

    decoupled = True

    def __init__(
        self,
        parameters: Iterable[Array],
        lr: float = 1e-3,
        *,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.01,
    ) -> None:
        super().__init__(parameters, lr, betas=betas, eps=eps, weight_decay=weight_decay)


def _one_minus_power(beta: float, count: Array) -> Array:
    """1 - beta**count; in float64, for 1 - 0.999 has only three good digits in float32."""
    return 1.0 - exp(count * math.log(beta)) if beta else ones_like(count)


def _work_dtype(parameter: Array) -> DType:
    return float32 if parameter.dtype.itemsize < 4 else parameter.dtype


def _checked(parameters: Iterable[Array], name: str) -> list[Array]:
    found = list(parameters)
    if not found:
        raise ValueError(f"{name}: got no parameters; pass model.parameters()")
    for i, p in enumerate(found):
        if not isinstance(p, Array) or not p.dtype.is_float or not p.requires_grad:
            kind = f"{p.dtype}{p.shape}" if isinstance(p, Array) else type(p).__name__
            raise DTypeError(
                f"{name}: parameter {i} is {kind}; it must be a float array with requires_grad"
            )
    return found


def _fraction(name: str, value: float) -> float:
    if not 0.0 <= value < 1.0:
        raise ValueError(f"optimizer: got {name}={value}; it must be at least 0 and below 1")
    return float(value)


def _not_negative(name: str, value: float) -> float:
    if not value >= 0.0:
        raise ValueError(f"optimizer: got {name}={value}; it must not be negative")
    return float(value)
