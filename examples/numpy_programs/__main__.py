"""Run programs that were written for NumPy, with NumPy and with tilewright: only the import line is
another. Results must be equal; times are printed side by side.

    python examples/numpy_programs                 all of them, at their own size
    python examples/numpy_programs kmeans nbody    some of them
    python examples/numpy_programs --small         small and quick: the results alone count
"""

from __future__ import annotations

import difflib
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

HERE = Path(__file__).resolve().parent
PROGRAMS = tuple(sorted(p.stem for p in HERE.glob("*.py") if p.stem != "__main__"))
THEIRS, OURS = "import numpy as np\n", "import tilewright.numpy as np\n"
REPEATS = 3


def source_of(name: str) -> tuple[str, str]:
    """The program as it is, and with the one line changed."""
    text = (HERE / f"{name}.py").read_text()
    if text.count(THEIRS) != 1:
        sys.exit(f"{name}.py: its one line {THEIRS.strip()!r} is not there")
    return text, text.replace(THEIRS, OURS)


def difference(name: str) -> str:
    """What was changed, as a diff."""
    before, after = (text.splitlines(keepends=True) for text in source_of(name))
    return "".join(difflib.unified_diff(before, after, "numpy", "tilewright", n=0))


def loaded(name: str, text: str) -> dict[str, Any]:
    """The names that a program defines."""
    names: dict[str, Any] = {"__name__": name}
    exec(compile(text, f"{name}.py", "exec"), names)
    return names


def on_host(result: dict[str, Any]) -> dict[str, Any]:
    """Results as NumPy arrays; reading them waits for them."""
    return {k: np.asarray(v) for k, v in result.items()}


def timed(run: Any, arguments: dict[str, Any], repeats: int) -> tuple[dict[str, Any], float]:
    """The result, and the best time in seconds; what comes before the first is not counted."""
    result = on_host(run(**arguments))
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        result = on_host(run(**arguments))
        times.append(time.perf_counter() - start)
    return result, min(times, default=float("nan"))


def compare(name: str, found: dict[str, Any], expected: dict[str, Any], tolerance: Any) -> None:
    """Raise AssertionError where results differ by more than 1e-9, or the program's own bound."""
    assert found.keys() == expected.keys(), name
    for key, x in expected.items():
        assert found[key].dtype == x.dtype, f"{name}: {key} is {found[key].dtype}, not {x.dtype}"
        bound = tolerance.get(key, 1e-9)
        scale = float(np.abs(x).max(initial=0)) if x.dtype.kind in "fc" else 0.0
        np.testing.assert_allclose(
            found[key], x, rtol=bound, atol=bound * scale, err_msg=f"{name}: {key}"
        )


def compared(name: str, small: bool, repeats: int = REPEATS) -> tuple[float, float]:
    """Both runs of a program; its times with NumPy and with tilewright."""
    both = []
    for text in source_of(name):
        names = loaded(name, text)
        arguments = names["SMALL"] if small else {}
        both.append((*timed(names["run"], arguments, repeats), names.get("TOLERANCE", {})))
    (expected, first, tolerance), (found, second, _) = both
    compare(name, found, expected, tolerance)
    return first, second


def main() -> None:
    """Run what was asked for, and print a table."""
    small = "--small" in sys.argv[1:]
    chosen = [a for a in sys.argv[1:] if a != "--small"] or list(PROGRAMS)
    unknown = [name for name in chosen if name not in PROGRAMS]
    if unknown:
        sys.exit(f"got {', '.join(unknown)}; the programs are {', '.join(PROGRAMS)}")
    console = Console()
    console.print(difference(chosen[0]), highlight=False, markup=False)
    table = Table("program", "NumPy", "tilewright", "times as fast", title="equal results")
    for name in chosen:
        theirs, ours = compared(name, small)
        times = (f"{seconds * 1e3:.1f} ms" for seconds in (theirs, ours))
        table.add_row(name, *times, f"{theirs / ours:.2f}")
    console.print(table)


if __name__ == "__main__":
    main()
