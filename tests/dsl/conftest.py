"""Fixtures of the tests of the dsl."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

import tilewright as tw


@pytest.fixture
def place(request: Any) -> Iterator[tw.Device]:
    """The device on which a test makes its arrays."""
    with tw.device(request.param) as found:
        yield found
