"""The database: only better records, many processes, and every way in which a file can fail."""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tuning_support import a_record

from tilewright import TuningError
from tilewright.autotune import database as module
from tilewright.autotune.database import Database, read_lines
from tilewright.autotune.records import from_line

HERE = "cpu some-machine 2t"


def structure(number: int) -> str:
    return f"{number:064x}"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "folder" / "tuning.db"


def run_python(program: str, *args: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-c", program, *map(str, args)],
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[1] / "support")},
        stdout=subprocess.PIPE,
        text=True,
    )


# --------------------------------------------------------------------------- records


def test_only_a_better_record_replaces_another(path: Path) -> None:
    with Database(path) as db:
        first = a_record(best=8e-6)
        assert db.put(first)
        assert not db.put(replace(first, best=9e-6, choice="slower"))
        assert not db.put(first), "an equal one is no improvement"
        assert db.put(replace(first, best=7e-6, choice="faster"))
        assert db.get(first.structure, HERE).choice == "faster"
        # What was beaten in a duel goes, whatever the two records say.
        assert not db.put(replace(first, best=7.5e-6, choice="other"), beaten="not this one")
        assert db.put(replace(first, best=7.5e-6, choice="other"), beaten="faster")
        assert [r.choice for r in db.records()] == ["other"]


def test_environments_are_apart(path: Path) -> None:
    with Database(path) as db:
        db.put_all([a_record(), a_record(environment="cpu another 4t", choice="c4")])
        assert db.table(HERE) == {structure(1): a_record().choice}
        assert [r.choice for r in db.records("cpu another 4t")] == ["c4"]
        assert len(db.records()) == 2
        assert db.get(structure(9), HERE) is None


def test_an_absent_database_reads_as_empty_and_is_not_made(path: Path) -> None:
    with Database(path, writes=False) as db:
        assert db.records() == []
    assert not path.exists()


def test_records_are_removed_and_pruned(path: Path) -> None:
    with Database(path) as db:
        old = a_record(structure=structure(2), measured="2001-01-01T00:00:00+00:00")
        away = a_record(structure=structure(3), environment="cpu another 2t")
        threads = a_record(structure=structure(4), environment="cpu some-machine 1t")
        db.put_all([a_record(), old, away, threads])
        assert db.prune(older_than="2002-01-01T00:00:00+00:00") == 1
        assert db.prune(other_than=HERE) == 1
        assert {r.structure for r in db.records()} == {structure(1), structure(4)}
        assert db.remove([structure(1)]) == 1
        assert db.remove([structure(1)]) == 0


def test_lines_go_out_and_come_back(path: Path) -> None:
    records = [a_record(structure=structure(i), best=(i + 1) * 1e-7) for i in range(5)]
    lines = [r.to_line() for r in records]
    assert read_lines([*lines, "\n", ""]) == records
    with Database(path) as db:
        assert db.put_all(read_lines(lines)) == 5
        assert db.put_all(read_lines(lines)) == 0


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"structure": "x"}, "structure"),
        ({"best": 0.0}, "positive"),
        ({"best": float("nan")}, "positive"),
        ({"untuned": "1"}, "untuned"),
        ({"trials": True}, "trials"),
        ({"trials": 1 << 70}, "trials"),
        ({"choice": "x" * 5000}, "too long"),
        ({"more": 1}, "fields"),
    ],
)
def test_a_wrong_field_is_told(change: dict[str, object], told: str) -> None:
    line = json.dumps({**json.loads(a_record().to_line()), **change})
    with pytest.raises(TuningError, match=f"line 2: record: .*{told}"):
        read_lines([a_record().to_line(), line])


@given(st.text() | st.recursive(st.none() | st.integers() | st.text(), st.lists).map(json.dumps))
def test_no_line_is_more_than_an_error(line: str) -> None:
    with pytest.raises(TuningError):
        from_line(line)


def test_no_nesting_is_more_than_an_error() -> None:
    with pytest.raises(TuningError):
        from_line("[" * 60_000)


