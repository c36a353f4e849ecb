"""Tuned knobs on their way to the compiler: found by themselves, at once, in any process."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from tuning_support import a_record, groups_of, space_of

import tilewright as tw
from tilewright.autotune import choices as module
from tilewright.autotune.choices import Choices
from tilewright.autotune.database import Database
from tilewright.backends.cpu import MANIFEST
from tilewright.backends.null import MANIFEST as NULL
from tilewright.lowering import pipeline
from tilewright.lowering.cache import Cache
from tilewright.lowering.engine import Engine

X = np.linspace(-2, 2, 37 * 101, dtype=np.float32).reshape(37, 101)


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A cache and a database of the test's own; a change counts at once."""
    monkeypatch.setenv("TILEWRIGHT_CACHE_DIR", str(tmp_path))
    monkeypatch.delenv("TILEWRIGHT_DB", raising=False)
    monkeypatch.setattr(module, "_FRESH", 0.0)
    return tmp_path / "tuning.db"


def new_engine(place: Path) -> Engine:
    """As in a process of its own."""
    return Engine(MANIFEST, Cache(place.parent), Choices())


def softmax_of(engine: Engine) -> tuple[Any, Any]:
    """The graph of a softmax and its only kernel."""
    ((graph, _),) = tw.jit(lambda x: tw.softmax(x)).graphs(tw.array(X))
    (group,) = groups_of(engine, lambda x: tw.softmax(x), tw.array(X))
    return graph, group


def tune_by_hand(place: Path, engine: Engine, group: Any, **knobs: Any) -> str:
    """Store knobs as a tuner would; returns the choice."""
    space = space_of(engine, group)
    choice = space.encode({**space.default, **knobs})
    structure = pipeline.structure_of(pipeline.group_key(group))
    record = a_record(structure=structure, environment=engine.environment, choice=choice)
    with Database(place) as db:
        for old in db.records():
            db.remove([old.structure])
        db.put(record)
    return choice


def softmax(x: Any) -> Any:
    e = np.exp(x - x.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def run(engine: Engine, graph: Any) -> Any:
    return engine.program(graph)(tw.array(X))[0].numpy()


def test_the_next_compile_uses_a_record_and_a_cached_program_is_rebuilt(place: Path) -> None:
    engine = new_engine(place)
    graph, group = softmax_of(engine)
    run(engine, graph)
    untuned = engine.stage(graph, "tir")
    assert engine.chosen(graph, str(graph)) == {}
    choice = tune_by_hand(place, engine, group, vectors=2, halves=True)
    other = new_engine(place)
    assert list(other.chosen(graph, str(graph)).values()) == [choice]
    np.testing.assert_allclose(run(other, graph), softmax(X), rtol=1e-5)
    assert other.stage(graph, "tir") != untuned
    # The program of before is the program again, once the record is gone.
    with Database(place) as db:
        db.remove([r.structure for r in db.records()])
    assert new_engine(place).stage(graph, "tir") == untuned


def test_a_program_in_memory_stays_until_it_is_refreshed(place: Path) -> None:
    engine = new_engine(place)
    graph, group = softmax_of(engine)
    program = engine.program(graph)
    tune_by_hand(place, engine, group, vectors=2)
    assert engine.program(graph) is program
    engine.refresh()
    assert engine.program(graph) is not program


def test_another_number_of_threads_is_another_environment(place: Path) -> None:
    engine = new_engine(place)
    graph, group = softmax_of(engine)
    tune_by_hand(place, engine, group, vectors=2)
    before = tw.get_num_threads()
    try:
        tw.set_num_threads(before + 1)
        assert new_engine(place).chosen(graph, str(graph)) == {}
    finally:
        tw.set_num_threads(before)
    assert new_engine(place).chosen(graph, str(graph)) != {}
    assert Engine(NULL).environment != engine.environment


@pytest.mark.parametrize("choice", ["nonsense", "{}", '{"knobs":{},"revision":1,"schedule":"x"}'])
def test_knobs_that_are_none_are_told_and_passed_over(place: Path, choice: str) -> None:
    engine = new_engine(place)
    graph, group = softmax_of(engine)
    structure = pipeline.structure_of(pipeline.group_key(group))
    with Database(place) as db:
        db.put(a_record(structure=structure, environment=engine.environment, choice=choice))
    with pytest.warns(UserWarning, match="tuned knobs are not used"):
        np.testing.assert_allclose(run(new_engine(place), graph), softmax(X), rtol=1e-5)


def test_a_damaged_database_stops_nothing(place: Path) -> None:
    place.write_bytes(b"noise " * 5000)
    engine = new_engine(place)
    graph, _ = softmax_of(engine)
    with pytest.warns(UserWarning, match="set aside"):
        np.testing.assert_allclose(run(engine, graph), softmax(X), rtol=1e-5)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        run(new_engine(place), graph)


def test_a_database_of_others_is_told_and_stops_nothing(place: Path) -> None:
    place.mkdir()
    engine = new_engine(place)
    graph, _ = softmax_of(engine)
    with pytest.warns(UserWarning, match="tuned knobs are not used"):
        np.testing.assert_allclose(run(engine, graph), softmax(X), rtol=1e-5)


def test_what_a_process_remembers_counts_before_the_database(place: Path) -> None:
    engine = new_engine(place)
    graph, group = softmax_of(engine)
    stored = tune_by_hand(place, engine, group, vectors=2)
    assert isinstance(engine.choices, Choices)
    structure = pipeline.structure_of(pipeline.group_key(group))
    own = stored.replace('"vectors":2', '"vectors":4')
    engine.choices.remember(engine.environment, structure, own)
    assert engine.chosen(graph, str(graph)) == {structure: own}
    engine.choices.forget()
    assert engine.chosen(graph, str(graph)) == {structure: stored}


PROGRAM = """
import sys, warnings
warnings.simplefilter("error")
import numpy as np, tilewright as tw
x = tw.array(np.linspace(-2, 2, 37 * 101, dtype=np.float32).reshape(37, 101))
f = tw.jit(lambda x: tw.softmax(x))
y = f(x)
print(*sorted({"tvm", "sqlite3"} & set(sys.modules)), float(y.sum()))
"""


def start(place: Path) -> str:
    env = {**os.environ, "TILEWRIGHT_CACHE_DIR": str(place.parent)}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=env, capture_output=True, text=True, check=True
    )
    return done.stdout


def test_a_start_from_the_cache_opens_no_database_and_no_compiler(place: Path) -> None:
    assert "tvm" in start(place)
    assert start(place).split()[:-1] == []
    engine = new_engine(place)
    _, group = softmax_of(engine)
    tune_by_hand(place, engine, group, vectors=2, halves=True)
    now = os.stat(place).st_mtime - 10  # as if it had been stored a while ago
    os.utime(place, (now, now))
    assert start(place).split()[:-1] == ["sqlite3", "tvm"], "the new knobs are found and compiled"
    assert start(place).split()[:-1] == [], "and are there from then on"
