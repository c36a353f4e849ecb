"""Distributions of vectors."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from ... import primitives as p
from ...dtypes import DTypeLike, int64
from ...errors import ArgumentError, TraceError
from ...sizes import Shape
from ..convert import ArrayLike, asarray, common_shape, convert, is_array, on_host
from ..creation import zeros
from ..joining import stack
from ..linear import matmul
from ..reductions import max as largest_of
from ..reductions import sum as sum_of
from ..shapes import as_shape, broadcast_to
from .bit_generator import Philox
from .counts import _binomial, _wide
from .draws import NOT_NEGATIVE, Size, computed, finished, float_type, parameters, source
from .hypergeometric import _array, hypergeometric
from .positive import log_gamma_numbers

if TYPE_CHECKING:
    from ...array import Array


class Multivariate:
    """Methods of `Generator`; the vectors are the last axis of the results."""

    _bits: Philox

    def dirichlet(
        self, alpha: ArrayLike, size: Size = None, *, dtype: DTypeLike | None = None
    ) -> Array:
        """Shares that add up to 1: gamma numbers over their sum, by their logarithms. (Sums of
        many terms are in each device's own order, so the last bits may differ.)"""
        of = float_type("dirichlet", dtype)
        _, alpha = parameters("dirichlet", None, computed(of), alpha=(np.asarray(on_host(alpha))
                              if not is_array(alpha) else alpha, NOT_NEGATIVE))  # fmt: skip
        if not is_array(alpha) or alpha.ndim != 1:
            raise ArgumentError("dirichlet: got an alpha that is no vector")
        shape = (*_lead("dirichlet", size), *alpha.shape)
        logs = log_gamma_numbers(self._bits, shape, of, broadcast_to(alpha, shape))
        parts = p.exp(logs - largest_of(logs, -1, keepdims=True))
        return finished(parts / sum_of(parts, -1, keepdims=True), shape, of)

    def multinomial(self, n: ArrayLike, pvals: ArrayLike, size: Size = None) -> Array:
        """How often each of several outcomes occurs in `n` trials, as binomials of the rest; the
        last outcome has what the other chances leave. Not in staged code."""
        wide = _wide("multinomial")
        chances = _known("multinomial", "pvals", pvals)
        if chances.ndim < 1 or chances.shape[-1] == 0:
            raise ArgumentError(f"multinomial: got pvals of {chances.shape}; there must be one")
        slack = 1e-12 if np.asarray(pvals).dtype != np.float32 else 1e-6
        if not (chances >= 0).all() or (chances[..., :-1].sum(-1) > 1 + slack).any():
            raise ArgumentError("multinomial: got pvals that are negative or add up to more than 1")
        counts = np.asarray(_known("multinomial", "n", n))
        if (counts < 0).any():
            raise ArgumentError("multinomial: got a negative n")
        lead = _lead("multinomial", size) if size is not None else None
        common = common_shape("multinomial", counts.shape, chances.shape[:-1])
        lead = common if lead is None else lead
        if common_shape("multinomial", lead, common) != lead:
            raise ArgumentError(f"multinomial: got size {lead} and parameters of {common}")
        left = _array(asarray(counts), lead, wide)
        left = convert(left, wide)
        rest = np.ones(chances.shape[:-1])
        found = []
        for k in range(chances.shape[-1] - 1):
            with np.errstate(invalid="ignore", divide="ignore"):
                share = np.clip(np.where(rest > 0, chances[..., k] / rest, 0.0), 0.0, 1.0)
            part = convert(asarray(share), wide)
            drawn = _binomial(self._bits, lead, wide, left, broadcast_to(part, lead))
            found.append(drawn)
            left = left - drawn
            rest = rest - chances[..., k]
        return convert(stack([*found, left], -1), int64)

    def multivariate_hypergeometric(
        self, colors: ArrayLike, nsample: int, size: Size = None, method: str = "marginals"
    ) -> Array:
        """How many of each colour are in a sample without replacement, colour by colour, whatever
        the `method`. Not in staged code."""
        if method not in ("marginals", "count"):
            raise ArgumentError(
                f"multivariate_hypergeometric: got {method!r}; it is 'marginals' or 'count'"
            )
        wide = _wide("multivariate_hypergeometric")
        given = _known("multivariate_hypergeometric", "colors", colors)
        if given.ndim != 1 or (given < 0).any() or given.dtype.kind not in "iu":
            raise ArgumentError("multivariate_hypergeometric: colors must be counts in one axis")
        total = int(given.sum())
        if not 0 <= nsample <= total or total >= 2e9:
            raise ArgumentError(
                f"multivariate_hypergeometric: got {nsample} of {total}; it takes 0 to all of "
                "fewer than 2e9"
            )
        lead = _lead("multivariate_hypergeometric", size)
        left, found = _array(float(nsample), lead, wide), []
        for good in given[:-1].tolist():
            bad = _array(float(total - good), lead, wide)
            drawn = hypergeometric(
                self._bits, lead, wide, _array(float(good), lead, wide), bad, left
            )
            found.append(drawn)
            left, total = left - drawn, total - good
        if given.size == 0:
            return zeros((*lead, 0), dtype=int64)
        return convert(stack([*found, left], -1), int64)

    def multivariate_normal(
        self, mean: ArrayLike, cov: ArrayLike, size: Size = None, check_valid: str = "warn",
        tol: float = 1e-8, *, method: str = "svd", dtype: DTypeLike | None = None,
    ) -> Array:  # fmt: skip
        """Normal vectors with a mean and a covariance, which is taken apart on the host by
        'svd', 'eigh' or 'cholesky'. (A product of matrices has an order of its own on each
        device, so the last bits may differ.)"""
        of = float_type("multivariate_normal", dtype)
        centre = _known("multivariate_normal", "mean", mean).astype(np.float64)
        spread = _known("multivariate_normal", "cov", cov).astype(np.float64)
        if centre.ndim != 1 or spread.shape != (centre.size, centre.size):
            raise ArgumentError(
                f"multivariate_normal: got mean of {centre.shape} and cov of {spread.shape}"
            )
        factor = _factor(spread, method, check_valid, tol)
        lead = _lead("multivariate_normal", size)
        inner = computed(of)
        drawn = source(self._bits, (*lead, centre.size), of).normal()
        columns = convert(asarray(np.ascontiguousarray(factor.T)), inner)
        turned = matmul(drawn, columns)
        return finished(p.fence(turned) + convert(asarray(centre), inner), turned.shape, of)


def _lead(name: str, size: Size) -> Shape:
    return () if size is None else as_shape(name, size)


def _known(name: str, label: str, x: ArrayLike) -> Any:
    if is_array(x) and not x._is_concrete:
        raise TraceError(f"{name}: {label} is read on the host; a traced value is not known there")
    return np.asarray(on_host(x))


def _factor(cov: Any, method: str, check_valid: str, tol: float) -> Any:
    """A matrix whose product with its transpose is the covariance."""
    if check_valid not in ("warn", "raise", "ignore"):
        raise ArgumentError(f"check_valid: got {check_valid!r}; it is warn, raise or ignore")
    if method == "cholesky":
        return np.linalg.cholesky(cov)
    if method == "svd":
        u, values, vt = np.linalg.svd(cov)
        is_valid = np.allclose((vt.T * values) @ vt, cov, rtol=tol, atol=tol)
        factor = u * np.sqrt(values)
    elif method == "eigh":
        values, u = np.linalg.eigh(cov)
        is_valid = not (values < -tol).any()
        factor = u * np.sqrt(np.abs(values))
    else:
        raise ArgumentError(f"multivariate_normal: got {method!r}; it is svd, eigh or cholesky")
    if check_valid != "ignore" and not is_valid:
        text = "multivariate_normal: the covariance is not symmetric and positive"
        if check_valid == "raise":
            raise ArgumentError(text)
        warnings.warn(text, RuntimeWarning, stacklevel=3)
    return factor
