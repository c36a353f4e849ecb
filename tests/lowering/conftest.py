"""Loads the toolkit of these tests, and the flag that renews golden texts."""

from __future__ import annotations

import importlib.util
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

_spec = importlib.util.spec_from_file_location(
    "graph_support", Path(__file__).with_name("graph_support.py")
)
assert _spec is not None and _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
sys.modules["graph_support"] = _module
_spec.loader.exec_module(_module)


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden(name, text)`: the text is the stored one; TILEWRIGHT_RENEW=1 stores it anew."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / f"{name}.txt"
        if os.environ.get("TILEWRIGHT_RENEW"):
            path.write_text(text + "\n")
        assert path.read_text() == text + "\n", f"{path.name}: TILEWRIGHT_RENEW=1 renews it"

    return check
