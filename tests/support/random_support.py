"""Every distribution of `Generator` with parameters, the law that SciPy has of it, and how it is
checked: read by the tests of distributions and of bits."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats


@dataclass(frozen=True)
class Case:
    """A call of a method; `law` is a frozen SciPy distribution, or None where a test of its own
    looks at the numbers. `staged`: whether staged code can draw it; `sums`: whether the last bits
    depend on the order of a sum, which is a device's own."""

    name: str
    args: tuple[Any, ...]
    law: Any = None
    staged: bool = True
    sums: bool = False

    def draw(self, generator: Any, size: Any) -> Any:
        return getattr(generator, self.name)(*self.args, size=size)

    def __str__(self) -> str:
        return f"{self.name}{self.args}"


def _case(name: str, law: Any, *args: Any, **rest: Any) -> Case:
    return Case(name, args, law, **rest)


s = stats
CONTINUOUS = (
    _case("random", s.uniform()),
    _case("uniform", s.uniform(-1, 4), -1.0, 3.0),
    _case("standard_normal", s.norm()),
    _case("normal", s.norm(1, 2), 1.0, 2.0),
    _case("lognormal", s.lognorm(0.5, scale=np.exp(0.1)), 0.1, 0.5),
    _case("standard_exponential", s.expon()),
    _case("exponential", s.expon(scale=2.5), 2.5),
    _case("rayleigh", s.rayleigh(scale=3), 3.0),
    _case("laplace", s.laplace(1, 2), 1.0, 2.0),
    _case("logistic", s.logistic(1, 2), 1.0, 2.0),
    _case("gumbel", s.gumbel_r(1, 2), 1.0, 2.0),
    _case("standard_cauchy", s.cauchy()),
    _case("pareto", s.lomax(3), 3.0),
    _case("power", s.powerlaw(3), 3.0),
    _case("weibull", s.weibull_min(3), 3.0),
    _case("triangular", s.triang(1 / 3, 1, 3), 1.0, 2.0, 4.0),
    _case("wald", s.invgauss(1.5, scale=2), 3.0, 2.0),
    _case("standard_gamma", s.gamma(0.05), 0.05),
    _case("standard_gamma", s.gamma(30), 30.0),
    _case("gamma", s.gamma(0.7, scale=2), 0.7, 2.0),
    _case("gamma", s.gamma(1.5, scale=2), 1.5, 2.0),
    _case("chisquare", s.chi2(3), 3.0),
    _case("noncentral_chisquare", s.ncx2(3, 2), 3.0, 2.0),
    _case("noncentral_chisquare", s.ncx2(0.5, 2), 0.5, 2.0),
    _case("f", s.f(3, 5), 3.0, 5.0),
    _case("noncentral_f", s.ncf(3, 8, 2), 3.0, 8.0, 2.0),
    _case("standard_t", s.t(3), 3.0),
    _case("beta", s.beta(0.5, 0.7), 0.5, 0.7),
    _case("beta", s.beta(3, 7), 3.0, 7.0),
    _case("vonmises", s.uniform(-np.pi, 2 * np.pi), 0.5, 0.0, staged=False),
    _case("vonmises", s.vonmises(0.01), 0.0, 0.01, staged=False),
    _case("vonmises", s.vonmises(4, 0.5), 0.5, 4.0, staged=False),
    _case("vonmises", s.norm(0.5, 1e-4), 0.5, 1e8, staged=False),
)
DISCRETE = (
    _case("integers", s.randint(-3, 7), -3, 7),
    _case("poisson", s.poisson(0.1), 0.1),
    _case("poisson", s.poisson(9.9), 9.9),
    _case("poisson", s.poisson(10), 10.0, staged=False),
    _case("poisson", s.poisson(1e4), 1e4, staged=False),
    _case("binomial", s.binom(10, 0.3), 10, 0.3),
    _case("binomial", s.binom(100, 0.98), 100, 0.98),
    _case("binomial", s.binom(40, 0.25), 40, 0.25, staged=False),
    _case("binomial", s.binom(1000, 0.7), 1000, 0.7, staged=False),
    _case("negative_binomial", s.nbinom(3, 0.2), 3, 0.2, staged=False),
    _case("geometric", s.geom(0.2), 0.2),
    _case("hypergeometric", s.hypergeom(50, 20, 8), 20, 30, 8, staged=False),
    _case("hypergeometric", s.hypergeom(50, 20, 45), 20, 30, 45, staged=False),
    _case("hypergeometric", s.hypergeom(103, 100, 50), 100, 3, 50, staged=False),
    _case("hypergeometric", s.hypergeom(1200, 500, 300), 500, 700, 300, staged=False),
    _case("zipf", s.zipf(3.0), 3.0, staged=False),
    _case("logseries", s.logser(0.7), 0.7),
    _case("choice", s.randint(0, 9), 9),
)
VECTORS = (
    Case("dirichlet", ([0.3, 2.0, 4.0],), sums=True),
    Case("multinomial", (20, [0.2, 0.3, 0.5]), staged=False),
    Case("multivariate_hypergeometric", ([10, 20, 30], 12), staged=False),
    Case("multivariate_normal", ([1.0, 2.0], [[2.0, 0.5], [0.5, 1.0]]), sums=True),
)
CASES = (*CONTINUOUS, *DISCRETE, *VECTORS)
# What has no `size`: tests of their own.
ORDERS: dict[str, Callable[[Any], Any]] = {
    "permutation": lambda g: g.permutation(97),
    "permuted": lambda g: g.permuted(np.arange(60).reshape(4, 15), axis=1),
    "fold_in": lambda g: g.fold_in(7).random(9),
    "bits": lambda g: g.bits((3, 5)),
}


def p_value(case: Case, drawn: Any) -> float:
    """How likely numbers are at least as far from their law: Kolmogorov and Smirnov's test, or
    the chi-square test of counts in bins that are expected to hold 20 or more."""
    if case in CONTINUOUS:
        return float(stats.kstest(drawn.ravel(), case.law.cdf).pvalue)
    low, high = int(case.law.ppf(1e-4)), int(case.law.ppf(1 - 1e-4))
    bins: list[list[float]] = [[0.0, 0.0]]
    for k in range(low, high + 1):
        bins[-1][0] += case.law.pmf(k) * drawn.size
        bins[-1][1] += (drawn == k).sum()
        if bins[-1][0] >= 20:
            bins.append([0.0, 0.0])
    expected, found = np.array(bins).T
    expected[-1] += drawn.size - expected.sum()
    found[-1] += drawn.size - found.sum()
    if expected[-1] < 5:
        expected[-2], found[-2] = expected[-2:].sum(), found[-2:].sum()
        expected, found = expected[:-1], found[:-1]
    statistic = ((found - expected) ** 2 / expected).sum()
    return float(stats.chi2.sf(statistic, expected.size - 1))
