"""Libraries of kernels: found, checked, refused when they are damaged, foreign or out of date."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from graph_support import Build, call
from hypothesis import given
from hypothesis import strategies as st

from tilewright.backends.cpu import MANIFEST
from tilewright.dsl.errors import ArtifactError
from tilewright.dsl.graph import Graph, graph_text
from tilewright.lowering import library as libraries
from tilewright.lowering import machine
from tilewright.lowering.cache import Cache, key_of, sources_digest
from tilewright.lowering.engine import Engine, library_key
from tilewright.lowering.entry import KernelEntry, ProgramEntry
from tilewright.lowering.library import Facts, Library, find_library, write_library

ENTRIES = {key_of(str(i)): bytes([i]) * (10 + i * 37) for i in range(20)}


def facts(level: str = "x86-64-v3") -> Facts:
    return Facts(level, sources_digest(), "0.0")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    place = tmp_path / "x86-64-v3.kernels"
    assert write_library(place, facts(), ENTRIES) == place.stat().st_size
    return place


def test_entries_are_found_by_key(path: Path) -> None:
    library = Library(path)
    assert len(library) == len(ENTRIES) and library.facts == facts()
    assert all(library.get(key) == raw for key, raw in ENTRIES.items())
    assert library.get(key_of("another")) is None
    assert library.get("00" * 32) is None and library.get("ff" * 32) is None


def test_an_empty_library(tmp_path: Path) -> None:
    write_library(tmp_path / "a.kernels", facts(), {})
    assert Library(tmp_path / "a.kernels").get(key_of("a")) is None


def test_a_library_is_read_only_in_part(path: Path) -> None:
    """A file that is cut short while it is open gives a warning, not a crash."""
    library = Library(path)
    os.truncate(path, path.stat().st_size // 2)
    with pytest.warns(UserWarning, match="damaged"):
        found = [library.get(key) for key in ENTRIES]
    whole = [raw for raw in found if raw is not None]
    assert None in found and set(whole) <= set(ENTRIES.values())


@pytest.mark.parametrize("size", [0, 7, 60, 88, 200, -1])
def test_truncated_libraries_are_refused(path: Path, size: int) -> None:
    raw = path.read_bytes()
    path.write_bytes(raw[:size])
    with pytest.raises(ArtifactError, match="no library of kernels"):
        Library(path)


def test_foreign_files_are_refused(path: Path, tmp_path: Path) -> None:
    for raw in (b"PK\x03\x04" + bytes(500), os.urandom(1000), bytes(200)):
        path.write_bytes(raw)
        with pytest.raises(ArtifactError, match="does not start like one"):
            Library(path)
    for other in (tmp_path / "absent.kernels", tmp_path):
        with pytest.raises(ArtifactError):
            Library(other)


@given(st.data())
def test_no_damage_goes_unseen(data: st.DataObject) -> None:
    """Whatever byte is changed: the file is refused, or the entry is, or nothing depends on it."""
    folder = Path(os.environ["TILEWRIGHT_CACHE_DIR"])
    folder.mkdir(parents=True, exist_ok=True)
    place = folder / f"damage-{os.getpid()}.kernels"
    write_library(place, facts(), ENTRIES)
    raw = bytearray(place.read_bytes())
    raw[data.draw(st.integers(0, len(raw) - 1))] ^= data.draw(st.integers(1, 255))
    place.write_bytes(raw)
    try:
        library = Library(place)
    except ArtifactError:
        return
    finally:
        place.unlink()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert all(library.get(key) in (raw, None) for key, raw in ENTRIES.items())


def test_sizes_in_the_head_are_checked_before_memory_is_taken(path: Path) -> None:
    raw = bytearray(path.read_bytes())
    for at in (24, 32):  # bytes of the facts, number of entries
        changed = bytearray(raw)
        struct.pack_into("<Q", changed, at, 1 << 62)
        path.write_bytes(changed)
        with pytest.raises(ArtifactError, match="asks for too much"):
            Library(path)


# --------------------------------------------------------------------------- which one to use


@pytest.mark.parametrize(
    "level, wanted",
    [
        ("x86-64", ()),
        ("x86-64-v2", ("x86-64-v2",)),
        ("x86-64-v3", ("x86-64-v3", "x86-64-v2")),
        ("x86-64-v4", ("x86-64-v4", "x86-64-v3", "x86-64-v2")),
        ("generic", ("generic",)),
    ],
)
def test_a_machine_takes_what_it_can_run(level: str, wanted: tuple[str, ...]) -> None:
    assert libraries.levels_of(machine.for_level(level)) == wanted


def test_a_machine_between_two_levels_takes_the_lower() -> None:
    """AVX-512 in part (no VL, as on the first processors that had some) is level 3."""
    third = machine.for_level("x86-64-v3")
    partly = replace(third, mcpu="knl", needs=(*third.needs, "avx512f", "avx512cd"))
    assert libraries.levels_of(partly)[0] == "x86-64-v3"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("TILEWRIGHT_KERNELS", str(tmp_path))
    return tmp_path


def test_the_best_level_is_used_and_damage_is_told(place: Path) -> None:
    host = machine.for_level("x86-64-v4")
    assert find_library(host) is None
    for level in ("x86-64-v4", "x86-64-v3"):
        write_library(place / f"{level}.kernels", facts(level), ENTRIES)
    found = find_library(host)
    assert found is not None and found.facts.level == "x86-64-v4"
    (place / "x86-64-v4.kernels").write_bytes(b"nothing")
    with pytest.warns(UserWarning, match=r"v4\.kernels is no library of kernels"):
        found = find_library(host)
    assert found is not None and found.facts.level == "x86-64-v3"


@pytest.mark.parametrize(
    "change", [{"sources": "other"}, {"format": "0"}, {"level": "x86-64-v4"}], ids=str
)
def test_a_library_of_other_sources_is_refused(place: Path, change: dict[str, str]) -> None:
    write_library(place / "x86-64-v3.kernels", replace(facts(), **change), ENTRIES)
    with pytest.warns(UserWarning, match="compiled instead"):
        assert find_library(machine.for_level("x86-64-v3")) is None


# --------------------------------------------------------------------------- in the engine


def graph() -> Graph:
    b = Build()
    x = b.input((10,))
    return b.graph(b("add", x, b("mul", x, x)))


def check(engine: Engine) -> None:
    at = np.arange(10, dtype=np.float32)
    np.testing.assert_array_equal(call(engine.program(graph()), at)[0], at + at * at)


def library_of(path: Path, raw: bytes | None = None) -> Library:
    """A library of one program, compiled now."""
    if raw is None:
        maker = Engine(MANIFEST, Cache(path.parent / "maker"))
        maker.compile(graph())
        entry = maker.stored(graph())
        assert entry is not None
        raw = entry.to_bytes()
    write_library(path, facts(), {library_key(graph_text(graph())): raw})
    return Library(path)


def test_a_program_of_the_library_is_not_compiled(tmp_path: Path) -> None:
    library = library_of(tmp_path / "a.kernels")
    engine = Engine(MANIFEST, Cache(tmp_path / "cache"), library=library)
    assert engine.is_ready(graph())
    check(engine)
    assert engine._compiler is None
    assert not (tmp_path / "cache").exists()


def test_what_was_compiled_for_this_machine_comes_first(tmp_path: Path) -> None:
    library = library_of(tmp_path / "a.kernels", b"no program at all")
    cache = Cache(tmp_path / "cache")
    Engine(MANIFEST, cache).compile(graph())
    check(Engine(MANIFEST, cache, library=library))


@pytest.mark.parametrize("raw", [b"", b"no program at all", struct.pack("<qq", 1, 0)])
def test_an_entry_that_is_no_program_is_compiled(tmp_path: Path, raw: bytes) -> None:
    library = library_of(tmp_path / "a.kernels", raw)
    engine = Engine(MANIFEST, Cache(tmp_path / "cache"), library=library)
    with pytest.warns(UserWarning, match="is not used any more"):
        check(engine)
    assert engine._compiler is not None and engine.library is None


@pytest.mark.parametrize("name", ["program", "kernel"])
def test_code_that_cannot_be_loaded_is_compiled(tmp_path: Path, name: str) -> None:
    """An entry that is whole, of a library that nobody should have made."""
    entry = ProgramEntry(b"words", (KernelEntry(b"code", b"words", (), ()),))
    library = library_of(tmp_path / "a.kernels", entry.to_bytes())
    engine = Engine(MANIFEST, Cache(tmp_path / "cache"), library=library)
    with pytest.warns(UserWarning, match="is not used any more"):
        getattr(engine, name)(graph())
    assert engine.library is None
    check(engine)


PROGRAM = """
import sys
import numpy as np
import tilewright as tw
x = tw.asarray(np.arange(6, dtype=np.float32))
assert float((x + x).sum()) == 30.0
print("tvm" in sys.modules)
"""


def test_a_library_that_cannot_be_used_is_no_end(tmp_path: Path) -> None:
    """A folder of damaged libraries: one warning each, and the kernels are compiled."""
    for level in libraries.levels_of(machine.host()):
        (tmp_path / f"{level}.kernels").write_bytes(os.urandom(400))
    own = {"TILEWRIGHT_KERNELS": str(tmp_path), "TILEWRIGHT_CACHE_DIR": str(tmp_path / "cache")}
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM], env=os.environ | own, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip() == "True"
    assert done.stderr.count("no library of kernels") == len(libraries.levels_of(machine.host()))