# --------------------------------------------------------------------------- many processes

WRITER = """
import sys
from tuning_support import a_record
from tilewright.autotune.database import Database
path, who, count = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
for i in range(count):
    with Database(__import__("pathlib").Path(path)) as db:
        db.put(a_record(structure=f"{i:064x}", best=(1 + (i + who) % 2) * 1e-6))
        db.put(a_record(structure=f"{1000 * who + i:064x}"))
print("done")
"""


def test_two_tuners_write_at_once(path: Path) -> None:
    writers = [run_python(WRITER, path, who, 30) for who in (1, 2)]
    assert [w.communicate(timeout=120)[0].strip() for w in writers] == ["done", "done"]
    with Database(path) as db:
        found = {r.structure: r for r in db.records()}
    assert all(found[structure(i)].best == 1e-6 for i in range(30)), "the better of the two stays"
    assert {structure(1000 * who + i) for who in (1, 2) for i in range(30)} <= set(found)


KILLED = """
import pathlib, sys, time
from tuning_support import a_record
from tilewright.autotune.database import Database
db = Database(pathlib.Path(sys.argv[1]))
db.put(a_record())
def endless():
    for i in range(10**9):
        yield a_record(structure=f"{i + 10:064x}")
        if i == 500:
            print("writing", flush=True)
            time.sleep(60)
db.put_all(endless())
"""


def test_a_killed_writer_leaves_what_was_whole(path: Path) -> None:
    writer = run_python(KILLED, path)
    assert writer.stdout is not None and writer.stdout.readline().strip() == "writing"
    writer.send_signal(signal.SIGKILL)
    writer.communicate(timeout=20)
    with Database(path) as db:
        assert db.records() == [a_record()]
        assert db.put(a_record(structure=structure(2)))


def test_a_reader_does_not_wait_for_a_writer(path: Path) -> None:
    with Database(path) as db:
        db.put(a_record())
        db._connection.execute("BEGIN IMMEDIATE")
        with Database(path, writes=False) as reader:
            assert reader.records() == [a_record()]
        db._connection.execute("ROLLBACK")


def test_a_writer_waits_for_a_while_then_says_so(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "_BUSY", 0.1)
    with Database(path) as db, Database(path) as other:
        db._connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(TuningError, match="locked"):
            other.put(a_record())
        db._connection.execute("ROLLBACK")
        assert other.put(a_record())


# --------------------------------------------------------------------------- files that fail


def set_aside(path: Path) -> list[Path]:
    """Damaged databases; their logs may lie beside them."""
    found = path.parent.glob("tuning.db.damaged-*")
    return [p for p in found if not p.name.endswith(("-wal", "-shm"))]


