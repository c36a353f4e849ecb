"""Attention in one kernel: a tile of queries streams over blocks of keys (see attention_tiles.py);
few rows, which is a step of decoding, go along keys instead (attention_decode.py)."""

from __future__ import annotations

from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from .attention_decode import few_rows, is_few
from .attention_spec import spec_of
from .attention_tiles import tiled


def attend(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of one attention."""
    spec = spec_of(group, machine)
    return few_rows(name, group, spec) if is_few(spec) else tiled(name, group, spec)
