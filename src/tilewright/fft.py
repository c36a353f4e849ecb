"""`tilewright.fft`: Fourier transforms with the names of numpy.fft and of the array API.

pocketfft, as NumPy carries it, is called by a native routine of the core on all threads; there are
gradients, eagerly and staged.

>>> import tilewright as tw
>>> tw.fft.fft([1.0, 1.0])
array([2.+0.j, 0.+0.j])
"""

from typing import TYPE_CHECKING

from .dsl.namespace import FFT

if TYPE_CHECKING:
    from .dsl.functions.fourier import *  # noqa: F403

globals().update(FFT)
__all__ = [*FFT]
