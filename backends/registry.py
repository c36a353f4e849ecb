"""The backends: every folder beside this file that has a MANIFEST."""

from __future__ import annotations

import importlib
import pkgutil
from functools import cache
from pathlib import Path

from .manifest import Manifest

_added: dict[str, Manifest] = {}


@cache
def _found() -> dict[str, Manifest]:
    folder = str(Path(__file__).parent)
    packages = [m.name for m in pkgutil.iter_modules([folder]) if m.ispkg]
    modules = [importlib.import_module(f".{name}", __package__) for name in packages]
    manifests = [m.MANIFEST for m in modules if hasattr(m, "MANIFEST")]
    return {m.name: m for m in manifests}


def manifests() -> dict[str, Manifest]:
    """All backends by name."""
    return _found() | _added


def add(manifest: Manifest) -> None:
    """A backend from outside the package: `run_side` names a table that has been loaded."""
    _added[manifest.name] = manifest


def device_manifests() -> dict[str, Manifest]:
    """The backends whose devices have memory and a queue of their own."""
    return {name: m for name, m in manifests().items() if m.run_side}
