"""`tw.profile`: what happened when, as a table and as a file that Perfetto opens."""

from __future__ import annotations

from .session import Profile

__all__ = ["Profile"]
