"""The examples of all docstrings run as written, against the installed package."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import tilewright

MODULES = ["tilewright"] + [
    module.name
    for module in pkgutil.walk_packages(tilewright.__path__, "tilewright.")
    if not module.name.endswith("__main__")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_of_module(name: str) -> None:
    names = {"tw": tilewright}
    found = doctest.testmod(
        importlib.import_module(name), extraglobs=names, optionflags=doctest.ELLIPSIS
    )
    assert found.failed == 0, f"{found.failed} examples of {name} fail, see above"
