"""`tw.profile`: what is recorded, in which threads, by whom, and what is refused."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections import Counter

import numpy as np
import pytest

import tilewright as tw
from tilewright import _native
from tilewright.dsl import timeline


@pytest.fixture
def two_threads():
    before = tw.get_num_threads()
    tw.set_num_threads(2)
    yield
    tw.set_num_threads(before)


def categories(profile):
    return Counter(event.category for event in profile.events)


def named(profile, category):
    return [e.name for e in profile.events if e.category == category]


def large():
    return tw.ones((1 << 20,))


def test_a_staged_call_is_recorded_from_python_to_the_kernel(two_threads):
    @tw.jit
    def wave(x):
        return tw.tanh(x) * 2 + 1

    x = large()
    wave(x)
    with tw.profile() as p:
        wave(x)
    (call,) = [e for e in p.events if e.category == "call"]
    (program,) = [e for e in p.events if e.category == "program"]
    (launch,) = [e for e in p.events if e.category == "launch"]
    kernels = [e for e in p.events if e.category == "kernel"]
    assert call.name == program.name == "wave"
    assert launch.name.startswith("tw_")
    assert all(k.name.startswith(launch.name) and k.launch == launch.launch for k in kernels)
    assert sum(k.value for k in kernels) > 0
    for inner, outer in ((program, call), (launch, program), *((k, launch) for k in kernels)):
        assert outer.start <= inner.start
        assert inner.end <= outer.end


def test_pool_threads_have_tracks_with_their_names(two_threads):
    x = large()
    y = tw.tanh(x)
    with tw.profile() as p:
        for _ in range(50):
            y = tw.tanh(x)
    assert y.shape == x.shape
    names = {t.number: t.name for t in p.events.tracks}
    tracks = {names[e.track] for e in p.events if e.category == "kernel"}
    assert tracks == {"MainThread", "tilewright-1"}


def test_eager_operations_have_their_names():
    x = tw.asarray(np.arange(12, dtype=np.float32).reshape(3, 4))
    with tw.profile() as p:
        x + 1
        tw.negative(x)
        x.sum(axis=0)
        x @ x.T
        tw.exp(x)
    assert named(p, "eager") == ["add", "neg", "sum", "matmul", "exp"]


def test_copies_tell_their_bytes():
    host = np.ones((64, 32), np.float32)
    with tw.profile() as p:
        x = tw.array(host)
        x[1:3] = x[5:7]
    copies = [e.value for e in p.events if e.category == "copy"]
    assert copies[0] == host.nbytes
    assert 2 * 32 * 4 in copies[1:]


def test_memory_in_use_is_counted():
    before = tw.memory_stats()["in_use"]
    with tw.profile() as p:
        x = tw.zeros((1000,))
        del x
    told = [e.value - before for e in p.events if e.category == "memory"]
    assert 8000 in told  # 1000 float64, in whole lines of 64 bytes
    assert told[-1] == 0
    with tw.profile() as p:
        pass
    assert "memory     at most" in str(p)


def test_compilation_is_recorded_by_stage():
    cube = tw.jit(lambda x: x * x * x + 0.123)
    x = tw.ones((7, 5, 3))
    with tw.profile() as p:
        cube(x)
        cube(x)
    stages = {e.name: e for e in p.events if e.category == "compile"}
    assert {"trace", "rewrite", "fuse", "schedule", "generate code", "plan", "load"} <= set(stages)
    assert "mul" in stages["generate code"].detail
    assert stages["compile"].detail == "<lambda>"
    told = [(e.name, e.duration) for e in p.events if e.category == "cache"]
    assert told == [("program not cached", 0), ("kernel not cached", 0)]


def test_a_program_from_disk_says_so(tmp_path):
    program = "import tilewright as tw\nwith tw.profile() as p:\n tw.ones(3) + 1\nprint(p)"
    variables = os.environ | {"TILEWRIGHT_CACHE_DIR": str(tmp_path)}
    command = [sys.executable, "-c", program]
    first, second = (subprocess.check_output(command, env=variables, text=True) for _ in range(2))
    assert "program not cached" in first
    assert "program found on disk" in second
    assert "not cached" not in second


def test_threads_of_the_program_are_recorded_by_name():
    x = tw.ones((10,))
    with tw.profile() as p:
        thread = threading.Thread(target=lambda: x + 1, name="my worker")
        thread.start()
        thread.join()
    (add,) = [e for e in p.events if e.category == "eager"]
    assert {t.number: t.name for t in p.events.tracks}[add.track] == "my worker"


def test_recordings_overlap_and_each_has_its_own_time():
    x = tw.ones((10,))
    outer, inner, late = tw.profile(), tw.profile(), tw.profile()
    with outer:
        x + 1
        with inner:
            x - 1
        late.__enter__()
        x * 2
    x / 2
    late.__exit__(None, None, None)
    assert named(outer, "eager") == ["add", "sub", "mul"]
    assert named(inner, "eager") == ["sub"]
    assert named(late, "eager") == ["mul", "div"]


def test_recordings_of_many_threads_at_once():
    x = tw.ones((10,))
    counts = []

    def body():
        for _ in range(20):
            with tw.profile() as p:
                x + 1
            names = {t.number: t.thread for t in p.events.tracks}
            mine = threading.get_native_id()
            counts.append(sum(names[e.track] == mine for e in p.events if e.category == "eager"))

    threads = [threading.Thread(target=body) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert counts == [1] * 80
    assert not timeline.on


def test_off_nothing_is_kept():
    with tw.profile():
        pass
    assert not timeline.on
    tw.ones(3) + 1
    with tw.profile() as p:
        pass
    assert len(p.events) == 0


def test_a_recording_is_bounded():
    wanted, most = (1 << 20) + 1000, 1 << 20
    with tw.profile() as p:
        for _ in range(wanted):
            _native.timeline_record(timeline.Category.COMPILE, "x", 1 << 62, 1 << 62)
    assert len(p.events) == most
    assert p.dropped == wanted - most
    with tw.profile() as p:  # room again
        tw.ones(3) + 1
    assert p.dropped == 0
    assert named(p, "eager") == ["add"]


def test_events_behave_as_a_sequence():
    with tw.profile() as p:
        tw.ones(3) + 1
    assert p.events[-1] == list(p.events)[-1]
    assert p.events[:2] == list(p.events)[:2]
    with pytest.raises(IndexError):
        p.events[len(p.events)]


def test_wrong_use_is_refused(tmp_path):
    p = tw.profile()
    with pytest.raises(tw.ArgumentError, match="not begun"):
        p.events  # noqa: B018
    with p:
        assert repr(p) == str(p) == "<tw.profile, recording>"
        with pytest.raises(tw.ArgumentError, match="not ended"):
            p.events  # noqa: B018
        with pytest.raises(tw.ArgumentError, match="second entry"), p:
            pass
    with pytest.raises(tw.ArgumentError, match="second entry"), p:
        pass
    assert not timeline.on
    with pytest.raises(TypeError):
        tw.profile(3)
    for category, start, end in ((99, 0, 1), (-1, 0, 1), (0, 2, 1)):
        with pytest.raises(ValueError, match="timeline_record"):
            _native.timeline_record(category, "x", start, end)


def test_a_span_may_have_a_name_that_is_no_text():
    with tw.profile() as p, timeline.span(timeline.Category.CALL, "\ud800", "\udfff"):
        pass
    assert [(e.name, e.detail) for e in p.events] == [("?", "?")]


def test_a_fork_is_not_recorded_and_does_not_write(tmp_path):
    path = tmp_path / "trace.json"
    program = f"""
