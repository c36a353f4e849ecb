"""Convolutions, channels last: register tiles straight over the images, with a fused epilogue."""

from __future__ import annotations

from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from ..panels import DEPTHWISE
from .convolution_dense import dense_phase
from .convolution_depthwise import depthwise_phase
from .convolution_spec import spec_of


def convolution(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of a group around one convolution whose weights lie as panels.py says."""
    spec = spec_of(name, group, machine)
    make = depthwise_phase if spec.node.primitive is DEPTHWISE else dense_phase
    phase, sums = make(spec)
    return spec.source([phase], sums)
