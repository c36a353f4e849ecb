"""`f.explain(*args)`: where the time of a staged call goes, and what could be done about it.

program -> times of its launches (times.py)   a recording of some runs
groups  -> work (lowering/work.py)            arithmetic and bytes, from the graph
both    -> share of the roofline (roof.py)    beside the peaks of this machine
        -> advice (advice.py)
        -> Explanation (report.py)            as text (table.py) and as a page (page.py)
"""

from __future__ import annotations

from .report import Explanation, KernelReport, explain

__all__ = ["Explanation", "KernelReport", "explain"]
