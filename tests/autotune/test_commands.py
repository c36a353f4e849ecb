"""`tilewright tune` and `tilewright db`, as a user types them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from tuning_support import a_record

from tilewright.autotune.database import Database
from tilewright.commands.targets import NAMED, find


def run(place: Path, *words: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "TILEWRIGHT_DB": str(place), "COLUMNS": "200", "NO_COLOR": "1"}
    command = [sys.executable, "-m", "tilewright", *map(str, words)]
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=300)


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A database of three records: two kernels, one of them on two machines."""
    path = tmp_path / "tuning.db"
    with Database(path) as db:
        db.put_all([
            a_record(),
            a_record(environment="cpu another 4t"),
            a_record(structure="ab" * 32, name="matmul", measured="2001-01-01T00:00:00+00:00"),
        ])  # fmt: skip
    return path


# --------------------------------------------------------------------------- tune


def test_tune_a_named_target(tmp_path: Path) -> None:
    done = run(
        tmp_path / "t.db", "tune", "softmax", "--shape", "333x257", "--trials", 3, "--seconds", 60
    )
    assert done.returncode == 0, done.stderr
    assert "[333, 257]" in done.stdout.replace("\n", " ")
    assert "3 trials" in done.stdout and str(tmp_path) in done.stdout.replace("\n", "")
    assert "searching" in done.stderr, "without a terminal, plain lines tell how it goes on"
    assert "\x1b" not in done.stdout + done.stderr


