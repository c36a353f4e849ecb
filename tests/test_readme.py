"""The README's tour runs as written, and is as short as it says."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

README = (Path(__file__).resolve().parent.parent / "README.md").read_text()


def test_the_tour_runs_as_written() -> None:
    (tour,) = re.findall(r"```python\n(.*?)```", README, flags=re.S)
    assert len([line for line in tour.splitlines() if line.strip()]) <= 10
    done = subprocess.run([sys.executable, "-c", tour], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert done.stdout, "the tour prints nothing"


def test_links_lead_to_files() -> None:
    for target in re.findall(r"\]\(([^)#:]+)\)", README):
        assert (Path(__file__).resolve().parent.parent / target).exists(), target
