"""The schedule that takes what others refuse: slow, with nothing to go wrong."""

from __future__ import annotations

from ...dsl.sizes import product
from ..frame import KernelFrame
from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from .elementwise import store_outputs


def one_by_one(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a group of maps, one element after the other."""
    kernel = KernelFrame(name, group)
    frame = kernel.open()
    n_axes = len(group.space)
    with frame.scope.block() as statements, frame.scope.loop("i", frame.begin, frame.end) as i:
        store_outputs(frame, group.outputs, [(n_axes, i)] if n_axes else [])
    kernel.close(frame, statements, product(group.space), cost_ps=2000)
    return kernel.source()
