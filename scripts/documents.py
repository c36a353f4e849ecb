"""Write what the documentation reads off the code: docs/accuracy.md, docs/numpy.md and the list of
files in docs/architecture.md.

    documents.py            write them anew
    documents.py --check    end with an error if one is not current (tests/test_docs.py runs this)
"""

from __future__ import annotations

import ast
import re
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import numpy_coverage

from tilewright.dsl import dtypes
from tilewright.dsl.functions.accuracy import COMPOSITES, Composite
from tilewright.dsl.primitive import REGISTRY, Contract, Native, Primitive, Scatter

ROOT = Path(__file__).resolve().parent.parent
ACCURACY = ROOT / "docs" / "accuracy.md"
NUMPY = ROOT / "docs" / "numpy.md"
ARCHITECTURE = ROOT / "docs" / "architecture.md"
FLOATS = (dtypes.float32, dtypes.float64, dtypes.float16, dtypes.bfloat16)
NUMBERS = (*FLOATS, *dtypes.COMPLEX)
SUMS = {"sum", "mean"}

HEAD = """# Accuracy

The largest error of each primitive, in units in the last place (ULP) of the result's dtype: what
its record declares (`Primitive.ulp`) and `tests/dsl/test_primitives.py` and
`tests/lowering/test_math.py` hold it to. Written by `scripts/documents.py`; do not edit.

float16 and bfloat16 are computed in float32 and rounded after every operation. In a fused kernel
LLVM may contract `a * b + c` to one rounding, so the last bits of fused and unfused code differ.

Of complex numbers the error is that of the modulus: |found - exact| in units of the exact result's
modulus, as one part may be far smaller than the other. `tests/lowering/test_complex_math.py` holds
the bounds over moduli from 2**-40 to 2**300 in all directions, near the branch points and near the
unit circle; infinities, NaN, signed zeros and branch cuts are those of C (annex G) and the array
API. Products and divisions are NumPy's formulas, rounded at every step.

| primitive | {} | relative to |
|---|{}---|
"""

MIDDLE = """
Functions made of primitives that declare a bound of their own, which
`tests/dsl/test_elementary_functions.py` holds; all others have those of their parts:

| function | {} |
|---|{}
"""

TAIL = """
All other primitives are exact, bit for bit what NumPy returns:

"""


def accuracy() -> str:
    """docs/accuracy.md."""
    known = sorted(REGISTRY.values(), key=lambda p: p.name)
    exact = ", ".join(f"`{p.name}`" for p in known if not any(p.ulp.values()))
    rows = [
        " | ".join([f"| `{p.name}`", *(_bound(p, d) for d in NUMBERS), f"{_scale(p)} |\n"])
        for p in known
        if any(p.ulp.values())
    ]
    every, all_lines = " | ".join(map(str, NUMBERS)), "---|" * len(NUMBERS)
    names, lines = " | ".join(map(str, FLOATS)), "---|" * len(FLOATS)
    composites = "".join(_composite_row(n, c) for n, c in sorted(COMPOSITES.items()))
    head, middle = HEAD.format(every, all_lines), MIDDLE.format(names, lines)
    return head + "".join(rows) + middle + composites + TAIL + textwrap.fill(f"{exact}.", 99) + "\n"


def _composite_row(name: str, composite: Composite) -> str:
    bounds = (f"{composite.ulp[d.name]:g}" for d in FLOATS)
    return " | ".join([f"| `{name}`", *bounds]) + " |\n"


def _bound(primitive: Primitive, dtype: dtypes.DType) -> str:
    takes = dtype in primitive.dtypes
    return f"{primitive.ulp.get(dtype.name, 0):g}" if takes else ""


def _scale(primitive: Primitive) -> str:
    if isinstance(primitive.lower, Native):
        return "the result's largest element, for well-conditioned matrices"
    if primitive.scale is not None:
        return str(primitive.scale.__doc__)
    is_sum = isinstance(primitive.lower, Contract | Scatter) or primitive.name in SUMS
    return "the sum of the terms' magnitudes" if is_sum else "the exact result"


# --------------------------------------------------------------------------- the list of files

BEGIN, END = "<!-- files: written by scripts/documents.py -->\n", "<!-- end of files -->\n"
ROOTS = (
    "src/tilewright", "dsl", "lowering", "backends", "autotune", "stdlib_nn", "examples",
    "benchmarks", "scripts", "tools", "tests",
)  # fmt: skip
ENDINGS = {".py", ".h", ".cpp", ".c"}


def file_list() -> str:
    """A line for each source file, by folder: the first sentence that the file says of itself."""
    parts = []
    for folder in (f for root in ROOTS for f in _folders(ROOT / root)):
        rows = [f"| `{name}` | {said} |\n" for name, said in _files(folder)]
        if rows:
            title = f"\n**{folder.relative_to(ROOT)}/**\n\n| file | what it is |\n|---|---|\n"
            parts.append(title + "".join(rows))
    return "".join(parts) + "\n"


def _folders(root: Path) -> list[Path]:
    """A folder and those below it, without links and what begins with a dot."""
    below = sorted(p for p in root.rglob("*") if p.is_dir() and not p.is_symlink())
    return [p for p in (root, *below) if not any(part[0] == "." for part in p.parts[1:])]


def _files(folder: Path) -> Iterator[tuple[str, str]]:
    """Names and sentences; a header and the source beside it are one line."""
    found = sorted(p for p in folder.glob("*") if p.suffix in ENDINGS and p.is_file())
    headers = {p.stem for p in found if p.suffix == ".h"}
    sources = {p.stem for p in found if p.suffix == ".cpp"}
    for path in found:
        if path.suffix == ".cpp" and path.stem in headers:
            continue
        both = path.suffix == ".h" and path.stem in sources
        said = _first_sentence(path)
        if said:
            yield f"{path.name}{', .cpp' if both else ''}", said


def _first_sentence(path: Path) -> str:
    text = path.read_text()
    if path.suffix == ".py":
        said = ast.get_docstring(ast.parse(text)) or ""
    else:
        comment = re.match(r"(?://[^\n]*\n)+", text)
        said = re.sub(r"^// ?", "", comment[0], flags=re.M) if comment else ""
    paragraph = " ".join(said.split("\n\n")[0].split())
    found = re.match(r".+?[.](?=\s+[A-Z`]|$)", paragraph)
    return (found[0] if found else paragraph).replace("|", "\\|")


def architecture() -> str:
    """docs/architecture.md with the list of files as it is now."""
    before, rest = ARCHITECTURE.read_text().split(BEGIN)
    return before + BEGIN + file_list() + END + rest.split(END)[1]


def main() -> None:
    """Write the pages, or compare them."""
    pages = (
        (ACCURACY, accuracy()),
        (NUMPY, numpy_coverage.page()),
        (ARCHITECTURE, architecture()),
    )
    for path, text in pages:
        if "--check" not in sys.argv[1:]:
            path.write_text(text)
        elif not path.exists() or path.read_text() != text:
            sys.exit(f"docs/{path.name} is not current: run scripts/documents.py")


if __name__ == "__main__":
    main()
