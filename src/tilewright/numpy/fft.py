"""`numpy.fft` on tilewright's arrays: the functions of `tilewright.fft`.

>>> rfftfreq(4)
array([0.  , 0.25, 0.5 ])
"""

from ..fft import *  # noqa: F403
from ..fft import __all__ as __all__
