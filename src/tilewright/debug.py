"""`tilewright.debug`: printing and checking that stay in staged programs.

>>> import tilewright as tw
>>> f = tw.jit(lambda x: tw.debug.print("sum {}", x.sum()))
>>> f(tw.ones(3))
sum 3.0
"""

from .dsl.callbacks import replay as replay
from .dsl.debugging import check as check
from .dsl.debugging import check_finite as check_finite
from .dsl.debugging import print as print

__all__ = ["check", "check_finite", "print", "replay"]
