"""The common kernels are what eager code asks for: each primitive, dtype and class of operands."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest

import tilewright as tw
from tilewright.dsl import common_set, eager
from tilewright.dsl.graph import graph_text
from tilewright.dsl.primitive import REGISTRY, Primitive

# Primitives that lowering puts into programs; no function calls them, so no kernel serves them all.
BY_LOWERING = {"real_form"}
# Primitives whose kernels are for one width or one shape each, which are not known ahead.
BY_SHAPE = {"attention", "attention_gradient", "convolution", "patches", "fold"}
BY_SHAPE |= {"window_sum", "window_max", "window_argmax"}


@pytest.fixture(scope="module")
def texts() -> set[str]:
    return {kernel.text for kernel in common_set.common_kernels()}


@pytest.mark.parametrize("primitive", REGISTRY.values(), ids=str)
def test_what_the_registrys_samples_ask_for_is_there(primitive: Primitive, texts: set[str]) -> None:
    """The set is made from classes of operands, these are the samples: they must agree."""
    asked = 0
    with common_set._recording():
        for dtype in primitive.dtypes:
            for sample in primitive.samples(dtype):
                arrays = [tw.asarray(np.asarray(x)) for x in sample.inputs]
                graph = common_set._asked(primitive, arrays, dict(sample.params))
                if graph is None:
                    continue
                asked += 1
                if primitive.name in BY_LOWERING | BY_SHAPE:
                    assert graph.name.startswith(eager.EXACT)
                    continue
                assert graph_text(graph) in texts, f"{graph} is not among the common kernels"
    assert asked or not any(t.startswith(f"eager_{primitive.name}(") for t in texts)


def test_python_scalars_views_and_broadcasts_ask_for_nothing_else(texts: set[str]) -> None:
    x = tw.asarray(np.ones((4, 6), np.float32))
    n = tw.asarray(np.arange(24).reshape(4, 6))
    row = x[0]
    calls = [
        lambda: x + 1, lambda: 2.5 - x, lambda: x * row, lambda: x[:, :1] / row, lambda: x.T - 1,
        lambda: n + 1, lambda: n / 2, lambda: n // 3, lambda: -n[::2], lambda: x > 0,
        lambda: x.sum(), lambda: x.sum(axis=0), lambda: x.max(axis=1), lambda: x[None].sum((0, 2)),
        lambda: x @ x.T, lambda: x.T @ x, lambda: x @ row, lambda: row @ row, lambda: x[None] @ x.T,
        lambda: n.astype("float32"), lambda: x[n[0] % 4], lambda: tw.where(x > 0, x, 0.0),
    ]  # fmt: skip
    for i, call in enumerate(calls):
        with common_set._recording():
            try:
                call()
            except common_set._Noted as noted:
                # None: a routine. An earlier test may have made the operators' kernels, and then
                # the positions of `x[n[0] % 4]` are the first to ask for anything.
                assert noted.graph is None or graph_text(noted.graph) in texts, f"call {i}"


def test_each_is_there_once_in_every_process(texts: set[str]) -> None:
    program = (
        "import tilewright\n"
        "from tilewright.dsl.common_set import common_kernels\n"
        "from tilewright.lowering.cache import key_of\n"
        "print(key_of(*(k.text for k in common_kernels())))\n"
    )
    command = [sys.executable, "-W", "error", "-c", program]
    runs = {
        subprocess.run(command, capture_output=True, text=True, check=True).stdout for _ in range(2)
    }
    assert len(runs) == 1
    kernels = common_set.common_kernels()
    assert len({k.text for k in kernels}) == len({k.title for k in kernels}) == len(kernels)
    assert {k.text for k in kernels} == texts


def test_nothing_of_it_stays_behind() -> None:
    """Eager code runs as before, and what it had compiled is still there."""
    x = tw.asarray(np.ones(4, np.float32))
    before = float((tw.exp(x) + 1).sum())
    common_set.common_kernels()
    assert float((tw.exp(x) + 1).sum()) == before
