"""The roofline's arithmetic, the median of runs, and what the rules advise."""

from __future__ import annotations

import pytest
from graph_support import Build

from tilewright.dsl.dtypes import float32, int8
from tilewright.explaining import roof
from tilewright.explaining.advice import Facts, advise
from tilewright.explaining.times import LaunchTime, Times, median
from tilewright.lowering import machine
from tilewright.lowering.pipeline import kernel_groups
from tilewright.lowering.work import Work
from tilewright.peaks import measure, record

RATES = {"L1": record.Rate(4e11, 8e11), "memory": record.Rate(2e10, 3e10)}
PEAKS = record.Peaks("2026-01-01", 2, {"float32": record.Rate(1e11, 2e11)}, RATES, 0.0)


def work(products: float = 0, others: float = 0, n_bytes: int = 8) -> Work:
    return Work(products, others, n_bytes, 0, float32)


def test_a_product_is_bound_by_arithmetic() -> None:
    found = roof.bound(work(products=2e9, n_bytes=1000), 0.02, 2, PEAKS)
    assert found is not None
    assert (found.kind, found.seconds, found.share) == ("compute", 0.01, 0.5)
    alone = roof.bound(work(products=2e9, n_bytes=1000), 0.02, 1, PEAKS)
    assert alone is not None and alone.share == 1.0


def test_a_large_copy_is_bound_by_memory() -> None:
    found = roof.bound(work(others=1, n_bytes=3 << 30), 0.2, 2, PEAKS)
    assert found is not None and (found.kind, found.level) == ("memory", "memory")
    assert found.share == pytest.approx((3 << 30) / 3e10 / 0.2)


def test_a_short_launch_is_bound_by_latency() -> None:
    found = roof.bound(work(others=10), 3e-6, 2, PEAKS)
    assert found is not None and found.kind == "latency"


def test_nothing_counted_has_no_bound_and_unknown_types_take_float32() -> None:
    assert roof.bound(work(n_bytes=0), 1.0, 2, PEAKS) is None
    found = roof.bound(Work(2e9, 0, 8, 0, int8), 0.02, 2, PEAKS)
    assert found is not None and found.share == 0.5


def test_levels_go_by_what_is_known() -> None:
    host = machine.for_level("x86-64-v3")
    assert roof.level_of(host.l1, 1, host, ["L1", "L2", "memory"]) == "L1"
    assert roof.level_of(host.l1 + 1, 1, host, ["L1", "L2", "memory"]) == "L2"
    assert roof.level_of(host.l1 + 1, 1, host, ["L1", "memory"]) == "memory"
    assert roof.level_of(1 << 40, 1, host, ["L1", "L2"]) == "L2"


def test_peaks_are_measured_once(monkeypatch: pytest.MonkeyPatch) -> None:
    measured = []
    monkeypatch.setattr(roof.machine, "processor_name", lambda: "a processor of this test")
    monkeypatch.setattr(measure, "measure_peaks", lambda tell: measured.append(1) or PEAKS)
    try:
        assert roof.known_peaks() == PEAKS and roof.known_peaks() == PEAKS
        assert measured == [1]
    finally:
        record.place("a processor of this test").unlink()


def test_medians_leave_out_runs_with_other_launches() -> None:
    def run(seconds: float, *names: str) -> Times:
        return Times(seconds, tuple(LaunchTime(n, seconds / 2, 1) for n in names), 1)

    found = median([run(1, "a", "b"), run(3, "a", "b"), run(9, "a"), run(2, "a", "b")])
    assert [(x.name, x.seconds) for x in found.launches] == [("a", 1.0), ("b", 1.0)]
    assert found.runs == 4 and found.seconds == 2.5


def facts(**changes: object) -> Facts:
    b = Build()
    x = b.input((8, 8))
    (group,) = kernel_groups(b.graph(b("exp", b("transpose", x, axes=(1, 0)))))
    given: dict[str, object] = {
        "group": group, "work": work(others=64), "bound": None, "seconds": 1e-3, "threads": 2,
        "most_threads": 2, "tunable": True, "tuned": False, "note": "",
    }  # fmt: skip
    return Facts(**(given | changes))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "wanted"),
    [
        ({"note": "the safe schedule was taken"}, "the safe schedule was taken: report"),
        ({"bound": roof.Bound("latency", 0.1, "L1", 1e-7)}, "too short to fill the machine"),
        ({"threads": 1}, "runs on 1 of 2 threads"),
        ({"bound": roof.Bound("memory", 0.5, "memory", 1e-4)}, "reads through transpose"),
        ({"bound": roof.Bound("compute", 0.5, "L1", 1e-4)}, "tw.tune"),
        ({"bound": roof.Bound("memory", 0.9, "memory", 1e-4)}, "only fewer bytes"),
        ({"bound": roof.Bound("compute", 0.9, "L1", 1e-4)}, "near the peak"),
    ],
)
def test_advice(changes: dict[str, object], wanted: str) -> None:
    assert any(wanted in said for said in advise(facts(**changes)))


def test_tuned_kernels_are_not_told_to_tune() -> None:
    slow = roof.Bound("compute", 0.5, "L1", 1e-4)
    for changes in ({"tuned": True}, {"tunable": False}):
        assert not any("tw.tune" in said for said in advise(facts(bound=slow, **changes)))
