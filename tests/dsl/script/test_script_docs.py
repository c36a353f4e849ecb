"""The examples of docs/script.md run as written."""

from __future__ import annotations

import doctest
from pathlib import Path

import tilewright as tw

PAGE = Path(__file__).resolve().parents[3] / "docs" / "script.md"


def test_the_examples_of_the_page() -> None:
    options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL * 0
    found = doctest.testfile(
        str(PAGE), module_relative=False, globs={"tw": tw}, optionflags=options
    )
    assert found.attempted > 8 and found.failed == 0
