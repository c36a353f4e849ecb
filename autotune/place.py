"""Where the database is."""

from __future__ import annotations

import os
from pathlib import Path

_NAME = "tuning.db"


def default_path() -> Path:
    """TILEWRIGHT_DB, or a file in TILEWRIGHT_CACHE_DIR, or in the user's data folder: what took
    hours to measure should outlive the cache."""
    chosen = os.environ.get("TILEWRIGHT_DB")
    if chosen:
        return Path(chosen)
    folder = os.environ.get("TILEWRIGHT_CACHE_DIR")
    if folder:
        return Path(folder) / _NAME
    import platformdirs  # only where the environment does not say

    return Path(platformdirs.user_data_dir("tilewright")) / _NAME
