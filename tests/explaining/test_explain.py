"""`f.explain`: its counts are exact, its words on fusion are fusion's own, no state changes."""

from __future__ import annotations

import re
from collections.abc import Callable
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import tilewright as tw
from tilewright.explaining import report
from tilewright.peaks.record import Peaks, Rate

RATES = {"L1": Rate(4e11, 8e11), "L2": Rate(1e11, 2e11), "memory": Rate(2e10, 3e10)}
PEAKS = Peaks("2026-01-01", 2, {"float32": Rate(1e11, 2e11)}, RATES, 0.0)


@pytest.fixture(autouse=True)
def _peaks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(report, "known_peaks", lambda: PEAKS)


def explain(f: Callable[..., Any], *args: Any) -> Any:
    return f.explain(*args, seconds=0.01)  # type: ignore[attr-defined]


def test_a_chain_is_one_kernel_with_exact_bytes() -> None:
    x = tw.ones(1000, dtype="float32")
    told = explain(tw.jit(lambda x: tw.exp(x) * 2 + 1), x)
    (kernel,) = told.kernels
    assert kernel.primitives == ("exp", "mul", "add")
    assert (kernel.work.reads, kernel.work.writes, kernel.launches) == (4000, 4000, 1)
    assert kernel.seconds > 0 and told.seconds > kernel.seconds
    assert kernel.bound.seconds >= 8000 / 8e11
    ((place, names),) = kernel.lines
    assert place.startswith("test_explain.py:") and names == kernel.primitives
    assert kernel.schedule == "elementwise" and not kernel.note


def test_products_are_counted_and_say_why_they_stay_apart() -> None:
    a, b = tw.ones((64, 32), dtype="float32"), tw.ones((32, 48), dtype="float32")
    c = tw.ones((48, 16), dtype="float32")
    told = explain(tw.jit(lambda a, b, c: tw.tanh(a @ b) @ c), a, b, c)
    work = {k.work.products for k in told.kernels}
    assert work == {2.0 * 64 * 32 * 48, 2.0 * 64 * 48 * 16}
    for kernel in told.kernels:
        assert kernel.schedule == "contract" and "form" in kernel.form
        assert any(r.startswith("matmul (test_explain.py:") for r in kernel.refused)
    assert "the second reads the first one's result many times" in str(told)


def test_equal_kernels_are_one_record() -> None:
    a = tw.ones((40, 40), dtype="float32")
    told = explain(tw.jit(lambda a, b: tw.tanh(tw.tanh(a @ b) @ b) @ b), a, a + 1)
    assert sorted(k.launches for k in told.kernels) == [1, 2]


def test_what_a_slice_or_gather_leaves_is_not_counted() -> None:
    x, at = tw.ones((100, 8), dtype="float32"), tw.asarray(np.array([3, 5]))
    told = explain(tw.jit(lambda x: tw.exp(x[10:20])), x)
    assert told.kernels[0].work.reads == 10 * 8 * 4
    told = explain(tw.jit(lambda x, at: tw.exp(x[at])), x, at)
    assert sum(k.work.reads for k in told.kernels) <= 2 * 8 * 4 + 3 * at.nbytes + 64


def test_loops_count_their_launches() -> None:
    def f(x: Any) -> Any:
        return tw.fori_loop(0, 5, lambda i, x: tw.tanh(x @ x), x)

    told = explain(tw.jit(f), tw.eye(70, dtype="float32"))
    products = [k for k in told.kernels if "matmul" in k.primitives]
    assert [k.launches for k in products] == [5]


def test_routines_are_timed_and_named() -> None:
    told = explain(tw.jit(lambda x: tw.sort(x) + 1), tw.ones(5000, dtype="float32"))
    routine = next(k for k in told.kernels if k.kind == "native")
    assert routine.launches == 1 and routine.seconds > 0
    assert any("routine of the core" in said for said in routine.advice)
    assert any("routine of the core" in r for k in told.kernels for r in k.refused)


def test_packed_weights_are_counted_apart() -> None:
    w = tw.ones((128, 96), dtype="float32")
    told = explain(tw.jit(lambda x: x @ w), tw.ones((32, 128), dtype="float32"))
    assert told.once == 1 and len(told.kernels) == 1
    assert "run again only when state changes" in str(told)


def test_unknown_sizes_take_those_of_the_call() -> None:
    f = tw.jit(lambda x: tw.exp(x) + x, dynamic={"x": {0: "n"}})
    for n in (10, 300):
        (kernel,) = explain(f, tw.ones(n, dtype="float32")).kernels
        assert kernel.work.bytes == 8 * n


def test_the_memory_plan_is_the_programs() -> None:
    f = tw.jit(lambda a: tw.tanh(a @ a) @ a)
    a = tw.ones((60, 60), dtype="float32")
    told = explain(f, a)
    assert told.memory.arena == told.memory.lower_bound == -(-60 * 60 * 4 // 64) * 64
    assert str(told.memory) == f.memory(a)
    assert "alive at once" in str(told)


def test_state_is_not_written() -> None:
    count = tw.zeros(3)

    def step(x: Any) -> Any:
        count[:] = count + x
        return count.sum()

    f = tw.jit(step)
    explain(f, tw.ones(3))
    assert count.tolist() == [0, 0, 0]
    f(tw.ones(3))
    assert count.tolist() == [1, 1, 1]


def test_effects_and_bad_times_are_refused() -> None:
    def f(x: Any) -> Any:
        tw.debug.print("{}", x.sum())
        return x + 1

    with pytest.raises(tw.ArgumentError, match="explain: f has effects"):
        explain(tw.jit(f), tw.ones(3))
    with pytest.raises(tw.ArgumentError, match="seconds=0"):
        tw.jit(lambda x: x + 1).explain(tw.ones(3), seconds=0)


def test_empty_arrays_and_empty_programs() -> None:
    told = explain(tw.jit(lambda x: tw.exp(x) + 1), tw.ones((0, 3)))
    assert "exp" in str(told)
    told = explain(tw.jit(lambda x: x), tw.ones(3))
    assert not told.kernels and "0 launches" in str(told)


class _Tags(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.links: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.links += [v or "" for k, v in attrs if k in ("src", "href")]
        if tag != "meta":
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_stands_alone(tmp_path: Path) -> None:
    told = explain(tw.jit(lambda x: tw.exp(x) @ x), tw.eye(20, dtype="float32"))
    told.html(tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert page == told._repr_html_()
    tags = _Tags()
    tags.feed(page)
    assert not tags.open and not tags.links and "<script" not in page
    assert "&lt;lambda&gt;" in page and "<lambda>" not in page
    for kernel in told.kernels:
        assert kernel.name in page and all(said.split("(")[0] in page for said in kernel.advice)


def test_the_table_has_a_row_for_each_kernel() -> None:
    told = explain(tw.jit(lambda x: tw.tanh(x @ x).sum(axis=0)), tw.eye(30, dtype="float32"))
    for kernel in told.kernels:
        assert re.search(rf"^{kernel.name} +1 ", str(told), re.M)
    assert repr(told) == str(told)
