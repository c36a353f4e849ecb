"""`tw.tune`, the whole way; where a win is needed, real kernels with made-up times."""

from __future__ import annotations

import json
import os
import signal
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tuning_support import ONCE, a_record, arrays, crew_at, groups_of, space_of

import tilewright as tw
from tilewright.autotune import choices as choices_module
from tilewright.autotune.choices import CHOICES
from tilewright.autotune.crew import Crew, Failed
from tilewright.autotune.database import Database
from tilewright.autotune.report import Progress
from tilewright.autotune.turns import Duel, Effort
from tilewright.dsl import eager_programs
from tilewright.dsl.engine import engine
from tilewright.lowering.entry import KernelEntry


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A database of the test's own."""
    monkeypatch.setenv("TILEWRIGHT_DB", str(tmp_path / "tuning.db"))
    monkeypatch.setattr(choices_module, "_FRESH", 0.0)
    yield tmp_path / "tuning.db"
    CHOICES.forget()


@pytest.fixture
def halves_win(monkeypatch: pytest.MonkeyPatch) -> None:
    """Candidates are compiled, run and checked for real; those that are other code than the
    untuned one count as twice as fast."""
    real = Crew.measure

    def measure(
        self: Crew, candidate: KernelEntry, effort: Effort, against: KernelEntry | None = None
    ) -> Duel:
        real(self, candidate, ONCE)
        is_rival = against is not None and against.code != candidate.code
        ratio = 1.0 if is_rival else 0.5
        rounds = max(effort.least, 3)
        return Duel((1e-3,) * rounds, (1e-3 * ratio,) * rounds)

    monkeypatch.setattr(Crew, "measure", measure)


def test_a_short_real_run(place: Path) -> None:
    """What wins is up to the machine; what is told is not."""
    seen: list[Progress] = []
    f = tw.jit(lambda a, b: tw.tanh(a @ b))
    a, b = arrays((33, 65), (65, 40))
    report = tw.tune(f, a, b, seconds=60, trials=6, progress=seen.append)
    (kernel,) = report.kernels
    assert report.trials == kernel.trials == 6 and kernel.before > 0 and kernel.outcome
    assert kernel.name.startswith("matmul") and kernel.share == 1.0
    assert report.function is f and report.database == str(place)
    assert "6 trials in" in repr(report) and "matmul" in repr(report)
    assert json.loads(json.dumps(report.plain()))["trials"] == 6
    assert seen[0].stage == "start" and seen[-1].stage == "done"
    assert {"search", "confirm"} <= {p.stage for p in seen}
    np.testing.assert_allclose(f(a, b).numpy(), np.tanh(a.numpy() @ b.numpy()), 1e-4, 1e-5)


def test_what_is_found_is_stored_and_used_at_once(place: Path, halves_win: None) -> None:
    f = tw.jit(lambda x: tw.softmax(x * 3))
    (x,) = arrays((300, 257))
    before, untuned = f(x).numpy(), f.ir(x, stage="tir")
    report = tw.tune(f, x, seconds=60, trials=3)
    (kernel,) = report.kernels
    assert kernel.is_stored and kernel.outcome == "stored" and kernel.speedup == 2.0
    with Database(place, writes=False) as db:
        (record,) = db.records()
    assert record.knobs == kernel.knobs and record.structure == kernel.structure
    assert record.speedup == 2.0 and record.trials == 3 and "softmax" not in record.kernel
    assert f.ir(x, stage="tir") != untuned or kernel.changed.keys() <= {"grain", "threads"}
    np.testing.assert_allclose(f(x).numpy(), before, 1e-5)
    g = tw.jit(lambda x: tw.softmax(x * 3))
    assert g.ir(x, stage="tir") == f.ir(x, stage="tir"), "by structure, not by function"


def test_tuning_again_must_beat_what_is_stored(place: Path, halves_win: None) -> None:
    f = tw.jit(lambda x: tw.softmax(x * 5))
    (x,) = arrays((300, 257))
    tw.tune(f, x, seconds=60, trials=3)
    with Database(place, writes=False) as db:
        first = db.records()
    report = tw.tune(f, x, seconds=60, trials=3, seed=5)
    with Database(place, writes=False) as db:
        assert db.records()[0].choice == first[0].choice or report.kernels[0].is_stored


def test_another_database_serves_this_process_too(
    place: Path, tmp_path: Path, halves_win: None
) -> None:
    f = tw.jit(lambda x: tw.softmax(x * 7))
    (x,) = arrays((300, 257))
    other = tmp_path / "other.db"
    report = tw.tune(f, x, seconds=60, trials=2, database=other)
    assert report.kernels[0].is_stored and other.exists()
    with Database(place, writes=False) as db:
        assert not db.records()
    made: Any = engine()
    assert made.chosen(*_graph_of(f, x)) == {report.kernels[0].structure: _only_choice(other)}


