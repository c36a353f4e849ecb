"""The examples of all docstrings run as written, against the installed package."""

from __future__ import annotations

import doctest
import importlib
import pkgutil
from collections.abc import Callable
from types import ModuleType

import pytest

import tilewright

MODULES = ["tilewright"] + [
    module.name
    for module in pkgutil.walk_packages(tilewright.__path__, "tilewright.")
    if not module.name.endswith("__main__")
]
OPTIONAL = {"tilewright.einops": "einops"}  # modules about a library that need not be there


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name: str, oracle: Callable[[str], ModuleType]) -> None:
    if name in OPTIONAL:
        oracle(OPTIONAL[name])
    names = {"tw": tilewright}
    found = doctest.testmod(
        importlib.import_module(name), extraglobs=names, optionflags=doctest.ELLIPSIS
    )
    assert found.failed == 0, f"{found.failed} examples of {name} fail, see above"
