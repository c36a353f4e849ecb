"""Loads the toolkit of these tests; `from native_support import ...` finds it afterwards."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "native_support", Path(__file__).with_name("native_support.py")
)
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["native_support"] = _module
_spec.loader.exec_module(_module)
_module.set_up()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No slow call is remembered, and no operator, from one test to the next."""
    _module.slow_calls.clear()
    yield
    for op in ("add", "sub", "lt", "neg"):
        for code in range(13):
            _module.native.set_operator(op, code, None)
