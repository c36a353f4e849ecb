"""From what LLVM understands to what a C compiler takes as it is meant.

Kernels of devices go through C. What the vocabulary says in LLVM's terms is replaced by calls of a
few functions whose names begin with `tw_`; each device's prelude of source text defines them:

- `tw_float32(bits)`, `tw_float64(bits)`: constants, bit for bit
- `tw_as_TYPE(x)`: the same bits as another type
- `tw_select(c, a, b)`: `c ? a : b`
- `tw_fabs`, `tw_fma`, ...: the functions of MATH, for float and double or for unsigned integers
- `tw_half_to_float`, `tw_float_to_half`: half types as 16-bit words

Integer sums and products of users wrap: they are done in unsigned arithmetic.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from ..dsl.errors import CompileError
from .scaling import with_products
from .tvm_api import Call, TensorLoad, intrinsic_name, structural_map, tirx
from .vocabulary import CELL

Expr = Any

MATH = (
    "ceil", "copysign", "ctpop", "cttz", "fabs", "floor", "fma", "rint", "sqrt", "trunc",
)  # fmt: skip
_IDENTITY = ("arithmetic.fence", "canonicalize")  # contraction is off: there is nothing to fence
_WIDER = {"int64": ("int32", "uint32"), "int128": ("int64", "uint64")}
_ARITHMETIC = (tirx.Add, tirx.Sub, tirx.Mul)
_SMALL = ("int8", "int16", "uint8", "uint16")
_SHIFTS = {"tirx.shift_left": tirx.shift_left, "tirx.bitwise_not": tirx.bitwise_not}


def plain_c(function: Any) -> Any:
    """The function with everything said in terms of the prelude's functions."""
    unknown: set[str] = set()  # an exception inside of a map would end the process
    body = structural_map(
        with_products(function).body,
        [
            (tirx.FloatImm, _constant),
            (tirx.Select, _select),
            (tirx.Cast, _wrapped),
            (Call, lambda call: _call(call, unknown)),
            (_ARITHMETIC, _narrow),
        ],
    )
    if unknown:
        raise CompileError(f"plain_c: there is no plain function for {', '.join(sorted(unknown))}")
    made = tirx.PrimFunc(function.params, _without_cells(body), ret_type=None)
    return made.with_attr(dict(function.attrs.items()))


def _without_cells(body: Any) -> Any:
    """Names bound to what they stand for, without the cells in memory on the way there (which
    keep tirx's own analysers short, see `TirxVocabulary`, and are needed no more)."""
    if isinstance(body, tirx.SeqStmt):
        kept: list[Any] = []
        for statement in map(_without_cells, body.seq):
            if isinstance(statement, tirx.Bind) and _is_cell(kept, statement.value):
                statement = tirx.Bind(statement.var, kept[-1].value)
                del kept[-2:]
            kept.append(statement)
        return tirx.SeqStmt(kept) if len(kept) > 1 else kept[0]
    if isinstance(body, tirx.For):
        inside = _without_cells(body.body)
        return tirx.For(body.loop_var, body.min, body.extent, body.kind, inside)
    if isinstance(body, tirx.IfThenElse):
        other = None if body.else_case is None else _without_cells(body.else_case)
        return tirx.IfThenElse(body.condition, _without_cells(body.then_case), other)
    if isinstance(body, tirx.AttrStmt):
        inside = _without_cells(body.body)
        return tirx.AttrStmt(body.node, body.attr_key, body.value, inside)
    if isinstance(body, tirx.While):
        return tirx.While(body.condition, _without_cells(body.body))
    return body


def _is_cell(before: list[Any], value: Any) -> bool:
    """Whether the last two statements make a buffer of one element and store what `value` loads."""
    if len(before) < 2 or not isinstance(value, TensorLoad):
        return False
    made, stored = before[-2:]
    is_made = isinstance(made, tirx.AllocBuffer) and made.buffer.same_as(value.source)
    is_made = is_made and made.buffer.name == CELL  # not a variable that is written again
    is_stored = isinstance(stored, tirx.BufferStore) and stored.buffer.same_as(value.source)
    return is_made and is_stored


def _extern(dtype: Any, name: str, *args: Expr) -> Expr:
    return tirx.call_pure_extern(str(dtype), name, *args)


def _constant(imm: Any) -> Expr:
    kind = str(imm.ty)
    if kind not in ("float32", "float64"):
        return imm
    word = np.array(imm.value, kind).view("uint32" if kind == "float32" else "uint64")
    return _extern(kind, f"tw_{kind}", tirx.const(int(word), str(word.dtype)))


def _select(choice: Any) -> Expr:
    args = (choice.condition, choice.true_value, choice.false_value)
    return _extern(choice.ty, "tw_select", *args)


def _wrapped(cast: Any) -> Expr:
    """An operation in twice the width, narrowed again: the unsigned one of the same width."""
    made = cast.value
    kinds = _WIDER.get(str(made.ty))
    kind = str(cast.ty)
    if not isinstance(made, _ARITHMETIC) or kinds is None or kind not in kinds:
        return cast
    sides = [made.a, made.b]
    if not all(isinstance(x, tirx.Cast) and str(x.value.ty) == kind for x in sides):
        return cast
    unsigned = kinds[1]
    a, b = (x.value if kind == unsigned else tirx.Cast(unsigned, x.value) for x in sides)
    result = type(made)(a, b)
    return result if kind == unsigned else tirx.Cast(kind, result)


def _narrow(made: Any) -> Expr:
    """C computes small integers as int, and would not wrap them."""
    kind = str(made.ty)
    if kind not in _SMALL:
        return made
    a, b = (tirx.Cast("uint32", x) for x in (made.a, made.b))
    return tirx.Cast(kind, type(made)(a, b))


def _call(call: Any, unknown: set[str]) -> Expr:
    name, kind = getattr(call.op, "name", ""), str(call.ty)
    if name in _SHIFTS and kind in _SMALL:
        return tirx.Cast(kind, _SHIFTS[name](*(tirx.Cast("uint32", x) for x in call.args)))
    if name == "tirx.reinterpret":
        return _extern(call.ty, f"tw_as_{call.ty}", *call.args)
    if name != "tirx.call_llvm_pure_intrin":
        return call
    function = intrinsic_name(call).removeprefix("llvm.")
    if function in _IDENTITY:
        return call.args[1]
    if function not in MATH:
        unknown.add(function)
    return _extern(call.ty, f"tw_{function}", *call.args[1:])
