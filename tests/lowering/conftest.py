"""The flag that renews golden texts."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def golden() -> Callable[[str, str], None]:
    """`golden(name, text)`: the text is the stored one; TILEWRIGHT_RENEW=1 stores it anew."""

    def check(name: str, text: str) -> None:
        path = Path(__file__).parent / "golden" / f"{name}.txt"
        if os.environ.get("TILEWRIGHT_RENEW"):
            path.write_text(text + "\n")
        assert path.read_text() == text + "\n", f"{path.name}: TILEWRIGHT_RENEW=1 renews it"

    return check
