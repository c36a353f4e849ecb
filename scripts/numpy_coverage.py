"""docs/numpy.md: which of NumPy's names are there, and where they differ.

The names are data (docs/numpy-names.json: what CuPy or jax.numpy offer of NumPy); whether a name is
there is read off the code, and why not, or what is different, off docs/numpy-notes.json.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from tilewright import Array
from tilewright.dsl import host
from tilewright.dsl.functions.random import Generator
from tilewright.dsl.namespace import BY_MODULE, OFFERED

DOCS = Path(__file__).resolve().parent.parent / "docs"

HEAD = """# NumPy's names

`import tilewright.numpy as np` gives NumPy 2's names, signatures and defaults. A name that is not
there is an AttributeError, and NumPy's own function, given our arrays, a TypeError: nothing goes to
the host in silence. Written by `scripts/documents.py`; do not edit.

What holds for all: 0-d results are arrays, not scalars; kernels give no warnings; a staged program
(`tw.jit`) cannot hold a shape that depends on values (`nonzero`), and says so.

{}
"""

SECTIONS = {
    "main": "Main namespace",
    "main_offered_by_neither": "Main namespace, names that neither CuPy nor JAX offers",
    "ndarray": "Methods and attributes of arrays",
    "linalg": "`linalg`",
    "fft": "`fft`",
    "random.Generator": "`random.Generator`",
}


def read(name: str) -> Any:
    """A data file of docs/."""
    return json.loads((DOCS / name).read_text())


def is_there(section: str, name: str) -> bool:
    """Whether the code offers a name of a section."""
    if section.startswith("main"):
        return name in OFFERED
    classes = {"ndarray": Array, "random.Generator": Generator}
    if section in classes:
        return hasattr(classes[section], name)
    return name in BY_MODULE.get(f"numpy.{section}", {})


def reason(section: str, name: str) -> str:
    """Why a name is absent; raises KeyError for one without a reason."""
    reasons = {n: why for why, names in read("numpy-notes.json")["absent"].items() for n in names}
    full = f"{section}.{name}"
    return str(reasons[full] if full in reasons else reasons[name])


def note(section: str, name: str) -> str:
    """Where a name that is there differs from NumPy's."""
    differs = read("numpy-notes.json")["differs"]
    found = differs.get(name if section.startswith("main") else f"{section}.{name}", "")
    if not found and section.startswith("main") and name in host.__all__:
        return "on the host, by NumPy"
    return str(found)


def rows(section: str, names: list[str]) -> Iterator[str]:
    """A line for each name."""
    for name in names:
        there = is_there(section, name)
        said = note(section, name) if there else reason(section, name)
        yield f"| `{name}` | {'yes' if there else 'no'} | {said} |\n"


def page() -> str:
    """The text of docs/numpy.md."""
    names = read("numpy-names.json")
    counts, parts = [], []
    for section, title in SECTIONS.items():
        found = sum(is_there(section, n) for n in names[section])
        counts.append(f"| {title} | {found} | {len(names[section])} |\n")
        table = "".join(rows(section, names[section]))
        parts.append(f"\n## {title}\n\n| name | there | |\n|---|---|---|\n{table}")
    summary = "| part | there | of |\n|---|---|---|\n" + "".join(counts)
    return HEAD.format(summary.rstrip()) + "".join(parts)
