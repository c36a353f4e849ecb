"""The C API: a program in C99 and in C++17, and a library that hides all else and stays small."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest

import tilewright as tw
from tilewright import nn

HERE = Path(__file__).parent
LANGUAGES = {"c": ("cc", "-std=c99"), "c++": ("c++", "-std=c++17")}


def compiler(name: str) -> str:
    found = shutil.which(name)
    assert found, f"{name} is needed to build tilewright, and is not on the path"
    return found


def build(language: str, source: Path, target: Path, *extra: str) -> Path:
    """Compile a program against the installed header and library."""
    command, standard = LANGUAGES[language]
    warnings = ["-Wall", "-Wextra", "-Werror", "-pedantic", "-D_GNU_SOURCE"]
    places = [f"-I{tw.include_dir()}", f"-L{tw.library_dir()}", f"-Wl,-rpath,{tw.library_dir()}"]
    words = [compiler(command), standard, *warnings, "-x", language, source, *places]
    done = subprocess.run(
        [*words, "-o", target, "-ltilewright", "-lpthread", *extra],
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return target


@pytest.mark.parametrize("language", LANGUAGES)
def test_a_program_runs_the_model(
    language: str, path: Path, model: nn.Module, tmp_path: Path
) -> None:
    program = build(language, HERE / "consumer.c", tmp_path / "consumer")
    done = subprocess.run([program, path, "37"], capture_output=True, text=True, env={})
    assert done.returncode == 0, done.stdout[-500:] + done.stderr
    found = np.array(done.stdout.split(), np.float32).reshape(37, 10)
    x = (np.arange(37 * 64) % 17 / 16 - 0.5).astype(np.float32).reshape(37, 64)
    np.testing.assert_allclose(found, model(tw.asarray(x)).numpy(), rtol=1e-5, atol=1e-6)


def test_the_example_of_the_header_compiles(tmp_path: Path) -> None:
    text = (Path(tw.include_dir()) / "tilewright.h").read_text()
    lines = re.search(r"without Python\.\n \*\n(.*?) \*\n", text, re.S)
    assert lines is not None
    body = re.sub(r"^ \*", "", lines[1], flags=re.M).replace("...", "")
    source = tmp_path / "example.c"
    source.write_text(
        f"#include <stdio.h>\n#include <tilewright.h>\nint main(void) {{\n{body}\nreturn 0; }}\n"
    )
    build("c", source, tmp_path / "example", "-Wno-error=missing-field-initializers")


def test_the_library_is_small_and_shows_the_api_alone() -> None:
    library = Path(tw.library_dir()) / "libtilewright.so"
    assert library.stat().st_size < 1 << 20
    listed = subprocess.run(
        [compiler("nm"), "-D", "--defined-only", library],
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    shown = {line.split()[-1] for line in listed.splitlines()}
    declared = set(
        re.findall(
            r"^TILEWRIGHT_API .*?(tilewright_\w+)\(",
            (Path(tw.include_dir()) / "tilewright.h").read_text(),
            re.M,
        )
    )
    assert shown == declared and len(declared) > 15
    needed = subprocess.run(
        [compiler("readelf"), "-d", library], capture_output=True, text=True, check=True
    ).stdout
    libraries = set(re.findall(r"NEEDED.*\[(.*?)\]", needed))
    assert all(re.match(r"(libc|libm|libpthread|libdl|ld-linux)", name) for name in libraries)


def test_the_c_example_runs_where_nothing_else_is(path: Path, tmp_path: Path) -> None:
    """Copied with the library to a folder of its own, as docs/artifact.md has it."""
    example = HERE.parents[1] / "examples" / "run_artifact.c"
    clean = tmp_path / "clean"
    clean.mkdir()
    words = [compiler("cc"), "-std=c99", "-Wall", "-Wextra", example, f"-I{tw.include_dir()}"]
    words += [f"-L{tw.library_dir()}", "-ltilewright", "-Wl,-rpath,$ORIGIN"]
    subprocess.run([*words, "-o", clean / "run_artifact"], check=True)
    shutil.copy(Path(tw.library_dir()) / "libtilewright.so", clean)
    shutil.copy(path, clean / "m.tw")
    done = subprocess.run(
        ["./run_artifact", "m.tw"], cwd=clean, env={}, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Sequential takes x: float32 of rank 2\n")
    x = (np.arange(128) / 128).astype(np.float32).reshape(2, 64)
    found = np.array(done.stdout.splitlines()[1:], np.float64).reshape(2, 10)
    np.testing.assert_allclose(found, tw.load(path)(x).numpy(), rtol=1e-4, atol=1e-5)