@pytest.mark.parametrize("damage", ["noise", "short", "inside"])
@pytest.mark.parametrize("writes", [True, False])
def test_a_damaged_file_is_set_aside(path: Path, damage: str, writes: bool) -> None:
    with Database(path) as db:
        db.put_all(a_record(structure=structure(i)) for i in range(300))
    whole = path.read_bytes()
    damaged = {
        "noise": os.urandom(10_000),
        "short": whole[: len(whole) // 2 - 100],
        "inside": whole[:5000] + b"\xff" * 20_000 + whole[25_000:],
    }[damage]
    path.write_bytes(damaged)
    with pytest.warns(UserWarning, match="was damaged .* set aside as tuning.db.damaged-"):
        Database(path, writes=writes).close()
    (aside,) = set_aside(path)
    assert aside.read_bytes() == damaged, "never deleted, never changed"
    with Database(path) as db:
        assert db.records() == []
        assert db.put(a_record())


@pytest.mark.parametrize("writes", [False, True])
def test_a_file_that_is_none_of_ours_stays_where_it_is(tmp_path: Path, writes: bool) -> None:
    other = tmp_path / "README.md"
    other.write_text("# Words, and enough of them to be no header\n" * 20)
    with pytest.raises(TuningError, match="only a file that ends with .db is set aside"):
        Database(other, writes=writes)
    assert [p.name for p in tmp_path.iterdir()] == ["README.md"]


def test_setting_aside_twice_keeps_both(path: Path) -> None:
    for content in (b"first noise " * 500, b"second noise " * 500):
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(content)
        with pytest.warns(UserWarning, match="set aside"):
            Database(path).close()
        path.unlink()
    found = {p.read_bytes()[:5] for p in set_aside(path)}
    assert found == {b"first", b"secon"}


def test_a_full_disk_is_told_and_loses_nothing(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Database(path) as db:
        db.put(a_record())
        (pages,) = db._connection.execute("PRAGMA page_count").fetchone()
        db._connection.execute(f"PRAGMA max_page_count = {pages + 2}")  # SQLite's own full disk
        with pytest.raises(TuningError, match="could not write: .*full"):
            db.put_all(a_record(structure=structure(i)) for i in range(2, 500))
        assert db.records() == [a_record()], "all or nothing"
    with Database(path) as db:
        assert db.put_all([a_record(structure=structure(5))]) == 1


@contextmanager
def nobody() -> Iterator[None]:
    """Without the rights of the superuser, whom no folder's rights hold."""
    if os.geteuid() != 0:
        yield
        return
    os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that everybody may enter, as those of pytest are not."""
    with tempfile.TemporaryDirectory(prefix="tilewright-test-") as name:
        Path(name).chmod(0o755)
        yield Path(name)


def test_a_read_only_folder_can_be_read_and_says_so_when_written(open_folder: Path) -> None:
    path = open_folder / "tuning.db"
    with Database(path) as db:
        db.put(a_record())
    path.chmod(0o444)
    open_folder.chmod(0o555)
    try:
        with nobody():
            with Database(path, writes=False) as db:
                assert db.records() == [a_record()]
            with pytest.raises(TuningError, match="readonly|unable to open"):
                Database(path).put(a_record(structure=structure(2)))
            with pytest.raises(TuningError, match="unable to open"):
                Database(open_folder / "no" / "tuning.db")
    finally:
        open_folder.chmod(0o755)


def test_a_path_that_is_no_file(tmp_path: Path) -> None:
    with pytest.raises(TuningError, match="unable to open"):
        Database(tmp_path)
    (tmp_path / "file").write_text("")
    with pytest.raises(TuningError, match="unable to open"):
        Database(tmp_path / "file" / "tuning.db")


def test_what_others_made_is_left_alone(path: Path) -> None:
    path.parent.mkdir()
    other = sqlite3.connect(path)
    other.execute("CREATE TABLE theirs (x)")
    other.commit()
    other.close()
    before = path.read_bytes()
    for writes in (True, False):
        with pytest.raises(TuningError, match="another program"):
            Database(path, writes=writes)
    assert path.read_bytes() == before
    path.unlink()
    Database(path).close()
    newer = sqlite3.connect(path)
    newer.execute(f"PRAGMA user_version = {module.VERSION + 1}")
    newer.close()
    with pytest.raises(TuningError, match="a newer one made it"):
        Database(path)


def test_an_empty_file_is_a_new_database(path: Path) -> None:
    path.parent.mkdir()
    path.touch()
    with Database(path, writes=False) as db:
        assert db.records() == []
    with Database(path) as db:
        assert db.put(a_record())


def test_many_openings_of_a_damaged_file_set_it_aside_once(path: Path) -> None:
    path.parent.mkdir()
    path.write_bytes(b"noise " * 4000)
    program = "import pathlib, sys; from tilewright.autotune.database import Database\n"
    program += "Database(pathlib.Path(sys.argv[1])).close(); print('opened')"
    both = [run_python(program, path) for _ in range(3)]
    assert [p.communicate(timeout=60)[0].strip() for p in both] == ["opened"] * 3
    assert len(set_aside(path)) == 1