def _graph_of(f: Any, *args: Any) -> tuple[Any, str]:
    ((graph, _),) = f.graphs(*args)
    return graph, str(graph)


def _only_choice(path: Path) -> str:
    with Database(path, writes=False) as db:
        return db.records()[0].choice


def test_a_database_that_cannot_be_written_serves_this_process(
    place: Path, halves_win: None
) -> None:
    place.mkdir()  # a folder is no database
    f = tw.jit(lambda x: tw.softmax(x * 9))
    (x,) = arrays((300, 257))
    with pytest.warns(UserWarning) as told:
        report = tw.tune(f, x, seconds=60, trials=2)
    assert any("kept in this process only" in str(w.message) for w in told)
    assert not report.kernels[0].is_stored and "not stored" in report.kernels[0].outcome
    with pytest.warns(UserWarning, match="tuned knobs are not used"):
        assert _graph_of(f, x)[1] and f.ir(x, stage="tir")


def test_an_eager_product_and_a_plain_function(place: Path, halves_win: None) -> None:
    a, b = arrays((70, 90), (90, 50))
    expected = (a @ b).numpy()
    report = tw.tune(lambda a, b: a @ b, a, b, seconds=60, trials=2)
    assert report.improved
    made: Any = engine()
    assert not [k for k, v in eager_programs._kernels.items() if k[2][0] == "matmul"], (
        "asked for again"
    )
    np.testing.assert_allclose((a @ b).numpy(), expected, 1e-5, 1e-5)
    programs = [t for t in made._entries if "eager_matmul" in t and "float32[70, 90]" in t]
    assert programs and made.chosen(*_graph_of(report.function, a, b))


def test_a_training_step(place: Path, halves_win: None) -> None:
    tw.seed(0)
    model = tw.nn.Sequential(tw.nn.Linear(40, 60), tw.nn.ReLU(), tw.nn.Linear(60, 10))
    optimiser = tw.nn.SGD(model.parameters(), lr=0.1, momentum=0.9)
    (x,) = arrays((50, 40))
    labels = tw.array(np.arange(50) % 10)

    @tw.jit
    def step(x: tw.Array, labels: tw.Array) -> tw.Array:
        optimiser.zero_grad()
        loss = tw.nn.cross_entropy(model(x), labels)
        loss.backward()
        optimiser.step()
        return loss

    first = float(step(x, labels))
    weights = [p.numpy().copy() for p in model.parameters()]
    report = tw.tune(step, x, labels, seconds=60, trials=2)
    after = [p.numpy() for p in model.parameters()]
    assert all(np.array_equal(a, b) for a, b in zip(weights, after, strict=True)), "not run"
    assert len(report.kernels) > 3 and report.improved
    assert sum(k.share for k in report.kernels) == pytest.approx(1.0)
    losses = [float(step(x, labels)) for _ in range(20)]
    assert losses[-1] < first


def test_gradients_on_the_tape_are_tuned_with_their_backward(place: Path) -> None:
    (x,) = arrays((60, 70))
    x.requires_grad = True
    f = tw.jit(lambda x: (tw.tanh(x) * x).sum(axis=-1))
    assert [g.name.rpartition("_")[2] for g, _ in f.graphs(x)] == ["forward", "backward"]
    assert len(tw.tune(f, x, seconds=60, trials=2).kernels) >= 2


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda: tw.tune(3), "it must be a function"),
        (lambda: tw.tune(lambda x: x, tw.ones(3), seconds=0), "must be positive"),
        (lambda: tw.tune(lambda x: x, tw.ones(3), seconds=float("nan")), "must be positive"),
        (lambda: tw.tune(lambda x: x, tw.ones(3), trials=0), "must be positive"),
        (lambda: tw.tune(lambda x: x, tw.ones(3)), "it has no kernels"),
        (lambda: tw.tune(lambda x: x[:0] * 2, tw.ones(3), trials=1), ""),
    ],
)
def test_what_makes_no_sense_is_told(call: Callable[[], Any], told: str) -> None:
    if told:
        with pytest.raises(tw.TuningError, match=told):
            call()
    else:  # nothing to compute is no error: it takes no time, so it is not tuned
        (kernel,) = call().kernels
        assert "not tuned" in kernel.outcome


# --------------------------------------------------------------------------- candidates that fail


def damaged(entry: KernelEntry, code: bytes) -> KernelEntry:
    """A kernel whose machine code is overwritten from its first instruction on."""
    at = entry.code.index(b"\x7fELF")
    assert at == 0
    text = _text_section(entry.code)
    return KernelEntry(
        entry.code[: text] + code + entry.code[text + len(code) :],
        entry.words, entry.tables, entry.sizes,
    )  # fmt: skip