FILE = """
import tilewright as tw
from helper import factor

@tw.jit
def staged(x):
    return tw.tanh(x) * factor

staged.example_args = lambda: (tw.ones((300, 400)),)

def plain(x, y):
    return x @ y

plain.example_args = (tw.ones((100, 140)), tw.ones((140, 90)))

def without(x):
    return x

number = 3
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (tmp_path / "helper.py").write_text("factor = 2\n")
    path = tmp_path / "mine.py"
    path.write_text(FILE)
    return path


@pytest.mark.parametrize("name", ["staged", "plain"])
def test_tune_a_function_of_a_file(tmp_path: Path, file: Path, name: str) -> None:
    target = f"{file}:{name}"
    done = run(tmp_path / "t.db", "tune", target, "--trials", 2, "--seconds", 60, "--json")
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert told["target"] == target and told["trials"] == 2
    assert told["kernels"][0]["before"] > 0 and done.stderr == ""


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["nonsense"], "it must be one of matmul, "),
        (["softmax", "--shape", "3xx"], "it must be ROWSxCOLUMNS"),
        (["softmax", "--shape", "3"], "it must be ROWSxCOLUMNS"),
        (["softmax", "--shape", "0x3"], "it must be ROWSxCOLUMNS"),
        (["softmax", "--shape", "-1x3"], "it must be ROWSxCOLUMNS"),
        (["softmax", "--shape", "\u0664x3"], "it must be ROWSxCOLUMNS"),
        (["matmul", "--shape", "99999999x99999999x9"], "more than can be tuned"),
        (["softmax", "--dtype", "float33"], "float33"),
        (["no/such/file.py:f"], "there is no file no/such/file.py"),
        (["FILE"], "it must be path/to/file.py:function"),
        (["FILE:absent"], "has no function absent"),
        (["FILE:number"], "has no function number"),
        (["FILE:without"], "without.example_args = lambda"),
        (["FILE:staged", "--shape", "3x3"], "the shapes of a file are those of its example"),
    ],
)
def test_what_cannot_be_tuned_is_told_in_a_line(
    tmp_path: Path, file: Path, words: list[str], told: str
) -> None:
    words = [w.replace("FILE", str(file)) for w in words]
    done = run(tmp_path / "t.db", "tune", *words)
    assert done.returncode == 1 and done.stdout == ""
    assert done.stderr.startswith("error: ") and told in done.stderr, done.stderr
    assert done.stderr.count("\n") == 1


def test_wrong_options_are_usage_errors(tmp_path: Path) -> None:
    for words in (["softmax", "--trials", "0"], ["softmax", "--seconds", "x"], ["a", "b"]):
        assert run(tmp_path / "t.db", "tune", *words).returncode == 2
    bare = run(tmp_path / "t.db", "tune")
    assert bare.returncode == 2 and "matmul" in bare.stdout, "it says what there is"
    assert run(tmp_path / "t.db", "tune", "--list").returncode == 0


@pytest.mark.parametrize("name", NAMED)
def test_every_named_target_runs(name: str) -> None:
    small = {3: "5x6x7", 2: "5x6", 1: "5"}[min(NAMED[name].ranks)]
    for kind in ("float32", "float64"):
        target = find(name, small, kind)
        assert target.function(*target.arguments).size > 0
    assert "default" not in target.name and find(name, None, "float32").name.startswith(name)


# --------------------------------------------------------------------------- db


def test_list_and_show(place: Path) -> None:
    listed = run(place, "db", "list").stdout
    assert "matmul" in listed and "another 4t" in listed and "1.25x" in listed
    assert len(json.loads(run(place, "db", "list", "--json").stdout)) == 3
    shown = run(place, "db", "show", "abab")
    assert shown.returncode == 0 and "matmul" in shown.stdout and "'vectors': 2" in shown.stdout
    (told,) = json.loads(run(place, "db", "show", "abab", "--json").stdout)
    assert told["knobs"] == {"vectors": 2} and told["speedup"] == 1.25
    for key in ("ab", "zzzz"):
        done = run(place, "db", "show", key)
        assert done.returncode == 1 and "fits" in done.stderr
    assert run(place, "db", "path").stdout.strip() == str(place)


def test_an_absent_database_is_empty_and_not_made(tmp_path: Path) -> None:
    path = tmp_path / "none.db"
    done = run(path, "db", "list")
    assert done.returncode == 0 and "no records" in done.stdout
    assert run(path, "db", "export").stdout == "" and not path.exists()


def test_export_import_and_merge(place: Path, tmp_path: Path) -> None:
    lines = tmp_path / "knobs.jsonl"
    assert "wrote 3 records" in run(place, "db", "export", lines).stdout
    assert run(place, "db", "export").stdout == lines.read_text()
    other = tmp_path / "other.db"
    assert "kept 3 of 3" in run(other, "db", "import", lines).stdout
    assert "kept 0 of 3" in run(other, "db", "import", lines).stdout
    third = tmp_path / "third.db"
    assert "kept 3 of 3" in run(third, "db", "merge", other).stdout
    assert _records(third) == _records(place)


def _records(path: Path) -> list[Any]:
    with Database(path, writes=False) as db:
        return db.records()


@pytest.mark.parametrize("bad", ["noise\n", '{"tilewright_tuning": 1}\n', '{"a": 1}\n', "\xff\x00"])
def test_a_wrong_line_takes_nothing_in(place: Path, tmp_path: Path, bad: str) -> None:
    lines = tmp_path / "knobs.jsonl"
    lines.write_text(a_record(structure="cd" * 32).to_line() + "\n" + bad)
    done = run(place, "db", "import", lines)
    assert done.returncode == 1 and "line 2" in done.stderr and len(_records(place)) == 3
    lines.write_bytes(os.urandom(3000))
    assert run(place, "db", "import", lines).returncode == 1


def test_absent_files_are_told(place: Path, tmp_path: Path) -> None:
    for command in ("import", "merge"):
        done = run(place, "db", command, tmp_path / "absent")
        assert done.returncode == 1 and "absent" in done.stderr
    done = run(place, "db", "export", tmp_path / "no" / "folder" / "x")
    assert done.returncode == 1 and done.stderr.startswith("error: ")


def test_remove_and_prune(place: Path) -> None:
    assert "removed 1 records" in run(place, "db", "remove", "abab").stdout
    assert len(_records(place)) == 2
    assert "removed 2 records" in run(place, "db", "prune", "--other-machines").stdout
    assert run(place, "db", "prune").returncode == 2
    with Database(place) as db:
        db.put(a_record(measured="2001-01-01T00:00:00+00:00"))
    assert "removed 1 records" in run(place, "db", "prune", "--older-than", "30").stdout
