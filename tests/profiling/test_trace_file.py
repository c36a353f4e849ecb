"""The file that `tw.profile(path)` writes: its format, and that it is whole or not there."""

from __future__ import annotations

import json
import os
import stat

import numpy as np
import pytest
from trace_format import validate
from typer.testing import CliRunner

import tilewright as tw
from tilewright import _native, cli
from tilewright.profiling import trace_file
from tilewright.profiling.recording import _EVENT, Recording
from tilewright.profiling.summary import summarise, summary_text


def train():
    """Staged code with gradients, eager code, copies, on two threads."""
    w = tw.ones((64, 64))
    w.requires_grad = True

    @tw.jit
    def step(x):
        loss = (tw.tanh(x @ w) ** 2).mean()
        loss.backward()
        return loss.detach()

    x = tw.ones((512, 64))
    for _ in range(3):
        step(x)
    return (x.T + 1)[::2].sum()


def test_the_file_is_valid(tmp_path):
    before = tw.get_num_threads()
    tw.set_num_threads(2)
    try:
        with tw.profile(tmp_path / "trace.json") as p:
            train()
            for _ in range(20):
                tw.exp(tw.ones((1 << 20,)))
    finally:
        tw.set_num_threads(before)
    events = validate(tmp_path / "trace.json")
    spans = [e for e in events if e["ph"] == "X"]
    known = [e for e in p.events if e.category not in ("cache", "memory")]
    assert len(spans) == len(known)
    cats = {e["cat"] for e in spans}
    assert cats == {"call", "eager", "program", "launch", "kernel", "copy", "compile"}
    assert any(e["ph"] == "C" and e["args"]["bytes"] > 0 for e in events)
    assert any(e["ph"] == "i" and "cached" in e["name"] for e in events)
    threads = {e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert {"MainThread", "tilewright-1"} <= threads
    assert any(e["ph"] == "s" for e in events)


def test_an_exception_in_the_body_leaves_a_valid_file(tmp_path):
    path = tmp_path / "trace.json"
    with pytest.raises(ZeroDivisionError), tw.profile(path):
        tw.ones(3) + 1
        1 / 0  # noqa: B018
    assert any(e["name"] == "add" for e in validate(path))


def test_the_file_is_replaced_in_whole(tmp_path, monkeypatch):
    path = tmp_path / "trace.json"
    path.write_text("old")

    def fail(recording):
        yield {"ph": "M"}
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(trace_file, "trace_events", fail)
    with pytest.raises(OSError, match="No space left"), tw.profile(path):
        pass
    assert path.read_text() == "old"
    assert os.listdir(tmp_path) == ["trace.json"]
    monkeypatch.undo()
    with tw.profile(path):
        pass
    validate(path)


def test_a_link_stays_a_link_and_rights_are_those_of_new_files(tmp_path):
    target, link = tmp_path / "target.json", tmp_path / "link.json"
    link.symlink_to(target)
    with tw.profile(link):
        pass
    assert link.is_symlink()
    validate(target)
    (tmp_path / "plain").touch()
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE((tmp_path / "plain").stat().st_mode)


def test_places_that_cannot_be_written_are_refused_before_the_body(tmp_path):
    for path, why in (
        (tmp_path / "none" / "x.json", "there is no folder"),
        (tmp_path, "no ordinary file"),
        ("/dev/null", "no ordinary file"),
    ):
        with pytest.raises(tw.ArgumentError, match=why):
            tw.profile(path)


def test_tilewright_run_records_an_artifact(tmp_path):
    artifact, x, y, trace = (str(tmp_path / n) for n in ("m.tw", "x.npy", "y.npy", "trace.json"))
    tw.compile(lambda x: tw.exp(x) + 1, tw.ones((3, 4))).save(artifact)
    np.save(x, np.ones((3, 4)))
    words = ["run", artifact, "-i", x, "-o", y, "--repeat", "5", "--profile", trace]
    result = CliRunner().invoke(cli.app, words)
    assert result.exit_code == 0, result.output
    np.testing.assert_allclose(np.load(y), np.exp(1) + 1)
    spans = [e["cat"] for e in validate(tmp_path / "trace.json") if e["ph"] == "X"]
    assert spans.count("program") == spans.count("launch") == 5


def device_recording(dropped=0):
    """A launch and a copy on a thread, which a device's queue does later."""
    names = [b"", b"launched", b"kernel", b"copy"]
    events = [
        _EVENT.pack(1010, 1020, 0, 7, 1, 0, 1, 3),
        _EVENT.pack(1050, 1090, 64, 7, 2, 0, 2, 4),
        _EVENT.pack(1030, 1035, 4096, 0, 3, 0, 1, 5),
        _EVENT.pack(1100, 1150, 4096, 0, 3, 0, 2, 5),
    ]
    tracks = [(1, 4321, b"MainThread", True), (2, 0, b"a device, queue 0", True)]
    tracks += [(3, 0, b"unused", True)]
    found = {"events": b"".join(events), "names": names, "tracks": tracks, "dropped": dropped}
    return Recording(1000, 1200, 0, found, {})


def test_queues_of_devices_are_tracks_with_arrows(tmp_path):
    path = tmp_path / "trace.json"
    trace_file.write_trace(path, device_recording())
    events = validate(path)
    names = {e["tid"]: e["args"]["name"] for e in events if e["name"] == "thread_name"}
    assert set(names.values()) == {"MainThread", "a device, queue 0"}
    start, end = (next(e for e in events if e["ph"] == ph) for ph in "sf")
    assert (names[start["tid"]], start["ts"]) == ("MainThread", 0.01)
    assert (names[end["tid"]], end["ts"]) == ("a device, queue 0", 0.05)


def test_kernels_of_queues_count_by_their_own_times():
    told = summarise(device_recording())
    assert told.kernels.keys() == {"kernel on a device, queue 0"}
    assert told.kernels["kernel on a device, queue 0"].time == 40
    assert (told.copied, told.copies.calls, told.copies.time) == (4096, 1, 5)


def test_what_is_missing_is_told(tmp_path):
    path = tmp_path / "trace.json"
    recording = device_recording(dropped=1000)
    assert "missing    1000 events" in summary_text(recording)
    trace_file.write_trace(path, recording)
    (told,) = [e["name"] for e in validate(path) if e.get("s") == "g"]
    assert told == "the recording was full: 1000 events are missing"
    assert json.loads(path.read_text())["otherData"]["dropped_events"] == 1000


def test_a_thread_number_that_came_again_is_two_tracks(tmp_path):
    events = [_EVENT.pack(1000, 1010, 0, 0, 1, 0, track, 0) for track in (1, 2)]
    tracks = [(1, 99, b"first", True), (2, 99, b"python", False)]
    found = {"events": b"".join(events), "names": [b"", b"x"], "tracks": tracks, "dropped": 0}
    recording = Recording(1000, 1020, 0, found, {99: "second"})
    assert [track.name for track in recording.tracks] == ["first", "second"]
    trace_file.write_trace(tmp_path / "trace.json", recording)
    spans = [e for e in validate(tmp_path / "trace.json") if e["ph"] == "X"]
    assert len({e["tid"] for e in spans}) == 2


def test_the_layout_of_events_is_that_of_the_core():
    since = _native.timeline_start()
    _native.timeline_record(6, "name", since + 1, since + 3, "detail")
    found = _native.timeline_stop(since)
    (event,) = Recording(since, since + 5, 0, found, {})
    assert (event.category, event.name, event.detail) == ("compile", "name", "detail")
    assert (event.start, event.duration, event.end) == (1, 2, 3)
