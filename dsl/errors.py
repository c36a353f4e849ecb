"""The one exception family. Each class is also the builtin that NumPy would raise."""

from __future__ import annotations

import numpy as np


class TilewrightError(Exception):
    """Base of every exception that tilewright raises on purpose."""


class ArgumentError(TilewrightError, ValueError):
    """An argument has a value that the operation cannot take."""


class DivisionError(TilewrightError, ValueError, ZeroDivisionError):
    """A number by which the operation divides is 0."""


class ShapeError(TilewrightError, ValueError):
    """Sizes do not fit the operation."""


class DTypeError(TilewrightError, TypeError):
    """Data types do not fit the operation."""


class AxisError(TilewrightError, np.exceptions.AxisError):
    """An axis is out of range."""


class BoundsError(TilewrightError, IndexError):
    """An index is out of range, or no index at all."""


class TraceError(TilewrightError, TypeError):
    """A staged function did what a program cannot hold."""


class TraceWarning(UserWarning):
    """A program keeps what one example decided."""


class ValueNeededError(TraceError):
    """Python asks for a value that is known only when the program runs."""


class GradientError(TilewrightError, ValueError):
    """A gradient was asked for where there is none."""


class LinAlgError(TilewrightError, np.linalg.LinAlgError):
    """A matrix has no such decomposition, inverse or solution."""


class CheckError(TilewrightError, AssertionError):
    """What the user checks (`tw.debug.check`) does not hold."""


class DeviceError(TilewrightError, RuntimeError):
    """A device is absent, has failed, or two devices were mixed."""


class DeviceNameError(DeviceError, ValueError):
    """There is no device of this name."""


class ProtocolError(TilewrightError, AttributeError, TypeError):
    """An object lacks the methods by which arrays are exchanged."""


class CompileError(TilewrightError, RuntimeError):
    """A kernel could not be built."""


class ArtifactError(TilewrightError, ValueError):
    """A saved file is damaged, foreign or of another version."""


class TuningError(TilewrightError, RuntimeError):
    """Nothing could be tuned, or the database of tuned knobs cannot do what was asked."""
