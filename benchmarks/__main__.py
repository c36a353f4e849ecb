"""`python -m benchmarks [NAME ...]`: what `tilewright bench` does, in a checkout."""

from __future__ import annotations

import sys

from tilewright.cli import main

if __name__ == "__main__":
    main(["bench", *sys.argv[1:]])
