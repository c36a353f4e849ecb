"""What every test of the native core starts from."""

from __future__ import annotations

from collections.abc import Iterator

import native_support
import pytest

native_support.set_up()


@pytest.fixture(autouse=True)
def fresh() -> Iterator[None]:
    """No slow call is remembered, and no operator, from one test to the next."""
    native_support.slow_calls.clear()
    yield
    for op in ("add", "sub", "lt", "neg"):
        for code in range(13):
            native_support.native.set_operator(op, code, None)