def _text_section(raw: bytes) -> int:
    """Where the first function of an object lies."""
    headers, size, count = (
        int.from_bytes(raw[a:b], "little") for a, b in ((40, 48), (58, 60), (60, 62))
    )
    for i in range(count):
        at = headers + i * size
        flags = int.from_bytes(raw[at + 8 : at + 16], "little")
        if flags & 4 and int.from_bytes(raw[at + 32 : at + 40], "little"):  # executable
            return int.from_bytes(raw[at + 24 : at + 32], "little")
    raise AssertionError("an object has code")


x86_only = pytest.mark.skipif(os.uname().machine != "x86_64", reason="writes x86 instructions")


@x86_only
@pytest.mark.parametrize(
    ("code", "told"),
    [
        (b"\x0f\x0b", "running: the worker was ended by SIGILL"),
        (b"\x31\xc0\x88\x00", "running: the worker was ended by SIGSEGV"),  # writes to address 0
        (b"\xc3", "wrong: output 0 is wrong"),  # returns at once
        (b"\xeb\xfe", "running: no answer within"),  # jumps to itself
    ],
    ids=["illegal", "segfault", "wrong", "endless"],
)
def test_bad_kernels_do_no_harm(code: bytes, told: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tilewright.autotune.crew.TRY_SECONDS", 2.0)
    made: Any = engine()
    (group,) = groups_of(made, lambda x: tw.exp(x) * 2, *arrays((50, 70)))
    good = made.kernel_entry(group)
    with crew_at(made, group) as crew:
        with pytest.raises(Failed, match=told):
            crew.measure(damaged(good, code), ONCE)
        crew.measure(good, ONCE)  # a new worker takes over


def test_a_bench_killed_in_the_middle_costs_one_candidate(place: Path) -> None:
    (x,) = arrays((200, 257))
    f = tw.jit(lambda x: tw.softmax(x * 11))
    killed: list[int] = []

    def kill_once(now: Progress) -> None:
        if now.stage == "search" and not killed:
            workers = [p for p in _children() if p not in killed]
            killed.extend(workers)
            for pid in workers:
                os.kill(pid, signal.SIGKILL)

    report = tw.tune(f, x, seconds=60, trials=10, progress=kill_once)
    assert killed and report.trials == 10
    reasons = report.kernels[0].reasons
    lost = sum(count for reason, count in reasons.items() if "SIGKILL" in reason)
    assert 1 <= lost <= 4, reasons


def _children() -> list[int]:
    found = []
    for task in Path("/proc/self/task").iterdir():
        found += [int(p) for p in (task / "children").read_text().split()]
    return found


def test_no_worker_is_left(place: Path) -> None:
    before = set(_children())
    (x,) = arrays((50, 257))
    with pytest.raises(RuntimeError, match="stop"):
        tw.tune(tw.jit(lambda x: tw.softmax(x * 13)), x, seconds=60, trials=50, progress=_stop)
    assert set(_children()) <= before


def _stop(now: Progress) -> None:
    if now.trials:
        raise RuntimeError("stop")


def test_two_tuners_at_once(place: Path, halves_win: None) -> None:
    (x,) = arrays((100, 257))
    reports: list[Any] = []

    def work(factor: int) -> None:
        f = tw.jit(lambda x: tw.softmax(x * factor))
        reports.append(tw.tune(f, x, seconds=90, trials=2))

    threads = [threading.Thread(target=work, args=(n,)) for n in (17, 19)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(reports) == 2 and all(r.kernels[0].is_stored for r in reports)
    with Database(place, writes=False) as db:
        assert len(db.records()) == 2


def test_a_record_of_another_machine_is_a_start(place: Path) -> None:
    """Its knobs are tried first, and never used unmeasured."""
    made: Any = engine()
    (x,) = arrays((100, 261))
    f = tw.jit(lambda x: tw.softmax(x * 23))
    (group,) = groups_of(made, lambda x: tw.softmax(x * 23), x)
    space = space_of(made, group)
    point = {**space.default, "vectors": 2, "halves": True, "grain": 4}
    report = tw.tune(f, x, seconds=60, trials=1)
    with Database(place) as db:
        structure = report.kernels[0].structure
        away = a_record(structure=structure, environment="cpu away 9t", choice=space.encode(point))
        db.put(away)
    assert made.chosen(*_graph_of(f, x)) == {} or report.improved
    seen: list[Any] = []
    real = Crew.compile

    def compile_and_note(self: Crew, choices: Any) -> Any:
        seen.extend(choices)
        return real(self, choices)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Crew, "compile", compile_and_note)
        tw.tune(f, x, seconds=60, trials=1)
    assert seen[0] == space.encode(point)
