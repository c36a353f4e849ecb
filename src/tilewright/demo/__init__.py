"""The main job, `tilewright demo`: array code, training and times, on real handwritten digits."""

from __future__ import annotations

import importlib.util

from rich.console import Console

from .. import get_num_threads, set_num_threads
from ..dsl.errors import DeviceError
from .arrays import check_array_code
from .artifact import check_artifact
from .checks import Checks
from .device import check_device
from .digits import load_digits
from .table import show_table
from .training import check_training
from .tuning import check_tuning


def run(threads: int | None = None, table: bool = True, tuning: bool = True, seed: int = 0) -> bool:
    """Run the demo; whether every check passed."""
    if importlib.util.find_spec("sklearn") is None:
        raise DeviceError(
            "demo: scikit-learn, which holds the digits, is not installed; install it with: "
            "pip install 'tilewright[demo]'"
        )
    if threads is not None:
        set_num_threads(threads)
    console = Console()
    checks = Checks(console)
    data = load_digits(seed)
    count = get_num_threads()
    console.print(f"[bold]tilewright demo[/] on {count} thread{'s' * (count > 1)}")
    check_array_code(checks, data)
    model = check_training(checks, data, seed)
    check_artifact(checks, data, model)
    check_device(checks, data, seed)
    if tuning:
        check_tuning(checks, seed)
    if table:
        show_table(checks, data)
    return checks.finish()
