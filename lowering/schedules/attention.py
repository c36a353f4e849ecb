"""Attention in one kernel: a tile of queries streams over blocks of keys (see attention_tiles.py);
few rows, which is a step of decoding, go along keys instead (attention_decode.py)."""

from __future__ import annotations

from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from .attention_spec import spec_of
from .attention_tiles import tiled


def attend(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of one attention."""
    return tiled(name, group, spec_of(group, machine))
