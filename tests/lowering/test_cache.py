"""The disk cache: damage is found, killed writers leave nothing, an unwritable folder is no end."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import numpy as np
import pytest
from graph_support import Build, call

from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.graph import Graph
from tilewright.lowering.cache import Cache, key_of
from tilewright.lowering.engine import Engine
from tilewright.lowering.entry import KernelEntry, ProgramEntry, join_parts, split_parts


def small_graph() -> Graph:
    b = Build()
    x = b.input((10,))
    return b.graph(b("add", x, b("mul", x, x)))


def check(engine: Engine) -> None:
    at = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(call(engine.program(small_graph()), at)[0], at + at * at)


def test_parts_survive_and_damage_is_seen() -> None:
    entry = ProgramEntry(b"words", (KernelEntry(b"code", b"w", (b"", b"table"), ("n", "k")),))
    raw = entry.to_bytes()
    assert ProgramEntry.from_bytes(raw) == entry
    assert ProgramEntry.from_bytes(raw[:-1]) is None
    assert split_parts(join_parts([])) == []
    assert split_parts(b"\xff" * 40) is None


def test_an_entry_is_found_by_another_engine(tmp_path: Path) -> None:
    check(Engine(MANIFEST, Cache(tmp_path)))
    second = Engine(MANIFEST, Cache(tmp_path))
    check(second)
    assert second._compiler is None  # nothing was compiled


def test_damaged_entries_are_built_again(tmp_path: Path) -> None:
    check(Engine(MANIFEST, Cache(tmp_path)))
    paths = [p for p in tmp_path.rglob("*") if p.is_file()]
    assert len(paths) == 2  # the program and its kernel
    for path in paths:
        raw = bytearray(path.read_bytes())
        raw[-1] ^= 1
        path.write_bytes(raw)
    with pytest.warns(UserWarning, match="damaged"):
        check(Engine(MANIFEST, Cache(tmp_path)))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        check(Engine(MANIFEST, Cache(tmp_path)))


def test_truncated_and_foreign_files(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    key = key_of("a")
    cache.put(key, b"payload")
    path = next(p for p in tmp_path.rglob("*") if p.is_file())
    for damage in (b"", b"x", path.read_bytes()[:-3]):
        path.write_bytes(damage)
        with pytest.warns(UserWarning, match="damaged"):
            assert cache.get(key) is None
        assert not path.exists()
        cache.put(key, b"payload")
    assert cache.get(key) == b"payload"


def test_an_unwritable_folder_means_memory_only(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    # Below a file nobody can write, not even root.
    cache = Cache(tmp_path / "file" / "cache")
    with pytest.warns(UserWarning, match="in memory only"):
        cache.put("aa", b"1")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        cache.put("bb", b"2")
    assert cache.get("aa") == b"1" and cache.get("bb") == b"2"


def test_the_longest_unused_entries_go_first(tmp_path: Path) -> None:
    cache = Cache(tmp_path, limit=3000)
    keys = [key_of(str(i)) for i in range(5)]
    for i, key in enumerate(keys):
        cache.put(key, bytes(1000))
        os.utime(tmp_path / key[:2] / key, (i + 1, i + 1))
    assert cache.get(keys[0]) is not None  # used: now the newest
    cache.prune()
    assert [k in {p.name for p in tmp_path.rglob("*")} for k in keys] == [
        True, False, False, False, True,
    ]  # fmt: skip


WRITER = """
import sys
from pathlib import Path
from tilewright.lowering.cache import Cache
cache = Cache(Path(sys.argv[1]))
while True:
    for i in range(20):
        cache.put(f"{i:02d}key", bytes([i]) * 200_000)
"""


def test_killed_writers_leave_valid_entries(tmp_path: Path) -> None:
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(tmp_path)]) for _ in range(2)]
    try:
        for _ in range(200):
            if len(list(tmp_path.rglob("*key"))) == 20:
                break
            with pytest.raises(subprocess.TimeoutExpired):
                writers[0].wait(0.1)
    finally:
        for writer in writers:
            writer.kill()
            writer.wait()
    cache = Cache(tmp_path)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = [cache.get(f"{i:02d}key") for i in range(20)]
    assert all(raw == bytes([i]) * 200_000 for i, raw in enumerate(found))


FRESH = """
import sys, time
from pathlib import Path
import numpy as np
import tilewright as tw
f = tw.jit(lambda x: tw.softmax(tw.tanh(x * x)))
f(tw.asarray(np.ones((4, 50), np.float32)))
print("tvm" in sys.modules)
"""


def test_a_later_process_imports_no_compiler(tmp_path: Path) -> None:
    environment = {**os.environ, "TILEWRIGHT_CACHE_DIR": str(tmp_path)}
    said = [
        subprocess.run(
            [sys.executable, "-c", FRESH],
            env=environment,
            check=True,
            capture_output=True,
            text=True,
        ).stdout.strip()
        for _ in range(2)
    ]
    assert said == ["True", "False"]
