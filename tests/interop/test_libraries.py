"""Libraries that speak the array API, on our arrays: SciPy, scikit-learn, einops, and
array-api-compat, by which others find the namespace of an array."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

import tilewright as tw
import tilewright.numpy as tnp

RUNNER = Path(__file__).resolve().parents[1] / "support" / "library_runner.py"
X = np.arange(24.0).reshape(2, 3, 4)

SCIPY = (
    "import scipy.cluster.vq, scipy.integrate, scipy.ndimage, scipy.signal, scipy.special\n"
    "import scipy.stats",
    [
        "scipy.stats.zscore(X, axis=0)",
        "scipy.stats.kurtosis(X, axis=1)",
        "scipy.stats.gmean(P, axis=0)",
        "scipy.stats.ttest_1samp(X, 0.5).pvalue",
        "scipy.special.softmax(X, axis=1)",
        "scipy.special.logsumexp(X, axis=0)",
        "scipy.special.xlogy(P, P)",
        "scipy.special.expit(X)",
        "scipy.cluster.vq.whiten(X)",
        "scipy.cluster.vq.vq(X, X[:5])[0]",
        "scipy.integrate.cumulative_trapezoid(X, axis=0)",
        "scipy.ndimage.gaussian_filter(X, 1.0)",
        "scipy.signal.detrend(X, axis=0)",
    ],
)
SKLEARN = (
    """
import sklearn
from sklearn import decomposition, linear_model, metrics, mixture, model_selection, preprocessing
sklearn.set_config(array_api_dispatch=True)
""",
    [
        "preprocessing.StandardScaler().fit_transform(X)",
        "preprocessing.MinMaxScaler().fit_transform(X)",
        "preprocessing.PolynomialFeatures(2).fit_transform(P)",
        "abs(decomposition.PCA(2, svd_solver='full').fit_transform(X))",
        "linear_model.Ridge(solver='svd').fit(X, X @ X[0]).coef_",
        "linear_model.LogisticRegression().fit(X, C).predict(X)",
        "metrics.pairwise.euclidean_distances(X, X[:3])",
        "metrics.r2_score(X[:, 0], X[:, 0] + 0.1)",
        "metrics.accuracy_score(C, 1 - C)",
        "model_selection.train_test_split(X, C, random_state=0)[0]",
    ],
)


def faults(setup: str, cases: list[str]) -> dict[str, str]:
    """What is wrong with each case, by a process of its own, where SciPy's switch is on."""
    done = subprocess.run(
        [sys.executable, str(RUNNER)],
        input=json.dumps({"setup": setup, "cases": cases}),
        env={**os.environ, "SCIPY_ARRAY_API": "1"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, str] = json.loads(done.stdout)
    assert list(found) == cases
    return found


def test_scipy() -> None:
    wrong = {case: fault for case, fault in faults(*SCIPY).items() if fault}
    assert not wrong, wrong


def test_scikit_learn(oracle: Callable[[str], ModuleType]) -> None:
    oracle("sklearn")
    wrong = {case: fault for case, fault in faults(*SKLEARN).items() if fault}
    assert not wrong, wrong


def test_the_runner_finds_faults() -> None:
    cases = [
        "X.numpy() if hasattr(X, 'numpy') else X",
        "X if type(X).__name__ == 'ndarray' else X + 1",
        "1 / 0",
        "X",
    ]
    found = faults("", cases)
    assert "not an Array" in found[cases[0]] and "AssertionError" in found[cases[1]]
    assert "ZeroDivisionError" in found[cases[2]] and found[cases[3]] == ""


PATTERNS = [
    ("rearrange", "a b c -> c (b a)", {}),
    ("rearrange", "a (b k) c -> b a (c k)", {"k": 3}),
    ("reduce", "a b c -> b", {"reduction": "mean"}),
    ("reduce", "a b (c k) -> a b c", {"reduction": "max", "k": 2}),
    ("repeat", "a b c -> a 2 (b k) c", {"k": 3}),
]


@pytest.mark.parametrize(("name", "pattern", "more"), PATTERNS)
def test_einops(
    name: str, pattern: str, more: dict[str, object], oracle: Callable[[str], ModuleType]
) -> None:
    function = getattr(oracle("einops"), name)
    oracle("tilewright.einops")
    expected = function(X, pattern, **more)
    for found in (
        function(tw.array(X), pattern, **more),
        tw.jit(lambda x: function(x, pattern, **more))(tw.array(X)),
    ):
        assert isinstance(found, tw.Array)
        np.testing.assert_allclose(found.numpy(), expected)


def test_einops_packs_and_sums(oracle: Callable[[str], ModuleType]) -> None:
    einops = oracle("einops")
    oracle("tilewright.einops")
    x = tw.array(X)
    packed, shapes = einops.pack([x, x[:, 0]], "a * c")
    assert packed.shape == (2, 4, 4)
    assert [part.shape for part in einops.unpack(packed, shapes, "a * c")] == [(2, 3, 4), (2, 4)]
    np.testing.assert_allclose(
        einops.einsum(x, x, "a b c, d b c -> a d").numpy(), np.einsum("abc,dbc->ad", X, X)
    )
    slopes = tw.grad(lambda v: einops.reduce(v * v, "a b c -> ", "sum"))(x)
    np.testing.assert_allclose(slopes.numpy(), 2 * X)


def test_einops_by_the_standard(oracle: Callable[[str], ModuleType]) -> None:
    standard = oracle("einops.array_api")
    x = tw.array(X)
    assert standard.rearrange(x, "a b c -> (a b) c").shape == (6, 4)
    assert standard.reduce(x, "a b c -> a", "sum").tolist() == [66, 210]
    np.testing.assert_array_equal(standard.asnumpy(x), X)


def test_array_api_compat(oracle: Callable[[str], ModuleType]) -> None:
    compat = oracle("array_api_compat")
    x = tw.array(X)
    assert compat.array_namespace(x, 1.0, None) is tnp
    assert compat.array_namespace(x, api_version="2024.12") is tnp
    assert compat.is_array_api_obj(x) and compat.is_writeable_array(x)
    assert not compat.is_lazy_array(x) and not compat.is_numpy_array(x)
    assert compat.device(x) is tw.device("cpu") and compat.size(x) == 24
    assert compat.to_device(x, "cpu").device is tw.device("cpu")
    with pytest.raises(TypeError, match=r"[Mm]ultiple namespaces"):
        compat.array_namespace(x, X)


def test_the_page_runs_as_written(oracle: Callable[[str], ModuleType]) -> None:
    oracle("einops")
    page = (Path(__file__).resolve().parents[2] / "docs" / "array-api.md").read_text()
    blocks = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    assert len(blocks) == 2
    exec("".join(blocks), {})
