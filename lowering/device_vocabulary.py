"""The vocabulary of `lower` rules over tirx, for devices whose code goes through C.

Half types are stored as 16-bit words, which every device can load; they are computed in float32,
as everywhere. What C would not do as the rules mean it is replaced later (see `plain_c.py`).
"""

from __future__ import annotations

from typing import Any

from ..dsl.dtypes import DType, float16
from ..dsl.primitive import Expr
from .tvm_api import tirx
from .vocabulary import TirxVocabulary, stored


class DeviceVocabulary(TirxVocabulary):
    """`narrow` says that all positions are known to be below 2**31: divisions are then short."""

    def __init__(self, sizes: dict[str, Any]) -> None:
        super().__init__(sizes)
        self.narrow = False

    def call(self, name: str, *args: Expr) -> Expr:
        if self.narrow and name in ("index_div", "index_mod"):
            a, b = (tirx.Cast("uint32", x) for x in args)
            divide = tirx.truncdiv if name == "index_div" else tirx.truncmod
            return tirx.Cast("int64", divide(a, b))
        return super().call(name, *args)

    def stored(self, dtype: DType) -> str:
        return "uint16" if dtype is float16 else stored(dtype)

    def load_cast(self, raw: Expr, dtype: DType) -> Expr:
        if dtype is float16:
            return tirx.call_pure_extern("float32", "tw_half_to_float", raw)
        return super().load_cast(raw, dtype)

    def store_cast(self, x: Expr, dtype: DType) -> Expr:
        if dtype is float16:
            return self.let(tirx.call_pure_extern("uint16", "tw_float_to_half", x))
        return super().store_cast(x, dtype)
