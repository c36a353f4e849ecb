"""What the native core asks of Python: handed over once, when everything has been imported."""

from __future__ import annotations

from .. import _native
from . import autodiff, callbacks, indexing, recipes, record
from . import primitives as p
from .device import following
from .dispatch import dispatched
from .functions.outputs import NO_VALUE
from .operators import set_operators
from .recipe_steps import rule_of_move
from .tracked import shape_of


def link() -> None:
    """Give the core the Python parts of indexing, of the tape, of recipes, of operators, and of
    effects."""
    get = following(indexing.get)
    _native.set_indexing(get, indexing.put, dispatched(indexing.get, get))
    _native.set_slice_moves(indexing.slice_moves)
    _native.set_no_value(NO_VALUE)
    _native.set_tape(autodiff.node_of, record.read, rule_of_move)
    _native.set_walk(autodiff.LeafNode, autodiff.OutputNode, _native.Dispatch(p.add))
    _native.set_recorder(recipes.record)
    _native.set_shape_of(shape_of)
    _native.set_effect_host(print, callbacks.serve)
    set_operators()
