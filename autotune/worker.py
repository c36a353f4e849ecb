"""A worker process of the tuner: `python -m tilewright.autotune.worker`.

Candidates are strangers' code: they may crash, hang or never end. So they run here, in a process
that its tuner can kill at any time; it ends by itself when the tuner is gone.
"""

from __future__ import annotations

from .bench import Bench
from .serving import serve

if __name__ == "__main__":
    serve(Bench().answer)