import os, sys
import tilewright as tw
x = tw.ones((10,))
with tw.profile({str(path)!r}) as p:
    x + 1
    child = os.fork()
    if child == 0:
        x - 1
        with tw.profile() as own:
            x * 2
        print("child", [e.name for e in own.events if e.category == "eager"], flush=True)
        sys.exit(0)
    assert os.waitpid(child, 0)[1] == 0
    assert not os.path.exists({str(path)!r})
print("parent", [e.name for e in p.events if e.category == "eager"])
"""
    told = subprocess.check_output([sys.executable, "-c", program], text=True)
    assert told.splitlines() == ["child ['mul']", "parent ['add']"]
    assert path.exists()


def test_the_environment_records_a_whole_process(tmp_path):
    path = tmp_path / "trace.json"
    program = (
        "import subprocess, sys\nimport tilewright as tw\ntw.ones(3) + 1\n"
        "subprocess.run([sys.executable, '-c', 'import tilewright as tw; tw.ones(3) - 1'])"
    )
    variables = os.environ | {"TILEWRIGHT_PROFILE": str(path)}
    subprocess.run([sys.executable, "-c", program], env=variables, check=True)
    text = path.read_text()
    assert '"add"' in text
    assert '"sub"' not in text


def test_the_environment_with_a_bad_path_is_an_error_at_once():
    variables = os.environ | {"TILEWRIGHT_PROFILE": "/nowhere/trace.json"}
    done = subprocess.run(
        [sys.executable, "-c", "import tilewright"],
        env=variables, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 1
    assert "TILEWRIGHT_PROFILE: got '/nowhere/trace.json'; there is no folder" in done.stderr


def test_the_summary_has_all_parts():
    f = tw.jit(lambda x: tw.exp(x) + 0.456)
    x = tw.ones((300, 5))
    with tw.profile() as p:
        f(x)
        x + 1
        tw.array(np.ones(3))
    told = str(p)
    words = "kernel calls total mean share threads (staged) tw_add compiling copies memory KiB"
    for word in (*words.split(), "add (eager)", "generate code"):
        assert word in told
