"""Distributions against SciPy's, with fixed seeds; seeds, states and streams; errors as NumPy's."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import numpy as np
import pytest
from random_support import CASES, CONTINUOUS, DISCRETE, ORDERS, Case, p_value

import tilewright as tw
import tilewright.numpy as tnp
from tilewright.dsl.functions.random import Philox

COUNT = 20000
# Of so many tests with fixed seeds, none is this far off by chance.
LEAST = 1e-4


def test_every_method_is_tried() -> None:
    public = {n for n in dir(np.random.Generator) if not n.startswith("_")}
    elsewhere = {"bit_generator", "bytes", "shuffle", "spawn"}
    assert {c.name for c in CASES} | set(ORDERS) | elsewhere >= public
    assert not [n for n in public if not hasattr(tnp.random.Generator, n)]


@pytest.mark.parametrize("case", [*CONTINUOUS, *DISCRETE], ids=str)
def test_the_law(case: Case) -> None:
    drawn = case.draw(tw.Generator(20261124), COUNT).numpy()
    assert drawn.shape == (COUNT,)
    assert drawn.dtype == (np.float64 if case in CONTINUOUS else np.int64)
    assert p_value(case, drawn) > LEAST


@pytest.mark.parametrize("case", [c for c in CONTINUOUS if c.law.var() < 1e3], ids=str)
def test_moments_and_float32(case: Case) -> None:
    given = () if case.name in ("random", "standard_normal", "standard_exponential") else case.args
    drawn = getattr(tw.Generator(5), case.name)(*given, size=COUNT, dtype="float32").numpy()
    assert drawn.dtype == np.float32 and np.isfinite(drawn).all()
    if case.name == "vonmises":
        assert (abs(drawn) <= np.float32(np.pi)).all()
        return
    error = 6 * np.sqrt(case.law.var() / COUNT)
    assert abs(drawn.mean(dtype=np.float64) - case.law.mean()) < error


def test_parameters_are_arrays_that_broadcast() -> None:
    rng = tw.Generator(3)
    loc = np.array([0.0, 100.0, -100.0])
    drawn = rng.normal(tw.array(loc), [[1.0], [2.0]], (4000, 2, 3)).numpy()
    np.testing.assert_allclose(drawn.mean(0), [loc, loc], atol=0.2)
    np.testing.assert_allclose(drawn.std(0), [[1] * 3, [2] * 3], rtol=0.1)
    assert rng.gamma([0.5, 2.0]).shape == (2,) and rng.beta(1.0, 2.0).shape == ()
    means = np.array([0.5, 5.0, 50.0, 500.0])
    for drawn in (rng.poisson(means, (4000, 4)), rng.binomial(1000, means / 1000, (4000, 4))):
        np.testing.assert_allclose(drawn.numpy().mean(0), means, rtol=0.1)
    low, high = np.array([0, -5, 2**40]), np.array([1, 5, 2**41])
    many = rng.integers(low, high, (1000, 3)).numpy()
    assert (many >= low).all() and (many < high).all() and many[:, 1].min() == -5


def test_vectors() -> None:
    rng = tw.Generator(4)
    shares = rng.dirichlet([0.02, 2.0, 3.0], (2, 3000)).numpy()
    np.testing.assert_allclose(shares.sum(-1), 1)
    np.testing.assert_allclose(shares.mean((0, 1)), np.array([0.02, 2, 3]) / 5.02, atol=0.02)
    counts = rng.multinomial(20, [0.2, 0.3, 0.5], 4000).numpy()
    assert (counts.sum(-1) == 20).all() and (counts >= 0).all()
    np.testing.assert_allclose(counts.mean(0), [4, 6, 10], atol=0.2)
    np.testing.assert_allclose(np.cov(counts.T)[0], [3.2, -1.2, -2], atol=0.3)
    assert rng.multinomial([3, 4], [[0.5, 0.5], [1.0, 0.0]]).numpy()[1].tolist() == [4, 0]
    for method in ("marginals", "count"):
        counts = rng.multivariate_hypergeometric([10, 20, 30], 12, 4000, method).numpy()
        assert (counts.sum(-1) == 12).all() and (counts <= [10, 20, 30]).all()
        np.testing.assert_allclose(counts.mean(0), [2, 4, 6], atol=0.15)
    cov = np.array([[2.0, 0.5], [0.5, 1.0]])
    for kind in ("svd", "eigh", "cholesky"):
        drawn = rng.multivariate_normal([1, -2], cov, 20000, method=kind).numpy()
        np.testing.assert_allclose(drawn.mean(0), [1, -2], atol=0.06)
        np.testing.assert_allclose(np.cov(drawn.T), cov, atol=0.1)
    with pytest.warns(RuntimeWarning, match="covariance"):
        rng.multivariate_normal([0, 0], [[1, 0], [0, -1]])


@pytest.mark.parametrize("dtype", ["int8", "uint8", "int16", "uint16", "int32", "uint32", "int64",
                                   "uint64", "bool"])  # fmt: skip
def test_integers_of_every_dtype(dtype: str) -> None:
    rng = tw.Generator(9)
    low, high = (0, 1) if dtype == "bool" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    whole = rng.integers(low, high, 4000, dtype, endpoint=True)
    assert whole.dtype == dtype
    unit = (whole.numpy().astype(np.float64) - float(low)) / (float(high) - float(low))
    assert abs(unit.mean() - 0.5) < 0.03 and unit.min() < 0.01 and unit.max() > 0.99
    assert rng.integers(high, high, 3, dtype, endpoint=True).tolist() == [high] * 3


def test_integers_of_spans_that_divide_no_power_of_two() -> None:
    for span in (3, 2**31 + 1, 2**32, 2**32 + 1, 3 * 2**61, 2**63):
        drawn = tw.Generator(span).integers(0, span, COUNT, "uint64").numpy()
        counts = np.bincount((drawn.astype(np.float64) / span * 8).astype(int), minlength=8)
        assert drawn.max() < span
        if span > 8:
            assert ((counts - COUNT / 8) ** 2).sum() / (COUNT / 8) < 40


def test_orders() -> None:
    rng = tw.Generator(6)
    x = np.arange(24).reshape(4, 6)
    assert sorted(rng.permutation(x).numpy()[:, 0].tolist()) == [0, 6, 12, 18]
    columns = rng.permutation(tw.array(x), axis=1).numpy()
    assert sorted(columns[0].tolist()) == list(range(6)) and (np.diff(columns, axis=0) == 6).all()
    lines = rng.permuted(x, axis=1).numpy()
    assert (np.sort(lines, axis=1) == x).all() and (np.diff(lines, axis=0) != 6).any()
    assert sorted(rng.permuted(x).numpy().ravel().tolist()) == list(range(24))
    out = tw.zeros((4, 6), "int64")
    assert rng.permuted(tw.array(x), axis=0, out=out) is out and out.sum().item() == x.sum()
    ours, theirs, plain = tw.array(x), x.copy(), list("abcdef")
    for target in (ours, theirs, plain):
        rng.shuffle(target)
    assert sorted(ours.numpy()[:, 0].tolist()) == sorted(theirs[:, 0].tolist()) == [0, 6, 12, 18]
    assert sorted(plain) == list("abcdef")
    first = np.array([rng.permutation(4).tolist() for _ in range(4000)])
    assert abs((first == np.arange(4)).mean(0) - 0.25).max() < 0.04


def test_choice() -> None:
    rng = tw.Generator(7)
    chances = [0.1, 0.2, 0.3, 0.4]
    drawn = rng.choice(4, COUNT, p=chances).numpy()
    np.testing.assert_allclose(np.bincount(drawn) / COUNT, chances, atol=0.02)
    # Without replacement the first is as likely as with it, the second by what is left.
    pairs = np.array([rng.choice(4, 2, replace=False, p=chances).tolist() for _ in range(4000)])
    assert (pairs[:, 0] != pairs[:, 1]).all()
    np.testing.assert_allclose(np.bincount(pairs[:, 0]) / 4000, chances, atol=0.03)
    second = pairs[pairs[:, 0] == 3][:, 1]
    np.testing.assert_allclose(np.bincount(second) / second.size, np.array(chances[:3]) / 0.6,
                               atol=0.05)  # fmt: skip
    table = tw.array([[1, 2, 3], [4, 5, 6]])
    assert rng.choice(table, (2, 2), axis=1).shape == (2, 2, 2)
    assert rng.choice(table, axis=0).shape == (3,)
    assert sorted(rng.choice([5, 6, 7], 3, replace=False).tolist()) == [5, 6, 7]


# --------------------------------------------------------------------------- seeds and streams


def test_seeds() -> None:
    sequence = np.random.SeedSequence(5)
    same = [tnp.random.default_rng(s).random(3).tolist() for s in (5, [5], sequence)]
    same.append(tw.Generator(Philox(5)).random(3).tolist())
    assert all(x == same[0] for x in same)
    assert tw.Generator(6).random(3).tolist() != same[0]
    assert tw.Generator().random(3).tolist() != tw.Generator().random(3).tolist()
    rng = tw.Generator(5)
    assert tnp.random.default_rng(rng) is rng
    with pytest.raises(ValueError, match="non-negative"):
        tw.Generator(-1)
    with pytest.raises(TypeError):
        tw.Generator("a")


def test_states_are_kept_and_set() -> None:
    rng = tw.Generator(8)
    rng.random(10)
    kept = rng.bit_generator.state
    assert kept["bit_generator"] == "Philox4x32" and kept["state"]["calls"] == 1
    wanted = rng.gamma(2.0, size=5).tolist()
    rng.bit_generator.state = kept
    assert rng.gamma(2.0, size=5).tolist() == wanted
    others = pickle.loads(pickle.dumps(rng)), copy.deepcopy(rng)
    wanted = rng.random(4).tolist()
    assert [other.random(4).tolist() for other in others] == [wanted, wanted]
    for name, state in (
        ("PCG64", {}),
        ("Philox4x32", {"key": [1, 2, 3], "calls": 0}),
        ("Philox4x32", {"key": [1, 2], "calls": -1}),
        ("Philox4x32", 5),
    ):
        wrong = {"bit_generator": name, "state": state}
        with pytest.raises(tw.ArgumentError, match="state"):
            rng.bit_generator.state = wrong


def correlation(a: Any, b: Any) -> float:
    return float(abs(np.corrcoef(a, b)[0, 1]))


def test_streams_of_children_are_independent() -> None:
    rng = tw.Generator(10)
    streams = [g.standard_normal(COUNT).numpy() for g in (rng, *rng.spawn(3), *rng.spawn(2))]
    streams += [rng.fold_in(k).standard_normal(COUNT).numpy() for k in (0, 1, 2**40)]
    streams.append(rng.fold_in(0).fold_in(0).standard_normal(COUNT).numpy())
    for i, a in enumerate(streams):
        for b in streams[:i]:
            assert not (a == b).any() and correlation(a, b) < 0.04
    again = tw.Generator(10)
    assert again.spawn(3)[2].random() == tw.Generator(10).spawn(3)[2].random()
    assert rng.fold_in(5).spawn(1)[0].random() == again.fold_in(5).spawn(1)[0].random()
    assert (again.fold_in(tw.array(3)).random() == again.fold_in(3).random()).item()


def test_calls_of_one_generator_are_independent() -> None:
    rng = tw.Generator(12)
    a, b = rng.random(COUNT).numpy(), rng.random(COUNT).numpy()
    assert correlation(a, b) < 0.03 and correlation(a[1:], a[:-1]) < 0.03
    draw = np.array([rng.random(()).item() for _ in range(500)])
    assert correlation(draw[1:], draw[:-1]) < 0.2 and len(set(draw)) == 500


def test_bytes() -> None:
    raw = tw.Generator(13).bytes(4001)
    assert isinstance(raw, bytes) and len(raw) == 4001
    bits = np.unpackbits(np.frombuffer(raw, np.uint8))
    assert abs(bits.mean() - 0.5) < 0.02
    assert tw.Generator(13).bytes(0) == b""


def test_out() -> None:
    for name in ("random", "standard_normal", "standard_exponential"):
        out = tw.zeros((2, 3))
        assert getattr(tw.Generator(1), name)(out=out) is out
        assert out.tolist() == getattr(tw.Generator(1), name)((2, 3)).tolist()
    out = tw.zeros(3, "float32")
    assert tw.Generator(1).standard_gamma(2.0, dtype="float32", out=out) is out
    with pytest.raises(ValueError):
        tw.Generator(1).random(4, out=tw.zeros(3))
    with pytest.raises((ValueError, TypeError)):
        tw.Generator(1).random(dtype="float32", out=tw.zeros(3))


WRONG = """
g.normal(0, -1)
g.uniform(0, np.inf)
g.exponential(-1)
g.gamma(-1)
g.gamma([1, -1])
g.beta(0, 1)
g.chisquare(0)
g.f(1, 0)
g.noncentral_chisquare(1, -1)
g.standard_t(0)
g.pareto(0)
g.power(-1)
g.weibull(-1)
g.rayleigh(-1)
g.wald(0, 1)
g.triangular(2, 1, 3)
g.triangular(1, 4, 3)
g.triangular(1, 1, 1)
g.vonmises(0, -1)
g.lognormal(0, -1)
g.laplace(0, -1)
g.poisson(-1)
g.poisson(1e30)
g.binomial(-1, 0.5)
g.binomial(10, 1.5)
g.binomial(10, np.nan)
g.negative_binomial(0, 0.5)
g.negative_binomial(2, 0)
g.geometric(0)
g.geometric(1.5)
g.hypergeometric(1, 2, 9)
g.hypergeometric(-1, 2, 1)
g.zipf(1)
g.logseries(1.0)
g.multinomial(-1, [0.5, 0.5])
g.multinomial(3, [0.9, 0.9, 0.1])
g.multivariate_hypergeometric([1, 2], 9)
g.multivariate_hypergeometric([1, 2], 1, method="other")
g.multivariate_normal([0, 0], [[1, 0]])
g.dirichlet([-1, 1])
g.integers(5, 5)
g.integers(0, 300, dtype="int8")
g.integers(-1, 3, dtype="uint8")
g.integers(0, 3, dtype="float64")
g.choice(0, 1)
g.choice(3, 4, replace=False)
g.choice(3, p=[0.5, 0.5])
g.choice(2, p=[0.5, 0.9])
g.choice(2, p=[-0.5, 1.5])
g.choice(3, 3, replace=False, p=[0, 0.5, 0.5])
g.permutation(np.float64(2.5))
g.permutation(np.zeros((2, 2)), axis=2)
g.shuffle(5)
g.shuffle([1, 2], axis=1)
g.standard_normal(dtype="int32")
g.standard_normal(-1)
g.normal([1, 2], 1, 3)
"""


@pytest.mark.parametrize("text", WRONG.split("\n")[1:-1])
def test_errors_are_numpys(text: str) -> None:
    with pytest.raises(Exception) as theirs:
        eval(text, {"g": np.random.default_rng(1), "np": np})
    with pytest.raises(Exception) as ours:
        eval(text, {"g": tw.Generator(1), "np": np})
    known = (tw.TilewrightError, OverflowError, NotImplementedError)
    assert isinstance(ours.value, known), ours.value
    accepted = {ValueError: (ValueError,), TypeError: (TypeError,), OverflowError: (OverflowError,)}
    kind = next((k for k in accepted if isinstance(theirs.value, k)), type(theirs.value))
    assert isinstance(ours.value, kind), (theirs.value, ours.value)
