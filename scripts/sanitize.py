"""Build the native core with ASan and UBSan; run its unit tests, those of files and the tiny test.

Run by `make sanitize` with the Python of `.venv`. The first error of either sanitizer ends the run.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys

from environment import ROOT, build_variables, pip, run, say

BUILD = ROOT / "build" / "sanitize"
SITE = BUILD / "site"
FLAGS = "-fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer -O1 -g"
TESTS = ("tests/native", "tests/artifacts/test_format.py", "tests/test_tiny.py")

# Put before the editable install of .venv, whose finder would win over PYTHONPATH.
START = f"""
import sys
sys.meta_path[:] = [f for f in sys.meta_path if "editable" not in type(f).__module__]
sys.path.insert(0, {str(SITE)!r})
import pytest, tilewright
assert tilewright._native.__file__.startswith({str(SITE)!r}), tilewright._native.__file__
sys.exit(pytest.main(sys.argv[1:]))
"""


def build() -> None:
    """Install the package with a sanitized native core into a folder of its own."""
    say("building the native core with ASan and UBSan")
    shutil.rmtree(SITE, ignore_errors=True)
    define = [f"--config-settings=cmake.define.CMAKE_CXX_FLAGS={FLAGS}"]
    define += [f"--config-settings=build-dir={BUILD / 'cmake'}"]
    define += ["--config-settings=cmake.build-type=Debug", "--config-settings=install.strip=false"]
    words = ["install", "--quiet", "--no-build-isolation", "--no-deps", "--target", SITE]
    pip(*words, *define, ROOT, env=build_variables())


def unit_tests() -> None:
    """The C++ unit tests of the core, which know nothing of Python."""
    say("the unit tests of the core under ASan and UBSan")
    folder = BUILD / "core"
    define = ["-DTILEWRIGHT_PYTHON=OFF", "-DTILEWRIGHT_TESTS=ON"]
    define += ["-DTILEWRIGHT_SANITIZE=address,undefined", "-G", "Ninja"]
    variables = build_variables()
    run("cmake", "-S", ROOT / "backends" / "native", "-B", folder, *define, env=variables)
    run("cmake", "--build", folder, env=variables)
    run(folder / "native_tests", env=variables | {"UBSAN_OPTIONS": "halt_on_error=1"})


def preload() -> str:
    """The sanitizers' runtimes: Python itself is not linked with them, so they come first."""
    compiler = os.environ.get("CXX", "g++")
    found = [
        subprocess.check_output([compiler, f"-print-file-name={name}"], text=True).strip()
        for name in ("libasan.so", "libubsan.so", "libstdc++.so")
    ]
    return " ".join(found)


def main() -> None:
    """Build, then test."""
    unit_tests()
    build()
    variables = dict(os.environ, LD_PRELOAD=preload())
    # Python keeps what it allocates to its end, which is no leak of ours; and an allocation that
    # cannot be met must come back as MemoryError.
    variables["ASAN_OPTIONS"] = "detect_leaks=0:abort_on_error=1:allocator_may_return_null=1"
    variables["UBSAN_OPTIONS"] = "print_stacktrace=1:halt_on_error=1"
    tests = [name for name in TESTS if (ROOT / name).exists()]
    run(sys.executable, "-c", START, *tests, *sys.argv[1:], env=variables, cwd=ROOT)


if __name__ == "__main__":
    main()
