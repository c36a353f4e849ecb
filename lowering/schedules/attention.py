"""Attention and its gradient in one kernel: a tile of queries goes over blocks of keys
(attention_tiles.py); few rows, as in a step of decoding, go along keys (attention_decode.py)."""

from __future__ import annotations

from ..fusion import Group
from ..kernel import KernelSource
from ..machine import Machine
from .attention_decode import few_rows, is_few
from .attention_gradient import backward
from .attention_spec import AttentionSpec
from .attention_tiles import tiled


def attend(name: str, group: Group, machine: Machine) -> KernelSource:
    """The kernel of one attention or gradient."""
    (node,) = group.anchors
    spec = AttentionSpec(node, machine)
    if node.primitive.name == "attention_gradient":
        return backward(name, group, spec)
    return few_rows(name, group, spec) if is_few(spec) else tiled(name, group, spec)
