"""What the detection makes of processors, and kernels for lesser ones than ours."""

from __future__ import annotations

import os
import subprocess
import sys

import pytest

from tilewright.lowering import machine

PROGRAM = """
import numpy as np
import tilewright as tw

x = np.linspace(-4, 4, 999, dtype=np.float32).reshape(27, 37)
f = tw.jit(lambda x: tw.softmax(tw.tanh(x) @ tw.exp(x).T) + tw.log(x * x + 1).sum(axis=1))
y = np.tanh(x.astype("f8")) @ np.exp(x.astype("f8")).T
y = np.exp(y - y.max(1, keepdims=True))
y = y / y.sum(1, keepdims=True) + np.log(x.astype("f8") ** 2 + 1).sum(1)
np.testing.assert_allclose(f(tw.array(x)).numpy(), y, rtol=2e-5)
"""


def run(level: str) -> subprocess.CompletedProcess[str]:
    variables = dict(os.environ, TILEWRIGHT_CPU=level)
    command = [sys.executable, "-c", PROGRAM]
    return subprocess.run(command, env=variables, capture_output=True, text=True)


@pytest.mark.parametrize("level", ["x86-64", "x86-64-v2", "x86-64-v3", "x86-64-v4"])
def test_programs_for_lesser_processors(level: str) -> None:
    host = machine.host()
    if host.arch != "x86_64":
        pytest.skip("the levels are those of x86-64")
    done = run(level)
    if done.returncode and "here it may be" in done.stderr:
        pytest.skip(f"this machine has no {level}")
    assert done.returncode == 0, done.stderr


def test_an_unknown_level_is_refused() -> None:
    done = run("x86-64-v9")
    assert done.returncode and "TILEWRIGHT_CPU: got x86-64-v9" in done.stderr


def test_names_of_processors() -> None:
    flags = " ".join(sorted(f for _, needed in machine._LEVELS[:2] for f in needed))
    zen3 = {"vendor_id": "AuthenticAMD", "cpu family": "25", "model": "1", "flags": flags}
    assert machine.x86_name(zen3) == "znver3"
    assert machine.x86_name(zen3 | {"flags": "sse4_1"}) == "x86-64"
    assert machine.x86_name({"flags": flags}) == "x86-64-v3"
