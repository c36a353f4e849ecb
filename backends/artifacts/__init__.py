"""Artifacts: compiled functions as files that run without Python (docs/artifact.md)."""

from __future__ import annotations

from .artifact import Artifact, Port, load
from .compilation import compile

__all__ = ["Artifact", "Port", "compile", "load"]
